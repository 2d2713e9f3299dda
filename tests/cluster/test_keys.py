"""Keys on machines that the folder does not know, and certificates that ended meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cluster.conftest import Hardway

from hardway.pki import store
from hardway.pki.decide import decide, secrets
from hardway.project import open_project
from hardway.render.kubeconfig import host_kubeconfigs

CONFIGURATION = "/etc/kubernetes/encryption.yaml"
ANOTHER_KEY = rf"""
key=$(head -c 32 /dev/urandom | base64)
sed -i "s|^\( *secret: \).*|\1$key|" {CONFIGURATION}
systemctl restart kube-apiserver
"""


def folder_of(cluster: Hardway) -> Path:
    return cluster.journal.parent


def ring(cluster: Hardway) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(
        (folder_of(cluster) / "pki/encryption/ring.json").read_text()
    )
    return rows


def server(cluster: Hardway, machine: str) -> str:
    addresses = {m["name"]: m["address"] for m in cluster.json("status")["machines"]}
    return f"--server=https://{addresses[machine]}:6443"


def test_a_key_that_somebody_put_on_one_control_plane(cluster: Hardway) -> None:
    """Nothing that was written with it is lost, and it goes when nothing needs it any more."""
    before = ring(cluster)
    cluster.on("controller-1", ANOTHER_KEY)
    there = server(cluster, "controller-1")
    cluster("kubectl", there, "create", "secret", "generic", "foreign", "--from-literal=a=b")

    namespaces = cluster("kubectl", "get", "namespaces", "--output=name")
    wrong = {(f["check"], f["machine"]) for f in cluster.findings() if not f["ok"]}
    assert ("encryption-key-same", "controller-1") in wrong
    now = cluster("kubectl", "get", "namespaces", "--output=name")
    assert now == namespaces, "a trial wrote although keys differ"

    said = cluster.tries("up")
    assert said.returncode == 0, said.stderr
    assert f"{CONFIGURATION} was edited there" in said.stderr
    assert len(ring(cluster)) == len(before) + 1
    for machine in ("controller-0", "controller-1", "controller-2"):
        cluster("kubectl", server(cluster, machine), "get", "secret", "foreign")

    # Sealed again with the key that writes, as by any change.
    cluster("kubectl", "label", "secret", "foreign", "sealed=again")
    (first, *_) = cluster.plan()
    assert first[:2] == ("this host", "remove")
    assert first[2].startswith("found encryption key ")
    cluster("up")
    assert cluster.plan() == []
    assert ring(cluster) == before
    assert any((folder_of(cluster) / "pki/retired").iterdir())
    cluster("kubectl", "delete", "secret", "foreign")


def test_a_cluster_left_alone_for_eight_days(cluster: Hardway) -> None:
    folder = folder_of(cluster)
    at = open_project(cluster.folder / "hardway.yaml", folder.parent)
    for commands in (("status",), ("verify", "endpoint", "access"), ("kubectl", "get", "nodes")):
        for path in (folder / "pki/kubernetes").glob("*.crt"):
            if path.name != "ca.crt":
                path.unlink()
        kept = store.read(at.workspace.pki)
        now = datetime.now(UTC)
        old = store.make(decide(kept, at.cluster, now), kept, at.cluster, now - timedelta(days=8))
        store.write(at.workspace.pki, dict(old))
        ended = secrets(store.read(at.workspace.pki), at.cluster)
        at.workspace.write_kubeconfigs(host_kubeconfigs(at.cluster, ended))
        done = cluster.tries(*commands)
        assert done.returncode == 0, done.stderr
        assert "admin (ended on " in done.stderr
