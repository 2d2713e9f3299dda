"""The lab's stand-in for cloud-init."""

import pytest
from tests.aws.lab import userdata

CONFIG = b"""#cloud-config
hostname: worker-0
disable_root: false
ssh_keys: {ed25519_private: PRIVATE, ed25519_public: PUBLIC}
users: [default, {name: root, ssh_authorized_keys: [own]}]
write_files: [{path: /etc/x, content: hello, permissions: "0600"}]
package_update: false
"""


def test_what_hardway_asks_for() -> None:
    files = userdata.files(CONFIG, "pair", "ip-10-0-1-20")
    assert files["etc/hostname"] == (b"worker-0\n", 0o644)
    assert files["root/.ssh/authorized_keys"] == (b"pair\nown\n", 0o600)
    assert files["etc/ssh/ssh_host_ed25519_key"] == (b"PRIVATE", 0o600)
    assert files["etc/x"] == (b"hello", 0o600)


def test_images_keep_root_out_unless_told() -> None:
    files = userdata.files(b"", "pair", "ip-10-0-1-20")
    assert files["etc/hostname"] == (b"ip-10-0-1-20\n", 0o644)
    assert b"Please login as the user ubuntu" in files["root/.ssh/authorized_keys"][0]
    assert "etc/ssh/ssh_host_ed25519_key" not in files


@pytest.mark.parametrize(
    "text",
    [
        b"#!/bin/sh\n",
        b"#cloud-config\nruncmd: [reboot]\n",
        b"#cloud-config\nusers: [{name: me}]\n",
    ],
)
def test_what_is_not_understood_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="user data"):
        userdata.files(text, "", "x")
