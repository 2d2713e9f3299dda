"""Certificates and kubeconfigs are compared by what they say: real ones, of the cluster's table."""

import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import support

from hardway.meaning import certificate, kubeconfig
from hardway.meaning.base import Deviation
from hardway.meaning.certificate import Expected
from hardway.model.cluster import KeyAlgorithm
from hardway.pki.inventory import CLIENT, SERVER, Wanted, expand
from hardway.pki.issue import Leaf, new_ca, new_key, new_leaf, public_of
from hardway.pki.values import Pair
from hardway.render.kubeconfig import kubeconfigs_for, path

NOW = datetime.now(UTC)
CLUSTER = support.topology("3+3")
WANTED = tuple(wanted for wanted in expand(CLUSTER) if wanted.machine)
chance = st.randoms(use_true_random=False)


@cache
def key(number: int) -> bytes:
    return new_key(KeyAlgorithm.ECDSA_P256)


@cache
def ca(name: str, generation: int = 0) -> Pair:
    return new_ca(key(hash((name, generation))), f"{name}-ca", NOW, timedelta(days=3))


def issue(wanted: Wanted, by: random.Random, **changed: Any) -> Pair:
    """A certificate that says what is wanted but for what is changed; all else by chance."""
    names = list(wanted.names) + ([f"more-{by.random()}"] if wanted.names else [])
    by.shuffle(names)
    said = Leaf(wanted.common_name, wanted.row.organization, names, wanted.row.usages)
    valid = timedelta(hours=by.randint(1, 40))
    issuer = changed.pop("ca", ca(wanted.row.ca))
    return new_leaf(issuer, key(by.randint(0, 3)), replace(said, **changed), NOW, valid)


def expected(wanted: Wanted) -> Expected:
    return Expected.of(wanted, ca(wanted.row.ca).certificate)


@given(wanted=st.sampled_from(WANTED), by=chance)
def test_another_serial_key_time_order_and_more_names_change_nothing(
    wanted: Wanted, by: random.Random
) -> None:
    pair = issue(wanted, by)
    assert certificate.deviations(expected(wanted), pair.certificate, public_of(pair.key)) == []


@given(wanted=st.sampled_from(WANTED), by=chance)
def test_each_name_that_is_missing_is_named(wanted: Wanted, by: random.Random) -> None:
    kept = tuple(name for name in wanted.names if by.random() < 0.5)
    missing = [name for name in wanted.names if name not in kept]
    pair = issue(wanted, by, names=kept)
    found = certificate.deviations(expected(wanted), pair.certificate)
    assert [d.at for d in found] == [f"name {name}" for name in missing]


@given(wanted=st.sampled_from(WANTED), by=chance)
def test_another_issuer_usage_or_subject_is_named(wanted: Wanted, by: random.Random) -> None:
    other = (SERVER,) if CLIENT in wanted.row.usages else (CLIENT,)
    at, changes = by.choice([
        ("issuer", {"ca": ca("front-proxy" if wanted.row.ca == "etcd" else "etcd")}),
        ("issuer", {"ca": ca(wanted.row.ca, generation=1)}),
        ("usages", {"usages": other}),
        ("usages", {"usages": (CLIENT, SERVER)} if len(wanted.row.usages) == 1
         else {"usages": other}),
        ("CN", {"common_name": "someone"}),
        ("O", {"organization": "system:masters"}),
    ])  # fmt: skip
    pair = issue(wanted, by, **changes)
    found = [d.at for d in certificate.deviations(expected(wanted), pair.certificate)]
    # Clients of a server read its names, not its subject.
    serves = tuple(wanted.row.usages) == (SERVER,)
    assert found == ([] if serves and at in {"CN", "O"} else [at])


def test_a_key_of_another_certificate_and_what_is_no_certificate_are_named() -> None:
    by = random.Random(1)
    pair = issue(WANTED[0], by)
    assert certificate.deviations(
        expected(WANTED[0]), pair.certificate, public_of(key(9))
    ) == [Deviation("key", "the certificate's key", "another certificate's key")]  # fmt: skip
    assert [d.at for d in certificate.deviations(expected(WANTED[0]), b"text")] == ["certificate"]


def kubeconfigs() -> dict[Wanted, bytes]:
    by_path = {w: path(w.row) for w in WANTED if w.row.kubeconfig}
    return {
        wanted: next(f.content for f in kubeconfigs_for(CLUSTER, CLUSTER.machine(wanted.machine))
                     if f.path == at)
        for wanted, at in by_path.items()
    }  # fmt: skip


KUBECONFIGS = kubeconfigs()


@cache
def pair_of(wanted: Wanted) -> Pair:
    return issue(wanted, random.Random(0))


def files_of(wanted: Wanted) -> Callable[[str], bytes | None]:
    pair = pair_of(wanted)
    there = {
        "/etc/kubernetes/pki/ca.crt": ca("kubernetes").certificate,
        f"{wanted.row.path}.crt": pair.certificate,
        f"{wanted.row.path}.key": pair.key,
    }
    return there.get


def rewritten(text: bytes, wanted: Wanted, by: random.Random) -> dict[str, Any]:
    """The same kubeconfig with other names, other contexts, embedded or by a relative path."""
    said = yaml.safe_load(text)
    cluster, user = said["clusters"][0]["cluster"], said["users"][0]["user"]
    for holder in (cluster, user):
        for name in [name for name in holder if name != "server"]:
            content = files_of(wanted)(holder[name])
            if by.random() < 0.5 and content:
                holder[f"{name}-data"] = b64encode(b"# said\n" * by.randint(0, 1) + content)
                holder[f"{name}-data"] = holder[f"{name}-data"].decode()
                del holder[name]
            elif by.random() < 0.5:
                holder[name] = holder[name].removeprefix("/etc/kubernetes/")
    other = {"server": "https://192.0.2.1:6443"}
    parts = {
        "clusters": [{"name": "here", "cluster": cluster}, {"name": "other", "cluster": other}],
        "users": [{"name": "other", "user": {}}, {"name": "me", "user": user}],
        "contexts": [
            {"name": "a", "context": {"cluster": "other", "user": "me"}},
            {"name": "b", "context": {"cluster": "here", "user": "me", "namespace": "default"}},
        ],
        "current-context": "b",
        "kind": "Config",
        "preferences": {},
    }
    names = list(parts)
    by.shuffle(names)
    return {name: parts[name] for name in names}


def found(wanted: Wanted, other: dict[str, Any]) -> list[str]:
    text = yaml.safe_dump(other, sort_keys=False).encode()
    seen = kubeconfig.compare(
        KUBECONFIGS[wanted], text, files_of(wanted), "/etc/kubernetes/x.kubeconfig"
    )
    return [d.at for d in seen]


@given(wanted=st.sampled_from(list(KUBECONFIGS)), by=chance)
def test_a_kubeconfig_written_otherwise_means_the_same(wanted: Wanted, by: random.Random) -> None:
    assert found(wanted, rewritten(KUBECONFIGS[wanted], wanted, by)) == []


@given(wanted=st.sampled_from(list(KUBECONFIGS)), by=chance)
def test_another_server_ca_or_user_is_named(wanted: Wanted, by: random.Random) -> None:
    other = rewritten(KUBECONFIGS[wanted], wanted, by)
    cluster, user = other["clusters"][0]["cluster"], other["users"][1]["user"]
    stranger = issue(wanted, by, common_name="stranger").certificate
    at = by.choice(["server", "certificate-authority", "user", "insecure-skip-tls-verify", "token"])
    match at:
        case "server":
            cluster["server"] += "1"
        case "certificate-authority":
            cluster[f"{at}-data"] = b64encode(ca("etcd").certificate).decode()
        case "user":
            user["client-certificate-data"] = b64encode(stranger).decode()
        case "token":
            user["token"] = "a-secret"
        case _:
            cluster[at] = True
    assert found(wanted, other) == [at]


def test_the_context_that_is_current_counts() -> None:
    wanted = next(iter(KUBECONFIGS))
    other = rewritten(KUBECONFIGS[wanted], wanted, random.Random(3))
    assert found(wanted, other | {"current-context": "a"}) == ["server", "certificate-authority"]
    assert found(wanted, other | {"current-context": ""}) == ["the file"]
    assert found(wanted, other | {"contexts": []}) == ["the file"]


@pytest.mark.parametrize("text", [b"[]", b"{", b"", b"kind: Config\n"])
def test_text_that_is_no_kubeconfig_is_named(text: bytes) -> None:
    wanted = next(iter(KUBECONFIGS))
    assert [d.at for d in kubeconfig.compare(KUBECONFIGS[wanted], text, files_of(wanted))] == [
        "the file"
    ]


def test_no_secret_is_shown() -> None:
    wanted = next(iter(KUBECONFIGS))
    other = rewritten(KUBECONFIGS[wanted], wanted, random.Random(4))
    other["users"][1]["user"] = {"token": "a-secret"}
    text = yaml.safe_dump(other).encode()
    seen = kubeconfig.compare(KUBECONFIGS[wanted], text, files_of(wanted))
    assert "a-secret" not in " ".join(map(str, seen))
    assert "a-secret" not in repr(kubeconfig.parse(text, files_of(wanted)))
