"""What machines get of the certificates, and what `plan` says of those that are to be issued."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import support

from hardway.engine import diff
from hardway.engine.render import render
from hardway.model.cluster import KeyAlgorithm
from hardway.model.resources import Change, Observed
from hardway.pki import store
from hardway.pki.decide import decide
from hardway.pki.inspect import read
from hardway.pki.issue import new_ca, new_key
from hardway.pki.values import ServiceAccountKeys, Trust
from hardway.steps import certificates
from hardway.steps.base import Given
from hardway.steps.index import STEPS

NOW = datetime.now(UTC)


def changes(given: Given) -> list[Change]:
    """Return all that an empty cluster lacks."""
    rendered = render(STEPS, given)
    return [c for m in rendered for c in diff.changes(m, rendered[m], Observed())]


def test_what_would_be_issued_is_in_the_plan_with_its_reason(tmp_path: Path) -> None:
    given = support.given(support.topology("3+3"))
    store.ensure(tmp_path, given.cluster, NOW)
    (tmp_path / "kubernetes/apiserver/controller-1.key").unlink()
    (tmp_path / "kubernetes/admin.crt").unlink()
    issues = decide(store.read(tmp_path), given.cluster, NOW)
    planned = certificates.planned(issues, changes(given))
    assert [(c.machine, c.kind, c.path_or_unit, c.diff) for c in planned[:2]] == [
        ("this host", "issue", "admin", "missing"),
        ("controller-1", "issue", "apiserver", "missing"),
    ]
    told = {(c.machine, c.path_or_unit) for c in planned if "as it will be issued" in c.diff}
    server = "/etc/kubernetes/pki/kube-apiserver/server"
    assert told == {("controller-1", f"{server}.crt"), ("controller-1", f"{server}.key")}
    assert [replace(c, diff="") for c in planned[2:]] == [
        replace(c, diff="") for c in changes(given)
    ]


def test_a_first_plan_has_no_digest_of_what_is_not_there_yet() -> None:
    given = support.given(support.topology("1+1"))
    planned = certificates.planned(decide({}, given.cluster, NOW), changes(given))
    assert not any("secret absent" in c.diff for c in planned)


def test_all_generations_are_trusted_and_one_signs() -> None:
    given = support.given(support.topology("1+0"))
    ca, account = given.secrets.cas["etcd"], given.secrets.service_account
    two = replace(
        given.secrets,
        cas={**given.secrets.cas, "etcd": Trust(ca.signer, (*ca.trusted, b"the next CA\n"))},
        service_account=ServiceAccountKeys(account.signing, (*account.verifying, b"next\n")),
    )
    files = certificates.files_for(given.cluster, given.cluster.machines[0], two)
    content = {f.path: f.content for f in files}
    assert content["/etc/etcd/pki/ca.crt"] == b"certificate CA etcd\nthe next CA\n"
    assert content["/etc/kubernetes/pki/kube-apiserver/service-account.pub"].endswith(b"next\n")
    assert content["/etc/kubernetes/pki/kube-apiserver/service-account.key"] == account.signing.key


A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("after_start", "good"), [(-A_SECOND, False), (timedelta(0), True), (A_SECOND, True)]
)
def test_a_certificate_is_good_from_its_first_second(after_start: timedelta, good: bool) -> None:
    pem = new_ca(new_key(KeyAlgorithm.ECDSA_P256), "x", NOW, timedelta(days=3)).certificate
    said = read(pem)
    assert certificates._good_tomorrow(pem.decode(), said.not_before + after_start) is good


@pytest.mark.parametrize(
    ("before_end", "good"), [(A_SECOND, True), (timedelta(0), False), (-A_SECOND, False)]
)
def test_a_certificate_is_good_if_it_is_tomorrow(before_end: timedelta, good: bool) -> None:
    pem = new_ca(new_key(KeyAlgorithm.ECDSA_P256), "x", NOW, timedelta(days=3)).certificate
    now = read(pem).not_after - timedelta(days=1) - before_end
    assert certificates._good_tomorrow(pem.decode(), now) is good
