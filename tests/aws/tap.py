"""A fake AWS that is as hard to please as the real one: moto behind a layer that behaves.

moto has the shapes of AWS's calls and little of its temper: there everything is ready at once,
nothing is in use, no name is taken twice, nothing ever fails. What users of provisioners get hurt
by is exactly that, and `rules/` adds it. See README.md for what is modelled, and how to use this.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from typing import Any

from tests.aws import wire, world
from tests.aws.account import Account, Hooks
from tests.aws.laws import Laws
from tests.aws.rules import RULES
from tests.aws.wire import Answer, Call, Refused

# Not before `world`, which tells moto what it reads when imported.
from moto.moto_server.werkzeug_app import (  # isort: skip
    DomainDispatcherApplication,
    create_backend_app,
)

REGION = "ap-northeast-2"
READING = ("Describe", "Get", "List")
"""How the names of calls begin that change nothing."""


class When(StrEnum):
    """Where in a call its failure lies."""

    BEFORE = "before"
    """It took no effect."""
    AFTER = "after"
    """It took effect and nobody heard of it."""


class Broken(ConnectionError):  # noqa: N818 - what happens to a connection
    """The connection broke during a call; clients may well ask again on their own."""


class Killed(BaseException):
    """The program that called ended there and then. Within this process only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A failure of one call."""

    at: int
    """Number of the call, from 1."""
    when: When
    error: Refused | Broken | Killed
    lasting: bool = False
    """Whether all later calls fail too."""


class Tap:
    """One account, in front of moto, as a WSGI application; one call at a time."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._applications: dict[str, Any] = {}
        self._lock = threading.RLock()
        self.calls: list[Call] = []
        """All calls since the last reset, refused ones too."""
        self.fault: Fault | None = None
        self.hooks = Hooks()
        self.reset()

    def reset(self, laws: Laws | None = None) -> None:
        """Begin anew with an empty account."""
        with self._lock:
            self.calls.clear()
            self.fault = None
            self.hooks = Hooks()
            self.account = Account(laws or Laws(), world.reset(REGION), self.hooks)
            self._empty = self.world.ids()

    @property
    def world(self) -> world.World:
        """What there is."""
        return self.account.world

    @property
    def laws(self) -> Laws:
        """What the account is like; may be replaced at any time."""
        return self.account.laws

    @laws.setter
    def laws(self, laws: Laws) -> None:
        self.account.laws = laws

    @property
    def left(self) -> list[str]:
        """Return the ids and names of what was made and is still there."""
        return sorted(self.world.ids() - self._empty - self.world.dead())

    @property
    def actions(self) -> list[str]:
        """Return the calls so far, as `service:Action`."""
        return [f"{call.service}:{call.action}" for call in self.calls]

    @contextmanager
    def held(self) -> Iterator[Account]:
        """Let no call in while looking at the account, or changing it."""
        with self._lock:
            yield self.account

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        answer = self.exchange(environ, environ["wsgi.input"].read(size))
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        length = str(len(answer.body))
        start_response(status, [("Content-Type", answer.content_type), ("Content-Length", length)])
        return [answer.body]

    def exchange(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Answer a request whose body was read.

        Raises:
            Broken: a fault was asked for, and came.
        """
        with self._lock:
            call = wire.parse(environ, body, len(self.calls) + 1)
            if call is None:
                return Refused("MissingAuthenticationToken", "unsigned", 403).answer("ec2")
            self.calls.append(call)
            try:
                self._fail(call, When.BEFORE)
                answer = self._answer(call, environ, body)
                self._fail(call, When.AFTER)
            except Refused as refused:
                answer = refused.answer(call.service)
            return answer

    def _fail(self, call: Call, when: When) -> None:
        fault = self.fault
        if fault is None or when is not fault.when:
            return
        if call.number == fault.at or (fault.lasting and call.number > fault.at):
            raise fault.error

    def _answer(self, call: Call, environ: Mapping[str, Any], body: bytes) -> Answer:
        rules = [rule for rule in RULES if rule.concerns(call)]
        if not call.action.startswith(READING):
            self.account.known = self.world.ids()
        asked = call
        for rule in rules:
            changed = rule.before(self.account, asked)
            if isinstance(changed, Answer):
                return changed
            asked = changed or asked
        answer = self._ask_moto(asked, environ, body if asked is call else wire.body_of(asked))
        if answer.status < HTTPStatus.BAD_REQUEST:
            for rule in rules:
                answer = rule.after(self.account, call, answer) or answer
        return answer

    def _ask_moto(self, call: Call, environ: Mapping[str, Any], body: bytes) -> Answer:
        request = dict(environ)
        request |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        request.pop("HTTP_TRANSFER_ENCODING", None)
        said: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            said.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

        try:
            content = b"".join(self._application(call, request)(request, start_response))
        except Exception as error:  # noqa: BLE001 - whatever moto lacks is told by the test
            said["status"], said["headers"] = 500, {}
            content = repr(error).encode()
        if said["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.account.problems.append(f"{call}: moto failed: {content[-500:]!r}")
        return Answer(said["status"], content, said["headers"].get("Content-Type", "text/xml"))

    def _application(self, call: Call, request: dict[str, Any]) -> Any:
        # moto goes through all its services for each request; a tenth of the time it takes.
        if call.service not in self._applications:
            self._applications[call.service] = self._moto.get_application(request)
        return self._applications[call.service]

    def change(self, **laws: Any) -> None:
        """Make some laws of the account other than they are."""
        with self._lock:
            self.laws = replace(self.laws, **laws)
