"""Kubeconfigs: where a client finds the API, whom it trusts, and as whom it comes."""

from collections.abc import Iterator, Sequence

from hardway.atlas.atlas import Atlas, Placed
from hardway.atlas.connections import having
from hardway.explain import certificates, uses
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import by_step
from hardway.explain.readers import reading
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing
from hardway.explain.uses import End
from hardway.model.resources import File
from hardway.pki.inventory import Wanted, expand
from hardway.render.kubeconfig import path as path_of
from hardway.text import text

SUFFIX = ".kubeconfig"


def is_kubeconfig(placed: Placed) -> bool:
    """Return whether something on a machine is a kubeconfig."""
    return isinstance(placed.item, File) and placed.item.path.endswith(SUFFIX)


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield the kubeconfigs for people, which are on this host; machines' are files there."""
    for wanted in expand(atlas.cluster):
        if not wanted.machine:
            yield _for_people(atlas, wanted)


def _for_people(atlas: Atlas, wanted: Wanted) -> Thing:
    row = wanted.row
    path = certificates.kubeconfig_here(atlas, row)

    def points(_scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (
            text("The kubeconfig of {who}: where the API is, which CA must have signed its "
                 "certificate, and a client certificate with its key.", who=row.presented_by),
        ))  # fmt: skip
        yield Point(Aspect.MADE, (by_step("kubeconfigs"),), rows=((text("file"), path),))
        yield Point(Aspect.READERS, rows=((row.presented_by, text("on this host")),))
        found = [
            use for connection in having(atlas.cluster) for use in uses.ends(connection)
            if use.ref.file == f"kubeconfigs/{row.kubeconfig}{SUFFIX}"
        ]  # fmt: skip
        yield Point(Aspect.CONTENT, rows=((text("server"), atlas.cluster.api_from_here.url),))
        yield from certificates.shared(atlas, wanted, found)
        yield Point(Aspect.SEE, commands=(f"kubectl --kubeconfig {path} config view",))

    return Thing(kind=Kind.FILE, name=f"kubeconfigs/{row.kubeconfig}{SUFFIX}",
                 aliases=(path, f"{row.kubeconfig}{SUFFIX}", f"kubeconfig {row.kubeconfig}"),
                 tags=(f"kubeconfig {row.kubeconfig}", f"certificate {row.name}", "kubeconfig",
                       "kubeconfigs"),
                 summary=row.why, points=points)  # fmt: skip


def of_file(atlas: Atlas, found: Sequence[Placed], scene: Scene) -> Iterator[Point]:
    """Yield what there is to say of a kubeconfig on a machine."""
    first = found[0]
    assert isinstance(first.item, File)  # noqa: S101 - as `is_kubeconfig` says
    path = first.item.path
    wanted = next(
        w for w in expand(atlas.cluster)
        if w.machine == first.machine and w.row.kubeconfig and path_of(w.row) == path
    )  # fmt: skip
    row = wanted.row
    yield Point(Aspect.WHAT, (
        text("The kubeconfig of {name}: where the API is, which CA must have signed its "
             "certificate, and which certificate {name} shows.", name=row.kubeconfig),
        text("The user is the CN of the certificate, whatever the entry is called in this file."),
    ))  # fmt: skip
    yield from reading(atlas, path, scene)
    yield Point(Aspect.CONTENT, rows=tuple(
        (entry.rsplit(".", 1)[-1], atlas.value(first.machine, path, entry)) for entry in (
            "clusters[0].cluster.server", "clusters[0].cluster.certificate-authority",
            "users[0].user.client-certificate", "users[0].user.client-key",
        )
    ))  # fmt: skip
    used = [use for connection in having(atlas.cluster) for use in uses.ends(connection)
            if use.ref.file == path and use.end is not End.DIALS]  # fmt: skip
    yield from uses.told(atlas, used)
    yield from certificates.as_whom(wanted.common_name, row.organization)
    yield from uses.lost(use.connection for use in used)
    see = f"hardway ssh {first.machine} -- cat {path}"
    yield Point(Aspect.SEE, commands=(see,))
