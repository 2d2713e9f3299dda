"""Which certificates live endpoints present, and which ones clients were seen to use."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hardway.model.checks import SHOWN_BY, Answer, Sh
from hardway.text import text

WINDOW_MIN = 11
"""Minutes of the audit log that are looked at: a watch lasts 10 at most, then its client comes
again."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a certificate of a machine should be presented."""

    path: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a machine presents, beside what is on its disk; fingerprints are SHA-256 in hex."""

    listener: Listener
    on_disk: str
    presented: str
    """Empty where nobody answers with a certificate."""

    @property
    def verdict(self) -> str:
        """`yes`, `no: another one than on disk`, or `unknown`."""
        if not self.presented or not self.on_disk:
            return "unknown"
        return "yes" if self.presented == self.on_disk else text("no: another one than on disk")


@dataclass(frozen=True, slots=True)
class Used:
    """A client certificate that API servers saw lately."""

    fingerprint: str
    user: str
    requests: int
    last: datetime


def presenting(listeners: Sequence[Listener]) -> Sh:
    """Return the question what is on a machine's disk and what its endpoints present."""
    lines = ["print() { openssl x509 -noout -fingerprint -sha256 2>/dev/null || echo =; }"]
    for one in listeners:
        # A server shows its certificate before it asks for the client's.
        dial = f"timeout 4 {SHOWN_BY} {one.address}:{one.port} </dev/null 2>/dev/null"
        lines += [f"{dial} | print", f"cat {shlex.quote(one.path)} 2>/dev/null | print"]
    return Sh("\n".join(lines))


def presented(listeners: Sequence[Listener], answer: Answer) -> tuple[Seen, ...]:
    """Return what was presented, by the answer to that question."""
    prints = [line.partition("=")[2].replace(":", "").lower() for line in answer.text.splitlines()
              if "=" in line]  # fmt: skip
    both = [*zip(prints[::2], prints[1::2], strict=False)]
    missing = [("", "")] * (len(listeners) - len(both))
    return tuple(
        Seen(one, on_disk, live)
        for one, (live, on_disk) in zip(listeners, [*both, *missing], strict=True)
    )


# Only what names the credential leaves the machine: no request, no address.
USED = Sh(rf"""since=$(date --utc --date='-{WINDOW_MIN} minutes' +%Y-%m-%dT%H:%M:%S)
logs=$(ls -t /var/log/kubernetes/audit*.log 2>/dev/null | head -n 2)
cat $logs /dev/null | awk -v since="$since" '
function part(name) {{
    if (!match($0, "\"" name "\":\"[^\"]*\"")) return ""
    return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
}}
match($0, /X509SHA256=[0-9a-f]+/) {{
    id = substr($0, RSTART + 11, RLENGTH - 11)
    at = part("requestReceivedTimestamp")
    if (at < since) next
    count[id]++; user[id] = part("username"); if (at > last[id]) last[id] = at
}}
END {{ for (id in count) print id, count[id], last[id], user[id] }}'""")


def used(answers: Iterable[Answer]) -> Mapping[str, Used]:
    """Return the client certificates that were used, of all control planes, by fingerprint."""
    found: dict[str, Used] = {}
    for answer in answers:
        for line in re.findall(r"^([0-9a-f]{64}) (\d+) (\S+) (\S.*)$", answer.text, re.MULTILINE):
            fingerprint, requests, at, user = line
            last = datetime.fromisoformat(at).astimezone(UTC)
            before = found.get(fingerprint)
            found[fingerprint] = Used(
                fingerprint, user,
                int(requests) + (before.requests if before else 0),
                max(last, before.last) if before else last,
            )  # fmt: skip
    return found
