"""Certificates: judged by openssl and by real handshakes, and kept over damage and kills."""

import shutil
import socket
import ssl
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests import support

from hardway import files
from hardway.errors import PkiError
from hardway.model.cluster import Cluster
from hardway.pki import decide, store
from hardway.pki.inspect import read
from hardway.pki.inventory import CERTIFICATES, CLIENT, SERVER, expand
from hardway.pki.values import NamedKey, Secrets

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return support.topology("3+3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> tuple[Path, Secrets]:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    return folder, store.ensure(folder, cluster, NOW)


@pytest.fixture
def folder(made: tuple[Path, Secrets], tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made[0], tmp_path / "pki"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def changed(folder: Path, before: dict[str, bytes]) -> set[str]:
    after = contents(folder)
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_openssl_trusts_every_certificate_for_its_uses_and_no_other(
    made: tuple[Path, Secrets], cluster: Cluster
) -> None:
    folder, _ = made
    purposes = {SERVER: "sslserver", CLIENT: "sslclient"}
    for wanted in expand(cluster):
        crt = folder / f"{wanted.stem}.crt"
        for ca in ("kubernetes", "etcd", "front-proxy"):
            for usage, purpose in purposes.items():
                argv = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile",
                        f"{folder}/{ca}/ca.crt", str(crt)]  # fmt: skip
                done = subprocess.run(argv, capture_output=True, text=True, check=False)
                right = ca == wanted.row.ca and usage in wanted.row.usages
                assert (done.returncode == 0) == right, (argv, done.stderr)


def test_one_certificate_for_each_role_and_machine(cluster: Cluster, made: object) -> None:
    keys = [w.id for w in expand(cluster)]
    assert len(keys) == len(set(keys))
    assert len(keys) == sum(
        len(cluster.having(row.role)) if row.role else 1 for row in CERTIFICATES
    )


def test_the_api_server_is_known_by_every_name(made: tuple[Path, Secrets]) -> None:
    _, secrets = made
    names = read(secrets.certificates["apiserver", "controller-1"].certificate).names
    assert set(names) >= {
        "10.240.0.100", "10.240.0.10", "10.240.0.11", "10.240.0.12", "10.32.0.1", "127.0.0.1",
        "controller-0", "controller-1", "controller-2", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster",
        "kubernetes.default.svc.cluster.local",
    }  # fmt: skip


def test_the_admin_is_no_master_and_is_short_lived(made: tuple[Path, Secrets]) -> None:
    _, secrets = made
    admin = read(secrets.certificates["admin", ""].certificate)
    assert admin.organization != "system:masters"
    assert admin.not_after - NOW <= timedelta(days=7)
    assert read(secrets.certificates["break-glass", ""].certificate).organization == (
        "system:masters"
    )


def test_keys_are_for_their_owner_only(made: tuple[Path, Secrets]) -> None:
    folder, secrets = made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in folder.rglob("*.key"))
    assert "PRIVATE" not in repr(secrets)


def handshake(folder: Path, server: str, client: str, name: str, ca: str = "etcd") -> str:
    """Shake hands as etcd and one of its clients would; return what the server was told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{server}.crt", folder / f"{server}.key")
    context.load_verify_locations(folder / "etcd/ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cafile=folder / ca / "ca.crt")
    asking.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    ours, theirs = socket.socketpair()
    said: list[str] = []

    def serve() -> None:
        try:
            with context.wrap_socket(theirs, server_side=True) as tls:
                said.append(dict(rdn[0] for rdn in tls.getpeercert()["subject"])["commonName"])
                tls.sendall(b"x")
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with asking.wrap_socket(ours, server_hostname=name) as tls:
            tls.recv(1)
    except (ssl.SSLError, OSError) as error:
        said.append(type(error).__name__)
    finally:
        ours.close()
        thread.join()
    return said[0]


def test_handshakes(made: tuple[Path, Secrets]) -> None:
    folder, _ = made
    server, client = "etcd/etcd-server/controller-0", "etcd/apiserver-etcd-client/controller-1"
    assert handshake(folder, server, client, "10.240.0.10") == "kube-apiserver"
    assert handshake(folder, server, client, "127.0.0.1") == "kube-apiserver"
    refused = {"SSLCertVerificationError", "SSLError", "ConnectionResetError", "SSLEOFError"}
    assert handshake(folder, server, client, "10.240.0.11") in refused
    assert handshake(folder, server, client, "10.240.0.10", ca="kubernetes") in refused
    stranger = "kubernetes/admin"
    assert handshake(folder, server, stranger, "10.240.0.10") in refused
    # A server's certificate is no client's: its extended key usage says so.
    assert handshake(folder, server, server, "10.240.0.10") in refused


@pytest.mark.parametrize(
    "algorithm",
    ["ecdsa-p256", "ecdsa-p384", pytest.param("rsa-2048", marks=pytest.mark.thorough)],
)
def test_algorithms(tmp_path: Path, algorithm: str) -> None:
    text = f"machines: {{controlPlanes: 1, workers: 0}}\npki: {{algorithm: {algorithm}}}"
    store.ensure(tmp_path / "pki", support.cluster(text), NOW)
    crt = tmp_path / "pki/kubernetes/apiserver/controller-0.crt"
    argv = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "pki/kubernetes/ca.crt", crt]
    subprocess.run(argv, check=True, capture_output=True)


def test_a_certificate_of_this_host_is_over_from_the_second_that_it_names(
    made: tuple[Path, Secrets], cluster: Cluster
) -> None:
    own = [made[0] / f"{wanted.stem}.crt" for wanted in expand(cluster) if not wanted.machine]
    end = min(read(path.read_bytes()).not_after for path in own)
    assert store.ended(made[0], cluster, end)
    assert not store.ended(made[0], cluster, end - timedelta(seconds=1))
    assert not store.ended(made[0] / "nothing there", cluster, end)


def test_again_makes_nothing_new(folder: Path, cluster: Cluster) -> None:
    before = contents(folder)
    store.ensure(folder, cluster, NOW)
    assert not changed(folder, before)


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage", "other key", "no key"])
def test_a_damaged_leaf_is_issued_anew_and_nothing_else(
    folder: Path, cluster: Cluster, damage: str
) -> None:
    crt, key = (folder / f"etcd/etcd-peer/controller-0.{end}" for end in ("crt", "key"))
    match damage:
        case "missing":
            crt.unlink()
        case "cut":
            crt.write_bytes(crt.read_bytes()[:100])
        case "garbage":
            crt.write_bytes(b"\xff\x00 no certificate")
        case "other key":
            shutil.copy(folder / "etcd/etcd-peer/controller-1.key", key)
        case "no key":
            key.unlink()
    before = contents(folder)
    store.ensure(folder, cluster, NOW)
    names = {f"etcd/etcd-peer/controller-0.{end}" for end in ("crt", "key")}
    assert changed(folder, before) == names


def test_what_cannot_be_made_again_is_never_replaced(folder: Path, cluster: Cluster) -> None:
    encryption = str(next(folder.glob("encryption/*.key")).relative_to(folder))
    for name in (
        "kubernetes/ca.key", "service-account.key", encryption, "encryption/ring.json",
        "etcd/ca.crt",
    ):  # fmt: skip
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(b"damaged")
        before = contents(folder)
        with pytest.raises(PkiError) as caught:
            store.ensure(folder, cluster, NOW)
        assert caught.value.hint
        assert not changed(folder, before)
        (folder / name).write_bytes(good)
    (folder / "kubernetes/ca.key").unlink()
    with pytest.raises(PkiError, match=r"ca\.key is missing"):
        store.ensure(folder, cluster, NOW)


def test_leaves_are_renewed_in_their_last_third(folder: Path, cluster: Cluster) -> None:
    before = contents(folder)
    store.ensure(folder, cluster, NOW + timedelta(days=4))
    assert not changed(folder, before)
    store.ensure(folder, cluster, NOW + timedelta(days=6))
    assert {Path(name).parts[-1] for name in changed(folder, before)} <= {
        "admin.crt", "admin.key", "break-glass.crt", "break-glass.key",
    }  # fmt: skip
    assert "kubernetes/admin.crt" in changed(folder, before)
    store.ensure(folder, cluster, NOW + timedelta(days=300))
    assert "etcd/etcd-peer/controller-0.crt" in changed(folder, before)
    assert "etcd/ca.crt" not in changed(folder, before)


def reasons(folder: Path, cluster: Cluster, now: datetime = NOW) -> dict[tuple[str, str], str]:
    return {(i.name, i.machine): i.why for i in decide.decide(store.read(folder), cluster, now)}


def test_each_reason_to_issue_is_named(folder: Path, cluster: Cluster) -> None:
    assert reasons(folder, cluster) == {}
    peers = folder / "etcd/etcd-peer"
    (peers / "controller-0.key").unlink()
    (peers / "controller-1.crt").write_bytes(b"no certificate")
    shutil.copy(peers / "controller-0.crt", peers / "controller-2.crt")
    for end in ("crt", "key"):
        servers = folder / "etcd/etcd-server"
        shutil.copy(servers / f"controller-1.{end}", servers / f"controller-0.{end}")
        operators = folder / "etcd/etcd-operator"
        shutil.copy(operators / f"controller-0.{end}", operators / f"worker.{end}")
        shutil.copy(
            folder / f"kubernetes/scheduler/controller-0.{end}", operators / f"controller-0.{end}"
        )
    assert reasons(folder, cluster) == {
        ("etcd-peer", "controller-0"): "missing",
        ("etcd-peer", "controller-1"): "damaged",
        ("etcd-peer", "controller-2"): "its key belongs to another certificate",
        ("etcd-server", "controller-0"): "it has another subject",
        ("etcd-operator", "controller-0"): "another CA issued it",
    }


def test_names_that_changed_are_a_reason(folder: Path, cluster: Cluster) -> None:
    moved = replace(cluster, endpoint=replace(cluster.endpoint, host="10.240.0.101"))
    assert reasons(folder, moved) == {
        ("apiserver", m.name): "its names: new 10.240.0.101; gone 10.240.0.100"
        for m in cluster.control_planes
    }


def test_the_time_is_a_reason(folder: Path, cluster: Cluster) -> None:
    begun = NOW.replace(microsecond=0)
    assert reasons(folder, cluster, NOW + timedelta(days=5)) == {
        ("admin", ""): "1 day left", ("break-glass", ""): "1 day left",
    }  # fmt: skip
    assert reasons(folder, cluster, NOW + timedelta(days=8))["admin", ""] == (
        f"ended on {NOW + timedelta(days=7):%Y-%m-%d}"
    )
    early = reasons(folder, cluster, NOW - timedelta(days=1))
    since = f"not valid before {begun - timedelta(minutes=5):%Y-%m-%d %H:%M} UTC"
    assert set(early.values()) == {since}
    assert {name for name, _ in early} >= {"kubernetes-ca", "etcd-ca", "apiserver", "kubelet"}


def test_a_ca_that_is_not_valid_yet_keeps_its_key_and_what_it_signed(
    folder: Path, cluster: Cluster
) -> None:
    before, keys = contents(folder), {p: p.read_bytes() for p in folder.rglob("ca.key")}
    store.ensure(folder, cluster, NOW - timedelta(days=1))
    assert "kubernetes/ca.crt" in changed(folder, before)
    assert keys == {p: p.read_bytes() for p in folder.rglob("ca.key")}
    # The leaves of before: signed by the same key, they need no new issue when it is their time.
    for name in ("apiserver/controller-0.crt", "apiserver/controller-0.key"):
        (folder / "kubernetes" / name).write_bytes(before[f"kubernetes/{name}"])
    assert reasons(folder, cluster) == {}


def test_a_new_ca_is_a_reason_for_all_it_signs(folder: Path, cluster: Cluster) -> None:
    for end in ("crt", "key"):
        (folder / f"front-proxy/ca.{end}").unlink()
    assert reasons(folder, cluster) == {
        ("front-proxy-ca", ""): "missing",
        **{("front-proxy-client", m.name): "its CA is new" for m in cluster.control_planes},
    }


def test_planning_writes_nothing(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    (folder / "kubernetes/admin.key").unlink()
    before = contents(folder)
    draft = store.draft(folder, cluster, NOW)
    assert [(i.name, i.why) for i in draft.issues] == [("admin", "missing")]
    assert draft.secrets.certificates["admin", ""].key
    assert not changed(folder, before)
    issues = store.draft(tmp_path / "none", cluster, NOW).issues
    assert {"kubernetes-ca", "service-account-key", "encryption-key"} <= {i.name for i in issues}
    assert not (tmp_path / "none").exists()


def test_of_this_host_are_the_certificates_of_people(folder: Path, cluster: Cluster) -> None:
    later = store.draft(folder, cluster, NOW + timedelta(days=300)).of_this_host(cluster)
    assert {i.name for i in later.issues} == {"admin", "break-glass"}
    before = contents(folder)
    store.write(folder, later.files)
    assert changed(folder, before) == {
        f"kubernetes/{name}.{end}" for name in ("admin", "break-glass") for end in ("crt", "key")
    }


def test_the_first_encryption_key_keeps_the_name_that_stands_in_etcd(
    folder: Path, cluster: Cluster
) -> None:
    secrets = store.ensure(folder, cluster, NOW)
    (key,) = secrets.encryption_keys
    assert key.name == f"key-{sha256(key.secret).hexdigest()[:8]}"
    next(folder.glob("encryption/*.key")).rename(folder / "encryption.key")
    shutil.rmtree(folder / "encryption")
    assert reasons(folder, cluster) == {}
    secrets = store.ensure(folder, cluster, NOW)
    assert secrets.encryption_keys == (NamedKey("key-1", key.secret),)


def test_without_the_ring_no_key_is_taken_for_the_one_that_writes(
    folder: Path, cluster: Cluster
) -> None:
    key, ring = next(folder.glob("encryption/*.key")), folder / "encryption/ring.json"
    before = contents(folder)
    ring.unlink()
    store.ensure(folder, cluster, NOW)
    assert not changed(folder, before)
    ring.unlink()
    shutil.copy(key, key.with_name("key-other.key"))
    with pytest.raises(PkiError, match="which key writes"):
        store.ensure(folder, cluster, NOW)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_killed_at_every_write_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = support.cluster("machines: {controlPlanes: 1, workers: 0}")
    original, count = files.write, 0

    def counted(*arguments: object, **options: object) -> None:
        nonlocal count
        count += 1
        if count == limit:
            raise Killed
        original(*arguments, **options)

    monkeypatch.setattr(store, "write_file", counted)
    limit = 0
    store.ensure(tmp_path / "whole", small, NOW)
    writes = count
    assert writes > 20
    for limit in range(1, writes + 1):
        count, folder = 0, tmp_path / str(limit)
        with pytest.raises(Killed):
            store.ensure(folder, small, NOW)
        once = ("ca.key", "service-account.key")
        kept = {n: c for n, c in contents(folder).items() if n.endswith(once) or "encr" in n}
        count = -1000
        secrets = store.ensure(folder, small, NOW)
        assert secrets.certificates.keys() == {w.id for w in expand(small)}
        assert all(contents(folder)[name] == content for name, content in kept.items())
        assert len(list(folder.glob("encryption/*.key"))) == 1
