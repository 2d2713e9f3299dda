"""etcdctl: its words, and what a member says of itself. Pure."""

import json
from dataclasses import dataclass

from hardway.model.cluster import ETCD_CLIENT_PORT

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
    cluster_id: int = 0
    quota_bytes: int = 0
    """How large its database may grow; 0 where it does not say."""


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
        cluster_id=state["header"].get("cluster_id", 0),
        quota_bytes=state.get("dbSizeQuota", 0),
    )
