"""Provider ssh from a bundle and an empty cache: hosts without any source, behind a bastion."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster.conftest import Hardway
from tests.cluster.hosts import KITS, Hosts
from tests.cluster.test_hosts import left_as_it_was, made, whole

BEHIND = ("a", "d")
NO_SOURCE = """rm -r /etc/apt/sources.list /srv/packages
apt-get --quiet=2 update
! apt-get --quiet=2 --simulate install haproxy 2>/dev/null || exit 1
# As Debian's installer writes it; else a name server is asked for both, and there is none.
printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' "$(hostname)" >/etc/hosts
"""
GATE = "gate.apart.example"
SPEC = f"""name: apart
provider: ssh
ssh: {{config: ssh_config}}
endpoint: {{kind: proxy}}
{KITS["apart"].ranges}
machines:
- {{name: a, role: control-plane, host: alpha, address: 10.243.0.10}}
- {{name: d, role: worker, host: 10.243.0.11, bastion: ops@{GATE}, user: ops}}
"""
CONFIG = """Host alpha
  HostName 10.243.0.10
  ProxyJump gate
Host gate
  HostName {gate}
Host {gate}
  HostKeyAlias gate
Host *
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Hosts]:
    """Two hosts that can install nothing, and the gate that alone reaches them."""
    with made("apart", tmp_path / "hosts") as found:
        for name in BEHIND:
            found.on(name, NO_SOURCE)
        found.hide(*BEHIND)
        yield found


@pytest.fixture
def operator(there: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hardway:
    """An operator who knows the gate by a name that no name server has."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "hardway.yaml").write_text(SPEC)
    said = CONFIG.format(gate=GATE, key=there.key, known_hosts=there.known_hosts)
    (folder / "ssh_config").write_text(said)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{there.address('gate')} {GATE}\n")
    return Hardway(folder)


def knowing(argv: list[str], folder: Path) -> list[str]:
    """Run it where /etc/hosts has the gate."""
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(folder / "hosts"), *argv]


def test_a_cluster_behind_a_bastion_from_a_bundle_alone(
    there: Hosts, operator: Hardway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = operator.json("bundle", "create", "a.bundle")
    suite = there.on("a", ". /etc/os-release; echo $VERSION_CODENAME").strip()
    assert [place.partition("-")[0] for place in made["packages"]] == [suite]
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    before = there.everything(BEHIND)

    refused = operator.tries("up", "--bundle", "a.bundle")
    assert refused.returncode == 3
    assert f"{GATE} is not in /etc/hosts" in refused.stderr
    assert not (tmp_path / "cache").exists()

    operator = replace(operator, way_in=knowing)
    proof = operator.json("up", "--bundle", "a.bundle")["findings"][-1]
    assert (proof["check"], proof["ok"]) == ("nothing-from-elsewhere", True), proof
    assert "the kernel counted" in proof["found"]
    assert there.on("a", "dpkg-query --show --showformat='${db:Status-Status}' haproxy") == (
        "installed"
    )
    whole(operator, 1)

    there.on("d", "mkdir /etc/.hardway-new; touch /etc/.hardway-new/hosts")
    assert operator.plan() == [("d", "remove", "/etc/.hardway-new")]
    operator("down", "--yes")
    left_as_it_was(there, before)
