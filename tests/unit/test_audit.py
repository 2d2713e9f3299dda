"""The audit: every rule is answered, holds of what is rendered, and can be red."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as holds_for
from hypothesis import strategies as st
from tests import support
from tests.audit.red import BAD_ENTRIES, BAD_FLAGS, BAD_OBJECTS, GOOD_OBJECTS
from tests.audit.rendered import answered, rows_of
from tests.fakes import cli
from tests.views import atlas

from hardway.audit import RULES, SECTIONS, Answer, Rule, kube_bench
from hardway.audit.evidence import Entries, Files, Flags, Objects
from hardway.audit.results import Outcome, Result, finding, planned, results
from hardway.audit.rules import ABSENT, mode
from hardway.cli import audit as command
from hardway.engine.render import merged
from hardway.model.checks import CONTROL_PLANES, Subject
from hardway.model.checks import Answer as Said
from hardway.model.resources import Desired, File, Severity, Verdict
from hardway.model.rows import Row, Section, Setting
from hardway.render.systemd import UNITS

FOLDER = Path(__file__).parents[1] / "audit"
DOCS = Path(__file__).parents[2] / "docs" / "cis.md"
BY_ID = {rule.id: rule for rule in RULES}


def wanted(rule: Rule, topology: str = "3+3") -> tuple[Subject, Desired]:
    """Return a rule's first subject, and what it gets."""
    assert rule.evidence
    subject = rule.evidence.scope.subjects(atlas(topology).cluster)[0]
    by_step = atlas(topology).rendered.get(subject.name, {})
    return subject, merged(by_step.values())


def kept(text: str, path: Path) -> str:
    """Return a golden file, after writing it where that is asked for."""
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        path.write_text(text)
    return path.read_text()


def outcome(rule: Rule, judged: Verdict, severity: Severity | None) -> bool:
    """Return whether a judgement is what a red case of the rule has to be."""
    mild = rule.answer is Answer.YOURS
    return judged is Verdict.WRONG and severity is (Severity.WARN if mild else Severity.FAIL)


def changed(rows: Iterable[Row], values: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return rows with other values, without those whose value is None, and with new ones."""
    names = [row.name for row in rows if isinstance(row, Setting)]
    left = [replace(row, value=values[row.name]) if row.name in values else row
            for row in rows
            if isinstance(row, Setting) and values.get(row.name, "") is not None]  # fmt: skip
    new = [Setting(n, v, "red") for n, v in values.items() if v is not None and n not in names]
    return (*left, *new)


def with_rows(desired: Desired, path: str, rows: tuple[Row, ...]) -> Desired:
    files = [replace(f, rows=rows) if f.path == path else f for f in desired.files]
    return replace(desired, files=tuple(files))


def spoiled(rule: Rule, desired: Desired) -> Desired:
    """Return what a machine gets with that changed which makes the rule red."""
    match rule.evidence:
        case Flags(unit):
            path = f"{UNITS}/{unit}"
            sections = [
                replace(s, rows=changed(s.rows, BAD_FLAGS[rule.id]))
                if isinstance(s, Section) and s.name == "ExecStart" else s
                for s in rows_of(desired, path)
            ]  # fmt: skip
            return with_rows(desired, path, tuple(sections))
        case Entries(document):
            name, value = BAD_ENTRIES[rule.id]
            rows = changed(rows_of(desired, document.path), {name: value})
            return with_rows(desired, document.path, rows)
        case Files(paths):
            new = [File(path=paths[0], content=b"", why="")] if rule.expect is ABSENT else []
            files = (replace(f, mode=0o777, owner="nobody") for f in (*desired.files, *new))
            folders = (replace(f, mode=0o777, owner="nobody") for f in desired.folders)
            return replace(desired, files=tuple(files), folders=tuple(folders))
    raise AssertionError(rule.evidence)


def test_the_rules_are_the_benchmarks() -> None:
    said = dict(kube_bench_said())
    assert [rule.id for rule in RULES] == list(said)
    assert {rule.section for rule in RULES} == set(SECTIONS)


def test_every_rule_has_evidence_or_an_answer_with_a_reason() -> None:
    for rule in RULES:
        assert (rule.evidence is None) == (rule.expect is None), rule.id
        assert rule.evidence or rule.answer is not Answer.HOLDS, rule.id
        assert rule.why.endswith("."), rule.id
        assert len(rule.why.split()) > 5, rule.id


@pytest.mark.parametrize("topology", support.TOPOLOGIES)
def test_nothing_that_is_rendered_is_wrong(topology: str) -> None:
    wrong = {r.rule.id for r in planned(atlas(topology)) if r.outcome in {"wrong", "unknown"}}
    # There the operator asks for pods without a limit of processes.
    assert wrong == ({"4.2.13"} if topology == "options" else set())


def test_every_rule_with_evidence_has_a_red_case() -> None:
    cases = {**BAD_FLAGS, **BAD_ENTRIES, **BAD_OBJECTS}
    seen = {rule.id for rule in RULES if rule.evidence and not isinstance(rule.evidence, Files)}
    assert set(cases) == seen
    assert len(cases) == len(BAD_FLAGS) + len(BAD_ENTRIES) + len(BAD_OBJECTS)


@pytest.mark.parametrize(
    "id_", [r.id for r in RULES if r.evidence and not isinstance(r.evidence, Objects)]
)
def test_a_rule_is_red_where_what_is_rendered_or_runs_is_not_as_it_asks(id_: str) -> None:
    rule = BY_ID[id_]
    subject, good = wanted(rule)
    bad = spoiled(rule, good)
    assert rule.evidence
    assert rule.check
    planned_items = rule.evidence.rendered(bad, ())
    assert planned_items is not None
    (live,) = rule.check.judge(subject, Said(answered(rule, bad)))
    for judgement in (rule.judge(planned_items), live):
        assert outcome(rule, judgement.verdict, judgement.severity), judgement
    (well,) = rule.check.judge(subject, Said(answered(rule, good)))
    assert well.verdict is Verdict.HOLDS, well


@pytest.mark.parametrize("id_", BAD_OBJECTS)
def test_a_rule_names_objects_that_are_not_as_it_asks(id_: str) -> None:
    rule = BY_ID[id_]
    assert rule.check
    assert isinstance(rule.evidence, Objects)
    listed = [item for item in GOOD_OBJECTS if item["kind"] in rule.evidence.listing.kinds]
    (subject,) = rule.check.scope.subjects(atlas("3+3").cluster)
    (good,) = rule.check.judge(subject, Said(json.dumps({"items": listed})))
    assert good.verdict is Verdict.HOLDS, good
    (bad,) = rule.check.judge(subject, Said(json.dumps({"items": BAD_OBJECTS[id_]})))
    assert outcome(rule, bad.verdict, bad.severity), bad


def test_a_process_that_does_not_run_is_unknown() -> None:
    rule = BY_ID["1.2.15"]
    subject, _ = wanted(rule)
    assert rule.check
    (judgement,) = rule.check.judge(subject, Said("kube-apiserver.service does not run", 1))
    assert (judgement.verdict, judgement.found) == (
        Verdict.UNKNOWN,
        "kube-apiserver.service does not run",
    )


def test_what_is_said_of_encryption_holds_no_key() -> None:
    rule = BY_ID["1.2.28"]
    assert rule.check
    assert "s/(secret:).*/" in str(rule.check.ask)


@holds_for(st.lists(st.tuples(st.from_regex(r"--[a-z]{2,8}", fullmatch=True),
                              st.from_regex(r"[a-z0-9/,.]{1,9}", fullmatch=True)), max_size=5),
           st.data())  # fmt: skip
def test_flags_mean_the_same_in_each_form(
    flags: list[tuple[str, str]], data: st.DataObject
) -> None:
    words = ["/usr/local/bin/it"]
    for name, value in flags:
        forms = [[f"{name}={value}"], [name, value], [f"{name[1:]}={value}"]]
        words += data.draw(st.sampled_from(forms))
    names = tuple(dict.fromkeys(name for name, _ in flags))
    found = Flags("it.service", names, CONTROL_PLANES).said("\n".join(words))
    assert found == {n: tuple(v for name, v in flags if name == n) for n in names}


@holds_for(st.integers(0, 0o777), st.integers(0, 0o777))
def test_a_mode_is_fine_if_it_gives_no_right_beyond_the_most(most: int, found: int) -> None:
    assert mode(most).test("/f", (f"{found:o}",)) == (found | most == most)


def kube_bench_said() -> list[tuple[str, str]]:
    lines = (FOLDER / "kube-bench.txt").read_text().splitlines()
    return [(id_, said) for id_, said in (line.split() for line in lines if line[0] != "#")]


def test_kube_bench_agrees_or_there_is_a_reason() -> None:
    ours = {result.rule.id: result.outcome for result in planned(atlas("3+3"))}
    differing = {
        id_
        for id_, said in kube_bench_said()
        if said != "MANUAL" and (said == "PASS") != (ours[id_] is Outcome.HOLDS)
    }
    assert differing == set(kube_bench.DIFFERS)


def test_kube_bench_is_told_paths_that_are_rendered() -> None:
    there = {
        item.path
        for by_step in atlas("3+3").rendered.values()
        for item in (*merged(by_step.values()).files, *merged(by_step.values()).folders)
    }
    text = kube_bench.config().decode()
    told = {line.split(": ")[1] for line in text.splitlines() if ": /" in line}
    assert told <= there
    assert len(told) == 13


@pytest.mark.parametrize(("name", "everything"), [("plan.txt", False), ("plan-all.txt", True)])
def test_the_audit_of_a_plan_reads_well(
    name: str, everything: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    command._print(planned(atlas("3+3")), everything=everything)
    printed = capsys.readouterr().out
    assert printed == kept(printed, FOLDER / name)


def test_what_is_wrong_and_what_is_unknown_are_said_first_and_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machines = atlas("3+3").cluster.control_planes
    profiling, bound = (rule.check for rule in (BY_ID["1.3.2"], BY_ID["1.3.7"]))
    assert profiling
    assert bound
    said = [
        (profiling, machines[0], Said("x\n--profiling=true")),
        (profiling, machines[1], Said("it does not run", 1)),
        (bound, machines[1], Said("it does not run", 1)),
    ]
    command._print(
        results([
            finding(check, subject, judgement)
            for check, machine, answer in said
            for subject in [Subject("machine", machine.name, atlas("3+3").cluster)]
            for judgement in check.judge(subject, answer)
        ]),
        everything=False,
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert printed == kept(printed, FOLDER / "wrong.txt")


def test_a_plan_that_hardway_yaml_makes_wrong_ends_with_1(tmp_path: Path) -> None:
    cache = {"HARDWAY_CACHE": str(tmp_path / "cache")}
    assert cli.run("audit", "--plan", folder=tmp_path, **cache).returncode == 0
    (tmp_path / "hardway.yaml").write_text("nodes: {podPidsLimit: -1}\n")
    done = cli.run("audit", "--plan", "--output", "json", folder=tmp_path, **cache)
    assert done.returncode == 1
    assert "1 of 131 rules" in done.stderr
    wrong = [rule for rule in json.loads(done.stdout)["rules"] if rule["outcome"] == "wrong"]
    assert [(r["id"], len(r["findings"])) for r in wrong] == [("4.2.13", 3)]


def test_kube_bench_gets_its_configuration_and_how_to_run_it(tmp_path: Path) -> None:
    done = cli.run("audit", "--kube-bench", "told", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "told/config.yaml").read_bytes() == kube_bench.config()
    assert "--targets master,etcd,controlplane" in (tmp_path / "told/README.md").read_text()


def test_wrong_comes_before_unknown_and_both_before_answers() -> None:
    rule = BY_ID["1.2.15"]
    subject, _ = wanted(rule)
    assert rule.check

    def seen(text: str, status: int = 0) -> Any:
        assert rule.check
        (judgement,) = rule.check.judge(subject, Said(text, status))
        return rule.check.finding(subject, judgement)

    good, bad, unknown = seen("x\n--profiling=false"), seen("x"), seen("", 1)
    assert Result(rule, (good,)).outcome is Outcome.HOLDS
    assert Result(rule, (good, unknown)).outcome is Outcome.UNKNOWN
    assert Result(rule, (good, unknown, bad)).outcome is Outcome.WRONG
    assert {r.rule.id: r.outcome for r in results([])}["1.2.15"] is Outcome.NOT_APPLICABLE


RULES_OF_DOCS = "## Rules\n"


def test_the_chapter_lists_the_rules() -> None:
    prose, heading, _ = DOCS.read_text().partition(RULES_OF_DOCS)
    assert heading
    text = f"{prose}{heading}{''.join(map(_table, SECTIONS))}{_differences()}"
    assert text == kept(text, DOCS)


def _table(section: str) -> str:
    lines = [f"| {r.id} | {r.title} | {r.answer} | {_code(r)} | {r.why} |"
             for r in RULES if r.section == section]  # fmt: skip
    head = f"### {section} {SECTIONS[section]}"
    columns = "| rule | the benchmark asks | answer | evidence | why |\n|---|---|---|---|---|"
    return "\n".join(("", head, "", columns, *lines, ""))


def _differences() -> str:
    lines = [f"| {id_} | {why} |" for id_, why in kube_bench.DIFFERS.items()]
    return "\n".join(("", "## Where kube-bench says something else", "", "| rule | why |",
                      "|---|---|", *lines, ""))  # fmt: skip


def _code(rule: Rule) -> str:
    return f"`{rule.evidence}`" if rule.evidence else ""
