"""Chapters from what is rendered: each step's things, gathered into tasks."""

from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname

from hardway import components
from hardway.components import Stored
from hardway.engine import nodes
from hardway.engine.kinds import KINDS
from hardway.engine.render import Rendered, manifests, render
from hardway.export import keys, made, proofs, trial
from hardway.export.model import Chapter, Proof, Put, Task
from hardway.export.tree import TEMPLATES
from hardway.model.resources import Blob, Desired, File, Folder, Item, Manifest, Package, Unit
from hardway.render.kubeconfig import host_kubeconfigs
from hardway.render.systemd import UNITS, without_notes
from hardway.steps import certificates, kubeconfigs, kubelet, workers
from hardway.steps.base import Given, Step
from hardway.steps.index import STEPS
from hardway.text import text

Thing = tuple[str, str, tuple[Item, ...]]
"""What a task is about: its title, why, and all that a machine is given for it."""


def chapters(given: Given) -> tuple[Chapter, ...]:
    """Return all steps; `given` has marks in place of secrets (`made.secrets`)."""
    rendered, objects = render(STEPS, given), manifests(STEPS, given)
    carried: dict[str, list[Proof]] = {step.name: [] for step in STEPS}
    own: dict[str, list[Proof]] = {step.name: [] for step in STEPS}
    later: dict[str, dict[str, str]] = {step.name: {} for step in STEPS}
    for step in STEPS:
        for after, proof in proofs.of_step(step, given.cluster):
            (own if after == step.name else carried)[after].append(proof)
            if after != step.name:
                later[step.name][proof.check] = after
    return tuple(
        Chapter(
            number=number,
            name=step.name,
            title=step.title,
            why=step.why,
            tasks=(*_here(step, given), *_tasks(step, rendered, given)),
            later=later[step.name],
            carried=proofs.folded(carried[step.name]),
            objects=(*objects.get(step.name, ()), *_tried(step, given)),
            notes=step.notes,
            patches=_patches(rendered, given) if step.name == workers.READY.after else (),
            proofs=proofs.folded(
                (*_effects(step, rendered), *own[step.name], *_trial(step, given))
            ),
            settles_s=int(step.settles_s + step.settles_more_s(given.cluster)) or TRIAL_S,
            afterwards=_afterwards(step),
        )
        for number, step in enumerate(STEPS, start=1)
    )


def _here(step: Step, given: Given) -> Iterator[Task]:
    """Yield what is done on the host that the guide is followed on."""
    if step.name == certificates.NAME:
        yield Task(name="keys", title="Keys and certificates", why=step.why, machines=(),
                   commands=tuple(keys.commands(given.cluster)))  # fmt: skip
    if step.name == kubeconfigs.NAME:
        yield Task(name="own", title="Your own kubeconfigs, and kubectl",
                   why=text("The certificates in them are yours: they stay on this host."),
                   machines=(), commands=tuple(_own_kubeconfigs(given)))  # fmt: skip


def _own_kubeconfigs(given: Given) -> Iterator[str]:
    for name in host_kubeconfigs(given.cluster, given.secrets):
        yield f'fill "$HERE/{TEMPLATES}/{name}" "$KEYS/{name}"'
    yield f"component {kubectl(given).sha256} kubectl"


def kubectl(given: Given) -> Stored:
    """Return this host's kubectl."""
    return given.stored[components.architecture()]["kubectl"]


TRIAL_S = 60
"""How long a trial's pods and Services may take."""


def _tried(step: Step, given: Given) -> tuple[Manifest, ...]:
    return trial.objects(step.trial, given.cluster) if step.trial else ()


def _trial(step: Step, given: Given) -> Iterator[Proof]:
    return trial.proofs(step.trial, given.cluster) if step.trial else iter(())


def _afterwards(step: Step) -> tuple[str, ...]:
    if step.trial is None:
        return ()
    return (f"kubectl delete namespace {trial.namespace(step.trial)} --wait=false",)


def _effects(step: Step, rendered: Rendered) -> Iterator[Proof]:
    for machine, by_step in rendered.items():
        for effect in by_step[step.name].effects:
            # What the API puts right is of a cluster that has lived for a while.
            if effect.fix:
                yield proofs.of_effect(effect, machine)


def _patches(rendered: Rendered, given: Given) -> tuple[Manifest, ...]:
    """Return what is set of Nodes once they are there: what `up` assigns."""
    kubelets = {
        machine: unit
        for machine, by_step in rendered.items()
        for unit in by_step[workers.NAME].units
        if unit.name == kubelet.UNIT
    }
    assigned = nodes.changes(given.cluster, (), kubelets, busy=kubelets)
    return tuple(c.item for c in assigned if isinstance(c.item, Mapping))


def _tasks(step: Step, rendered: Rendered, given: Given) -> Iterator[Task]:
    """Yield a step's tasks: machines of a role with the same things to do are in one.

    Those of both roles where nothing differs, as with the names of all machines.
    """
    known = made.names(given.cluster)
    tasks: dict[object, dict[str, Thing]] = {}
    for machine, by_step in rendered.items():
        role = given.cluster.machine(machine).role
        for thing in _things(by_step[step.name]):
            title, _, items = thing
            same = next((k for k, own in tasks.items() if thing in own.values()), None)
            key = same or (title, role, _commands(items))
            tasks.setdefault(key, {})[machine] = thing
    for number, by_machine in enumerate(tasks.values(), start=1):
        title, why, items = next(iter(by_machine.values()))
        yield Task(
            name=f"{number}",
            title=title,
            why=why,
            machines=tuple(by_machine),
            items=items,
            parts=_parts(title, items),
            puts={
                machine: tuple(
                    Put(file=item, content=made.content(_plain(item), known))
                    for item in thing[2]
                    if isinstance(item, File)
                )
                for machine, thing in by_machine.items()
            },
            commands=_commands(items),
        )


def _plain(file: File) -> bytes:
    """Return a file's content without what only hardway needs."""
    return without_notes(file.content) if file.path.startswith(UNITS) else file.content


def _parts(title: str, items: Sequence[Item]) -> tuple[tuple[str, str], ...]:
    """Return the names of a task's things, each with its reason; none that the title says."""
    named = [
        (item.name if isinstance(item, Package) else item.path, item.why)
        for item in items
        if isinstance(item, Package | Folder | File | Blob)
    ]
    return tuple((name, why) for name, why in named if not name.endswith(title))


def _commands(items: Sequence[Item]) -> tuple[str, ...]:
    return tuple(
        line
        for kind in KINDS
        if (own := [item for item in items if isinstance(item, kind.type)])
        for line in kind.by_hand(own)
    )


def _things(desired: Desired) -> Iterator[Thing]:
    """Yield what a step wants of a machine: packages, lines, files by folder, then each unit."""
    if desired.packages:
        yield "Packages", "", desired.packages
    for block in desired.blocks:
        yield block.path, block.why, (block,)
    if desired.blobs:
        yield "Binaries and images", "", desired.blobs
    of_units = {unit.name: _of_unit(unit, desired) for unit in desired.units}
    claimed = {id(item) for items in of_units.values() for item in items}
    placed: tuple[Folder | File, ...] = (*desired.folders, *desired.files)
    yield from _by_folder([item for item in placed if id(item) not in claimed])
    taken: set[int] = set()
    for unit in desired.units:
        items = tuple(item for item in of_units[unit.name] if id(item) not in taken)
        taken |= {id(item) for item in items}
        yield unit.name, unit.why, (*items, unit)


def _of_unit(unit: Unit, desired: Desired) -> tuple[Item, ...]:
    """Return the files and folders of a unit: those that it or another of them names."""
    found: list[File | Folder] = []
    # A timer starts the service of its name.
    service = f"{UNITS}/{unit.name.rpartition('.')[0]}.service"
    text = "\n".join((unit.path, service, *unit.reads))
    there: tuple[File | Folder, ...] = (*desired.folders, *desired.files)
    while new := [item for item in there if item not in found and item.path in text]:
        found += new
        text = "\n".join(item.content.decode() for item in new if isinstance(item, File))
    return tuple(found)


def _by_folder(items: Sequence[Folder | File]) -> Iterator[Thing]:
    folders: dict[str, list[Folder | File]] = {}
    for item in items:
        place = item.path if isinstance(item, Folder) else dirname(item.path)
        folders.setdefault(place, []).append(item)
    for folder, own in folders.items():
        alone = len(own) == 1 and not isinstance(own[0], Folder)
        why = own[0].why if alone or isinstance(own[0], Folder) else ""
        yield own[0].path if alone else folder, why, tuple(own)
