"""Steps and checks: the way to the cluster, and how one sees that it holds."""

from collections.abc import Iterator
from functools import partial

from hardway.atlas.atlas import Atlas
from hardway.explain.answer import Aspect, Point
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.model.checks import Check, Forward, Kubectl, Sh, Subject
from hardway.model.resources import File, Unit
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.text import text


def checks_of(step: Step) -> tuple[Check, ...]:
    """Return all checks of a step, its trial's too."""
    return (*step.checks, *(step.trial.checks if step.trial else ()))


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield the steps and the checks."""
    followers: dict[str, list[str]] = {}
    for step in STEPS:
        for check in checks_of(step):
            for cause in check.causes:
                followers.setdefault(cause, []).append(check.name)
    for step in STEPS:
        yield Thing(
            kind=Kind.STEP, name=f"step {step.name}", aliases=(step.name, step.title),
            tags=(f"step {step.name}", step.name, "step"), summary=step.why,
            points=partial(_of_step, atlas, step),
        )  # fmt: skip
        for check in checks_of(step):
            yield Thing(
                kind=Kind.CHECK, name=check.name, aliases=(f"check {check.name}",),
                tags=(f"check {check.name}", step.name, "check"), summary=check.why,
                points=partial(_of_check, atlas, check, tuple(followers.get(check.name, ()))),
            )  # fmt: skip


def _of_step(atlas: Atlas, step: Step, _scene: Scene) -> Iterator[Point]:
    number = [own.name for own in STEPS].index(step.name)
    yield Point(Aspect.WHAT, (
        text("Step {number} of {count}, “{title}”: {why}.", number=number + 1, count=len(STEPS),
             title=step.title, why=step.why),
    ))  # fmt: skip
    before = STEPS[number - 1].name if number else text("nothing: it is the first")
    yield Point(Aspect.MADE, (text("hardway up; hardway up --until {step} stops after it.",
                                   step=step.name),),
                rows=((text("comes after"), before),))  # fmt: skip
    own = [p for p in atlas.placed if p.step == step.name]
    machines = joined(p.machine for p in own) or text("no machine: it asks or writes objects only")
    yield Point(Aspect.READERS, (machines,), title=text("Where"))
    files = {p.item.path: p.item.why for p in own if isinstance(p.item, File)}
    yield Point(Aspect.CONTENT, rows=tuple(files.items()), more=True)
    yield Point(Aspect.CONTENT, rows=(
        (text("files"), str(len(files))),
        (text("units"), joined(p.item.name for p in own if isinstance(p.item, Unit)) or "-"),
        (text("objects"), joined(f"{m['kind']} {m['metadata']['name']}"
                                 for m in atlas.objects.get(step.name, ())) or "-"),
        (text("checks"), joined(check.name for check in checks_of(step)) or "-"),
    ))  # fmt: skip
    yield Point(Aspect.WITHOUT, rows=tuple((c.name, c.why) for c in checks_of(step)), more=True,
                title="What its checks guard")  # fmt: skip
    yield Point(Aspect.SEE, commands=(f"hardway verify {step.name}",))


def _of_check(
    atlas: Atlas, check: Check, followers: tuple[str, ...], scene: Scene
) -> Iterator[Point]:
    subjects = check.scope.subjects(atlas.cluster)
    yield Point(Aspect.WHAT, (text("A check of the step {step}: {why}.", step=check.step,
                                   why=check.why),))  # fmt: skip
    yield Point(
        Aspect.MADE,
        (text("hardway verify makes it; otherwise it is made {when}.", when=check.when.value),),
    )
    about = joined(subject.name for subject in subjects) or text("nothing in this cluster")
    yield Point(Aspect.READERS, (about,), title=text("About"))
    match check.ask:
        case Sh(text=script, where=where):
            yield Point(Aspect.CONTENT, (script,), title="What it asks", more=True)
            yield Point(Aspect.CONTENT, rows=((text("asks"), where.value),))
        case Kubectl(words=words):
            yield Point(Aspect.CONTENT, rows=((text("asks the API"), " ".join(words)),))
        case Forward(port=port):
            yield Point(Aspect.CONTENT, rows=((text("asks a pod's port"), str(port)),))
    yield Point(Aspect.WITHOUT, rows=(
        *((text("wrong because of"), cause) for cause in check.causes),
        *((text("makes wrong"), name) for name in followers),
    ), title="Causes and consequences")  # fmt: skip
    chosen = next(
        (s for s in subjects if s.name == scene.machine), subjects[0] if subjects else None
    )
    yield Point(Aspect.SEE, commands=tuple(see(check, chosen)))


def see(check: Check, subject: Subject | None) -> Iterator[str]:
    """Yield the check's own command, with what only a trial knows left open; then verify's."""
    if subject:
        try:
            yield subject.fill(check.see, check.words(subject))
        except KeyError:
            yield check.see
    yield f"hardway verify {check.step}"
