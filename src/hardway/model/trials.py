"""A trial: using the cluster as people would, in a namespace that is removed again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hardway.model.checks import Check
from hardway.model.cluster import Cluster
from hardway.model.resources import Manifest

TRIAL = "hardway.dev/trial"
"""The label of a trial's namespace: its value is the step's name. Only trials have it."""
BEGAN = "hardway.dev/began"
"""The annotation with the time of the run that made the namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The only checks that write; all that they write is declared here."""

    prefix: str
    """How the names of its namespaces begin."""
    labels: Mapping[str, str]
    """Its namespace's own, beside those that mark it as a trial's."""
    setup: Callable[[Cluster, str, Sequence[str]], tuple[Manifest, ...]]
    """What is put into the namespace of that name, to be tried on some nodes."""
    needs: tuple[Check, ...]
    """What must hold before anything is written: without it the trial would do damage."""
    ready: Check
    """Of each node: that its pod runs."""
    words: Callable[[str], Mapping[str, Mapping[str, str]]]
    """What fills the holes of `on_nodes`, by node, read from what `ready` was answered."""
    by_hand: Mapping[str, str]
    """Commands that print what fills each of these holes; `<PEER>` in them is the next node."""
    once: tuple[Check, ...]
    """Made once, about what was set up."""
    on_nodes: tuple[Check, ...]
    """Made on each node whose pod runs."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All that is found by it, in order."""
        return (*self.once, self.ready, *self.on_nodes)
