"""hardway.yaml: every error at once, with its line; and what is decided from it."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support

from hardway.errors import SpecError
from hardway.model.ambiguities import ambiguities
from hardway.model.cluster import Cluster
from hardway.model.names import TAKEN
from hardway.model.resolve import resolve
from hardway.spec.load import default_text, json_schema, load, parse

SSH = "provider: ssh\nnetwork: {nodes: 192.168.7.0/24}\n"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        support.cluster(text)
    return caught.value.problems


def test_nothing_is_the_default_cluster() -> None:
    cluster = support.cluster("")
    assert [str(m.address) for m in cluster.control_planes] == [
        "10.240.0.10", "10.240.0.11", "10.240.0.12",
    ]  # fmt: skip
    assert [m.name for m in cluster.workers] == ["worker-0", "worker-1", "worker-2"]
    assert str(cluster.workers[2].pod_cidr) == "10.200.2.0/24"
    assert cluster.endpoint.url == "https://10.240.0.100:6443"
    assert str(cluster.api_service_ip) == "10.32.0.1"
    assert str(cluster.dns_service_ip) == "10.32.0.10"


def test_hosts_that_exist_already() -> None:
    cluster = support.cluster(
        f"{SSH}endpoint: {{kind: proxy}}\nmachines:\n"
        "- {name: a, role: control-plane, host: 192.168.7.4}\n"
        "- {name: b, role: worker, host: b.example, address: 192.168.7.5}\n"
    )
    assert [(m.name, str(m.address), m.reached_at) for m in cluster.machines] == [
        ("a", "192.168.7.4", "192.168.7.4"), ("b", "192.168.7.5", "b.example"),
    ]  # fmt: skip
    assert cluster.endpoint.url == "https://127.0.0.1:6443"
    assert cluster.api_from_here.url == "https://192.168.7.4:6443"


def test_machines_on_aws_are_in_turn_in_each_zone() -> None:
    where = "provider: aws\naws: {region: eu-west-1, operators: [192.0.2.1/32]"
    one = support.cluster(where + "}")
    assert [str(m.address) for m in one.machines] == [
        "10.0.1.10", "10.0.1.11", "10.0.1.12", "10.0.1.20", "10.0.1.21", "10.0.1.22",
    ]  # fmt: skip
    three = support.cluster(where + ", zones: 3}\nmachines: {workers: 4}")
    assert [str(m.address) for m in three.machines] == [
        "10.0.1.10", "10.0.2.10", "10.0.3.10",
        "10.0.1.20", "10.0.2.20", "10.0.3.20", "10.0.1.21",
    ]  # fmt: skip
    assert three.endpoint.host == ""


def test_what_init_writes_is_the_default_cluster() -> None:
    assert support.cluster(default_text()) == support.cluster("")


def test_all_errors_at_once_each_with_its_line() -> None:
    text = "name: Upper\nmachines:\n  controlPlanes: 0\n  workers: many\ncolour: red\n"
    found = problems(text)
    assert [line.split(" ")[0] for line in found] == [
        "hardway.yaml:1:", "hardway.yaml:3:", "hardway.yaml:4:", "hardway.yaml:5:",
    ]  # fmt: skip
    assert "colour" in found[3]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("machines: {controlPlanes: 2}", 1, "odd number"),
        ("name: a\nname: b", 2, "second time"),
        ("network:\n  pods: 10.240.0.0/16", 2, "overlaps"),
        ("network:\n  nodes: 8.8.8.0/24", 2, "private"),
        ("network:\n  nodes: 10.1.0.0/30", 2, "/16 to /25"),
        ("network:\n  nodes: no", 2, "an address is wanted"),
        ("network:\n  nodes: 10", 2, "an address is wanted"),
        ("endpoint:\n  host: 10.9.9.9", 2, "not an address for machines"),
        ("network:\n  pods: 10.200.0.0/23", 2, "room for 2 workers"),
        ("pki:\n  caDays: 400\n  adminDays: 500", 3, "longer than the CA's"),
        ("a: *x", 1, "aliases"),
        ("machines:\n- {name: a, role: control-plane}\n- {name: a, role: worker}", 3, "also that"),
        ("machines:\n- {name: a, role: control-plane, address: 10.240.0.1}", 2, "not free"),
        ("machines:\n- {name: a, role: control-plane, address: 10.240.0.100}", 2, "the endpoint"),
        ("machines: {controlPlanes: 1, workers: 71}", 1, "70"),
        ("machines:\n- {name: a, role: control-plane, host: 10.240.0.9}", 2, "provider ssh only"),
        ("endpoint:\n  kind: given", 1, "your load balancer"),
        ("endpoint:\n  kind: proxy\n  host: 10.240.0.9", 3, "loopback"),
        (f"{SSH}machines: {{workers: 1}}", 3, "a list is needed"),
        (f"{SSH}machines:\n- {{name: a, role: control-plane}}", 4, "host: is needed"),
        (f"{SSH}machines:\n- {{name: a, role: control-plane, host: a.example}}", 4, "by which"),
        (f"{SSH}machines:\n- {{name: a, role: control-plane, host: 10.9.9.9}}", 4, "not free"),
        (f"{SSH}endpoint: {{kind: vip}}\n", 3, "nobody has"),
        (f"{SSH}machines:\n- {{name: a, role: control-plane, host: 192.168.7.0}}", 4, "not free"),
        (f"{SSH}machines:\n- {{name: a, role: control-plane, host: 192.168.7.255}}", 4, "not free"),
        *(
            (f"machines:\n- {{name: {name}, role: control-plane}}", 2, "already is")
            for name in TAKEN
        ),
        (
            "endpoint: {kind: given, host: lb}\nmachines:\n- {name: lb, role: control-plane}",
            3,
            "the endpoint's host",
        ),
        ("endpoint: {kind: proxy, port: 10250}", 1, "port of kubelet on workers"),
        ("endpoint: {kind: proxy, port: 2379}", 1, "port of etcd on control planes"),
        ("endpoint: {kind: proxy, port: 8404}", 1, "port of haproxy on"),
        ("endpoint: {kind: vip, port: 22}", 1, "port of ssh on"),
        ("provider: ssh", 1, "range in which your machines"),
        ("provider: aws", 1, "region: is needed"),
        ("provider: aws", 1, "operators: is needed"),
        ("provider: aws\nendpoint: {kind: vip}", 2, "only its port"),
    ],
)
def test_each_rule(text: str, line: int, says: str) -> None:
    found = problems(text)
    assert any(p.startswith(f"hardway.yaml:{line}: ") and says in p for p in found), found


PROXY = "endpoint: {kind: proxy}\n"
ONE = "machines:\n- {name: a, role: control-plane, ADDRESS}\n"


@pytest.mark.parametrize(
    ("text", "allowed", "not_allowed"),
    [
        ("network: {nodes: 10.240.0.0/SIZE}", "16", "15"),
        ("network: {nodes: 10.240.0.0/SIZE}", "25", "26"),
        ("network: {services: 10.32.0.0/SIZE}", "12", "11"),
        ("network: {services: 10.32.0.0/SIZE}", "28", "29"),
        (ONE.replace("ADDRESS", "address: 10.240.0.SIZE"), "2", "1"),
        (ONE.replace("ADDRESS", "address: 10.240.0.SIZE"), "254", "255"),
        (SSH + PROXY + ONE.replace("ADDRESS", "host: 192.168.7.SIZE"), "1", "0"),
        (SSH + PROXY + ONE.replace("ADDRESS", "host: 192.168.7.SIZE"), "254", "255"),
        ("pki: {caDays: 400, leafDays: 30, adminDays: SIZE}", "400", "401"),
        ("pki: {caDays: 400, leafDays: SIZE, adminDays: 30}", "400", "401"),
        ("machines: {controlPlanes: 1, workers: SIZE}", "70", "71"),
        ("machines: {controlPlanes: SIZE, workers: 1}", "3", "4"),
    ],
)
def test_each_limit(text: str, allowed: str, not_allowed: str) -> None:
    support.cluster(text.replace("SIZE", allowed))
    assert problems(text.replace("SIZE", not_allowed))


def test_a_version_is_text_however_it_looks() -> None:
    assert parse("kubernetes: 1.30", "x").spec.kubernetes == "1.30"


def test_absent_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        load(tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="UTF-8"):
        load(binary)


def test_the_schema_for_editors_is_up_to_date() -> None:
    kept = Path(__file__).parents[2] / "schema" / "hardway.schema.json"
    assert kept.read_text() == json_schema()


@given(st.text())
def test_any_text_is_a_cluster_or_an_error_with_a_line(text: str) -> None:
    try:
        cluster = support.cluster(text)
    except SpecError as error:
        assert all(p.startswith("hardway.yaml:") for p in error.problems)
    else:
        assert isinstance(cluster, Cluster)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "machines", "network", "pki", "nodes", "workers", "address"]),
        inner, max_size=3), max_leaves=8)  # fmt: skip


@given(trees)
def test_any_tree_is_a_cluster_or_an_error_with_a_line(tree: object) -> None:
    import yaml

    test_any_text_is_a_cluster_or_an_error_with_a_line.hypothesis.inner_test(yaml.safe_dump(tree))


@given(
    control_planes=st.sampled_from([1, 3, 5, 7]),
    workers=st.integers(0, 40),
    prefix=st.integers(16, 25),
    third=st.integers(0, 255),
)
def test_addresses_are_unique_and_inside(
    control_planes: int, workers: int, prefix: int, third: int
) -> None:
    nodes = IPv4Network(f"172.20.{third}.0/{prefix}", strict=False)
    cluster = support.cluster(
        f"machines: {{controlPlanes: {control_planes}, workers: {workers}}}\n"
        f"network: {{nodes: {nodes}}}"
    )
    taken = [nodes[0], nodes[1], nodes[-1], IPv4Address(cluster.endpoint.host)]
    taken += [m.address for m in cluster.machines]
    assert len(set(taken)) == len(taken)
    assert all(IPv4Address(a) in nodes for a in taken)
    pods = [m.pod_cidr for m in cluster.workers]
    assert len(set(pods)) == workers
    assert all(m.pod_cidr is None for m in cluster.control_planes)


@pytest.mark.parametrize("nodes", ["10.0.0.0/9", "192.168.7.0/29", "192.168.7.0/30"])
def test_hosts_that_are_there_may_have_any_network_and_its_first_address(nodes: str) -> None:
    first = IPv4Network(nodes)[1]
    cluster = support.cluster(f"""provider: ssh
network: {{nodes: {nodes}, pods: 172.20.0.0/16, services: 172.21.0.0/24}}
endpoint: {{kind: proxy}}
machines:
- {{name: a, role: control-plane, host: {first}}}
""")
    assert cluster.machines[0].address == first


@pytest.mark.parametrize(
    "endpoint",
    ["{kind: proxy}", "{kind: vip, port: 10250}", "{kind: vip, port: 2379}",
     "{kind: given, host: lb, port: 10250}", "{kind: vip, port: 443}"],
)  # fmt: skip
def test_a_port_at_another_address_is_no_clash(endpoint: str) -> None:
    support.cluster(f"endpoint: {endpoint}")


def test_a_port_that_a_living_cluster_has_stays_and_is_told() -> None:
    loaded = parse("endpoint: {kind: proxy, port: 10250}", "hardway.yaml")
    decided = support.cluster("endpoint: {kind: proxy}").machines
    cluster = resolve(loaded, support.VERSION, decided)
    (told,) = ambiguities(loaded, cluster.endpoint)
    assert told.place == ("endpoint", "port")


def test_a_name_that_a_living_cluster_has_stays_and_is_told() -> None:
    """The rule came later than the cluster; a machine that is new has no such excuse."""
    text = "machines:\n- {name: MACHINE, role: control-plane}\n"
    made = replace(support.cluster(text.replace("MACHINE", "a")).machines[0], name="operator")
    loaded = parse(text.replace("MACHINE", "operator"), "hardway.yaml")
    cluster = resolve(loaded, support.VERSION, [made])
    assert [m.name for m in cluster.machines] == ["operator"]
    (told,) = ambiguities(loaded, cluster.endpoint)
    assert "own key" in told.text
    with pytest.raises(SpecError, match="operator already is"):
        resolve(loaded, support.VERSION, [replace(made, name="b")])
