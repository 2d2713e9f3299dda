"""The one way to AWS: calls by name, in threads, repeated where that helps, refusals in words.

boto3 is loaded with the first call: nobody who makes none has to have it.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from hardway.errors import AwsError, ProviderError
from hardway.providers.aws.calls import CALLS
from hardway.providers.aws.refusals import BY_CODE, POLICY
from hardway.text import text

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

T = TypeVar("T")
Answer = Mapping[str, Any]
"""As AWS answers; parsed into types by whoever asks, and not passed on."""

CLIENTS = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
"""IAM's prefixes where boto3 has another name for the service."""
ATTEMPTS = 8
READS = ("Describe", "Get")
NOT_OURS = frozenset({"InvalidAMIID.NotFound"})
"""What is missing for good: hardway does not make these."""
BUSY = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException"})
"""Refused for being one too many: nothing was done."""
ENCODED = "Encoded authorization failure message: "
SHOWN = 300
"""Characters of AWS's own message that an error shows."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things at AWS may take, and how often to look."""

    poll_s: float = 3
    consistency_s: float = 60
    """What was just made may be invisible for so long to the next call."""
    pass_s: float = 6
    removal_s: float = 900
    """A load balancer's interfaces go minutes after it; others' budgets of 5 have failed."""
    running_s: float = 600
    answers_s: float = 600
    """From running until sshd has the keys that cloud-init brings."""


@dataclass(slots=True)
class Clients:
    """boto3's clients, each made once; their making is not for several threads at a time."""

    region: str
    profile: str | None
    _made: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, service: str, attempts: int = ATTEMPTS) -> Any:
        """Return a client that makes a call so many times at most."""
        key = f"{service} {attempts}"
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(service, attempts)
            return self._made[key]

    def _make(self, service: str, attempts: int) -> Any:
        import boto3  # noqa: PLC0415 - with the first call, see above
        from botocore.config import Config  # noqa: PLC0415

        session = boto3.Session(profile_name=self.profile, region_name=self.region)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=16,
            user_agent_extra="hardway",
        )
        return session.client(service, config=config)


@dataclass(frozen=True, slots=True)
class Api:
    """AWS in one region."""

    clients: Clients
    timing: Timing = Timing()
    patient: bool = False
    """Writing calls wait for things just made to become visible to them."""

    @property
    def region(self) -> str:
        """The region."""
        return self.clients.region

    async def call(self, action: str, **parameters: Any) -> Answer:
        """Make a call of `calls.CALLS`.

        Interrupted, it ends the call first: what was asked for is never in doubt.

        Raises:
            AwsError: AWS refuses it.
            ProviderError: AWS could not be asked.
        """
        reads = CALLS[action].operation.startswith(READS)
        give_up = monotonic() + self.timing.consistency_s
        while True:
            try:
                return await unbroken(lambda: self._call(action, parameters))
            except AwsError as error:
                late = error.code.endswith("NotFound") and error.code not in NOT_OURS
                again = error.code in BUSY or (late and self.patient and not reads)
                if not again or monotonic() > give_up:
                    raise
            await asyncio.sleep(self.timing.poll_s)

    async def pages(self, action: str, key: str, **parameters: Any) -> list[Answer]:
        """Make a call for all pages of its answer; return what is listed under `key`."""
        return await unbroken(lambda: self._pages(action, key, parameters))

    def _call(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        from botocore import xform_name  # noqa: PLC0415

        def ask(client: Any) -> Answer:
            answer: Answer = getattr(client, xform_name(CALLS[action].operation))(**parameters)
            return answer

        return self._asked(action, ask)

    def _pages(self, action: str, key: str, parameters: Mapping[str, Any]) -> list[Answer]:
        from botocore import xform_name  # noqa: PLC0415

        def ask(client: Any) -> list[Answer]:
            name = xform_name(CALLS[action].operation)
            if not client.can_paginate(name):
                return list(getattr(client, name)(**parameters)[key])
            pages = client.get_paginator(name).paginate(**parameters)
            return [row for page in pages for row in page[key]]

        return self._asked(action, ask)

    def _asked(self, action: str, ask: Callable[[Any], T]) -> T:
        from botocore.exceptions import (  # noqa: PLC0415
            BotoCoreError,
            ClientError,
            ParamValidationError,
        )

        prefix = action.partition(":")[0]
        # boto3 repeats a call whose answer was lost; of some calls that makes two things.
        attempts = 1 if CALLS[action].twice else ATTEMPTS
        try:
            return ask(self.clients.of(CLIENTS.get(prefix, prefix), attempts))
        except ClientError as error:
            raise translated(error, action, self.region) from error
        except ParamValidationError:
            # Its text shows parameters, and user data holds a machine's key.
            raise AssertionError(f"{action} was called with wrong parameters") from None
        except BotoCoreError as error:
            raise unreachable(error, action) from error


async def unbroken(ask: Callable[[], T]) -> T:
    """Do something in a thread; when cancelled meanwhile, wait for its end before giving way."""
    running = asyncio.ensure_future(asyncio.to_thread(ask))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def translated(error: "ClientError", action: str, region: str) -> AwsError:
    """Return a refusal as our own error: what was refused, why, what to do."""
    code: str = error.response["Error"].get("Code", "unknown")
    said: str = error.response["Error"].get("Message", "")
    status: int = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    row = BY_CODE.get(code.removeprefix("Client.").removeprefix("Server."))
    message, _, encoded = said.partition(ENCODED)
    says, hint = row.texts(action, region) if row else (text("hardway knows no reason"), "")
    if encoded and row and row.hint == POLICY:
        hint = text("{hint}\n  why exactly: aws sts decode-authorization-message --encoded-message "
                    "{encoded}", hint=hint, encoded=encoded)  # fmt: skip
    return AwsError(
        text("AWS refused {action}: {says} ({code}: {said})",
             action=action, says=says, code=code, said=" ".join(message.split())[:SHOWN]),
        hint=hint,
        code=code,
        certain=400 <= status < 500,
    )  # fmt: skip


def needs_boto3() -> None:
    """Look whether boto3 is there, without loading it.

    Raises:
        ProviderError: it is not.
    """
    if find_spec("boto3") is None:
        raise ProviderError(
            "provider aws needs boto3, which is not installed",
            hint="pip install 'hardway[aws]'; in a checkout: scripts/setup aws",
        )


def unreachable(error: Exception, action: str) -> ProviderError:
    """Return what stood between here and AWS as our own error."""
    name = type(error).__name__
    cures = [cure for part, cure in CURES.items() if part in name]
    return ProviderError(
        text("AWS could not be asked for {action}: {kind}: {error}",
             action=action, kind=name, error=error),
        hint=cures[0] if cures else "see whether this host reaches AWS, then run this again",
    )  # fmt: skip


CURES = {
    "Credential": text("give credentials: aws configure, AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                       "AWS_SECRET_ACCESS_KEY (docs/aws.md)"),
    "Profile": text("correct aws.profile, or see what there is: aws configure list-profiles"),
    "Token": text("log in again (aws sso login), then run this again"),
    "SSO": text("log in again (aws sso login), then run this again"),
    "Parse": text("something other than AWS answered: look at AWS_ENDPOINT_URL and at proxies"),
}  # fmt: skip
"""By a part of the name botocore has for it."""
