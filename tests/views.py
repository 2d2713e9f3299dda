"""Clusters as pictures, the report and explanations see them: with real certificates."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tests import support

from hardway.atlas.atlas import Atlas
from hardway.explain.index import Index
from hardway.model.checks import Judgement
from hardway.model.resources import Finding, Verdict
from hardway.pictures.view import View
from hardway.pki import store
from hardway.status import EndpointStatus, EtcdStatus, Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def atlas(name: str = "3+3") -> Atlas:
    given = support.given_topology(name)
    secrets = store.draft(Path("/nonexistent"), given.cluster, NOW).secrets
    return Atlas.of(replace(given, secrets=secrets))


@cache
def index(name: str = "3+3") -> Index:
    return Index(atlas(name))


def finding(check: str, machine: str, verdict: Verdict) -> Finding:
    row = next(c for c in support.CHECKS if c.name == check)
    subject = next(s for s in row.scope.subjects(atlas().cluster) if s.name == machine)
    return row.finding(subject, Judgement(verdict, "a", "b"), words=row.words(subject))


def seen(*wrong: tuple[str, str]) -> View:
    """Return a view of 3+3 in which every check of machines holds but some."""
    cluster = atlas().cluster
    found = [
        finding(row.name, s.name, Verdict.WRONG if (row.name, s.name) in wrong else Verdict.HOLDS)
        for row in support.CHECKS
        for s in row.scope.subjects(cluster)
        if "POD" not in row.see
    ]
    status = Status(
        cluster=cluster.name, machines=(), control_planes=(), nodes=(),
        etcd=EtcdStatus(3, 3, "controller-1"),
        endpoint=EndpointStatus(cluster.endpoint.host, healthy=True, holder="controller-2",
                                kind="vip"),
    )  # fmt: skip
    return View(atlas(), tuple(found), status, now=NOW)
