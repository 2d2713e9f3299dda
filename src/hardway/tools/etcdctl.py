"""etcdctl on a control plane, with the operator's client certificate."""

import json
from dataclasses import dataclass

from hardway.errors import CommandError
from hardway.model.cluster import ETCD_CLIENT_PORT
from hardway.transport.base import Transport, run_checked

PKI = "/etc/etcd/pki"


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one member says of itself."""

    endpoint: str
    member_id: int
    leader_id: int
    is_learner: bool
    db_size_bytes: int
    errors: tuple[str, ...]


def argv(*words: str, endpoint: str = f"https://127.0.0.1:{ETCD_CLIENT_PORT}") -> list[str]:
    """Return an etcdctl command line with credentials."""
    return [
        "/usr/local/bin/etcdctl",
        f"--endpoints={endpoint}",
        f"--cacert={PKI}/ca.crt",
        f"--cert={PKI}/etcdctl.crt",
        f"--key={PKI}/etcdctl.key",
        "--command-timeout=4s",
        *words,
    ]


async def status(transport: Transport) -> MemberStatus | str:
    """Return what the member on this machine says of itself, or why it does not."""
    try:
        text = await run_checked(transport, argv("endpoint", "status", "--write-out=json"))
    except CommandError as error:
        lines = error.output.strip().splitlines()
        return lines[-1][:200] if lines else "no answer"
    return parse_status(text)


def parse_status(text: str) -> MemberStatus:
    """Parse `etcdctl endpoint status --write-out=json` of one endpoint."""
    row = json.loads(text)[0]
    state = row["Status"]
    return MemberStatus(
        endpoint=row["Endpoint"],
        member_id=state["header"]["member_id"],
        leader_id=state.get("leader", 0),
        is_learner=state.get("isLearner", False),
        db_size_bytes=state.get("dbSize", 0),
        errors=tuple(state.get("errors") or ()),
    )
