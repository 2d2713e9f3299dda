"""What assistants may ask of a cluster: a table of read-only tools, each with plain answers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hardway import pipeline
from hardway.checks.causes import causes_of, grouped
from hardway.errors import RefusedError
from hardway.explain.index import Index, answer_about
from hardway.explain.scene import NOBODY_ASKED
from hardway.model.resources import Finding
from hardway.operations import certificates
from hardway.operations.chart import draw
from hardway.operations.explain import scene
from hardway.operations.look import look
from hardway.operations.view import view, without_machines
from hardway.pictures import PICTURES
from hardway.pictures.layout import lay_out
from hardway.pictures.terminal import plain
from hardway.project import Project
from hardway.text import language, text, translate

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A row: a question about a cluster. It changes nothing, there and in the cluster's folder."""

    name: str
    about: str
    """What it answers, for the assistant that chooses among tools."""
    ask: Callable[..., Awaitable[Json]]
    """Its parameters after the project are the tool's."""


async def status(project: Project) -> Json:
    """Return how each part of the cluster is."""
    seen = await look(project)
    return {"healthy": seen.healthy, **asdict(seen)}


async def verify(project: Project, steps: Sequence[str] = ()) -> Json:
    """Return what the checks of some steps found, or of all; makes no trials."""
    found = await pipeline.verify(project, steps, trials=False)
    return {
        "checks": len(found),
        "causes": [{"roots": [_finding(f, found) for f in cause.roots],
                    "follows": [_finding(f, found) for f in cause.follows]}
                   for cause in grouped(found)],
        "unknown": [_finding(f, found) for f in found if f.open],
    }  # fmt: skip


def _finding(finding: Finding, found: Sequence[Finding]) -> Json:
    follows = [{"check": c.check, "machine": c.machine} for c in causes_of(finding, found)]
    return {**asdict(finding), "follows_from": follows}


async def explain(project: Project, what: str) -> Json:
    """Return what something in the cluster is: all points of `hardway explain`."""
    atlas = draw(project)
    index = Index(atlas)
    found = index.find(what)
    if found is None:
        nearest = [{"kind": t.kind, "name": t.name} for t in index.nearest(what)]
        return {"unknown": what, "nearest": nearest}
    if len(found.things) > 1:
        return {"choices": [{"kind": t.kind, "name": t.name} for t in found.things]}
    (thing,) = found.things
    seen = await scene(project, atlas, thing, found.machine) if project.decisions else NOBODY_ASKED
    answer = answer_about(thing, seen)
    points = [{"heading": p.heading, "texts": p.texts, "rows": p.rows, "commands": p.commands}
              for p in answer.points]  # fmt: skip
    return {"kind": answer.kind, "name": answer.name, "points": points, "notes": answer.notes}


async def certs(project: Project) -> Json:
    """Return where each certificate is used, and what endpoints present."""
    found = await certificates.live(project) if project.decisions else certificates.offline(project)
    return {
        "connections": [
            {"name": use.connection.name, "client": use.connection.client,
             "server": use.connection.server, "authorizes": use.connection.authorizes,
             "server_shows": asdict(use.server) if use.server else None,
             "client_shows": asdict(use.client) if use.client else None}
            for use in found.uses
        ],
        "certificates": [asdict(leaf) for leaf in found.certificates],
        "ca_files": found.cas,
    }  # fmt: skip


async def picture(project: Project, name: str, about: str = "") -> Json:
    """Return a picture as text.

    Raises:
        RefusedError: there is no such picture, or it is about something else.
    """
    row = next((p for p in PICTURES if p.name == name), None)
    if row is None:
        names = ", ".join(p.name for p in PICTURES)
        raise RefusedError(text("there is no picture '{picture}'", picture=name),
                           hint=text("the pictures: {names}", names=names))  # fmt: skip
    looks = row.looks(draw(project), about)
    seen = await view(project, looks) if project.decisions else without_machines(project)
    drawing = row.draw(seen, about)
    return {
        "title": drawing.title,
        "caption": drawing.caption,
        "text": plain(lay_out(drawing, partial(translate, code=language()))),
    }


async def plan(project: Project) -> Json:
    """Return what `hardway up` would change; of secrets their digests only."""
    planned = await pipeline.plan(project)
    fields = ("machine", "step", "kind", "path_or_unit", "diff")
    return {
        "deltas": [delta.line for delta in planned.deltas],
        "changes": [{name: getattr(c, name) for name in fields} for c in planned.changes],
        "unknown": planned.unknown,
    }


TOOLS = (
    Tool("status", "How each machine, etcd, the endpoint and the nodes are right now.", status),
    Tool("verify", "What is wrong with the cluster: root causes with machine, expected, found, why "
         "and a command to see it, and what follows from each. Makes no trials.", verify),
    Tool("explain", "What a file, flag, setting, unit, port, address, certificate, connection, "
         "user, check, step or error message is in this very cluster.", explain),
    Tool("certs", "Which connection uses which certificate by which flag; whether endpoints "
         "present what is on disk; which certificates were used lately.", certs),
    Tool("picture", "A picture as text: " + "; ".join(
        f"{' '.join(filter(None, [p.name, p.argument]))}: {p.title}" for p in PICTURES), picture),
    Tool("plan", "What `hardway up` would change on each machine, with diffs; changes nothing.",
         plan),
)  # fmt: skip
BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in TOOLS}
