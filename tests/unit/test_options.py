"""What an operator wants beyond the defaults: its rules, and what comes of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests import support

from hardway.components import Stored
from hardway.components.flags import refuse_unknown
from hardway.engine.render import manifests, merged, render
from hardway.errors import RefusedError, SpecError
from hardway.model.cluster import Cluster
from hardway.model.options import Extra
from hardway.pki.inventory import expand
from hardway.steps.base import Given
from hardway.steps.index import STEPS

LISTED = """machines:
- {name: a, role: control-plane}
- {name: b, role: worker, labels: {disk: hdd}, taints: ["gpu:NoExecute"]}
- {name: c, role: worker}
nodes: {labels: {disk: ssd, zone: one}, taints: ["dedicated=db:NoSchedule"]}
"""


def file(given: Given, machine: str, path: str) -> str:
    wanted = merged(render(STEPS, given)[machine].values())
    return next(f.content.decode() for f in wanted.files if f.path == path)


def config(given: Given, machine: str, name: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(file(given, machine, f"/etc/kubernetes/{name}.yaml"))
    return loaded


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("nodes:\n  labels: {kubernetes.io/hostname: x}", 2, "kubelet's own"),
        ("nodes:\n  labels: {a b: x}", 2, "match the pattern"),
        ("nodes:\n  labels: {a: x y}", 2, "match the pattern"),
        ("nodes:\n  taints: [a=b]", 2, "match the pattern"),
        (
            "nodes:\n  taints: ['node.kubernetes.io/not-ready:NoExecute']",
            2,
            "Kubernetes itself sets",
        ),
        ("nodes:\n  podPidsLimit: 0", 2, "lets no pod run"),
        ("nodes:\n  podPidsLimit: -2", 2, "must be at least -1"),
        ("network:\n  nodePorts: [127.0.0.0/8]", 2, "loopback"),
        ("network:\n  nodePorts: [some]", 2, "primary"),
        ("network:\n  nodePorts: []", 2, "at least 1"),
        ("network:\n  podMtu: 500", 2, "1280"),
        ("endpoint:\n  sans: [a_b]", 2, "match the pattern"),
        ("serviceAccounts:\n  issuers: ['http://x']", 2, "match the pattern"),
        ("serviceAccounts:\n  issuer: x", 2, "did you mean issuers"),
        ("machines:\n- {name: a, role: control-plane, labels: {x: y}}", 2, "is not a node"),
        ("components:\n  kube-apiserver:\n    flags: {tls-min-version: x}", 3, "TLS is"),
        ("components:\n  kube-apiserver:\n    flags: {anonymous-auth: true}", 3, "who may do what"),
        ("components:\n  etcd:\n    flags: {experimental-kms: x}", 3, "encryption is"),
        (
            "components:\n  kube-apiserver:\n    flags: {service-account-issuer: x}",
            3,
            "see service",
        ),
        ("components:\n  kubelet:\n    flags: {config-dir: /x}", 3, "further settings"),
        ("components:\n  kubelet:\n    flags: {feature-gates: A=true}", 3, "see featureGates"),
        ("components:\n  etcd:\n    flags: {peer-skip-client-san-verification: true}", 3, "TLS is"),
        ("components:\n  etcd:\n    flags: {unsafe-no-fsync: true}", 3, "keeps it"),
        ("components:\n  kubelet:\n    flags: {pod-manifest-path: /x}", 3, "do not reach pods"),
        ("components:\n  kube-apiserver:\n    flags: {disable-admission-plugins: x}", 3, "who may"),
        ("components:\n  kube-proxy:\n    flags: {v: 4}", 3, "ignores flags"),
        ("components:\n  kubeproxy: {}", 2, "kube-proxy"),
        ("components:\n  kubelet:\n    flags: {--v: 4}", 3, "match the pattern"),
        ("components:\n  kubelet:\n    flag: {v: 4}", 3, "did you mean flags"),
    ],
)
def test_each_rule(text: str, line: int, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        support.cluster(text)
    found = caught.value.problems
    assert any(p.startswith(f"hardway.yaml:{line}: ") and says in p for p in found), found


def test_a_machines_labels_and_taints_are_beside_those_of_all_nodes() -> None:
    cluster = support.cluster(LISTED)
    assert cluster.options.labels["b"] == {"disk": "hdd", "zone": "one"}
    assert cluster.options.labels["c"] == {"disk": "ssd", "zone": "one"}
    given = support.given(cluster)
    dedicated = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    gpu = {"key": "gpu", "value": "", "effect": "NoExecute"}
    assert config(given, "b", "kubelet")["registerWithTaints"] == [dedicated, gpu]
    assert config(given, "c", "kubelet")["registerWithTaints"] == [dedicated]


def test_labels_are_the_apis_and_one_taken_back_is_a_difference() -> None:
    def nodes(text: str) -> list[Any]:
        own = manifests(STEPS, support.given(support.cluster(text)))["pod-network"]
        return [m["metadata"] for m in own if m["kind"] == "Node"]

    assert [n["name"] for n in nodes(LISTED)] == ["b", "c"]
    with_label, without = nodes("nodes: {labels: {a: b}}")[0], nodes("")[0]
    assert with_label["labels"] == {"a": "b"}
    assert without["annotations"] != with_label["annotations"]


def test_a_node_that_does_not_answer_is_not_made_up() -> None:
    given = support.given(support.cluster(LISTED))
    hosts = {name: host for name, host in given.hosts.items() if name != "c"}
    own = manifests(STEPS, replace(given, hosts=hosts))["pod-network"]
    assert [m["metadata"]["name"] for m in own] == ["b"]


@pytest.mark.parametrize(
    ("asked", "rendered"),
    [
        ("[primary]", ["primary"]),
        ("[all]", ["0.0.0.0/0"]),
        ("[primary, all]", ["0.0.0.0/0"]),
        ("[198.51.100.0/24]", ["198.51.100.0/24"]),
        # Before 1.37 kube-proxy takes `primary` alone only.
        ("[primary, 198.51.100.0/24]", ["10.240.0.20/32", "198.51.100.0/24"]),
    ],
)
def test_addresses_of_node_ports(asked: str, rendered: list[str]) -> None:
    given = support.given(support.cluster(f"network: {{nodePorts: {asked}}}"))
    assert config(given, "worker-0", "kube-proxy")["nodePortAddresses"] == rendered


def mtu(given: Given) -> int:
    conflist = json.loads(file(given, "worker-0", "/etc/cni/net.d/10-pods.conflist"))
    return int(conflist["plugins"][0]["mtu"])


def test_pods_have_the_smallest_mtu_of_all_links() -> None:
    given = support.given(support.cluster(""), mtu=9001)
    assert mtu(given) == 9001
    narrow = {**given.hosts, "controller-1": replace(given.hosts["controller-1"], mtu=1450)}
    assert mtu(replace(given, hosts=narrow)) == 1450


def test_pods_have_the_mtu_that_is_asked_for_unless_a_link_carries_less() -> None:
    asked = support.cluster("network: {podMtu: 1400}")
    assert mtu(support.given(asked)) == 1400
    assert mtu(support.given(asked, mtu=1400)) == 1400
    with pytest.raises(RefusedError, match="controller-0 carries 1399"):
        mtu(support.given(asked, mtu=1399))


def flags(cluster: Cluster) -> list[str]:
    path = "/etc/systemd/system/kube-apiserver.service"
    lines = file(support.given(cluster), "controller-0", path).splitlines()
    return [line.strip(" \\") for line in lines if line.strip().startswith("--")]


def test_a_former_issuer_stays_accepted() -> None:
    both = support.cluster("serviceAccounts: {issuers: ['https://new.example', 'https://old']}")
    issuers = [f.partition("=")[2] for f in flags(both) if "service-account-issuer" in f]
    assert issuers == ["https://new.example", "https://old",
                       "https://kubernetes.default.svc.cluster.local"]  # fmt: skip
    assert "--service-account-jwks-uri=https://new.example/openid/v1/jwks" in flags(both)


@pytest.mark.parametrize(("asked", "found"), [
    ("", []),
    ("serviceAccounts: {publicDiscovery: true}", ["https://10.240.0.100:6443/openid/v1/jwks"]),
    ("serviceAccounts: {publicDiscovery: true}\nendpoint: {kind: proxy}", []),
    ("serviceAccounts: {publicDiscovery: true, issuers: ['https://own.example']}",
     ["https://own.example/openid/v1/jwks"]),
])  # fmt: skip
def test_verifiers_outside_are_sent_to_keys_that_they_reach(asked: str, found: list[str]) -> None:
    named = [f.partition("=")[2] for f in flags(support.cluster(asked)) if "jwks-uri" in f]
    assert named == found


@pytest.mark.parametrize(("public", "open_to_all"), [("true", True), ("false", False)])
def test_discovery_is_public_only_when_asked_for(public: str, open_to_all: bool) -> None:
    given = support.given(support.cluster(f"serviceAccounts: {{publicDiscovery: {public}}}"))
    conditions = config(given, "controller-0", "authentication")["anonymous"]["conditions"]
    paths = {c["path"] for c in conditions}
    assert ("/openid/v1/jwks" in paths) is open_to_all
    assert ("/.well-known/openid-configuration" in paths) is open_to_all
    bound = [m["subjects"][0]["name"] for m in manifests(STEPS, given)["access"]]
    assert ("system:unauthenticated" in bound) is open_to_all


def test_further_names_are_in_the_apis_certificate_only() -> None:
    asked = support.cluster("endpoint: {sans: [api.example.com, 203.0.113.7, '*.example.org']}")
    having = {w.row.name for w in expand(asked) if "api.example.com" in w.names}
    assert having == {"apiserver"}
    server = next(w for w in expand(asked) if w.row.name == "apiserver")
    assert {"203.0.113.7", "*.example.org"} <= set(server.names)


@pytest.mark.parametrize(
    "flag", ["watch-cache-sizes", "default-watch-cache-size", "event-ttl", "v"]
)
def test_what_concerns_no_safety_is_allowed(flag: str) -> None:
    of = extras(f"kube-apiserver: {{flags: {{{flag}: 1}}}}")
    assert f"--{flag}=1" in unit(of, "controller-0", "kube-apiserver")


def extras(text: str) -> Cluster:
    return support.cluster(f"components: {{{text}}}")


def unit(of: Cluster, machine: str, name: str) -> str:
    return file(support.given(of), machine, f"/etc/systemd/system/{name}.service")


@pytest.mark.parametrize(
    ("component", "machine"),
    [("etcd", "controller-0"), ("kube-apiserver", "controller-0"), ("kubelet", "worker-0"),
     ("kube-controller-manager", "controller-0"), ("kube-scheduler", "controller-0")],
)  # fmt: skip
def test_flags_of_ones_own_are_the_last(component: str, machine: str) -> None:
    text = unit(
        extras(f"{component}: {{flags: {{some-flag: 5, other: true}}}}"), machine, component
    )
    lines = [line.strip(" \\") for line in text.splitlines() if line.startswith("    --")]
    assert lines[-2:] == ["--some-flag=5", "--other=true"]


def test_feature_gates_are_flags_or_stand_in_the_configuration_file() -> None:
    gates = "{featureGates: {One: true, Two: false}}"
    of = extras(f"kube-scheduler: {gates}, kubelet: {gates}, kube-proxy: {gates}")
    assert "--feature-gates=One=true,Two=false" in unit(of, "controller-0", "kube-scheduler")
    for component in ("kubelet", "kube-proxy"):
        wanted = {"One": True, "Two": False}
        assert config(support.given(of), "worker-0", component)["featureGates"] == wanted
        assert "--feature-gates" not in unit(of, "worker-0", component)


@pytest.mark.parametrize(
    ("component", "flag"),
    [("kube-apiserver", "secure-port"), ("kube-scheduler", "leader-elect"), ("etcd", "data-dir"),
     ("kubelet", "hostname-override"), ("kubelet", "cluster-dns"), ("kubelet", "cgroup-driver")],
)  # fmt: skip
def test_a_flag_that_hardway_sets_is_refused(component: str, flag: str) -> None:
    given = support.given(extras(f"{component}: {{flags: {{{flag}: x}}}}"))
    with pytest.raises(RefusedError, match=f"{component} itself: {flag}"):
        render(STEPS, given)


HELP = """#!/bin/sh
cat <<E
Usage:
  -v, --v Level                      number for the log level verbosity
      --max-requests-inflight int    At most that many.
      --feature-gates mapStringBool  A set of key=value pairs. Options are:
            kube:AllAlpha=true|false (ALPHA - default=false)
            NewThing=true|false (BETA - default=true)
E
"""


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (Extra({"max-request-inflight": "1"}), "did you mean max-requests-inflight"),
        (Extra({"zzz": "1"}), "kube-apiserver 1.37.2 has no flag zzz"),
        (Extra(gates={"NewThink": True}), "did you mean NewThing"),
    ],
)
def test_what_the_binary_does_not_know_is_refused(extra: Extra, says: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=says):
        refuse_unknown({"kube-apiserver": extra}, binary(tmp_path))


def test_what_the_binary_knows_is_not_refused(tmp_path: Path) -> None:
    known = Extra({"max-requests-inflight": "1", "v": "2"}, {"AllAlpha": True, "NewThing": False})
    refuse_unknown({"kube-apiserver": known}, binary(tmp_path))


def test_a_component_that_is_not_here_yet_cannot_be_asked() -> None:
    unknown = Extra({"zzz": "1"})
    refuse_unknown({"kube-apiserver": unknown}, support.fake_stored())
    refuse_unknown({"kube-apiserver": unknown}, {})


def binary(folder: Path) -> dict[str, Stored]:
    path = folder / "kube-apiserver"
    path.write_text(HELP)
    path.chmod(0o755)
    return {"kube-apiserver": replace(support.fake_stored()["kube-apiserver"], path=path)}


@pytest.mark.parametrize(
    ("asked", "enforced", "warned"),
    [
        ("", "privileged", "baseline"),
        ("podSecurity: {enforce: baseline}", "baseline", "baseline"),
        ("podSecurity: {enforce: restricted}", "restricted", "restricted"),
    ],
)
def test_pod_security_is_enforced_when_asked_for(asked: str, enforced: str, warned: str) -> None:
    given = support.given(support.cluster(asked))
    (plugin,) = config(given, "controller-0", "admission")["plugins"]
    defaults = plugin["configuration"]["defaults"]
    assert (defaults["enforce"], defaults["warn"], defaults["audit"]) == (enforced, warned, warned)
    assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system"]
