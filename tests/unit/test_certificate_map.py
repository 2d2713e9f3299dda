"""The certificate map: every certificate has a connection, and what is presented is compared."""

import json
from datetime import UTC, datetime

import pytest
from tests import support
from tests.fakes import cli

from hardway.atlas.usage import by_ca_file, by_certificate, uses
from hardway.checks.presented import Listener, presented, presenting, used
from hardway.model.checks import Answer
from hardway.pki.inventory import CERTIFICATES, TRUSTED

LISTENERS = (
    Listener("/etc/etcd/pki/server.crt", "127.0.0.1", 2379),
    Listener("/etc/etcd/pki/peer.crt", "10.240.0.10", 2380),
)
ONE, OTHER = "AA:" * 31 + "AA", "BB:" * 31 + "BB"


def answer(*prints: str) -> Answer:
    """Return what a machine says: of each listener what is presented, then what is on disk."""
    return Answer("\n".join(p if p == "=" else f"sha256 Fingerprint={p}" for p in prints))


@pytest.mark.parametrize(
    ("prints", "verdicts"),
    [
        ((ONE, ONE, OTHER, OTHER), ["yes", "yes"]),
        ((ONE, OTHER, OTHER, OTHER), ["no: another one than on disk", "yes"]),
        (("=", ONE, OTHER, "="), ["unknown", "unknown"]),
        ((), ["unknown", "unknown"]),
    ],
)
def test_what_is_presented_is_compared_with_the_disk(
    prints: tuple[str, ...], verdicts: list[str]
) -> None:
    assert [one.verdict for one in presented(LISTENERS, answer(*prints))] == verdicts


def test_a_machine_without_listeners_is_asked_nothing_about_them() -> None:
    assert presented((), Answer()) == ()
    assert "s_client" not in presenting(()).text


def test_a_certificate_that_several_api_servers_saw_is_counted_once() -> None:
    early, late = "2026-01-01T10:00:00.000000Z", "2026-01-01T10:05:00.000000Z"
    one, other = "a" * 64, "b" * 64
    found = used([
        Answer(f"{one} 3 {late} system:node:worker-0\n{other} 1 {early} hardway-admin\n"),
        Answer(f"{one} 2 {early} system:node:worker-0\n"),
        Answer(silence="no answer"),
    ])  # fmt: skip
    assert {f: (u.user, u.requests) for f, u in found.items()} == {
        one: ("system:node:worker-0", 5),
        other: ("hardway-admin", 1),
    }
    assert found[one].last == datetime(2026, 1, 1, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_certificate_and_ca_file_is_in_the_map(name: str) -> None:
    found = uses(support.atlas(name))
    there = {row.name for row in CERTIFICATES}
    lonely = {n for n, connections in by_certificate(found).items() if not connections}
    cluster = support.topology(name)
    expected = {row.name for row in CERTIFICATES
                if row.role and not cluster.having(row.role)}  # fmt: skip
    expected |= {"etcd-peer"} if len(cluster.control_planes) == 1 else set()
    # Logs and aggregated APIs need a worker.
    expected |= set() if cluster.workers else {"apiserver-kubelet-client", "front-proxy-client"}
    assert lonely == expected
    assert lonely < there
    files = by_ca_file(found)
    assert set(files) == {path for _, path, _, _ in TRUSTED}
    assert all(files.values()) or not cluster.workers


def test_the_command_line_shows_the_map(tmp_path) -> None:
    (tmp_path / "hardway.yaml").write_text("{}")
    shown = cli.run("certs", "--map", "--offline", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "--etcd-certfile of kube-apiserver.service" in shown.stdout
    said = cli.run("certs", "--map", "--offline", "-o", "json", folder=tmp_path)
    rows = {row["name"]: row for row in json.loads(said.stdout)["connections"]}
    assert rows["apiserver-to-etcd"]["serverShows"]["ca_file"] == "/etc/kubernetes/pki/etcd-ca.crt"
    assert rows["pod-to-apiserver"]["clientShows"]["certificate"] == ""
