"""What verify prints: causes first, what follows folded, what is right before later steps, XML."""

from dataclasses import replace
from pathlib import Path
from typing import cast
from xml.etree import ElementTree as ET

import click
import pytest
from tests import support
from tests.unit.test_causes import everything, found

from hardway import pipeline
from hardway.cli import findings, junit
from hardway.cli.verify import conclude
from hardway.engine.verify import due, right_here
from hardway.errors import VerifyError
from hardway.model.checks import Judgement
from hardway.model.resources import Finding, Verdict
from hardway.project import Project
from hardway.report import Event, Happened, Journal
from hardway.steps.index import STEPS
from hardway.workspace import Workspace


def plain(made: list[Finding]) -> list[str]:
    return [click.unstyle(line) for line in findings.lines(made)]


def test_one_cause_is_shown_once_with_what_follows_folded_under_it() -> None:
    wrong = ("kubelet-runs", "kubelet-healthy", "node-ready")
    text = "\n".join(plain(everything(*wrong, unknown=("pods-on-every-node", "logs"))))
    assert text.startswith("9 red, 1 cause\n\nNOT OK  kubelet-runs  worker-0, worker-1, worker-2")
    assert """
  follows    kubelet-healthy: worker-0, worker-1, worker-2
             node-ready: worker-0, worker-1, worker-2
  unknown    pods-on-every-node: worker-0, worker-1, worker-2
             logs: worker-0, worker-1, worker-2
""" in text  # fmt: skip
    assert text.count("NOT OK") == 1
    assert "see        hardway ssh worker-0 -- systemctl status" in text
    # What is to be pasted is in one line, however long.
    assert "kubelet.service" in next(line for line in text.splitlines() if "systemctl" in line)


def test_a_process_that_ended_has_its_last_words_where_it_is_folded() -> None:
    found = everything("no-foreign-drop-ins", "kubelet-flags", "kubelet-runs")
    said = "Error: unknown flag: --a"
    made = [replace(f, said=said) if f.check == "kubelet-runs" else f for f in found]
    assert """
  follows    kubelet-flags: worker-0, worker-1, worker-2
             kubelet-runs: worker-0, worker-1, worker-2
  last words Error: unknown flag: --a
""" in "\n".join(plain(made))  # fmt: skip


def test_a_cluster_that_holds_is_told_in_few_lines() -> None:
    lines = plain(everything())
    assert lines[0] == f"{len(everything())} of {len(everything())} checks hold"
    assert len(lines) < 6


def test_a_warning_is_shown_and_counts_for_nothing() -> None:
    lines = plain(everything("no-foreign-drop-ins"))
    assert not any("red" in line for line in lines)
    assert any(line.startswith("warning  no-foreign-drop-ins") for line in lines)


def test_machines_that_saw_different_things_are_told_apart() -> None:
    row = next(r for r in support.CHECKS if r.name == "etcd-data-private")
    made = [
        row.finding(s, Judgement(Verdict.WRONG, "700 etcd", said))
        for s, said in zip(row.scope.subjects(support.topology("3+3")),
                           ("755 etcd", "755 etcd", "700 root"), strict=True)
    ]  # fmt: skip
    lines = plain(made)
    assert "  found      755 etcd  [controller-0, controller-1]" in lines
    assert "  found      700 root  [controller-2]" in lines


def test_each_unknown_reason_is_told_once() -> None:
    lines = plain(everything(unknown=("machine-answers", "certificates-valid")))
    (told,) = [line for line in lines if line.startswith("unknown")]
    assert told.endswith("no")


EVERY = ", ".join(m.name for m in support.topology("3+3").machines)
CLOCK = f"clocks-agree on {EVERY}: set the clock of this machine: timedatectl set-ntp true"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (("kubelet-runs", "kubelet-healthy", "node-ready"), "hardway up"),
        (("clocks-agree", "kubelet-healthy", "pod-resolves"), CLOCK),
        (("clocks-agree", "etcd-data-private"), f"{CLOCK}; then hardway up for etcd-data-private"),
    ],
)
def test_the_last_line_says_what_really_helps(wrong: tuple[str, ...], hint: str) -> None:
    with pytest.raises(VerifyError) as raised:
        conclude(everything(*wrong))
    assert raised.value.hint == hint


def test_a_finding_that_only_people_put_right_says_how() -> None:
    assert "  fix        set the clock of this machine: timedatectl set-ntp true" in plain(
        everything("clocks-agree")
    )
    assert not any(line.startswith("  fix") for line in plain(everything("kubelet-runs")))


STEP_NAMES = [step.name for step in STEPS]


def test_a_check_that_only_a_later_step_brings_is_no_part_of_an_up_until_then() -> None:
    ready = next(c for c in support.CHECKS if c.name == "node-ready")
    assert not due(ready, pipeline.through("workers"))
    assert due(ready, pipeline.through("pod-network"))
    for step in STEPS:
        names = {c.name for s in pipeline.within(pipeline.through(step.name)) for c in s.checks}
        later = STEP_NAMES.index(step.name) >= STEP_NAMES.index("pod-network")
        assert ("node-ready" in names) is later
    for check in support.CHECKS:
        if check.brought_by:
            assert STEP_NAMES.index(check.brought_by) > STEP_NAMES.index(check.step)


def test_not_ready_is_right_before_the_pod_network() -> None:
    finding = found("node-ready", "worker-0")
    here = right_here(finding, pipeline.through("workers"))
    assert (here.ok, here.due, here.fails) == (True, "pod-network", False)
    assert right_here(finding, pipeline.through("pod-network")) is finding
    (line,) = [line for line in plain([here]) if "right here" in line]
    assert line == "ok  worker-0: no, right here: pod-network brings it (node-ready)"


@pytest.mark.parametrize(
    ("held", "last"),
    [((), "smoke-test"), (("machines", "etcd"), "etcd"), (("etcd", "machines"), "etcd"),
     # Of an up that changed nothing; what it does not look at was brought about before.
     (("machines", "dns"), "smoke-test")],
)  # fmt: skip
def test_the_journal_says_how_far_a_cluster_has_come(
    tmp_path: Path, held: tuple[str, ...], last: str
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for step in held:
        journal(Event(happened=Happened.HELD, step=step))
        journal(Event(happened=Happened.STEP, step="smoke-test"))

    class Fake:
        workspace = cast(Workspace, type("W", (), {"journal": journal}))

    assert pipeline.reached(cast(Project, Fake()))[-1].name == last


def test_junit_has_a_case_for_each_finding_and_counts_what_fails() -> None:
    made = everything("kubelet-healthy", "no-foreign-drop-ins", unknown=("node-ready",))
    root = ET.fromstring(junit.xml(made))
    cases = root.findall(".//testcase")
    assert len(cases) == len(made) == int(root.attrib["tests"])
    assert root.attrib["failures"] == str(len(root.findall(".//failure"))) == "3"
    assert root.attrib["errors"] == str(len(root.findall(".//error"))) == "3"
    assert root.attrib["skipped"] == str(len(root.findall(".//skipped"))) == "6"
    assert {suite.attrib["name"] for suite in root} == set(STEP_NAMES)
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["message"] == "expected yes, found no"
    assert "see: hardway ssh worker-0" in str(failure.text)
    error = root.find(".//error")
    assert error is not None
    assert "follows from: kubelet-healthy worker-0" in str(error.text)


def test_junit_is_xml_whatever_was_found() -> None:
    row = next(r for r in support.CHECKS if r.name == "machine-answers")
    subject = row.scope.subjects(support.topology("1+1"))[0]
    said = 'a\x00b\x1b[31m <&"> \ud800 \ufffe ü'
    made = [row.finding(subject, Judgement(Verdict.WRONG, "x", said))]
    root = ET.fromstring(junit.xml(made))
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["message"] == 'expected x, found a?b?[31m <&"> ? ? ü'
