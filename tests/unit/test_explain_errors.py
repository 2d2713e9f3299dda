"""Error texts that people paste are recognised, whatever stands around them."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import support, views

from hardway.atlas.connections import CONNECTIONS, having
from hardway.explain.answer import Answer, Aspect
from hardway.explain.catalogue import ERRORS, Error
from hardway.explain.errors import first
from hardway.explain.index import Index, answer_about
from hardway.explain.scene import NOBODY_ASKED

BY_NAME = pytest.mark.parametrize("row", ERRORS, ids=lambda row: row.name)
HEADERS = (
    "",
    "Nov 26 10:11:12 worker-0 kubelet[612]: ",
    "E1126 10:11:12.131415     612 some.go:72] ",
    'time="2026-11-26T10:11:12.131415161Z" level=error msg="',
    "2026-11-26T10:11:12.131415161Z stderr F ",
    '{"level":"warn","ts":"2026-11-26T10:11:12.131415Z","caller":"a/b.go:1","msg":"',
    "[ERROR] plugin/errors: 2 ",
    "$ kubectl get nodes\n",
)


@pytest.fixture(name="index")
def whole() -> Index:
    return views.index()


def answer(index: Index, asked: str) -> Answer:
    found = index.find(asked)
    assert found
    (thing,) = found.things
    return answer_about(thing, NOBODY_ASKED)


@BY_NAME
def test_an_example_is_its_own_rows(row: Error) -> None:
    assert first(row.example) is row


@BY_NAME
def test_a_row_names_checks_and_connections_that_there_are(row: Error) -> None:
    checks = {check.name for check in support.CHECKS}
    connections = {connection.name for connection in CONNECTIONS}
    assert row.causes
    for cause in row.causes:
        assert not cause.check or cause.check in checks, cause
        assert not cause.connection or cause.connection in connections, cause


@BY_NAME
def test_holes_are_groups_of_the_pattern(row: Error) -> None:
    groups = set(re.compile(row.pattern).groupindex)
    for said in (row.means, *(cause.why for cause in row.causes if "{" in cause.why)):
        holes = set(re.findall(r"(?<!\$)\{(\w+)\}", said))
        assert holes <= groups or "$" in said, said


@BY_NAME
def test_what_stands_before_it_does_not_matter(row: Error) -> None:
    for header in HEADERS:
        anchored = row.pattern.startswith("^") and header and not header.endswith("\n")
        if not anchored:
            assert first(header + row.example) is row, header


@given(st.sampled_from(ERRORS), st.text(st.characters(codec="ascii", categories=("L", "Zs"))))
def test_what_stands_behind_it_does_not_matter(row: Error, noise: str) -> None:
    assert first(f"{row.example}\n{noise.lower()}") is row


@BY_NAME
def test_every_error_is_answered(index: Index, row: Error) -> None:
    said = answer(index, row.example)
    assert said.name == f"error {row.name}"
    for aspect in (Aspect.WHAT, Aspect.MADE, Aspect.WITHOUT, Aspect.SEE):
        assert said.under(aspect), aspect
    for point in said.points:
        for command in point.commands:
            assert "<" not in command.replace("</dev/null", "").replace("<NAME>", ""), command


@pytest.mark.parametrize("row", [r for r in ERRORS if r.helps], ids=lambda row: row.name)
def test_what_fixes_an_error_stands_in_order_and_can_be_pasted(index: Index, row: Error) -> None:
    (fixes,) = [p for p in answer(index, row.example).points if p.title == "What fixes it"]
    assert len(fixes.commands) == len(row.helps)
    for asked, command in zip(row.helps, fixes.commands, strict=True):
        assert command == asked.replace("<CONTROL_PLANE>", "controller-0")
        subprocess.run(["sh", "-n"], input=command, text=True, check=True)


def test_what_an_alarm_of_etcd_is_called_leads_to_its_error() -> None:
    found = first("memberID:10357954809027898373 alarm:NOSPACE ")
    assert found
    assert found.name == "etcd-out-of-space"


def test_names_of_errors_are_unique() -> None:
    names = [row.name for row in ERRORS]
    assert len(names) == len(set(names))


def test_a_line_is_read_with_this_clusters_values(index: Index) -> None:
    said = answer(index, "dial tcp 10.240.0.21:10250: connect: connection refused")
    (named,) = (p for p in said.under(Aspect.CONTENT) if p.title == "What is named in it")
    assert [row[0] for row in named.rows] == ["10.240.0.21", "port 10250"]
    assert named.rows[0][1].startswith("worker-1: ")


def test_escaped_quotes_of_logs_are_quotes(index: Index) -> None:
    line = r'err="nodes \"w\" is forbidden: User \"system:node:\" cannot get: unknown node for '
    said = answer(index, line + r'user \"system:node:\""')
    assert said.name == "error node-unknown"


QUOTED = re.compile(
    r"x509: certificate signed by unknown authority|The connection to the server was refused|"
    r"401 Unauthorized|etcdserver|context deadline exceeded|Metrics API not available|"
    r"container runtime is down|no leader"
)


def test_every_error_text_that_a_connection_names_is_in_the_catalogue() -> None:
    """`without` of a connection quotes what people read; they will paste it."""
    quoted = {found for row in having(support.topology("3+3"))
              for found in QUOTED.findall(row.without)}  # fmt: skip
    assert len(quoted) >= 5
    for text in quoted - {"no leader", "The connection to the server was refused"}:
        assert first(text), text
