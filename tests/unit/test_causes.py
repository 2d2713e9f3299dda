"""What is wrong by itself, and what follows from it: of any findings, and of those of the rows."""

from dataclasses import replace
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st
from tests import support

from hardway.checks.causes import causes_of, grouped
from hardway.model.checks import Judgement
from hardway.model.resources import Finding, Severity, Verdict
from hardway.steps.index import STEPS

OF = support.topology("3+3")
ROWS = {row.name: row for row in support.CHECKS}


def found(check: str, machine: str, verdict: Verdict = Verdict.WRONG) -> Finding:
    row = ROWS[check]
    subject = next(s for s in row.scope.subjects(OF) if s.name == machine)
    return row.finding(subject, Judgement(verdict, "yes", "no"), words=row.words(subject))


def everything(*wrong: str, unknown: tuple[str, ...] = ()) -> list[Finding]:
    """Return a finding of each check on each machine; of some checks wrong or unknown ones."""
    kinds = dict.fromkeys(wrong, Verdict.WRONG) | dict.fromkeys(unknown, Verdict.UNKNOWN)
    return [
        found(name, subject.name, kinds.get(name, Verdict.HOLDS))
        for name, row in ROWS.items()
        for subject in row.scope.subjects(OF)
    ]


def direct(finding: Finding, among: list[Finding]) -> list[tuple[str, str]]:
    return [(f.check, f.machine) for f in causes_of(finding, among)]


def test_what_follows_from_something_else_says_so() -> None:
    etcd = found("etcd-member-healthy", "controller-0")
    api = found("apiserver-ready", "controller-0")
    other, whole = found("apiserver-ready", "controller-1"), found("endpoint-answers", "endpoint")
    node = found("node-ready", "worker-0")
    kubelet = found("kubelet-healthy", "worker-0", Verdict.HOLDS)
    among = [etcd, api, other, whole, node, kubelet, found("kubelet-healthy", "worker-1")]
    assert direct(api, among) == [("etcd-member-healthy", "controller-0")]
    whole_etcd = found("etcd-member-healthy", "controller-1", Verdict.HOLDS)
    assert direct(other, [*among, whole_etcd]) == []
    assert direct(whole, among) == [
        ("apiserver-ready", "controller-0"),
        ("apiserver-ready", "controller-1"),
    ]
    assert direct(node, among)[0] == ("endpoint-answers", "endpoint")
    assert direct(etcd, [replace(api, verdict=Verdict.HOLDS, ok=True), etcd]) == []


def test_one_of_several_that_serve_is_no_cause_while_another_does() -> None:
    broken, whole = found("apiserver-ready", "controller-0"), found("endpoint-answers", "endpoint")
    serves = found("apiserver-ready", "controller-1", Verdict.HOLDS)
    assert direct(whole, [broken, whole, serves]) == []
    assert direct(whole, [broken, whole]) == [("apiserver-ready", "controller-0")]


def test_a_neighbours_fault_is_a_cause_where_the_row_says_so() -> None:
    silent = found("hardway-probe-runs", "worker-1")
    lost = found("pod-reaches-neighbours", "worker-0")
    own = found("hardway-probe-runs", "worker-0", Verdict.HOLDS)
    assert direct(lost, [silent, lost, own]) == [("hardway-probe-runs", "worker-1")]


def test_a_stopped_etcd_is_the_one_cause_of_all_that_follows() -> None:
    steps = {step.name for step in STEPS}
    assert "etcd" in steps
    wrong = ("etcd-runs", "no-unit-failed", "etcd-member-healthy", "apiserver-ready",
             "controller-manager-healthy", "scheduler-healthy", "endpoint-answers",
             "pod-reaches-service", "node-reaches-service")  # fmt: skip
    unknown = ("etcd-one-leader", "node-ready", "dns-ready", "dns-apart", "secrets-readable",
               "pods-on-every-node", "logs", "secret-encrypted")  # fmt: skip
    (cause,) = grouped(everything(*wrong, unknown=unknown))
    assert {f.check for f in cause.roots} == {"etcd-runs"}
    assert {f.check for f in cause.follows} == {*wrong, *unknown} - {"etcd-runs"}


def test_a_changed_flag_is_before_the_unit_that_does_not_start_with_it() -> None:
    wrong = ("kubelet-flags", "kubelet-runs", "kubelet-healthy", "node-ready", "no-unit-failed")
    (cause,) = grouped(everything(*wrong))
    assert [f.check for f in cause.roots] == ["kubelet-flags"] * 3


def test_another_ca_on_a_machine_is_before_all_that_it_refuses() -> None:
    wrong = ("cas-same", "certificates-signed", "kubelet-runs", "kubelet-healthy", "node-ready",
             "pods-on-every-node")  # fmt: skip
    (cause,) = grouped(everything(*wrong))
    assert {f.check for f in cause.roots} == {"cas-same"}


def test_without_its_binding_nothing_that_api_servers_ask_of_kubelets_works() -> None:
    wrong = ("kubelet-client-may", "logs", "exec-and-names", "port-forward", "service-by-ip",
             "source-address-kept")  # fmt: skip
    (cause,) = grouped(everything(*wrong))
    assert {f.check for f in cause.roots} == {"kubelet-client-may"}


def test_a_warning_can_be_the_cause_of_what_fails() -> None:
    (cause,) = grouped(everything("no-foreign-drop-ins", "etcd-flags"))
    assert cause.fails
    assert {f.check for f in cause.roots} == {"no-foreign-drop-ins"}
    (cause,) = grouped(everything("no-foreign-drop-ins"))
    assert not cause.fails


def test_each_check_that_writes_or_asks_the_api_follows_from_the_api() -> None:
    """Else a stopped API server is beside dozens of causes that nobody can do anything about."""
    trial = {check.name for step in STEPS if step.trial for check in step.trial.checks}
    wrong = ("apiserver-ready", "endpoint-answers", *sorted(trial))
    (cause,) = grouped(everything(*wrong))
    assert {f.check for f in cause.roots} == {"apiserver-ready"}


NAMES = [f"check-{n}" for n in range(8)]
MACHINES = ["a", "b", "endpoint"]


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    """Draw findings whose checks have causes among those before them."""
    made = []
    for number, name in enumerate(NAMES):
        before = st.lists(st.sampled_from(NAMES[:number]), unique=True) if number else st.just([])
        causes, anywhere = tuple(draw(before)), tuple(draw(before))
        for machine in draw(st.lists(st.sampled_from(MACHINES), unique=True)):
            verdict = draw(st.sampled_from(Verdict))
            made.append(
                Finding(
                    check=name, step="s", machine=machine, ok=verdict is Verdict.HOLDS,
                    expected="", found="", why="", see="", verdict=verdict,
                    severity=draw(st.sampled_from([Severity.FAIL, Severity.WARN])),
                    subject="", causes=causes, anywhere=anywhere, asked="", answer="",
                )
            )  # fmt: skip
    return draw(st.permutations(made))


@given(findings())
def test_each_finding_that_is_wrong_is_in_one_cause_and_once(made: list[Finding]) -> None:
    causes = grouped(made)
    shown = [id(f) for cause in causes for f in (*cause.roots, *cause.follows)]
    assert len(shown) == len(set(shown))
    assert {id(f) for f in made if f.verdict is Verdict.WRONG} <= set(shown)
    assert not {id(f) for f in made if f.ok} & set(shown)


@given(findings())
def test_a_root_follows_from_nothing_and_all_that_is_folded_follows(made: list[Finding]) -> None:
    for cause in grouped(made):
        assert len({f.check for f in cause.roots}) == 1
        for root in cause.roots:
            assert root.verdict is Verdict.WRONG
            assert not causes_of(root, made)
        for follower in cause.follows:
            reached, left = set(), [follower]
            while left:
                finding = left.pop()
                if id(finding) not in reached:
                    reached.add(id(finding))
                    left += causes_of(finding, made)
            assert reached & {id(root) for root in cause.roots}


@given(findings())
def test_a_check_is_the_root_of_one_cause_and_they_are_in_the_order_of_findings(
    made: list[Finding],
) -> None:
    causes = grouped(made)
    roots = [cause.roots[0].check for cause in causes]
    assert len(roots) == len(set(roots))
    wrong = [f.check for f in made if f.verdict is Verdict.WRONG and not causes_of(f, made)]
    assert roots == list(dict.fromkeys(check for check, _ in groupby(wrong)))
