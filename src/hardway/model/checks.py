"""Checks as values: what is asked about whom, how the answer is judged, and why it matters.

A check is a row of a table. Nothing here asks anything: `checks.run` does, and `judge` is pure, so
that an answer written down once (tests/answers) shows for ever what a check makes of it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from hardway.model.cluster import API_PORT, Cluster, EndpointKind, Machine, Role
from hardway.model.names import ENDPOINT
from hardway.model.resources import Finding, Severity, Verdict
from hardway.text import cut, text


class Occasion(Enum):
    """When a check is made; `verify` makes all of a living cluster's."""

    BEFORE = "before the first change"
    ALWAYS = "at each up"
    CHANGED = "after an up that changed something"
    ASKED = "when asked"


FOUND_SHOWN = 300
"""Characters of what was found that people are told; the answer has more of it."""
HOLE = re.compile(r"<([A-Z_]+)>")
"""What a text leaves to its subject, as in `hardway ssh <MACHINE>`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is about: a machine, a node, or the cluster as a whole."""

    kind: str
    """`machine`, `node` or `cluster`; `host` is the one that hardway runs on."""
    name: str
    cluster: Cluster = field(repr=False)
    words: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Holes that only this subject fills, such as the pod that a trial made."""
    given: Callable[[], Mapping[str, bytes]] = field(default=dict, repr=False, hash=False)
    """Returns the files that hardway last gave it, by path, but for secret ones; of a cluster the
    API's objects. None where the cluster's folder does not know them."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def machine(self) -> Machine:
        """The machine, or the one that the node is of; the cluster is none (KeyError)."""
        return self.cluster.machine(self.name)

    def fill(self, text: str, more: Mapping[str, str]) -> str:
        """Return a text with its holes filled.

        Raises:
            KeyError: a hole that nothing fills.
        """
        words = {**self._common(), **self.words, **more}
        return HOLE.sub(lambda hole: words[hole[1]], text)

    def _common(self) -> dict[str, str]:
        cluster = self.cluster
        words = {
            "ENDPOINT": cluster.endpoint.host,
            "PORT": str(cluster.endpoint.port),
            "API_PORT": str(API_PORT),
            "API_SERVICE_IP": str(cluster.api_service_ip),
            "DNS_SERVICE_IP": str(cluster.dns_service_ip),
            "CONTROL_PLANE": cluster.control_planes[0].name,
            "CONTROL_PLANES": " ".join(m.name for m in cluster.control_planes),
        }
        if self.kind in {"machine", "node"}:
            words |= {"MACHINE": self.machine.name, "ADDRESS": str(self.machine.address)}
        return words


class Where(Enum):
    """On which machines a question is asked."""

    SUBJECT = "the machine that the check is about"
    CONTROL_PLANE = "the first control plane that answers"
    CONTROL_PLANES = "every control plane"


SHOWN_BY = "openssl s_client -no-CAfile -no-CApath -connect"
"""Shows what a server presents. It trusts nobody: to load those whom a machine trusts takes three
times as long as all the rest."""


@dataclass(frozen=True, slots=True)
class Sh:
    """A question to a machine: the text of a shell script that prints the answer.

    It changes nothing and prints nothing secret: the answer is shown as evidence.
    """

    text: str
    where: Where = Where.SUBJECT
    timeout_s: int = 15
    url: str = ""
    """Where only the status is asked for with which a server answers a GET of this; one program
    asks for all that a machine is asked for in this way."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """A question to the API: kubectl's words, or those that make up a `get`."""

    words: tuple[str, ...]
    as_admin: bool = False
    """With the operators' own kubeconfig instead of the one that depends on no binding."""
    timeout_s: int = 10
    types: str = ""
    """Where only all objects of these are asked for, as in `nodes,services`; one program asks for
    all that is asked for in this way."""


LISTS_S = 20
"""How long the API may take to list the objects of several types, one after another."""


def every(types: str) -> Kubectl:
    """Return the question for all objects of some types; the answer is in JSON."""
    words = ("get", types, "--all-namespaces", "--output=json")
    return Kubectl(words, timeout_s=LISTS_S, types=types)


@dataclass(frozen=True, slots=True)
class Forward:
    """A question to a pod through `kubectl port-forward`: GET / at its port."""

    namespace: str
    pod: str
    port: int


Ask = Sh | Kubectl | Forward


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to a question."""

    text: str = ""
    status: int = 0
    silence: str = ""
    """Why nothing was said; the rest is empty then."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """What the same question was answered on all machines that answered it, by name."""

    @property
    def last_line(self) -> str:
        """Where most commands say what counts."""
        lines = self.text.strip().splitlines()
        return lines[-1].strip() if lines else text("no answer")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check makes of an answer."""

    verdict: Verdict
    expected: str
    found: str
    severity: Severity | None = None
    """In place of the check's own."""
    cure: str = ""
    """In place of the check's own."""
    said: str = ""
    """The last words of a process that does not run."""


Judge = Callable[[Subject, Answer], Iterable[Judgement]]
"""One judgement for each thing seen; preflight's checks have none when nothing is wrong."""


def judged(expected: str, found: str, *, holds: bool | None = None) -> tuple[Judgement]:
    """Return the judgement that `found` is as expected; `holds` says so where equality cannot."""
    so = expected == found if holds is None else holds
    return (Judgement(Verdict.HOLDS if so else Verdict.WRONG, expected, found),)


@dataclass(frozen=True, slots=True)
class LastLine:
    """The judge of answers whose last line is as expected; people can judge it too."""

    expected: str

    def __call__(self, subject: Subject, answer: Answer) -> tuple[Judgement]:
        """Return the judgement."""
        expected = subject.fill(self.expected, {})
        return judged(expected, answer.last_line)


def says(expected: str) -> Judge:
    """Return the judge of answers whose last line is to be `expected`."""
    return LastLine(expected)


def any_cluster(_cluster: Cluster) -> bool:
    """Hold for every cluster."""
    return True


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a check is made about, in a given cluster."""

    kind: str
    roles: frozenset[Role] = frozenset()
    where: Callable[[Cluster], bool] = any_cluster
    """Which clusters have any such subject."""

    def subjects(self, cluster: Cluster) -> tuple[Subject, ...]:
        """Return them, in the spec's order."""
        if not self.where(cluster):
            return ()
        if self.kind == "cluster":
            # The name in findings since before subjects had kinds; programs read it.
            return (Subject(self.kind, ENDPOINT, cluster),)
        return tuple(
            Subject(self.kind, m.name, cluster) for m in cluster.machines if m.role in self.roles
        )


MACHINES = Scope("machine", frozenset(Role))
CONTROL_PLANES = Scope("machine", frozenset({Role.CONTROL_PLANE}))
WORKERS = Scope("machine", frozenset({Role.WORKER}))
NODES = Scope("node", frozenset({Role.WORKER}))
"""Workers as the API sees them."""
CLUSTER = Scope("cluster")


def endpoint_is(scope: Scope, *kinds: EndpointKind) -> Scope:
    """Return a scope that is empty in clusters with another kind of endpoint."""
    return Scope(scope.kind, scope.roles, lambda cluster: cluster.endpoint.kind in kinds)


def no_words(_subject: Subject) -> Mapping[str, str]:
    """Fill no holes but the common ones."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that should be so: what it is called, why, and how people see it themselves."""

    name: str
    step: str
    why: str
    see: str
    """A command that shows the same; it can be pasted and run as it is."""
    cure: str = ""
    """What a person does about it; empty where `hardway up` puts it right."""
    severity: Severity = Severity.FAIL
    causes: tuple[str, ...] = ()
    """Names of checks without which this one cannot hold, the nearest first: wrong on its own
    machine or, where they are not made about that one, on all that they are made about."""
    anywhere: tuple[str, ...] = ()
    """Names of checks that make it wrong from whichever machine they are wrong on."""
    brought_by: str = ""
    """The later step without which it cannot hold yet; empty where its own step is enough."""

    def finding(
        self,
        subject: Subject,
        judgement: Judgement,
        *,
        asked: str = "",
        answer: str = "",
        words: Mapping[str, str] = MappingProxyType({}),
    ) -> Finding:
        """Return a judgement with all that people and programs are told about it."""
        return Finding(
            check=self.name,
            step=self.step,
            machine=subject.name,
            ok=judgement.verdict is Verdict.HOLDS,
            expected=judgement.expected,
            found=cut(judgement.found, FOUND_SHOWN),
            why=self.why,
            see=subject.fill(self.see, words),
            cure=judgement.cure or self.cure,
            verdict=judgement.verdict,
            severity=judgement.severity or self.severity,
            subject=str(subject),
            causes=self.causes,
            anywhere=self.anywhere,
            asked=asked,
            answer=answer,
            said=judgement.said,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Claim):
    """A claim that one question decides: the same one for every subject."""

    scope: Scope
    ask: Ask
    judge: Judge
    words: Callable[[Subject], Mapping[str, str]] = no_words
    """What fills holes of `ask` and `see` that differ from subject to subject."""
    when: Occasion = Occasion.ALWAYS
    silence: Verdict = Verdict.UNKNOWN
    """What it means that nobody answers."""
    again_s: float = 1.0
    """How long after a wrong answer `verify` asks once more, before it calls it wrong."""
    test: str = ""
    """A command, in the form of `see`, that succeeds where this holds: for where hardway does not
    judge (export). Empty where the answer's last line decides, or where an effect's look does."""
    after: str = ""
    """The step that must be done first, where steps are done one after another; empty where its own
    is enough. `up` puts all files before it starts anything."""
