"""Identities: as whom clients are known, by which proof, and what gives them their rights."""

from collections.abc import Iterator
from functools import partial

from hardway.atlas.atlas import Atlas
from hardway.atlas.identities import IDENTITIES, Identity
from hardway.explain.answer import Aspect, Point
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.model.checks import Subject
from hardway.pki.inventory import Wanted, expand
from hardway.text import text


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield each user and group; a node's for each worker."""
    for row in IDENTITIES:
        names = [m.name for m in atlas.cluster.workers] if "{machine}" in row.name else [""]
        for machine in names:
            name = row.name.format(machine=machine)
            kind = "group" if row.is_group else "user"
            yield Thing(
                kind=Kind.IDENTITY,
                name=name,
                aliases=(f"CN={name}", f"O={name}", f"{kind} {name}", f'user "{name}"'),
                tags=(name, row.name, "identity"),
                summary=row.can,
                points=partial(_points, atlas, row, name, machine),
            )


def _points(atlas: Atlas, row: Identity, name: str, machine: str, _scene: Scene) -> Iterator[Point]:
    proofs = [w for w in expand(atlas.cluster) if name in {w.common_name, w.row.organization}
              and "clientAuth" in w.row.usages]  # fmt: skip
    kind = text("group") if row.is_group else text("user")
    yield Point(Aspect.WHAT, (
        text("The {kind} {name} of the Kubernetes API.", kind=kind, name=name), row.can,
    ))  # fmt: skip
    yield Point(Aspect.MADE, tuple(_proved(row, proofs, name)))
    yield Point(Aspect.READERS, rows=tuple(dict.fromkeys(
        (w.row.presented_by, text("{where}, with {path}", where=w.machine or text("this host"),
                                  path=f"{w.row.path}.crt" if w.row.path
                                  else f"kubeconfigs/{w.row.kubeconfig}.kubeconfig"))
        for w in proofs
    )))  # fmt: skip
    yield Point(Aspect.IDENTITY, (row.grants,))
    yield Point(Aspect.SEE, commands=(_see(atlas, row, machine),))


def _proved(row: Identity, proofs: list[Wanted], name: str) -> Iterator[str]:
    if proofs:
        part = "O" if row.is_group else "CN"
        yield text(
            "Nothing makes it: Kubernetes has no list of users. Who shows a client certificate "
            "with {part}={name}, signed by a CA that the server trusts, is this {kind}.",
            part=part, name=name, kind=text("group") if row.is_group else text("user"),
        )  # fmt: skip
        yield text(
            "The certificates that say so: {names}.", names=joined(w.row.name for w in proofs)
        )
    elif name.startswith("system:serviceaccount:"):
        yield text("The API object ServiceAccount of that name; its pods show a signed token.")
    else:
        yield text("The API server: it takes a request without credentials for this one.")


def _see(atlas: Atlas, row: Identity, machine: str) -> str:
    cluster = atlas.cluster
    if "<MACHINE>" in row.see and not machine:
        machine = (cluster.workers or cluster.machines)[0].name
    subject = Subject("machine", machine or cluster.machines[0].name, cluster)
    return subject.fill(row.see, {})
