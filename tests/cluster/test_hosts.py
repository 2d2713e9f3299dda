"""Provider ssh on hosts that are not ours: looked at, made a cluster, and left as they were."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cluster.conftest import ROOT, Hardway, host_state
from tests.cluster.hosts import PASSWORD, UBUNTUS_MIRROR, Hosts, hosts, reachable, spec

from hardway.providers.local.names import folder

CONTROL_PLANE, WORKER = "control-plane", "worker"
BY_OPS = ", user: ops"
BY_SUE = ", user: sue"


def by_itself(verb: str, which: str, folder: Path, *more: str) -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    argv = [sys.executable, "-m", "tests.cluster.hosts", verb, which, str(folder), *more]
    subprocess.run(argv, env=env, check=True, timeout=900)


@contextmanager
def made(which: str, folder: Path) -> Iterator[Hosts]:
    before = host_state()
    try:
        by_itself("make", which, folder)
        yield hosts(which, folder)
    finally:
        by_itself("remove", which, folder)
    assert host_state() == before


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Five plain hosts."""
    with made("hosts", tmp_path_factory.mktemp("hosts")) as found:
        yield found


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hardway]:
    """An operator's folder, with sue's password at hand; of a test that failed nothing is left."""
    monkeypatch.setenv("HARDWAY_SUDO_PASSWORD", PASSWORD)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield (hardway := Hardway(tmp_path))
    if (tmp_path / "clusters").exists():
        hardway.tries("down", "--yes")


def ask(
    operator: Hardway, there: Hosts, *machines: tuple[str, str, str],
    endpoint: str = "{kind: proxy}", ssh: str = "",
) -> None:  # fmt: skip
    """Write a hardway.yaml, and an ssh_config of the operator's own."""
    text = spec(there, machines, endpoint=endpoint, ssh=ssh)
    (operator.folder / "hardway.yaml").write_text(text)
    (operator.folder / "ssh_config").write_text(
        f"Host *\n  User root\n  IdentityFile {there.key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {there.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
    )


SMALL = (("a", CONTROL_PLANE, ""), ("d", WORKER, BY_SUE))


def problems(operator: Hardway) -> set[tuple[str, str, str]]:
    found = json.loads(operator.tries("preflight", "-o", "json").stdout)["problems"]
    assert all(p["found"] and p["needed"] and p["cure"] for p in found)
    return {(p["machine"], p["check"], p["severity"]) for p in found}


def refusing(operator: Hardway) -> set[tuple[str, str]]:
    return {(machine, check) for machine, check, how in problems(operator) if how == "refuse"}


def test_good_hosts_are_admitted(there: Hosts, operator: Hardway) -> None:
    ask(operator, there, *SMALL)
    before = there.everything("a")
    done = operator.tries("preflight")
    assert done.returncode == 0, done.stdout
    assert "nothing stands in the way on 2 machines" in done.stderr
    assert there.everything("a") == before


BREAK = """mkdir -p /etc/cloud && echo 'manage_etc_hosts: true' >/etc/cloud/cloud.cfg
mkdir -p /etc/kubernetes && touch /etc/kubernetes/admin.conf
systemd-run --quiet --unit=squatter systemd-socket-activate --listen=6443 cat
printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/kubelet.service
mv /etc/apt/sources.list /root
ip route add 10.201.7.0/24 dev eth0
ip route add blackhole 10.241.0.13
systemctl daemon-reload
"""
MEND = """rm -rf /etc/cloud /etc/kubernetes /etc/systemd/system/kubelet.service
systemctl stop squatter
mv /root/sources.list /etc/apt
ip route delete 10.201.7.0/24
ip route delete blackhole 10.241.0.13
systemctl daemon-reload
"""


def test_everything_wrong_with_a_host_is_said_at_once_and_nothing_is_changed(
    there: Hosts, operator: Hardway
) -> None:
    ask(operator, there, *SMALL, endpoint="{kind: vip, host: 10.241.0.14}")
    there.on("a", BREAK)
    try:
        before = there.everything("a")
        expected = {"cloud-init", "leftovers", "ports", "packages", "ranges", "peers", "endpoint"}
        assert {check for m, check in refusing(operator) if m == "a"} == expected
        done = operator.tries("up")
        assert done.returncode == 3
        assert all(f"a: {check}: found " in done.stderr for check in expected)
        assert "port 6443 taken by" in done.stderr
        assert there.everything("a") == before
    finally:
        there.on("a", MEND)


def test_who_cannot_be_reached_is_told_with_the_reason(there: Hosts, operator: Hardway) -> None:
    ask(operator, there, ("a", CONTROL_PLANE, ""), ("d", WORKER, ", user: nobody"))
    config = operator.folder / "ssh_config"
    config.write_text(config.read_text().replace(str(there.known_hosts), "/dev/null"))
    done = operator.tries("up")
    assert done.returncode == 5
    assert done.stderr.count("its host key is not known: ed25519 SHA256:") == 2
    assert "hardway" not in there.on("a", "ls /var/lib")
    config.write_text(config.read_text().replace("/dev/null", str(there.known_hosts), 1))
    # One machine that cannot be reached does not keep the others out of the plan.
    unknown = operator.json("plan")["unknown"]
    assert "user nobody on host 10.241.0.13" in unknown["d"]


def test_a_wrong_password_for_sudo(
    there: Hosts, operator: Hardway, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(operator, there, *SMALL)
    monkeypatch.setenv("HARDWAY_SUDO_PASSWORD", "no")
    done = operator.tries("preflight")
    assert done.returncode == 3
    assert "sudo refuses" in done.stdout
    monkeypatch.delenv("HARDWAY_SUDO_PASSWORD")
    done = operator.tries("preflight")
    assert "no terminal to ask at" in done.stderr


def whole(operator: Hardway, workers: int) -> None:
    """Check that the cluster is up and that a second look finds nothing to do."""
    assert operator.json("status")["endpoint"]["healthy"]
    assert operator("kubectl", "get", "nodes", "--no-headers").count(" Ready ") == workers
    lines = operator.journal_lines()
    operator("up")
    assert operator.changed_since(lines) == []
    assert operator.plan() == []
    assert PASSWORD not in operator.journal.read_text()


def left_as_it_was(there: Hosts, before: dict[str, dict[str, list[str]]]) -> None:
    found = {}
    for name, now in there.everything(before).items():
        was = before[name]
        for kind in {*was, *now}:
            gone = sorted(set(was.get(kind, [])) - set(now.get(kind, [])))
            more = sorted(set(now.get(kind, [])) - set(was.get(kind, [])))
            if more or (gone and kind != "failed"):
                found[name, kind] = {"gone": gone, "more": more}
    assert found == {}


def ready(operator: Hardway) -> list[str]:
    """Return the nodes that are ready."""
    rows = operator("kubectl", "get", "nodes", "--no-headers").splitlines()
    return [row.split()[0] for row in rows if " Ready " in row]


def a_file_and_a_boot(there: Hosts, operator: Hardway) -> None:
    """A worker's file is put right, and its host boots again, which hardway cannot switch on."""
    there.on("d", "echo '# somebody was here' >>/etc/kubernetes/kubelet.yaml")
    assert [row[:2] for row in operator.plan()] == [("d", "update")]
    operator("up")
    assert operator.plan() == []
    assert operator("ssh", "a", "--", "id -un; hostname") == "root\na\n"
    done = operator.tries("machine", "stop", "d")
    assert done.returncode == 10
    assert "could not switch d on again" in done.stderr
    lines = operator.journal_lines()
    with operator.start("machine", "restart", "d") as restart:
        by_itself("again", "hosts", there.folder, "d")
        _, said = restart.communicate(timeout=120)
    assert restart.returncode == 0, said
    operator("kubectl", "wait", "--for=condition=Ready", "node/d", "--timeout=120s")
    operator("up")
    assert operator.changed_since(lines) == []


def test_a_proxy_on_every_machine_and_workers_that_come_and_go(
    there: Hosts, operator: Hardway
) -> None:
    a, d, b = *SMALL, ("b", WORKER, BY_OPS)
    before = there.everything("abd")
    ask(operator, there, a, d)
    operator("up")
    whole(operator, 1)
    a_file_and_a_boot(there, operator)
    started = "systemctl show --property=MainPID kubelet kube-proxy containerd"
    processes = there.on("d", started)
    ask(operator, there, a, d, b)
    operator("up")
    assert ready(operator) == ["b", "d"]
    assert there.on("d", started) == processes
    assert operator.tries("node", "remove", "d").returncode == 10
    ask(operator, there, a, b)
    operator("node", "remove", "d")
    assert ready(operator) == ["b"]
    left_as_it_was(there, {"d": before["d"]})
    whole(operator, 1)
    operator("down", "--yes")
    left_as_it_was(there, before)


def test_another_clusters_machines_are_left_alone(there: Hosts, operator: Hardway) -> None:
    ask(operator, there, *SMALL)
    there.on("a", "mkdir -p /var/lib/hardway/before; echo other >/var/lib/hardway/before/cluster")
    try:
        assert ("a", "leftovers") in refusing(operator)
        (operator.folder / "clusters/foreign").mkdir(parents=True)
        done = operator.tries("down", "--yes")
        assert done.returncode == 10
        assert "a is of other" in done.stderr
        assert there.on("a", "cat /var/lib/hardway/before/cluster") == "other\n"
    finally:
        there.on("a", "rm -r /var/lib/hardway")


@pytest.mark.nightly
def test_three_control_planes_with_a_virtual_address_behind_a_bastion(
    there: Hosts, operator: Hardway
) -> None:
    machines = [(n, CONTROL_PLANE, "") for n in "abc"] + [("d", WORKER, BY_OPS)]
    gate = f", bastion: ops@{there.address('gate')}"
    ask(operator, there, *machines, endpoint="{kind: vip, host: 10.241.0.100}", ssh=gate)
    before = there.everything("abcd")
    there.hide(*"abcd")
    try:
        operator("up")
        operator("verify")
        whole(operator, 1)
        assert operator("kubectl", "get", "--raw=/readyz") == "ok"
        assert operator("ssh", "d", "--", "id -un; hostname") == "root\nd\n"
        assert operator.tries("kubectl", "get", "nothing").returncode == 1
        began = time.monotonic()
        there.on("a", "systemctl stop kube-apiserver")
        operator("kubectl", "get", "nodes")
        assert time.monotonic() - began < 60
        there.on("a", "systemctl start kube-apiserver")
        operator("down", "--yes")
        # At once: that the machines still remember who had the address stands in nobody's way.
        assert refusing(operator) == set()
    finally:
        there.show(*"abcd")
    left_as_it_was(there, before)


BALANCER = """apt-get --quiet=2 update && apt-get --quiet=2 --yes install haproxy >/dev/null
cat >/etc/haproxy/haproxy.cfg <<END
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
listen api
    bind 10.241.0.14:6443
    server a 10.241.0.10:6443
END
systemctl restart haproxy
"""


# Both ways out lead to the router. Through a neighbour on the same bridge pods' packets would leave
# without masquerade (br_netfilter), and which way they take is another at each boot of this host.
AS_PEOPLE_HAVE_THEM = """cp /root/.bashrc /var/tmp
sed -i '1i umask 077; echo Welcome' /root/.bashrc
printf '%s\\n' 'http_proxy=http://127.0.0.1:9' 'https_proxy=http://127.0.0.1:9' >/etc/environment
echo "127.0.1.1 $(uname -n).example.org $(uname -n)" >>/etc/hosts
ip route replace default nexthop via 10.241.0.1 dev eth0 nexthop via 10.241.0.1 dev eth0
ip route add prohibit 10.9.0.0/16
ip route add throw 10.10.0.0/16
"""
AS_THEY_WERE = """mv /var/tmp/.bashrc /root
rm /etc/hosts
: >/etc/environment
ip route replace default via 10.241.0.1 dev eth0
ip route delete prohibit 10.9.0.0/16
ip route delete throw 10.10.0.0/16
"""


def up_while_apt_is_at_work(there: Hosts, operator: Hardway, machine: str) -> None:
    """Bring the cluster about; another apt holds a machine's package lists until `up` says so."""
    lists = folder(there.cluster.name, machine) / "root/var/lib/apt/lists/lock"
    with lists.open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        with operator.start("up") as process:
            assert process.stderr
            assert any("waiting for another apt" in line for line in process.stderr)
            fcntl.lockf(lock, fcntl.LOCK_UN)
            _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said


def test_a_load_balancer_that_is_given_to_hosts_as_people_have_them(
    there: Hosts, operator: Hardway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With masks, proxies, routes and noise of their own, on both ends."""
    there.on("gate", BALANCER)
    machines = (("a", CONTROL_PLANE, ""), ("d", WORKER, ""))
    ask(operator, there, *machines, endpoint=f"{{kind: given, host: {there.address('gate')}}}")
    for variable in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for name in ("a", "d"):
        there.on(name, AS_PEOPLE_HAVE_THEM)
    mask = os.umask(0o077)
    try:
        before = there.everything(("a", "d"))
        up_while_apt_is_at_work(there, operator, "d")
        whole(operator, 1)
        operator("down", "--yes")
        left_as_it_was(there, before)
    finally:
        os.umask(mask)
        for name in ("a", "d"):
            there.on(name, AS_THEY_WERE)


@pytest.mark.nightly
def test_control_planes_come_and_go_and_new_hardware_takes_a_lost_ones_place(
    there: Hosts, operator: Hardway
) -> None:
    machines = [SMALL[0], ("c", CONTROL_PLANE, BY_OPS), ("d", CONTROL_PLANE, BY_SUE),
                ("b", WORKER, "")]  # fmt: skip
    before = there.everything("abcd")
    ask(operator, there, SMALL[0], machines[-1])
    operator("up")
    ask(operator, there, *machines)
    operator("up")
    operator("node", "replace", "c")
    whole(operator, 1)
    assert operator.tries("node", "replace", "d", "--lost").returncode == 10
    for name, role in (("d", "control plane"), ("b", "worker")):
        by_itself("off", "hosts", there.folder, name)
        assert operator.tries("node", "replace", name).returncode == 10, role
        consent = ["--force", "--delete-emptydir-data"] if role == "worker" else []
        gone = time.monotonic() + 120
        lost = ["node", "replace", name, "--lost", *consent]
        while (done := operator.tries(*lost)).returncode == 10 and time.monotonic() < gone:
            time.sleep(5)
        assert (done.returncode, f"nothing is known of {name}" in done.stderr) == (11, True)
        by_itself("new", "hosts", there.folder, name)
        operator(*lost)
        whole(operator, 1)
    etcd = operator.json("status")["etcd"]
    assert [etcd["members"], etcd["healthy"]] == [3, 3]
    operator("down", "--yes")
    left_as_it_was(there, before)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts of each other release that hardway knows."""
    if not reachable(UBUNTUS_MIRROR):
        pytest.skip(f"makes machines of Ubuntu; no answer from {UBUNTUS_MIRROR}")
    with made("releases", tmp_path_factory.mktemp("releases")) as found:
        yield found


@pytest.mark.nightly
def test_debian_13_and_both_ubuntus_make_one_cluster(releases: Hosts, operator: Hardway) -> None:
    names = [n for n in releases.kit.suites if n != "gate"]
    machines = [(n, CONTROL_PLANE, "") if n.endswith("-0") else (n, WORKER, BY_SUE) for n in names]
    ask(operator, releases, *machines, endpoint="{kind: vip, host: 10.242.0.100}")
    before = releases.everything(names)
    operator("up")
    whole(operator, 3)
    listed = operator("kubectl", "get", "nodes", "-o", "wide")
    assert all(name in listed for name in ("Debian GNU/Linux 13", "Ubuntu 22.04", "Ubuntu 24.04"))
    planes = [n for n in names if n.endswith("-0")]
    with ThreadPoolExecutor() as pool:
        back = [pool.submit(by_itself, "again", "releases", releases.folder, n) for n in planes]
        findings = operator.json("verify", "--ha")["findings"]
        assert [task.result() for task in back] == [None] * len(planes)
    rows = [f["machine"] for f in findings if f["check"] == "answers-again"]
    assert sorted(rows) == sorted(planes)
    assert findings[-1]["check"] == "no-write-lost"
    operator("down", "--yes")
    left_as_it_was(releases, before)
