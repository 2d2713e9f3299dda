"""The part of cloud-init that hardway asks for: the machines here have none of their own.

Understood of `#cloud-config`: `ssh_keys` (ed25519), `ssh_authorized_keys`, `disable_root`,
`hostname`, `users` (root's keys; the image's default user is not there), `write_files` (path,
content, permissions), and what only matters on real images and is passed over. Anything else is
an error, so that nothing goes by unnoticed. Unlike cloud-init it is carried out before the first
boot and not during it. Pure.
"""

from collections.abc import Mapping
from typing import Any

import yaml

MARK = "#cloud-config"
PASSED_OVER = {"ssh_deletekeys", "ssh_genkeytypes", "ssh_pwauth", "preserve_hostname",
               "manage_etc_hosts", "package_update", "package_upgrade",
               "no_ssh_fingerprints", "disable_root_opts"}  # fmt: skip
UNDERSTOOD = {"ssh_keys", "ssh_authorized_keys", "disable_root", "hostname", "users",
              "write_files"}  # fmt: skip
NOT_ROOT = (
    "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,"
    'command="echo Please login as the user ubuntu rather than the user root.;exit 142" '
)
"""What images of Debian and Ubuntu put before root's keys unless told otherwise."""

Files = dict[str, tuple[bytes, int]]


def files(user_data: bytes, key: str, hostname: str) -> Files:
    """Return the files that user data and a key pair make on a machine, with their modes.

    Raises:
        ValueError: it says something that is not understood here.
    """
    asked = parse(user_data)
    keys = [*asked.get("ssh_authorized_keys", ()), *([key] if key else [])]
    before = NOT_ROOT if asked.get("disable_root", True) else ""
    lines = [f"{before}{line.strip()}\n" for line in (*keys, *_roots_own(asked))]
    found: Files = {
        "etc/hostname": (f"{asked.get('hostname', hostname)}\n".encode(), 0o644),
        "root/.ssh/authorized_keys": ("".join(lines).encode(), 0o600),
    }
    host = asked.get("ssh_keys", {})
    if "ed25519_private" in host:
        found["etc/ssh/ssh_host_ed25519_key"] = (str(host["ed25519_private"]).encode(), 0o600)
    if "ed25519_public" in host:
        found["etc/ssh/ssh_host_ed25519_key.pub"] = (str(host["ed25519_public"]).encode(), 0o644)
    for row in asked.get("write_files", ()):
        content, mode = str(row["content"]).encode(), int(str(row.get("permissions", "0644")), 8)
        found[str(row["path"]).lstrip("/")] = (content, mode)
    return found


def _roots_own(asked: Mapping[str, Any]) -> list[str]:
    """Return root's keys in the list of users.

    Raises:
        ValueError: there is a user that the lab does not make.
    """
    users = [user for user in asked.get("users", ()) if user != "default"]
    others = [str(user) for user in users if user.get("name") != "root"]
    if others:
        raise ValueError(f"user data asks for users that the lab does not make: {others}")
    return [key for user in users for key in user.get("ssh_authorized_keys", ())]


def parse(user_data: bytes) -> Mapping[str, Any]:
    """Return the document in some user data; there may be none."""
    if not user_data:
        return {}
    first, _, _ = user_data.decode().partition("\n")
    if first.strip() != MARK:
        raise ValueError(f"user data begins with {first!r}, not with {MARK}")
    asked: Mapping[str, Any] = yaml.safe_load(user_data) or {}
    unknown = asked.keys() - UNDERSTOOD - PASSED_OVER
    if unknown:
        raise ValueError(f"user data asks for what the lab has not: {', '.join(sorted(unknown))}")
    return asked
