"""Preflight of machines reached by SSH: each check has a machine that turns it red."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests import support
from tests.fakes.machine import needs_root

from hardway.engine import offline
from hardway.engine.render import merged, render
from hardway.errors import ConnectError, PreflightError
from hardway.model.cluster import Cluster, HostFacts
from hardway.model.resources import Severity
from hardway.providers import storage
from hardway.providers.admission import fit
from hardway.providers.base import Problem
from hardway.providers.hosts import checks, facts, look, preflight, probe
from hardway.providers.local import preflight as local_preflight
from hardway.report import Event, Happened
from hardway.steps.index import STEPS
from hardway.transport.base import Completed, Reached

GOOD = {
    "a": """distribution\tdebian 12 Debian GNU/Linux 12 (bookworm)
kernel\t6.1.0-28-amd64
systemd\t252
hostname\ta
machine-id\t0a
address\t127.0.0.1/8 lo
address\t192.168.7.4/24 ens3
cloud-hosts\t
peer\t192.168.7.5 answers
route\tdefault via 192.168.7.1 dev ens3
route\t192.168.7.0/24 dev ens3 proto kernel scope link src 192.168.7.4
place\t/opt 90000000 30000000 / ext4 rw,relatime
place\t/var/lib/etcd 90000000 30000000 / ext4 rw,relatime
place\t/var/log/kubernetes 90000000 30000000 / ext4 rw,relatime
""" + "fsync\t0.0021\n" * 100,
    "b": """distribution\tubuntu 24.04 Ubuntu 24.04.1 LTS
kernel\t6.8.0-49-generic
systemd\t255
hostname\tb
machine-id\t0b
address\t192.168.7.5/24 ens3
peer\t192.168.7.4 answers
route\t192.168.7.0/24 dev ens3 proto kernel scope link src 192.168.7.5
place\t/opt 90000000 30000000 / ext4 rw,relatime
place\t/var/lib/containerd 90000000 30000000 / ext4 rw,relatime
place\t/var/lib/kubelet 90000000 30000000 / ext4 rw,relatime
overlay\t
""",
}  # fmt: skip
HOST = replace(support.HOST, shared=False)
FACTS_OF_HOST = preflight.of_facts(HOST)


def cluster(kind: str = "proxy") -> Cluster:
    return support.hosts(kind)


def judged(
    a: str = GOOD["a"],
    b: str = GOOD["b"],
    *,
    kind: str = "proxy",
    skew_s: float = 0.0,
    **host: object,
) -> list[tuple[str, str, str]]:
    """Return machine, check and severity of all that is found; `host` is a's system."""
    system = replace(HOST, **host)  # type: ignore[arg-type]
    said = {"a": f"{a}{preflight.of_facts(system)}skew\t{skew_s}\n", "b": b + FACTS_OF_HOST}
    found = checks.judge(cluster(kind), said)
    assert all(p.found and p.needed and p.cure for p in found)
    return [(p.machine, p.check, str(p.severity)) for p in found]


def test_good_machines_have_no_problems() -> None:
    assert judged() == []
    assert judged(kind="vip, host: 192.168.7.9") == []


def test_missing_commands_are_cured_by_apt_where_that_is_there() -> None:
    def cure(*missing: str) -> str:
        rows = "".join(f"no-tool\t{tool}\n" for tool in missing)
        said = {"a": rows + GOOD["a"] + FACTS_OF_HOST, "b": GOOD["b"] + FACTS_OF_HOST}
        (found,) = checks.judge(cluster(), said)
        return found.cure

    assert cure("ss", "ip", "stat") == "apt-get install coreutils iproute2"
    assert cure("ss", "apt-get") == "install these packages: apt iproute2"


def test_machines_that_are_copies() -> None:
    copy = GOOD["b"].replace("machine-id\t0b", "machine-id\t0a").replace("name\tb", "name\ta")
    assert judged(b=copy) == [
        ("a", "machine-id", "refuse"), ("a", "hostname", "warn"),
        ("b", "machine-id", "refuse"), ("b", "hostname", "warn"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("containerd 90000000 30000000", "containerd 90000000 13000000", "disk"),
        ("kubelet 90000000 30000000", "kubelet 90000000 8900000", "disk"),
        ("overlay\t", "overlay\tmount: /x: wrong fs type, bad option", "file-systems"),
    ],
)
def test_what_is_asked_of_a_workers_disk(old: str, new: str, check: str) -> None:
    assert old in GOOD["b"]
    assert judged(b=GOOD["b"].replace(old, new)) == [("b", check, "refuse")]


def test_an_answer_that_cannot_be_read_is_found_too() -> None:
    garbled = GOOD["a"].replace("/opt 90000000 30000000 / ext4", "/opt - - / ext4")
    assert judged(garbled) == [("a", "disk", "refuse"), ("a", "file-systems", "refuse")]


FIREWALLS = """table inet fw {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
    }
}
table inet firewalld {
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        iifname "lo" accept
        reject with icmpx admin-prohibited
    }
    chain filter_OUTPUT {
        type filter hook output priority filter + 10; policy drop;
    }
}
table inet open {
    chain input {
        type filter hook input priority filter; policy accept;
        iifname "wg0" drop
    }
    chain elsewhere {
        drop
    }
}
"""


def test_a_firewall_is_named_with_the_rule_it_lacks() -> None:
    def cures(ruleset: str) -> list[str]:
        rows = "".join(f"ruleset\t{line}\n" for line in ruleset.splitlines())
        said = {"a": GOOD["a"] + rows + FACTS_OF_HOST, "b": GOOD["b"] + FACTS_OF_HOST}
        found = checks.judge(cluster(), said)
        assert {(p.check, p.severity) for p in found} <= {("firewall", Severity.WARN)}
        return [p.cure for p in found]

    rule = "ip saddr { 192.168.7.0/24, 10.200.0.0/16 } accept"
    assert cures(FIREWALLS) == [
        f"nft insert rule inet fw forward {rule}",
        f"nft insert rule inet firewalld filter_INPUT {rule}",
    ]
    known = FIREWALLS.replace("ct state", f"{rule}\n        ct state", 1)
    assert cures(known) == cures(FIREWALLS)[1:]


@pytest.mark.parametrize(
    ("row", "takes"),
    [
        ("default via 10.241.0.1 dev eth0", False),
        ("default proto static \\\tnexthop via 10.241.0.1 dev eth0 weight 1", False),
        ("prohibit default metric 4096", False),
        ("prohibit 10.9.0.0/16", False),
        ("throw 10.0.0.0/8", False),
        ("blackhole 10.200.0.0/16", True),
        ("unreachable 10.200.7.0/24 dev lo", True),
        ("10.0.0.0/8 via 192.168.7.1 dev eth0", True),
        ("10.200.4.0/24 \\\tnexthop via 192.168.7.1 dev eth0 weight 1", True),
        ("192.168.7.0/24 dev eth0 proto kernel scope link", False),
        ("something new", True),
    ],
)
def test_routes_of_any_form(row: str, takes: bool) -> None:
    found = judged(GOOD["a"] + f"route\t{row}\n")
    assert set(found) == ({("a", "ranges", "refuse")} if takes else set())


def test_docker_on_a_worker_is_in_the_way() -> None:
    assert judged(b=GOOD["b"] + "unit\tdocker active\n") == [("b", "leftovers", "refuse")]


def test_an_overlay_is_tried_for_real_and_leaves_nothing(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root: mounts")
    script = f'{storage.OVERLAY}overlay "$(nearest "$1")"'
    said = subprocess.run(
        ["sh", "-c", script, "sh", str(tmp_path / "none/there")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (said.stdout, said.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "row", "severity"),
    [
        ("vip, host: 192.168.7.9", "vip\tanswered by 02:00", "refuse"),
        ("given, host: lb.example", "given\t", "refuse"),
        ("given, host: lb.example", "given\t192.168.7.8\ngiven-silent\t6443", "warn"),
    ],
)
def test_an_endpoint_that_is_not_as_said(kind: str, row: str, severity: str) -> None:
    assert judged(GOOD["a"] + row + "\n", kind=kind) == [("a", "endpoint", severity)]


def test_an_address_that_is_held_by_one_of_ours_is_no_clash() -> None:
    kind = "vip, host: 192.168.7.9"
    b = GOOD["b"] + "vip\tanswered by 02:00\n"
    assert judged(GOOD["a"] + "vip\theld\n", b, kind=kind) == []


def test_all_problems_of_all_machines_at_once() -> None:
    found = judged(GOOD["a"].replace("252", "100"), GOOD["b"] + "port\t10250 x\nswap\t/s 1\n")
    assert found == [("a", "systemd", "refuse"), ("b", "swap", "warn"), ("b", "ports", "refuse")]


def problem(severity: Severity) -> Problem:
    return Problem(machine="a", check="ports", severity=severity, found="f", needed="n", cure="c")


def test_what_stands_in_the_way_is_raised_and_the_rest_said() -> None:
    of, told = cluster(), list[Event]()
    gone = Reached({}, {"b": ConnectError("b: no answer", hint="h")})
    found = [problem(Severity.REFUSE), problem(Severity.WARN)]
    with pytest.raises(PreflightError) as caught:
        fit(of, gone, found, told.append, first=False)
    assert [line.split(":")[0] for line in caught.value.problems] == ["b", "a"]
    with pytest.raises(ConnectError, match="b: no answer"):
        fit(of, gone, [problem(Severity.WARN)], told.append, first=True)
    assert told == []
    here = Reached({m.name: Local() for m in of.machines})
    fit(of, here, [problem(Severity.WARN)], told.append, first=True)
    assert [(e.happened, e.machine) for e in told] == [(Happened.WARNED, "a")]


@dataclass
class Local:
    """This host as a machine; what it is asked is kept."""

    machine: str = "a"
    asked: list[Sequence[str]] = field(default_factory=list)

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        assert isinstance(stdin, bytes)
        self.asked.append(argv)
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.mark.thorough  # apt reads its lists, and may fetch them
def test_the_scripts_say_of_this_very_host_what_is_true() -> None:
    """By whatever /bin/sh this host has; nothing is left of it."""
    if os.geteuid():
        pytest.skip("needs root: measures in /var/lib")
    of, here = cluster(), Local()
    host = asyncio.run(facts.facts(of, {"a": here}))["a"]
    assert (host.cpus, host.architecture) == (len(os.sched_getaffinity(0)), "amd64")
    assert host.memory_bytes > 1 << 28
    assert len(here.asked) == 1
    before = sorted(Path("/var/lib").iterdir())
    script = probe.script(of, of.machines[0], ["haproxy", "no-such-package"])
    said = asyncio.run(here.run(["sh", "-s"], stdin=script.encode()))
    assert sorted(Path("/var/lib").iterdir()) == before
    assert said.stderr == b""
    seen = probe.parse(said.stdout.decode())
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if line
    )
    assert seen.first("distribution").startswith(release["ID"])
    assert seen.first("machine-id") == Path("/etc/machine-id").read_text().strip()
    assert len(seen["fsync"]) > 10
    assert any("no-such-package" in row for row in seen["apt"])
    assert {row.split()[0] for row in seen["place"]} == {
        "/etc", "/usr/local/bin", "/opt", "/var/lib/etcd", "/var/log/kubernetes",
    }  # fmt: skip
    of_itself = said.stdout.decode() + preflight.of_facts(host)
    found = checks.judge(of, {"a": of_itself})
    assert [p for p in found if "cannot be read" in p.found] == []


def test_with_a_bundle_no_machines_apt_is_asked() -> None:
    """It may wait long for archives that are elsewhere; what counts is the bundle's releases."""
    if os.geteuid():
        pytest.skip("needs root: measures in /var/lib")
    of, here = cluster(), Local()
    place = asyncio.run(here.run(["sh", "-c", offline.WHICH], stdin=b"")).stdout.decode().strip()

    def problems(brought: Sequence[str]) -> list[Problem]:
        script = probe.script(of, of.machines[1], ["no-such-package"], brought)
        assert "apt-get --" not in script
        said = asyncio.run(here.run(["sh", "-s"], stdin=script.encode())).stdout.decode()
        found = checks.judge(of, {"b": said + FACTS_OF_HOST})
        return [p for p in found if p.check == "packages"]

    assert problems([place, "noble-arm64"]) == []
    (problem,) = problems(["noble-arm64"])
    assert problem.severity is Severity.REFUSE
    assert (problem.found, problem.needed) == (
        f"nothing for {place} in the bundle", "packages: no-such-package",
    )  # fmt: skip
    assert f"--suite {place.partition('-')[0]} --architecture " in problem.cure


def test_a_clock_is_asked_for_thrice() -> None:
    here = Local()
    assert abs(asyncio.run(preflight.skew_s(here))) < 1
    assert len(here.asked) == preflight.CLOCK_LOOKS


@pytest.mark.parametrize("kind", ["proxy", "vip, host: 192.168.7.9", "given, host: lb.example"])
def test_packages_are_those_that_the_steps_will_install(kind: str) -> None:
    of = cluster(kind)
    rendered = render(STEPS, support.given(of))
    for machine in of.machines:
        wanted = {p.name for p in merged(rendered[machine.name].values()).packages}
        assert set(look.packages(of, machine)) == wanted, machine.name


FACTS = """architecture\taarch64
cpus\t4
memory_kib\t4000000
cgroup\tcgroup2fs
swaps\t1
capabilities\t000001ffffffffff
interface\tens5
mtu\t9001
resolver\t/run/systemd/resolve/resolv.conf 10.0.0.2
resolver\t/etc/resolv.conf 127.0.0.53
"""


def test_facts() -> None:
    assert facts.parse(FACTS) == HostFacts(
        architecture="arm64", interface="ens5", mtu=9001, cpus=4, memory_bytes=4000000 << 10,
        cgroup="v2", nameservers=("10.0.0.2",), resolv_conf="/run/systemd/resolve/resolv.conf",
        shared=False, swap=True, capped_oom=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ("aarch64", "riscv64", "architecture", "riscv64"),
        ("cgroup2fs", "tmpfs", "cgroup", "v1"),
        ("swaps\t1", "swaps\t0", "swap", False),
        ("mtu\t9001", "mtu\t1450", "mtu", 1450),
        ("000001ffffffffff", "000001fffeffffff", "capped_oom", True),
        ("/run/systemd/resolve/resolv.conf 10.0.0.2", "/etc/resolv.conf ::1", "nameservers", ()),
    ],
)
def test_each_fact(old: str, new: str, name: str, value: object) -> None:
    assert getattr(facts.parse(FACTS.replace(old, new)), name) == value


def local_problems(monkeypatch: pytest.MonkeyPatch, ruleset: str) -> list[str]:
    """Return what this host is told of its firewalls, were this its ruleset."""
    monkeypatch.setattr(local_preflight, "run_now", lambda _argv: ruleset)
    return local_preflight._firewalls(support.cluster("name: t1"))


@pytest.mark.skipif(not shutil.which("nft"), reason="needs nft")
def test_a_firewall_of_this_host_is_named_with_the_rules_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (line,) = local_problems(monkeypatch, FIREWALLS)
    rules = [
        f'nft insert rule inet fw forward {end} "hw-t1" accept' for end in ("iifname", "oifname")
    ]
    assert "chain inet fw forward" in line
    assert line.endswith("; ".join(rules))
    followed = FIREWALLS.replace("ct state", 'iifname "hw-t1" accept\n ct state', 1)
    assert local_problems(monkeypatch, followed) == []
    iptables = FIREWALLS.replace("chain forward", "chain FORWARD")
    assert local_problems(monkeypatch, iptables) == []


@pytest.mark.skipif(not shutil.which("ip"), reason="needs ip")
def test_a_range_that_this_host_uses_is_named_as_hardway_yaml_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = """default nexthop via 192.0.2.2 dev eth0 nexthop via 192.0.2.3 dev eth0
10.200.128.0/17 dev docker0 proto kernel scope link
unreachable 10.0.0.0/8"""
    monkeypatch.setattr(local_preflight, "run_now", lambda _argv: table)
    (line,) = local_preflight._addresses(support.cluster("name: t1"))
    assert line.startswith("network.pods 10.200.0.0/16 is taken: this host has the route 10.200.1")


@pytest.mark.parametrize(("free", "found"), [(150, 0), (149, 1)])
def test_a_disk_on_which_kubelet_would_evict(
    free: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=1000 << 30, free=free << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert len(local_preflight._evictions()) == found


def test_a_cache_from_which_nothing_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.unusable(tmp_path / "cache") == []
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_NOEXEC))
    assert f"{tmp_path} is mounted noexec" in storage.unusable(tmp_path / "cache")[0]


@needs_root
@pytest.mark.parametrize(("route", "refused"), [("", True), ("ip route add default dev v0", False)])
def test_a_worker_without_a_way_to_a_service_says_so(route: str, refused: bool) -> None:
    cluster = support.topology("3+3")
    link = "ip link add v0 type veth peer name v1; ip address add 10.9.9.9/24 dev v0"
    up = "ip link set v0 up; ip link set v1 up"
    script = "\n".join([link, up, route, probe.script(cluster, cluster.workers[0], [])])
    argv = ["unshare", "--net", "sh", "-c", script]
    said = subprocess.run(argv, text=True, capture_output=True, check=True).stdout
    assert probe.parse(said)["no-route"] == ([str(cluster.api_service_ip)] if refused else ())
