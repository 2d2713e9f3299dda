"""Files, folders, programs and lines: all that stands at a path."""

from collections.abc import Iterator
from functools import partial
from posixpath import basename

from hardway.atlas.atlas import Atlas, Placed
from hardway.explain import certificates, kubeconfigs
from hardway.explain.answer import Aspect, Point
from hardway.explain.places import Standing, copy_of, made, standing
from hardway.explain.readers import reading
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing
from hardway.explain.uses import Use
from hardway.model.paths import SERVICE_PATHS, ServicePath
from hardway.model.resources import Blob, Block, File, Folder
from hardway.model.rows import walk
from hardway.render.systemd import UNITS
from hardway.text import text

KINDS = {
    File: text("A file."),
    Folder: text("A folder; its content is the component's own."),
    Block: text("Lines of hardway's within a file that belongs to others."),
    Blob: text("A program or an image: a link into the machine's store, where it is kept under "
               "its digest."),
}  # fmt: skip


def things(atlas: Atlas, used: dict[str, tuple[Use, ...]]) -> Iterator[Thing]:
    """Yield a thing for each path at which something is put or made."""
    paths = dict.fromkeys(
        placed.item.path for placed in atlas.placed if isinstance(placed.item, Standing)
    )
    for path in paths:
        if not path.startswith(f"{UNITS}/"):
            found = atlas.at(path)
            yield _thing(atlas, path, found, used.get(path, ()))
    for row in SERVICE_PATHS:
        if row.path not in paths:
            yield _by_service(atlas, row)


def _thing(atlas: Atlas, path: str, found: tuple[Placed, ...], used: tuple[Use, ...]) -> Thing:
    item = standing(found[0])
    material = next((own[path] for own in atlas.materials.values() if path in own), None)
    kind = Kind.PROGRAM if isinstance(item, Blob) else Kind.FILE
    named = (f"certificate {material.wanted.row.name}",) if material and material.wanted else ()
    return Thing(
        kind=kind,
        name=path,
        aliases=(basename(path),) if kind is Kind.PROGRAM or not material else (),
        tags=(f"file {path}", path, basename(path), *named,
              *((f"CA {material.ca.name}",) if material and material.ca else ()),
              *(("kubeconfig",) if kubeconfigs.is_kubeconfig(found[0]) else ()),
              found[0].step, *(use.connection.name for use in used)),
        summary=item.why,
        machines=tuple(placed.machine for placed in found),
        paths=(path,) if isinstance(item, File) else (),
        points=partial(_points, atlas, path, found, used),
    )  # fmt: skip


def _points(
    atlas: Atlas, path: str, found: tuple[Placed, ...], used: tuple[Use, ...], scene: Scene
) -> Iterator[Point]:
    chosen = [p for p in found if p.machine in scene.chosen(q.machine for q in found)]
    first = chosen[0]
    if path in atlas.materials.get(first.machine, {}):
        yield from certificates.of_path(atlas, path, chosen, used, scene)
    elif kubeconfigs.is_kubeconfig(first):
        yield from kubeconfigs.of_file(atlas, chosen, scene)
    else:
        whys = dict.fromkeys(standing(p).why for p in chosen)
        kind = next(said for type_, said in KINDS.items() if isinstance(first.item, type_))
        yield Point(Aspect.WHAT, (kind, *whys))
        yield from reading(atlas, path, scene)
        yield Point(Aspect.CONTENT, rows=tuple(_rows(first)), more=True)
        yield Point(Aspect.CONTENT, tuple(_text(first)), more=True)
        yield Point(Aspect.SEE, commands=(_see(first),))
    yield from made(atlas, chosen)
    if isinstance(first.item, File):
        yield Point(Aspect.CONTENT, rows=tuple(_states(chosen, path, scene)))
        yield Point(Aspect.SEE, commands=(_compare(atlas, first),), more=True)


def _states(found: list[Placed], path: str, scene: Scene) -> Iterator[tuple[str, str]]:
    for placed in found:
        if said := scene.state(placed.machine, path):
            yield placed.machine, said


def _rows(placed: Placed) -> Iterator[tuple[str, str]]:
    """Yield each entry and its reason."""
    if isinstance(placed.item, File):
        for row in walk(placed.item.rows):
            value = "" if placed.item.secret else getattr(row, "value", "")
            yield (f"{row.name}: {value}" if value not in ("", None) else row.name), row.why


def _text(placed: Placed) -> Iterator[str]:
    if isinstance(placed.item, Block):
        yield placed.item.text.rstrip()
    elif isinstance(placed.item, File) and not placed.item.rows and not placed.item.secret:
        yield placed.item.content.decode(errors="replace").rstrip()
    elif isinstance(placed.item, Blob):
        yield text("{bytes} bytes, SHA-256 {digest}.", bytes=placed.item.size_bytes,
                   digest=placed.item.sha256)  # fmt: skip


def _see(placed: Placed) -> str:
    secret = isinstance(placed.item, File) and placed.item.secret
    show = {Folder: "ls -l --directory", Blob: "readlink"}.get(
        type(placed.item), "ls -l" if secret else "cat"
    )
    return f"hardway ssh {placed.machine} -- {show} {standing(placed).path}"


def _compare(atlas: Atlas, placed: Placed) -> str:
    path, copy = standing(placed).path, copy_of(atlas, placed)
    # Of a secret file no line is printed, only where the first difference is.
    secret = isinstance(placed.item, File) and placed.item.secret
    compare = f"cmp - {copy}" if secret else f"diff {copy} -"
    return f"hardway ssh {placed.machine} -- cat {path} | {compare}"


def _by_service(atlas: Atlas, row: ServicePath) -> Thing:
    running = [*atlas.units(f"{row.made_by}.service"), *atlas.placed[:1]]
    machine = running[0].machine

    def points(_scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (row.why,))
        yield Point(Aspect.MADE, (text("{who}, when it runs; no step puts it there.",
                                       who=row.made_by),))  # fmt: skip
        yield Point(Aspect.READERS, rows=((row.made_by, text("its own data")),))
        yield Point(Aspect.SEE, commands=(f"hardway ssh {machine} -- ls -la {row.path}",))

    return Thing(
        kind=Kind.FILE, name=row.path, aliases=(basename(row.path),),
        tags=(row.path, f"file {row.path}", row.made_by, "machines"), summary=row.why,
        points=points,
    )  # fmt: skip
