"""What cloud-init gives a machine at its first boot: its name, its host key, who may log in."""

import yaml

from hardway.model.cluster import Machine

LARGEST_BYTES = 16384
"""As AWS takes it; checked here, so that it is said before anything is made."""


def render(machine: Machine, operator: bytes, host_key: bytes, host_public: bytes) -> str:
    """Return a machine's user data.

    Whoever may describe the instance can read it, so that the host key in it is for the first
    login only (see `hostkeys`).
    """
    config = {
        "hostname": machine.name,
        "preserve_hostname": False,
        "manage_etc_hosts": False,
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        "ssh_keys": {
            "ed25519_private": host_key.decode(),
            "ed25519_public": host_public.decode().strip(),
        },
        "users": [
            "default",
            {"name": "root", "ssh_authorized_keys": [operator.decode().strip()]},
        ],
        "package_update": False,
    }
    return "#cloud-config\n" + yaml.dump(config, Dumper=_Readable, sort_keys=False, width=1000)


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as it is."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)
