"""Writing down how this very cluster is built without hardway."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hardway.errors import RefusedError
from hardway.export import guide, made, shell
from hardway.export.book import book
from hardway.export.model import Book, Login
from hardway.export.tree import Entry
from hardway.export.words import Say
from hardway.files import write
from hardway.model.cluster import HostFacts
from hardway.project import Project
from hardway.steps.base import Given
from hardway.text import text

FORMATS: Mapping[str, Callable[[Book, Say], Mapping[str, Entry]]] = {
    "guide": guide.tree,
    "shell": shell.tree,
}


async def export(project: Project, form: str, folder: Path, say: Say) -> int:
    """Write the way to a cluster into a new or empty folder; return how many files it is.

    Secrets of the living cluster are not read.

    Raises:
        RefusedError: there is something in the folder, or nothing is known of a machine.
        ComponentError: a component is not in the cache.
    """
    _require_empty(folder)
    cluster, facts = project.cluster, await _facts(project)
    stored = project.stored({host.architecture for host in facts.values()}, absent_ok=False)
    given = Given(cluster, made.secrets(cluster), stored, facts)
    logins = [_login(project, machine.name) for machine in cluster.machines]
    tree = FORMATS[form](book(given, logins, str(project.cache)), say)
    for path, entry in tree.items():
        _write(folder / path, entry)
    return len(tree)


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(text("{folder} is not empty", folder=folder),
                           hint="name a folder that does not exist yet")  # fmt: skip


async def _facts(project: Project) -> Mapping[str, HostFacts]:
    async with project.provider.connect(project.cluster) as fleet:
        facts = await project.provider.facts(project.cluster, fleet)
    if silent := [m.name for m in project.cluster.machines if m.name not in facts]:
        raise RefusedError(
            text("nothing is known of {machines}: what hardway puts there depends on the machine",
                 machines=", ".join(silent)),
            hint="hardway status",
        )  # fmt: skip
    return facts


def _login(project: Project, machine: str) -> Login:
    argv = project.provider.ssh_command(project.cluster.machine(machine), ["true"])
    # Without the command, and without the terminal that a person's sudo may need.
    return Login(machine=machine, argv=tuple(word for word in argv[:-1] if word != "-t"))


def _write(path: Path, entry: Entry) -> None:
    if entry.link:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(entry.link)
    else:
        write(path, entry.content, mode=entry.mode)
