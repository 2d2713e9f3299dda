"""Files and keys that somebody put on machines are kept before `up` overwrites them."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.poly1305 import Poly1305
from tests import support
from tests.unit.test_clocks import Provider

from hardway import salvage
from hardway.engine import diff
from hardway.engine.render import merged, render
from hardway.errors import RefusedError
from hardway.model.resources import Observed, SeenPath
from hardway.pki import secretbox, store
from hardway.pki.values import NamedKey, Secrets
from hardway.project import Project
from hardway.report import Event
from hardway.spec.load import parse
from hardway.steps import encryption
from hardway.steps.index import STEPS
from hardway.transport.base import Completed
from hardway.workspace import Workspace

ACCOUNT = "/etc/kubernetes/pki/kube-apiserver/service-account.key"
POLICY = "/etc/kubernetes/audit-policy.yaml"
FOREIGN = NamedKey("key-1", bytes(range(32)))


@dataclass(frozen=True)
class Machine:
    """A machine on which some files were edited."""

    machine: str
    files: Mapping[str, bytes]

    async def run(self, argv: Sequence[str], **_: object) -> Completed:
        program, path = argv
        assert program == "cat"
        return Completed(0, self.files[path], b"")


@dataclass
class Cluster:
    """A cluster that `up` has made, one control plane of which was edited by hand."""

    at: Project

    @classmethod
    def made(cls, folder: Path) -> "Cluster":
        cluster = support.topology("1+0")
        store.ensure(folder / "pki", cluster, datetime.now(UTC))
        self = cls(
            Project(cluster, parse("", "hardway.yaml").spec, None, Provider(),  # type: ignore[arg-type]
                  Workspace(folder), folder / "cache", folder / "lock")
        )  # fmt: skip
        for machine, by_step in self.rendered().items():
            self.at.workspace.write_tree(machine, merged(by_step.values()))
        return self

    @property
    def secrets(self) -> Secrets:
        return store.draft(self.at.workspace.pki, self.at.cluster, datetime.now(UTC)).secrets

    def rendered(self) -> Mapping[str, Mapping[str, object]]:
        return render(STEPS, replace(support.given(self.at.cluster), secrets=self.secrets))  # type: ignore[return-value]

    def keep(self, edited: Mapping[str, bytes]) -> tuple[bool, list[str]]:
        """Return whether keys were found, and what was said."""
        name, by_step = next(iter(self.rendered().items()))
        there = {f.path: f.content for f in merged(by_step.values()).files} | dict(edited)  # type: ignore[arg-type]
        seen = {
            path: SeenPath("f", 0o644, "root", len(c), 0.0, digest=sha256(c).hexdigest())
            for path, c in there.items()
        }
        changes = diff.changes(name, by_step, Observed(paths=seen))  # type: ignore[arg-type]
        said: list[Event] = []
        fleet = {name: Machine(name, edited)}
        found = asyncio.run(salvage.keep(self.at, fleet, changes, said.append))
        return found, [event.text for event in said]

    def kept(self) -> dict[str, Path]:
        """Return what is kept, by path on its machine."""
        top = self.at.workspace.folder / "edited" / "controller-0"
        return {f"/{p.relative_to(top)}".rpartition(".")[0]: p
                for p in top.rglob("*") if p.is_file()}  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster.made(tmp_path)


def configuration(*keys: NamedKey, resources: Sequence[str] = ("secrets",)) -> bytes:
    providers: list[object] = [
        {k.provider: {"keys": [{"name": k.name, "secret": b64encode(k.secret).decode()}]}}
        for k in keys
    ]
    rows = [{"resources": list(resources), "providers": [*providers, {"identity": {}}]}]
    return yaml.safe_dump({"kind": "EncryptionConfiguration", "resources": rows}).encode()


def test_what_was_edited_is_kept_once_and_said(cluster: Cluster) -> None:
    found, said = cluster.keep({POLICY: b"rules: []\n"})
    (place,) = cluster.kept().values()
    assert (found, place.read_bytes()) == (False, b"rules: []\n")
    assert len(said) == 1
    assert POLICY in said[0]
    assert str(place.relative_to(cluster.at.workspace.folder)) in said[0]
    assert cluster.keep({POLICY: b"rules: []\n"}) == (False, [])


def test_nothing_is_kept_of_what_hardway_itself_put_there(cluster: Cluster) -> None:
    assert cluster.keep({}) == (False, [])
    tree = cluster.at.workspace.folder / "nodes/controller-0" / POLICY.lstrip("/")
    tree.write_bytes(b"of an earlier hardway")
    assert cluster.keep({POLICY: b"of an earlier hardway"}) == (False, [])
    tree.unlink()
    # Somebody's from before hardway came: the ledger has it.
    assert cluster.keep({POLICY: b"of a distribution"}) == (False, [])
    assert not cluster.kept()


def test_a_service_account_key_nobody_knows_is_kept_privately(cluster: Cluster) -> None:
    (cluster.at.workspace.folder / "secrets/controller-0" / ACCOUNT.lstrip("/")).unlink()
    _, said = cluster.keep({ACCOUNT: b"another key"})
    place = cluster.kept()[ACCOUNT]
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"another key", 0o600)
    assert (cluster.at.workspace.folder / "edited").stat().st_mode & 0o777 == 0o700
    assert "another key" not in "".join(said)


def test_a_found_encryption_key_reads_after_ours(cluster: Cluster) -> None:
    (ours,) = cluster.secrets.encryption_keys
    found, said = cluster.keep({encryption.PATH: configuration(FOREIGN, ours)})
    assert found
    assert ["key-1" in line for line in said] == [False, True]
    assert cluster.secrets.encryption_keys == (ours, FOREIGN)
    files = merged(cluster.rendered()["controller-0"].values()).files  # type: ignore[arg-type]
    text = next(f.content for f in files if f.path == encryption.PATH)
    (row,) = yaml.safe_load(text)["resources"]
    providers = [(kind, [k["name"] for k in value.get("keys", [])])
                 for p in row["providers"] for kind, value in p.items()]  # fmt: skip
    assert providers == [("secretbox", [ours.name]), ("secretbox", ["key-1"]), ("identity", [])]
    key = next((cluster.at.workspace.pki / "encryption").glob("found-*.key"))
    assert key.stat().st_mode & 0o777 == 0o600
    found, _ = cluster.keep({encryption.PATH: configuration(FOREIGN)})
    assert not found, "it is in the ring already"
    assert store.draft(cluster.at.workspace.pki, cluster.at.cluster, datetime.now(UTC)).issues == ()


def test_a_key_of_another_provider_keeps_its_provider(cluster: Cluster) -> None:
    aes = NamedKey("old", bytes(16), "aesgcm")
    assert cluster.keep({encryption.PATH: configuration(aes)})[0]
    assert cluster.secrets.encryption_keys[1] == aes


def test_a_first_key_without_a_ring_stays_the_one_that_writes(cluster: Cluster) -> None:
    pki = cluster.at.workspace.pki
    (ours,) = cluster.secrets.encryption_keys
    next(pki.glob("encryption/*.key")).rename(pki / "encryption.key")
    (pki / "encryption/ring.json").unlink()
    assert cluster.keep({encryption.PATH: configuration(FOREIGN)})[0]
    assert cluster.secrets.encryption_keys == (NamedKey("key-1", ours.secret), FOREIGN)
    assert json.loads((pki / "encryption/ring.json").read_text())[0]["file"] == "encryption.key"


@pytest.mark.parametrize(
    ("content", "words"),
    [(configuration(FOREIGN, resources=["secrets", "configmaps"]), "configmaps are encrypted"),
     (configuration(FOREIGN, resources=["*.*"]), r"\*\.\* are encrypted"),
     (configuration(FOREIGN).replace(b"secretbox", b"kms"), "encrypted by kms")],
)  # fmt: skip
def test_what_keys_alone_cannot_read_stops_the_run_but_is_kept(
    cluster: Cluster, content: bytes, words: str
) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        cluster.keep({encryption.PATH: content})
    assert caught.value.hint
    assert cluster.kept()[encryption.PATH].read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"resources: [", b"resources: 5", b"resources: [{}]"])
def test_what_no_api_server_could_have_run_with_has_no_keys(
    cluster: Cluster, content: bytes
) -> None:
    assert cluster.keep({encryption.PATH: content})[0] is False
    assert cluster.kept()[encryption.PATH].read_bytes() == content


@dataclass
class Etcd:
    """A control plane's etcd, by key; it answers a few rows at a time, as when it has many."""

    machine: str
    values: Mapping[str, bytes]
    down: bool = False

    async def run(self, argv: Sequence[str], **_: object) -> Completed:
        _, _, _, _, _, _, get, begin, end, limit, form = argv
        assert (get, limit, form) == ("get", "--limit=500", "--write-out=json")
        if self.down:
            return Completed(1, b"", b"context deadline exceeded")
        rows = [(k, v) for k, v in sorted(self.values.items()) if begin <= k < end]
        kvs = [{"key": b64encode(k.encode()).decode(), "value": b64encode(v).decode()}
               for k, v in rows[:2]]  # fmt: skip
        answer = {"count": len(rows), **({"kvs": kvs} if kvs else {}),
                  **({"more": True} if len(rows) > 2 else {})}  # fmt: skip
        return Completed(0, json.dumps(answer).encode(), b"")


def sealed(key: NamedKey) -> bytes:
    nonce, ciphertext = bytes(range(24)), b"anything"
    tag = Poly1305.generate_tag(secretbox._one_time_key(key.secret, nonce), ciphertext)
    return f"k8s:enc:{key.provider}:v1:{key.name}:".encode() + nonce + tag + ciphertext


def unneeded(cluster: Cluster, *values: bytes, down: bool = False) -> tuple[NamedKey, ...]:
    by_key = {f"/registry/secrets/default/s{i}": value for i, value in enumerate(values)}
    etcd = Etcd("controller-0", {**by_key, "/registry/secretsx/y": sealed(FOREIGN)}, down)
    return asyncio.run(salvage.unneeded(cluster.at, {"controller-0": etcd}))


def same_name(cluster: Cluster) -> NamedKey:
    """Let a key be found that is called like ours; return it."""
    foreign = NamedKey(cluster.secrets.encryption_keys[0].name, FOREIGN.secret)
    assert cluster.keep({encryption.PATH: configuration(foreign)})[0]
    return foreign


def test_a_found_key_is_needed_as_long_as_one_secret_is_sealed_by_it(cluster: Cluster) -> None:
    foreign, (ours, _) = same_name(cluster), cluster.secrets.encryption_keys
    mine, theirs = sealed(ours), sealed(foreign)
    assert unneeded(cluster, mine, mine, mine, mine, theirs) == ()
    assert unneeded(cluster, mine, mine, mine) == (foreign,)
    assert unneeded(cluster, b"k8s\x00plain, from before encryption") == (foreign,)
    assert unneeded(cluster) == (foreign,)


def test_of_other_providers_the_name_decides(cluster: Cluster) -> None:
    aes = NamedKey("old", bytes(16), "aesgcm")
    cluster.keep({encryption.PATH: configuration(aes)})
    assert unneeded(cluster, b"k8s:enc:aesgcm:v1:old:whatever") == ()
    assert unneeded(cluster, b"k8s:enc:aesgcm:v1:older:whatever") == (aes,)


def test_while_nobody_answers_every_key_is_needed(cluster: Cluster) -> None:
    same_name(cluster)
    assert unneeded(cluster, down=True) == ()
    assert asyncio.run(salvage.unneeded(cluster.at, {})) == ()


def test_our_own_key_is_never_put_away(cluster: Cluster) -> None:
    assert unneeded(cluster) == ()


def test_what_nothing_needs_is_put_away_with_the_time(cluster: Cluster) -> None:
    foreign, (ours, _) = same_name(cluster), cluster.secrets.encryption_keys
    pki, now = cluster.at.workspace.pki, datetime.now(UTC)
    draft = store.draft(pki, cluster.at.cluster, now, [foreign])
    (issue,) = draft.issues
    assert (issue.verb, issue.why) == ("put away", "no Secret in etcd needs it")
    assert draft.secrets.encryption_keys == (ours,)
    store.write(pki, draft.files)
    assert cluster.secrets.encryption_keys == (ours,)
    assert not list(pki.glob("encryption/found-*"))
    (retired,) = (pki / "retired").iterdir()
    assert retired.name.endswith(f"-{now:%Y%m%dT%H%M%SZ}.key")
    assert (retired.read_bytes().strip(), retired.stat().st_mode & 0o777) == (
        b64encode(foreign.secret), 0o600,
    )  # fmt: skip
