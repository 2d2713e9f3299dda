"""Whatever is rendered can be asked about by its name, and is answered in all the points it has."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import support
from tests.views import index as index_of

from hardway.atlas.connections import CONNECTIONS, having
from hardway.atlas.identities import IDENTITIES
from hardway.explain.answer import Answer, Aspect
from hardway.explain.index import Index, answer_about
from hardway.explain.others import FOREIGN, foreign
from hardway.explain.scene import NOBODY_ASKED, Running, Scene
from hardway.explain.things import Kind, Thing
from hardway.model.ports import PORTS
from hardway.model.resources import Blob, Block, Effect, File, Folder, Package, Unit
from hardway.pki.inventory import CAS, CERTIFICATES
from hardway.steps.index import STEPS

NAMES = tuple(support.TOPOLOGIES)
DIFFERENT = ("3+3", "1+0", "endpoint-proxy", "endpoint-made-aws", "own-hosts", "options")
"""Topologies with things that the others do not have."""


def answer(index: Index, asked: str, scene: Scene = NOBODY_ASKED) -> Answer:
    found = index.find(asked)
    assert found is not None, asked
    (thing,) = found.things
    return answer_about(thing, replace(scene, machine=found.machine))


def words(said: Answer, aspect: Aspect) -> str:
    """Return all that is said under an aspect, as one text."""
    points = said.under(aspect)
    cells = (cell for point in points for row in point.rows for cell in row)
    texts = (text for point in points for text in (*point.texts, *point.commands))
    return " ".join([*texts, *cells])


Named = Iterator[tuple[str, Kind]]
"""Names of all there is, from the rows and the rendered files themselves."""


def put(index: Index) -> Named:
    kinds = {File: Kind.FILE, Folder: Kind.FILE, Block: Kind.FILE, Blob: Kind.PROGRAM,
             Unit: Kind.UNIT, Package: Kind.PACKAGE, Effect: Kind.EFFECT}  # fmt: skip
    for placed in index.atlas.placed:
        name = getattr(placed.item, "path", "") or getattr(placed.item, "name", "")
        own = kinds[type(placed.item)]
        yield name, Kind.UNIT if name.startswith("/etc/systemd/system/") else own
    for entry in index.atlas.entries:
        file = entry.file.path.rsplit("/", 1)[-1].removesuffix(".service")
        yield f"{file} {entry.name}", Kind.FLAG if entry.is_flag else Kind.SETTING


def addressed(index: Index) -> Named:
    cluster = index.atlas.cluster
    for machine in cluster.machines:
        yield machine.name, Kind.MACHINE
        yield str(machine.address), Kind.MACHINE
    pods = [machine.pod_cidr for machine in cluster.workers]
    for network in (cluster.node_cidr, cluster.pod_cidr, cluster.service_cidr, *pods):
        yield str(network), Kind.RANGE
    yield str(cluster.api_service_ip), Kind.ADDRESS
    yield str(cluster.dns_service_ip), Kind.ADDRESS
    for port in PORTS:
        if index.atlas.units(f"{port.service}.service"):
            yield str(port.number), Kind.PORT


def tabled(index: Index) -> Named:
    cluster = index.atlas.cluster
    for row in CERTIFICATES:
        if row.role is None or cluster.having(row.role):
            yield f"certificate {row.name}", Kind.CERTIFICATE
    for ca in CAS:
        yield f"{ca.name} CA", Kind.CA
    for connection in having(cluster):
        yield connection.name, Kind.CONNECTION
    for identity in IDENTITIES:
        for worker in cluster.workers:
            yield identity.name.format(machine=worker.name), Kind.IDENTITY


def stepped(index: Index) -> Named:
    for step in STEPS:
        yield f"step {step.name}", Kind.STEP
        for manifest in index.atlas.objects.get(step.name, ()):
            yield f"{manifest['kind']}/{manifest['metadata']['name']}", Kind.OBJECT
    for check in support.CHECKS:
        yield check.name, Kind.CHECK


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_found_by_its_name(name: str) -> None:
    index = index_of(name)
    for asked, kind in dict.fromkeys(
        named for part in (put, addressed, tabled, stepped) for named in part(index)
    ):
        found = index.find(asked)
        assert found, asked
        kinds = {thing.kind for thing in index.known(asked)} | {t.kind for t in found.things}
        assert kind in kinds, (asked, kind, kinds)


BREAKS = {Kind.FLAG, Kind.SETTING, Kind.FILE, Kind.PROGRAM, Kind.CERTIFICATE, Kind.CA, Kind.PORT,
          Kind.UNIT, Kind.CONNECTION}  # fmt: skip
"""Kinds of things of which something is said to break without them, in words."""


@pytest.mark.parametrize("name", support.others_thorough(DIFFERENT))
def test_of_everything_that_programs_use_the_words_say_what_breaks(name: str) -> None:
    silent = {
        thing.name
        for thing in index_of(name).things
        if thing.kind in BREAKS
        and not any(not p.title for p in answer_about(thing, NOBODY_ASKED).under(Aspect.WITHOUT))
    }
    # What people add themselves is theirs to know.
    own = {t.name for t in index_of(name).things if t.summary.startswith("Yours:")}
    assert silent - own == set()


def test_what_a_mutation_changes_says_what_verify_names_then() -> None:
    index = index_of("3+3")
    for asked, check in (
        ("kube-controller-manager --profiling", "kube-controller-manager-flags"),
        ("etcd --trusted-ca-file", "etcd-flags"),
        ("keepalived.service", "keepalived-runs"),
        ("/etc/hosts", "names-resolve"),
        ("etcd --snapshot-count", "etcd-flags"),
    ):
        assert check in words(answer(index, asked), Aspect.WITHOUT), asked


def test_what_does_not_start_says_so_in_the_programs_words() -> None:
    index = index_of("3+3")
    missing = "no such file or directory."
    scheduler = "/etc/kubernetes/kube-scheduler.kubeconfig"
    for asked, said in (
        ("/etc/etcd/pki/peer.key", f"etcd will not start: open /etc/etcd/pki/peer.key: {missing}"),
        (scheduler, f"kube-scheduler will not start: stat {scheduler}: {missing}"),
        ("/usr/local/bin/kubelet", "Failed at step EXEC spawning /usr/local/bin/kubelet: No such"),
        ("/etc/etcd/pki", "/etc/etcd/pki/peer.key"),
    ):
        assert said in words(answer(index, asked), Aspect.WITHOUT), asked


@pytest.mark.parametrize("name", support.others_thorough(DIFFERENT))
def test_every_answer_has_its_points(name: str) -> None:
    for thing in index_of(name).things:
        said = answer_about(thing, NOBODY_ASKED)
        for aspect in (Aspect.WHAT, Aspect.MADE, Aspect.SEE, Aspect.READ_ON):
            assert words(said, aspect).strip(), (thing.kind, thing.name, aspect)
        if thing.kind in {Kind.CONNECTION, Kind.UNIT, Kind.CERTIFICATE, Kind.CA, Kind.RANGE}:
            # Timers and scripts are nobody's server; what they keep up is said at the service.
            assert words(said, Aspect.WITHOUT) or thing.name.endswith(".timer"), thing.name


@pytest.mark.parametrize("name", ["3+3", "1+0"])
def test_what_a_process_reads_names_its_readers(name: str) -> None:
    index = index_of(name)
    for thing in index.things:
        read = any(index.atlas.readers(path, machine)
                   for path in thing.paths for machine in thing.machines)  # fmt: skip
        if read:
            assert words(answer_about(thing, NOBODY_ASKED), Aspect.READERS), thing.name


@pytest.mark.parametrize("name", NAMES)
def test_every_connection_end_tells_both_directions(name: str) -> None:
    index = index_of(name)
    for row in having(index.atlas.cluster):
        said = answer(index, row.name)
        assert row.without in words(said, Aspect.WITHOUT)
        if row.server_shows and row.client_shows:
            handshake = words(said, Aspect.HANDSHAKE)
            assert "the server proves itself" in handshake
            assert "the client proves itself" in handshake
            assert words(said, Aspect.IDENTITY)


def test_names_of_connections_are_phrases() -> None:
    index = index_of("3+3")
    for phrase in ("kube-apiserver to etcd", "apiserver to etcd", "kube-apiserver -> etcd",
                   "apiserver-to-etcd"):  # fmt: skip
        assert answer(index, phrase).name == "apiserver-to-etcd"
    assert {row.name for row in CONNECTIONS} >= {t.name for t in index.things
                                                 if t.kind is Kind.CONNECTION}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("--etcd-cafile", "kube-apiserver --etcd-cafile"),
        ("--etcd-cafile=/etc/kubernetes/pki/ca.pem", "kube-apiserver --etcd-cafile"),
        ("kube-apiserver --client-ca-file", "kube-apiserver --client-ca-file"),
        ("/usr/local/bin/kube-apiserver --client-ca-file", "kube-apiserver --client-ca-file"),
        ("clusterDNS", "kubelet.yaml clusterDNS"),
        ("clusterDNS: [10.32.0.10]", "kubelet.yaml clusterDNS"),
        ("authentication.x509.clientCAFile", "kubelet.yaml authentication"),
        ("net.ipv4.ip_forward", "zz-hardway.conf net.ipv4.ip_forward"),
        ("worker-1:/etc/kubernetes/kubelet.yaml", "/etc/kubernetes/kubelet.yaml"),
        ("clusters/x/nodes/worker-1/etc/kubernetes/kubelet.yaml", "/etc/kubernetes/kubelet.yaml"),
        ("clusters/x/secrets/worker-1/etc/kubernetes/kubelet.kubeconfig",
         "/etc/kubernetes/kubelet.kubeconfig"),
        ("kubelet", "kubelet.service"),
        (":6443", "port 6443"),
        ("10250", "port 10250"),
        ("10.200.1.7", "10.200.1.7"),
        ("10.32.0.77", "10.32.0.77"),
        ("10.240.0.21", "worker-1"),
        ("10.240.0.0/24", "10.240.0.0/24"),
        ("10.200.2.0/24", "10.200.2.0/24"),
        ("CN=system:node:worker-0", "system:node:worker-0"),
        ("kubernetes.default.svc", "10.32.0.1"),
        ("deployment/coredns", "Deployment/kube-system/coredns"),
        ("clusters/x/objects/ConfigMap/kube-system/coredns.yaml", "ConfigMap/kube-system/coredns"),
    ],
)  # fmt: skip
def test_what_people_write(asked: str, name: str) -> None:
    found = index_of("3+3").find(asked)
    assert found
    assert name in [thing.name for thing in found.things][:2], found


def test_a_machine_in_the_question_is_the_one_in_the_answer() -> None:
    said = answer(index_of("3+3"), "controller-1:/etc/etcd/pki/server.crt")
    assert "etcd-controller-1" in words(said, Aspect.CONTENT)
    assert "controller-0" not in words(said, Aspect.READERS)


def test_names_of_other_clusters_lead_to_what_has_their_part() -> None:
    index = index_of("3+3")
    for row in FOREIGN:
        for name in row.things:
            assert len(index.known(name)) == 1, name
    found = index.find("/var/lib/kubernetes/kubernetes.pem")
    assert found
    assert len(found.things) == 5
    assert "Kubernetes the Hard Way" in found.note


def test_no_name_of_other_clusters_hides_another() -> None:
    for row in FOREIGN:
        for name in row.names:
            assert foreign(f"/some/{name.replace('-N', '-0')}") is row, name


def test_a_name_of_several_things_lists_them() -> None:
    found = index_of("3+3").find("--tls-cert-file")
    assert found
    assert len(found.things) == 3


def test_nothing_known_leads_to_the_nearest() -> None:
    index = index_of("3+3")
    assert index.find("--ectd-cafil") is None
    near: tuple[Thing, ...] = index.nearest("--ectd-cafil")
    assert "kube-apiserver --etcd-cafile" in [thing.name for thing in near]


def test_a_file_with_a_certificate_is_that_certificate(tmp_path: Path) -> None:
    index = index_of("3+3")
    pem = index.atlas.given.secrets.certificates["kubelet", "worker-1"].certificate
    (tmp_path / "some.pem").write_bytes(pem)
    found = index.find("some.pem", tmp_path)
    assert found
    assert [thing.name for thing in found.things] == ["certificate kubelet"]
    assert index.find(pem.decode()) == found


LIVE = Scene(
    asked=True,
    processes={
        ("controller-0", "kube-apiserver"): Running(41, ("/usr/local/bin/kube-apiserver",
                                                         "--etcd-cafile=/somewhere/else.crt")),
    },
    digests={("controller-0", "/etc/kubernetes/audit-policy.yaml"): "0" * 64,
             ("controller-1", "/etc/kubernetes/audit-policy.yaml"): ""},
    given={("controller-0", "/etc/kubernetes/audit-policy.yaml"): "1" * 64,
           ("controller-1", "/etc/kubernetes/audit-policy.yaml"): "1" * 64},
    silent={"controller-2": "no route to host"},
)  # fmt: skip


def test_a_process_that_runs_with_another_value_is_named() -> None:
    said = answer(index_of("3+3"), "--etcd-cafile", LIVE)
    readers = words(said, Aspect.READERS)
    assert "controller-0 (PID 41)" in readers
    assert "/somewhere/else.crt" in readers
    assert said.notes == ("controller-2 is not shown live: no route to host",)


def test_a_file_that_differs_is_named() -> None:
    content = words(answer(index_of("3+3"), "/etc/kubernetes/audit-policy.yaml", LIVE),
                    Aspect.CONTENT)  # fmt: skip
    assert "changed since" in content
    assert "missing" in content


def test_no_key_is_in_any_answer() -> None:
    index = index_of("3+3")
    keys = [b64encode(key.secret).decode() for key in index.atlas.given.secrets.encryption_keys]
    assert keys
    for thing in index.things:
        said = answer_about(thing, NOBODY_ASKED)
        for aspect in Aspect:
            told = words(said, aspect)
            assert "PRIVATE KEY" not in told, thing.name
            assert not any(key in told for key in keys), thing.name
