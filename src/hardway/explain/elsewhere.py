"""How others do it: Kubernetes the Hard Way, kubeadm and EKS. Rows by tag."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.explain.answer import Aspect, Point
from hardway.text import text


@dataclass(frozen=True, slots=True)
class Difference:
    """A row: the same thing in three other places; empty where there is nothing to tell."""

    tutorial: str = ""
    kubeadm: str = ""
    eks: str = ""


ELSEWHERE: dict[str, Difference] = {}


def points(tags: tuple[str, ...]) -> Iterator[Point]:
    """Yield the row of the closest tag."""
    row = next((ELSEWHERE[tag] for tag in tags if tag in ELSEWHERE), None)
    if row:
        said = ((text("the tutorial"), row.tutorial), ("kubeadm", row.kubeadm), ("EKS", row.eks))
        yield Point(Aspect.ELSEWHERE, rows=tuple((who, how) for who, how in said if how), more=True)
