"""The atlas resolves every connection to files, and both ends of each accept each other."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests import support, views

from hardway.atlas.atlas import HOST, Atlas
from hardway.atlas.connections import CONNECTIONS, having, pairs
from hardway.atlas.entries import leaves
from hardway.atlas.handshake import Handshake, flaws, resolve
from hardway.atlas.identities import IDENTITIES, identity
from hardway.atlas.material import MaterialKind
from hardway.model.resources import File
from hardway.pki.inventory import CERTIFICATES, CLIENT
from hardway.steps.base import Given


def handshakes(atlas: Atlas) -> Iterator[Handshake]:
    for row in having(atlas.cluster):
        for client, server in pairs(atlas.cluster, row):
            yield resolve(atlas, row, client, server)


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_end_of_every_connection_is_an_entry_that_is_there(name: str) -> None:
    atlas = support.atlas(name)
    made = list(handshakes(atlas))
    assert {h.connection for h in made} == set(having(atlas.cluster))
    for handshake in made:
        for proof in (handshake.server_proof, handshake.client_proof):
            if proof and proof.certificate:
                assert proof.trusted.kind is MaterialKind.CA, handshake.connection.name


@pytest.mark.parametrize("name", ["3+3", "1+1", "endpoint-proxy", "own-hosts"])
def test_both_ends_accept_each_other(name: str) -> None:
    for handshake in handshakes(views.atlas(name)):
        assert flaws(views.atlas(name), handshake) == [], handshake


def api_server_without(atlas: Atlas, **changes: object) -> Given:
    """Return what is given, with other certificates of API servers."""
    secrets = atlas.given.secrets
    name = changes["as_if"]
    certificates = dict(secrets.certificates)
    for machine in (m.name for m in atlas.cluster.control_planes):
        certificates["apiserver", machine] = certificates[str(name), machine]
    return replace(atlas.given, secrets=replace(secrets, certificates=certificates))


@pytest.mark.parametrize(
    ("as_if", "flaw"),
    [
        ("etcd-server", "kubernetes has not signed apiserver"),
        ("controller-manager", "apiserver is not good for serverAuth"),
        ("scheduler-server", "apiserver does not have the name 10.32.0.1"),
    ],
)
def test_a_wrong_certificate_is_named(as_if: str, flaw: str) -> None:
    atlas = Atlas.of(api_server_without(views.atlas("3+3"), as_if=as_if))
    (found,) = (
        flaws(atlas, made)
        for made in handshakes(atlas)
        if made.connection.name == "pod-to-apiserver"
        and made.server == atlas.cluster.control_planes[0]
    )
    assert flaw in found


def test_every_certificate_is_shown_by_a_connection() -> None:
    shown = set()
    for made in handshakes(support.atlas("3+3")):
        for proof in (made.server_proof, made.client_proof):
            if proof and proof.certificate:
                shown.add(proof.certificate.row.name)
        if made.client_proof is None and made.connection.client_shows:
            # An aggregated API is nobody's of ours: only what the API server shows is rendered.
            shown.add("front-proxy-client")
    assert shown >= {row.name for row in CERTIFICATES}


def test_every_client_is_somebody() -> None:
    for row in CERTIFICATES:
        if CLIENT in row.usages and row.name != "etcd-peer":
            name = row.common_name.format(machine="worker-0")
            assert identity(name), name
            assert not row.organization or identity(row.organization), row.organization


def test_names_are_unique() -> None:
    for rows in (CONNECTIONS, IDENTITIES):
        names = [row.name for row in rows]
        assert len(names) == len(set(names))


def test_a_value_in_a_nested_setting_has_a_full_name() -> None:
    value = {"x509": {"clientCAFile": "/ca"}, "names": ["a", {"b": 1}]}
    assert dict(leaves("authentication", value)) == {
        "authentication.x509.clientCAFile": "/ca",
        "authentication.names[0]": "a",
        "authentication.names[1].b": 1,
    }


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_certificate_on_a_machine_is_known_and_has_a_reader(name: str) -> None:
    atlas = support.atlas(name)
    for machine, known in atlas.materials.items():
        if machine == HOST:
            continue
        paths = {p.item.path for p in atlas.placed
                 if p.machine == machine and isinstance(p.item, File)
                 and p.item.path.endswith((".crt", ".key", ".pub"))}  # fmt: skip
        assert paths == set(known)
        for path in paths:
            by_hand = "etcdctl" in path
            assert by_hand or atlas.readers(path, machine), path
            assert by_hand or atlas.reading_units(path, machine), path


def test_a_file_knows_its_readers() -> None:
    atlas = support.atlas("3+3")
    readers = atlas.readers("/etc/kubernetes/pki/ca.crt", "controller-0")
    named = {(r.file.path.rsplit("/", 1)[-1], r.name) for r in readers}
    assert named >= {
        ("kube-apiserver.service", "--client-ca-file"),
        ("kube-apiserver.service", "--kubelet-certificate-authority"),
        ("kube-controller-manager.service", "--root-ca-file"),
        ("kube-scheduler.kubeconfig", "clusters"),
        ("haproxy.cfg", "default-server check check-ssl verify required ca-file"),
    }
    units = {unit.name for unit in atlas.reading_units("/etc/kubernetes/pki/ca.crt", "worker-0")}
    assert units == {"kubelet.service", "kube-proxy.service"}
