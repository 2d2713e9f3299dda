"""Plain POSIX shell that builds a cluster: a script for each step, and one that runs them all."""

import json
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files

from hardway.export.model import Book, Chapter, Login, Proof, Task
from hardway.export.tree import KEYS, Entry, entry, objects_file, trees
from hardway.export.words import Say
from hardway.model.resources import IDENTITY, STORE, Blob, Manifest
from hardway.render.config import comment

LIBRARIES = ("machines", "keys", "proofs")


def tree(book: Book, _say: Say = str) -> Mapping[str, Entry]:
    """Return all files by path."""
    return {
        "build.sh": entry(_build(book), mode=0o755),
        **{script(c): entry(_step(c), mode=0o755) for c in book.chapters},
        **base(book),
    }


def base(book: Book) -> Mapping[str, Entry]:
    """Return what every form of an export has: functions, files and objects."""
    return {
        "lib.sh": entry(_lib(book)),
        **{f"lib/{name}.sh": entry(library(name)) for name in LIBRARIES},
        **trees(book),
    }


def script(chapter: Chapter) -> str:
    """Return the path of a step's script."""
    return f"steps/{chapter.number:02}-{chapter.name}.sh"


def library(name: str) -> str:
    """Return a file of functions."""
    return files("hardway.export").joinpath(f"lib/{name}.sh").read_text()


def _build(book: Book) -> str:
    machines = " ".join(login.machine for login in book.logins)
    runs = "".join(f'sh "$HERE/{script(chapter)}"\n' for chapter in book.chapters)
    head = comment(
        f"Builds the cluster {book.cluster.name} on its machines, step by step, with new keys. "
        "Run again after a failure, it goes on: what is there stays."
    )
    return f"""#!/bin/sh
{head}#   COMPONENTS=FOLDER sh build.sh [SSH OPTION]...
set -eu
SSH_OPTIONS=$*
export SSH_OPTIONS
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

require_free {machines}
{runs}say "the cluster {book.cluster.name} is built: KUBECONFIG=$KEYS/admin.kubeconfig"
"""


def _lib(book: Book) -> str:
    cases = "".join(_login(login) for login in book.logins)
    sources = "".join(f'. "$HERE/lib/{name}.sh"\n' for name in LIBRARIES)
    return f"""# Sourced by every script here: where things are, and how machines are reached.
# shellcheck shell=sh disable=SC1091,SC2034
HERE=$(cd "$(dirname "$0")" && pwd)
[ -e "$HERE/lib.sh" ] || HERE=${{HERE%/*}}
KEYS=${{KEYS:-$HERE/{KEYS}}}
COMPONENTS=${{COMPONENTS:-{book.cache}}}
SSH_OPTIONS=${{SSH_OPTIONS:-}}
IDENTITY={IDENTITY}
STORE={STORE}
KUBECTL={book.kubectl}
API_HOST={book.cluster.api_from_here.host}
umask 022
if [ -z "${{SOCKETS:-}}" ]; then
    # Paths of sockets are short: not in a TMPDIR of any length.
    SOCKETS=$(mktemp -d -p /tmp)
    export SOCKETS
    trap 'rm -rf "$SOCKETS"' EXIT
fi

# login MACHINE COMMAND: a connection to a machine whose host key is known
login() {{
    machine=$1
    shift
    case $machine in
{cases}    *)
        say "error: there is no machine $machine"
        return 1
        ;;
    esac
}}

{sources}"""


def _login(login: Login) -> str:
    return f'    {login.machine}) ssh_to {shlex.join(login.argv[1:])} "$@" ;;\n'


def _step(chapter: Chapter) -> str:
    parts = [
        "#!/bin/sh\n",
        comment(f"Step {chapter.number}: {chapter.title}. Why: {chapter.why}."),
        'set -eu\n# shellcheck source=/dev/null\n. "$(dirname "$0")/../lib.sh"\n\n',
        f"say {shlex.quote(f'{chapter.number}. {chapter.title}')}\n",
        *(_task(task) for task in chapter.tasks),
        *(_proof(proof, chapter.settles_s) for proof in chapter.carried),
        *([f'\napply "$HERE/{objects_file(chapter)}"\n'] if chapter.objects else []),
        *(_patch(manifest, chapter.settles_s) for manifest in chapter.patches),
        *(_proof(proof, chapter.settles_s) for proof in chapter.proofs),
        *(f"\n{command}\n" for command in chapter.afterwards),
    ]
    return "".join(parts)


def _task(task: Task) -> str:
    body = "\n".join(task.commands)
    if not task.machines:
        return f"\n{comment(task.title)}{body}\n"
    return _head(task) + _on_each(task.machines, _put(task, body))


def _put(task: Task, commands: str) -> str:
    """Return the lines that send a task's files and run its commands; of components what is new."""
    if table := "".join(_row(item) for item in task.items if isinstance(item, Blob)):
        return (
            f"files=$(bring {MACHINE} <<'TABLE'\n{table}TABLE\n)\n"
            "# shellcheck disable=SC2086 # several words on purpose\n"
            + _with_input(f"put {MACHINE} $files", commands)
        )
    files = "".join(f" \\\n    {put.file.path[1:]}" for put in task.puts[task.machines[0]])
    return _with_input(f"put {MACHINE}{files}", commands)


def _row(blob: Blob) -> str:
    return f"{blob.sha256} {blob.stored.rsplit('/', 1)[1]} {blob.path[1:]}\n"


def _head(task: Task) -> str:
    parts = "".join(comment(f"{name}: {why}") for name, why in task.parts)
    return f"\n{comment(f'{task.title}: {task.why}' if task.why else task.title)}{parts}"


MACHINE = "@machine@"
"""Stands in lines that are done on one or several machines for the one at hand."""


def _on_each(machines: Sequence[str], lines: str) -> str:
    if len(machines) == 1:
        return lines.replace(MACHINE, machines[0])
    looped = lines.replace(MACHINE, '"$machine"')
    return f"for machine in {' '.join(machines)}; do\n{looped}done\n"


def _with_input(command: str, lines: str) -> str:
    return f"{command} <<'COMMANDS'\n{lines}\nCOMMANDS\n"


def _proof(proof: Proof, settles_s: int) -> str:
    where = f"{MACHINE} {MACHINE}" if proof.machines else f"{proof.subjects[0]} here"
    judge = shlex.join((proof.judge, proof.expected) if proof.expected else (proof.judge,))
    command = f"look {settles_s} {shlex.quote(proof.check)} {where} {judge}"
    lines = _with_input(command, proof.script)
    return f"\n{comment(proof.why)}{_on_each(proof.machines, lines) if proof.machines else lines}"


def _patch(manifest: Manifest, settles_s: int) -> str:
    what = shlex.quote(f"range of node/{manifest['metadata']['name']}")
    return f"\nwithin {settles_s} {what} {patch_command(manifest)}\n"


def patch_command(manifest: Manifest) -> str:
    """Return the command that sets what a manifest says of an object that is there."""
    name, kind = manifest["metadata"]["name"], manifest["kind"].lower()
    patch = shlex.quote(json.dumps({"spec": manifest["spec"]}))
    return f"kubectl patch {kind} {name} --type=merge --patch={patch}"
