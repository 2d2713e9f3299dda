"""What files cause: undone behind its back, it is planned, put right, and comes back by itself."""

import subprocess
from collections.abc import Iterator
from itertools import zip_longest

import pytest
from tests.cluster.conftest import Hardway

from hardway.providers.local.names import netns
from hardway.steps.balancer import SOCKET
from hardway.steps.kube_proxy import METRICS_PORT
from hardway.steps.network import HOLD, SYNCED, WRITTEN
from hardway.steps.processes import CRASHES

MACHINES = ("controller-0", "worker-0")
ROUTES, MASQUERADE = "routes to pods", "nftables table hardway_pods"
PROXY, FORWARDING = "nftables table kube-proxy", "forwarding for pods"
SETTINGS, USERS, IMAGES = "kernel settings", "users of services", "container images"


QUIET_S = 15


def kube_proxy_is_at_rest(cluster: Hardway, machine: str) -> None:
    """Wait until kube-proxy has written its table, and has had no Service to write anew.

    Before that its table says nothing: it is not restarted then. When a Service changes
    it finds its table gone and writes it by itself.
    """
    cluster.until(machine, WRITTEN)
    metrics = f"curl --silent http://127.0.0.1:{METRICS_PORT}/metrics"
    synced = f"$({metrics} | grep ^{SYNCED}.*IPv4 | cut -d\\  -f2)"
    cluster.until(machine, f"[ $(printf %.0f {synced}) -lt $(($(date +%s) - {QUIET_S})) ]", 120)


@pytest.fixture
def held(cluster: Hardway) -> Iterator[Hardway]:
    """The cluster with its timers held: what is undone stays so until somebody else acts."""
    for machine in MACHINES:
        cluster.on(machine, f"touch {HOLD}")
    yield cluster
    for machine in MACHINES:
        cluster.on(machine, f"rm -f {HOLD}")
    cluster.on("worker-0", "iptables --flush FORWARD; iptables --policy FORWARD ACCEPT")


DRAINED = rf"""perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift);
print $s "set server apiservers/controller-1 state drain\n"; print <$s>' {SOCKET}"""
DAMAGES = {
    "a lost route": ("controller-0", "ip route flush proto 87", ROUTES),
    "a stale route": ("controller-0", ("ip route add 198.51.100.0/24 via $(ip -4 route show "
                      "default | cut -d' ' -f3) proto 87"), ROUTES),
    "a route by another's hand": ("controller-0", ("ip route change $(ip -4 route show proto 87 | "
                                  "head -n 1 | cut -d' ' -f1) dev eth0 proto 88"), ROUTES),
    "a link down and up": ("controller-0", ("gate=$(ip -4 route show default); ip link set eth0 "
                           "down; ip link set eth0 up; ip route add $gate"), ROUTES),
    "a rule more": ("worker-0", "nft insert rule ip hardway_pods postrouting return",
                    MASQUERADE),
    "a table less": ("worker-0", "nft delete table ip hardway_pods", MASQUERADE),
    "FORWARD drops": ("worker-0", "iptables --policy FORWARD DROP", FORWARDING),
    "a rule before ours": ("worker-0", "iptables --insert FORWARD --jump REJECT", FORWARDING),
    "no way back for Services": ("worker-0", ("sysctl --quiet --write "
                                 "net.bridge.bridge-nf-call-iptables=0"), SETTINGS),
    "no forwarding": ("controller-0", "sysctl --quiet --write net.ipv4.ip_forward=0", SETTINGS),
    "a user who logs in": ("controller-0", "usermod --shell /bin/sh kube-scheduler", USERS),
    "a drained API server": ("controller-0", DRAINED, "API servers in haproxy"),
    "mounts of one's own": ("worker-0", "mount --make-rprivate /", "shared mounts"),
    "an image less": ("worker-0", ("ctr --namespace k8s.io images rm "
                      "$(ctr --namespace k8s.io images ls -q | grep hardway/probe)"), IMAGES),
    "an image unpinned": ("worker-0", ("ctr --namespace k8s.io images label $(ctr --namespace "
                          "k8s.io images ls -q | grep hardway/coredns) io.cri-containerd.pinned="),
                          IMAGES),
}  # fmt: skip


def rounds() -> list[tuple[str, ...]]:
    """Return damages to be made at once: in each round one of each effect."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, (machine, _, effect) in DAMAGES.items():
        alike.setdefault((machine, effect), []).append(name)
    return [tuple(filter(None, names)) for names in zip_longest(*alike.values())]


@pytest.mark.parametrize("damages", rounds(), ids=", ".join)
def test_what_others_undid_is_all_that_is_planned_and_put_right(
    held: Hardway, damages: tuple[str, ...]
) -> None:
    made = [DAMAGES[name] for name in damages]
    for machine in {machine for machine, _, _ in made}:
        held.on(machine, "\n".join(script for at, script, _ in made if at == machine))
    planned = [(machine, "set", effect) for machine, _, effect in made]
    assert sorted(held.plan()) == sorted(planned)
    held("up")
    assert held.plan() == []


@pytest.mark.parametrize("lost", ["link set eth0 down", "route delete default"])
def test_a_machine_that_lost_its_way_to_others_is_reached_again(
    cluster: Hardway, lost: str
) -> None:
    space = netns(cluster.journal.parent.name, "worker-0")
    subprocess.run(["ip", "-netns", space, *lost.split()], check=True)
    cluster("up")
    assert cluster.on("worker-0", "ip -4 route show default").startswith("default via")
    cluster("verify", "--no-trials")


def test_a_flushed_ruleset_is_put_right(held: Hardway) -> None:
    kube_proxy_is_at_rest(held, "worker-0")
    held.on("worker-0", "nft flush ruleset")
    planned = [("worker-0", "set", MASQUERADE), ("worker-0", "set", PROXY)]
    assert held.plan() == planned
    held("up")
    assert held.plan() == []


def test_without_up_routes_and_rules_come_back_within_a_minute(cluster: Hardway) -> None:
    kube_proxy_is_at_rest(cluster, "worker-0")
    cluster.on("worker-0", "nft flush ruleset")
    cluster.on("controller-0", "ip route flush proto 87")
    cluster.until("worker-0", "nft list table ip kube-proxy >/dev/null")
    cluster.until("worker-0", "nft list table ip hardway_pods >/dev/null")
    cluster.until("controller-0", "ip route show proto 87 | grep -q via")
    assert cluster.plan() == []
    said = cluster.on("worker-0", "journalctl --unit hardway-network --since -2min --output cat")
    assert f"not as wanted: {PROXY}" in said


def test_kube_proxy_is_restarted_while_kubelet_waits_for_the_look_that_does_it(
    cluster: Hardway,
) -> None:
    kube_proxy_is_at_rest(cluster, "worker-0")
    both = "hardway-network.service kubelet.service"
    cluster.on("worker-0", f"nft delete table ip kube-proxy; systemctl start --no-block {both}")
    cluster.until("worker-0", "nft list table ip kube-proxy >/dev/null")
    assert cluster.on("worker-0", "systemctl list-jobs --no-legend") == ""
    assert cluster.plan() == []


def test_kernel_settings_hold_after_a_boot_whatever_other_files_say(cluster: Hardway) -> None:
    theirs, name = "/etc/sysctl.d/99-theirs.conf", "net.bridge.bridge-nf-call-iptables"
    cluster.on("worker-0", f"echo '{name} = 0' >{theirs}")
    cluster("machine", "restart", "worker-0")
    assert cluster.on("worker-0", f"sysctl --values {name}") == "1\n"
    cluster.on("worker-0", f"rm {theirs}")
    cluster.worker_is_ready("worker-0")
    assert cluster.plan() == []


def test_what_is_left_to_people_is_named(cluster: Hardway) -> None:
    cluster.on("worker-0", "mv /etc/resolv.conf /etc/resolv.conf.theirs")
    # The folder itself is a mount already, on machines of this host.
    lost = "/var/lib/etcd/.lost"
    cluster.on("controller-0", f"echo 'LABEL=data {lost} ext4 nofail' >>/etc/fstab")
    amiss = {(f["check"], f["machine"]): f["found"] for f in cluster.findings("machines", "dns")
             if not f["ok"]}  # fmt: skip
    cluster.on("worker-0", "mv /etc/resolv.conf.theirs /etc/resolv.conf")
    cluster.on("controller-0", "sed -i /LABEL=data/d /etc/fstab")
    assert amiss["node-resolvers", "worker-0"] == "no file /etc/resolv.conf"
    assert amiss["file-systems-mounted", "controller-0"] == lost
    assert cluster.plan() == []


MASKED = """ln --symbolic --force /dev/null /etc/systemd/system/kubelet.service
systemctl daemon-reload
systemctl stop kubelet"""
FLAPPING = f"""echo nonsense >>/etc/kubernetes/kubelet.yaml
systemctl restart --no-block kubelet
until [ $(systemctl show --property=NRestarts --value kubelet) -ge {CRASHES} ]; do sleep 1; done"""
ANOTHER = """own=/usr/local/bin/kube-proxy; link=$(readlink $own)
cp --remove-destination $link $own
systemctl restart kube-proxy
until readlink /proc/$(pidof kube-proxy)/exe | grep -q $own; do sleep 0.1; done
ln --symbolic --force $link $own"""
UNITS = {
    "worker-0": (MASKED, [("update", "/etc/systemd/system/kubelet.service"),
                          ("start", "kubelet.service")]),
    "worker-1": (FLAPPING, [("update", "/etc/kubernetes/kubelet.yaml"),
                            ("start", "kubelet.service")]),
    "worker-2": (ANOTHER, [("restart", "kube-proxy.service")]),
}  # fmt: skip


def test_units_that_others_broke_are_planned_and_put_right(cluster: Hardway) -> None:
    for machine, (damage, _) in UNITS.items():
        cluster.on(machine, damage)
    try:
        found = [change for change in cluster.plan() if change[1] != "enable"]
    finally:
        cluster("up")
    planned = [(machine, *row) for machine, (_, rows) in UNITS.items() for row in rows]
    assert sorted(found) == sorted(planned)
    assert cluster.plan() == []
