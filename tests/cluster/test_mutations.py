"""Each check notices the fault it is for, is named before what follows from it, and all is mended.

A developer runs one on a cluster of their own:
    HARDWAY_TEST_CLUSTER=FOLDER pytest tests/cluster/test_mutations.py -k NAME
"""

import asyncio
import os
import shlex
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.cluster.conftest import Hardway
from tests.mutations import chosen

from hardway.errors import RefusedError
from hardway.model.resources import Finding
from hardway.mutations import MUTATIONS, Mutation
from hardway.mutations.script import FOLDER
from hardway.operations import mutate
from hardway.project import Project, open_project
from hardway.steps.network import HOLD

ALWAYS = chosen(MUTATIONS)
WHOLE: dict[Path, list[Finding]] = {}
"""What was found of a cluster, by its folder, that the mutation before has left whole."""


def project_of(cluster: Hardway) -> Project:
    return open_project(cluster.folder / "hardway.yaml", cluster.folder / "clusters")


def whole_before(run: mutate.Run, cluster: Hardway) -> list[Finding]:
    before = WHOLE.pop(cluster.folder, None) or asyncio.run(run.before())
    assert [f for f in before if f.fails] == [], "not whole to begin with"
    return before


@pytest.fixture
def fitting(mutation: Mutation, request: pytest.FixtureRequest) -> Hardway:
    """The shared cluster; where a mutation cannot be made in it, a small one of proxies."""
    shared: Hardway = request.getfixturevalue("cluster")
    if mutation.machines(project_of(shared).cluster):
        return shared
    if "HARDWAY_TEST_CLUSTER" in os.environ:
        pytest.skip("it cannot be made in this cluster")
    small: Hardway = request.getfixturevalue("small")
    with (small.folder / "hardway.yaml").open("a") as spec:
        spec.write("endpoint: {kind: proxy}\n")
    small("up")
    return small


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(m, id=m.name, marks=() if m in ALWAYS else pytest.mark.nightly)
        for m in MUTATIONS
    ],
)
def test_a_mutation_is_noticed_first_and_mended(fitting: Hardway, mutation: Mutation) -> None:
    run = mutate.start(project_of(fitting), mutation)
    before = whole_before(run, fitting)
    asyncio.run(run.make())
    try:
        began = monotonic()
        problems, found = asyncio.run(run.shown(before))
        shown_s = monotonic() - began
        red = {(f.check, f.machine): f.found for f in found if f.verdict == "wrong"}
        print(f"{mutation.name}: after {shown_s:.1f} s {red}")
        assert problems == (), red
        if mutation.later_s:
            sleep(mutation.later_s)
            problems, found = asyncio.run(run.shown(before))
            assert problems == (), {(f.check, f.machine): f.found for f in found if not f.ok}
        machine = run.project.cluster.machine(next(iter(run.scripts)))
        for command in mutation.mend:
            fitting(*shlex.split(mutation.fill(command, run.project.cluster, machine))[1:])
        began = monotonic()
        left = asyncio.run(run.whole(before))
        print(f"{mutation.name}: whole after {monotonic() - began:.1f} s")
        assert [(f.check, f.machine, f.found) for f in left] == []
        asyncio.run(run.forget())
        WHOLE[fitting.folder] = before
    finally:
        asyncio.run(run.undo())


@pytest.mark.nightly
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_mutation_that_is_undone_leaves_the_cluster_whole(
    fitting: Hardway, mutation: Mutation
) -> None:
    run = mutate.start(project_of(fitting), mutation)
    before = whole_before(run, fitting)
    asyncio.run(run.make())
    try:
        problems, found = asyncio.run(run.shown(before))
        assert problems == (), {(f.check, f.machine): f.found for f in found if not f.ok}
    finally:
        asyncio.run(run.undo())
    left = asyncio.run(run.whole(before))
    assert [(f.check, f.machine, f.found) for f in left] == []
    WHOLE[fitting.folder] = before


def test_a_machine_undoes_it_by_itself_when_nobody_does(cluster: Hardway) -> None:
    project = project_of(cluster)
    row = next(m for m in MUTATIONS if m.name == "key-readable-by-all")
    (key,) = row.keeps
    run = mutate.start(project, row, hold_s=10)
    (machine,) = run.scripts
    asyncio.run(run.make())
    with pytest.raises(RefusedError, match=f"{machine} has another mutation: {row.name}-"):
        asyncio.run(mutate.start(project, row).make())
    assert cluster.on(machine, f"stat --format=%a {key}; ls {HOLD}") == f"644\n{HOLD}\n"
    # As if hardway had been killed here: nobody calls its undo.
    cluster.on(machine, f"timeout 60 sh -c 'while [ -e {FOLDER} ]; do sleep 1; done'")
    assert cluster.on(machine, f"stat --format=%a {key}") == "600\n"
    assert cluster.on(machine, f"[ -e {HOLD} ] || echo released") == "released\n"
