"""A guide to read and follow: what is done on which machine, why, and what is to be seen then."""

import re
from collections.abc import Iterator, Mapping, Sequence

from hardway.export import files, words
from hardway.export import markdown as md
from hardway.export.model import Book, Chapter, Proof, Task
from hardway.export.shell import base, library, patch_command
from hardway.export.tree import Entry, entry, notes, objects_file
from hardway.export.words import Say
from hardway.model.objects import identity
from hardway.model.resources import IDENTITY, Blob, Package
from hardway.pki.inventory import CERTIFICATES, TRUSTED
from hardway.render.config import object_text
from hardway.steps import certificates, kubeconfigs
from hardway.text import text


def tree(book: Book, say: Say) -> Mapping[str, Entry]:
    """Return all files by path."""
    return {"guide.md": entry(_guide(book, say)), **base(book)}


def _guide(book: Book, say: Say) -> str:
    parts = (*_front(book, say), *(part for c in book.chapters for part in _chapter(c, book, say)),
             *_back(book, say))  # fmt: skip
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _front(book: Book, say: Say) -> Iterator[str]:
    cluster = book.cluster
    title = say(text("The cluster {name}, built by hand", name=cluster.name))
    yield f"# {title}"
    yield say(text(
        "This guide builds one cluster, Kubernetes {version}, on the machines below, without "
        "hardway. Its files have the names, addresses and flags of this cluster. It has a chapter "
        "for each step; each step ends with a look at what must hold then.",
        version=cluster.kubernetes_version,
    ))  # fmt: skip
    yield md.table(
        (say("machine"), say("role"), say("address"), say("range of pods")),
        [(m.name, m.role, str(m.address), str(m.pod_cidr or "")) for m in cluster.machines],
    )
    yield md.table(("", ""), [
        (say("the API, for clients"), md.literal(cluster.endpoint.url)),
        (say("addresses of machines"), md.literal(cluster.node_cidr)),
        (say("addresses of pods"), md.literal(cluster.pod_cidr)),
        (say("addresses of Services"), md.literal(cluster.service_cidr)),
        (say("DNS, for pods"), md.literal(cluster.dns_service_ip)),
    ])  # fmt: skip
    yield from _before(book, say)
    yield f"## {say('Chapters')}"
    yield "".join(f"{c.number}. [{say(c.title)}](#{c.name}): {say(c.why)}\n"
                  for c in book.chapters)  # fmt: skip


def _before(book: Book, say: Say) -> Iterator[str]:
    yield f"## {say('Before you begin')}"
    yield say(
        "You need this folder, and on this host openssl, ssh and tar. The folder has what this "
        "guide shows: `files/<machine>/` is shaped like the machine's file system. Open a terminal "
        "in it and load a few small functions; read them first (`lib/*.sh`):"
    )
    yield md.code(". ./lib.sh", "sh")
    yield md.table((say("function"), say("what it does")), [
        (md.literal("on MACHINE"), say("A shell there, as root; `on MACHINE COMMAND` runs one "
         "command. It is ssh(1) with the operator's key, and the host's key must be known.")),
        (md.literal("send MACHINE FILE..."), say("Copies files of `files/<machine>/` into "
         "`/root/tree` there, which root alone can read.")),
        (md.literal("component SHA256 FILE"), say("Has a pinned file at hand for `send`.")),
        (md.literal("fill TEMPLATE FILE"), say("Writes a file with a secret in it.")),
        (md.literal("kubectl"), say("The kubectl of this cluster's version, once it is there.")),
    ])  # fmt: skip
    yield say(
        "The machines must be of no other cluster: what they have of one would be taken for this "
        "one's. This ends with an error where one bears a cluster's id or CA, and changes nothing:"
    )
    names = " ".join(login.machine for login in book.logins)
    yield md.code(f"(require_free {names})", "sh")
    yield say(text("A cluster's id is in `{path}` on each of its machines: `hardway down` gives "
                   "them back.", path=IDENTITY))  # fmt: skip


def _chapter(chapter: Chapter, book: Book, say: Say) -> Iterator[str]:
    yield f'<a id="{chapter.name}"></a>'
    yield f"## {chapter.number}. {say(chapter.title)}"
    yield words.sentence(chapter.why, say)
    if chapter.name == certificates.NAME:
        yield from _certificates(say)
    if any(isinstance(item, Blob) for task in chapter.tasks for item in task.items):
        yield from _components(book, say)
    for number, task in enumerate(chapter.tasks, start=1):
        yield from _task(f"{chapter.number}.{number}", task, book, say)
    if chapter.carried:
        yield f"### {say('What holds by now')}"
        yield say("Earlier chapters made these possible; the files above were still missing.")
        yield from _proofs(chapter.carried, book, say)
    if chapter.objects:
        yield from _objects(chapter, say)
    if chapter.patches:
        yield from _patches(chapter, say)
    if chapter.proofs:
        yield f"### {say('What must hold now')}"
        yield say(text("It may take up to {seconds} s.", seconds=chapter.settles_s))
        yield from _proofs(chapter.proofs, book, say)
    if chapter.afterwards:
        yield say("Then take away what was made for this:")
        yield md.code("\n".join(chapter.afterwards), "sh")
    for check, later in chapter.later.items():
        title = next(c for c in book.chapters if c.name == later)
        yield say(text("Not yet, and right so: {check} holds only after chapter {number}, {title}.",
                       check=md.literal(check), number=title.number, title=title.title)
                  )  # fmt: skip


def _task(number: str, task: Task, book: Book, say: Say) -> Iterator[str]:
    where = words.machines(task.machines, book.cluster, say)
    yield f"### {number} {words.on(where, say(task.title), say)}"
    if task.why:
        yield words.sentence(task.why, say)
    if not task.machines:
        yield from _here(task, say)
        return
    yield from _things(task, book, say)
    yield from files.shown(task, book.cluster, say)
    if sent := _sent(task):
        yield say("From this host:")
        yield md.code(_loop(task.machines, sent), "sh")
    if task.puts[task.machines[0]] or sent:
        yield say(text("Then on {where}, in `/root/tree`:", where=where))
    else:
        yield say(text("On {where}:", where=where))
    yield md.code("\n".join(task.commands), "sh")


def _here(task: Task, say: Say) -> Iterator[str]:
    commands = "\n".join(task.commands)
    if len(task.commands) > LONG:
        yield md.folded(say(text("All {count} commands", count=len(task.commands))),
                        md.code(commands, "sh"))  # fmt: skip
    else:
        yield md.code(commands, "sh")


EXITS = re.compile(r"\bexit\b")
LONG = 12
"""Commands that are shown at once."""


def _things(task: Task, book: Book, say: Say) -> Iterator[str]:
    """Yield what is not a text: packages, components."""
    if packages := [(md.literal(i.name), say(i.why)) for i in task.items if isinstance(i, Package)]:
        yield md.table((say("package"), say("why")), packages)
    blobs = [item for item in task.items if isinstance(item, Blob)]
    if blobs:
        stored = {blob.path: book.components[blob.sha256] for blob in blobs}
        yield md.table((say("file"), say("why"), say("what it is")), [
            (md.literal(b.path), say(b.why),
             f"{stored[b.path].component} {stored[b.path].version}, {stored[b.path].source}")
            for b in blobs
        ])  # fmt: skip
        lines = (f"component {b.sha256} {b.stored.rpartition('/')[2]}" for b in blobs)
        yield md.code("\n".join(lines), "sh")


def _sent(task: Task) -> str:
    paths = [put.file.path for put in task.puts[task.machines[0]]]
    paths += [item.path for item in task.items if isinstance(item, Blob)]
    return "".join(f" \\\n        {path[1:]}" for path in paths)


def _loop(machines: Sequence[str], sent: str) -> str:
    if len(machines) == 1:
        return f"send {machines[0]}{sent}"
    return f'for machine in {" ".join(machines)}; do\n    send "$machine"{sent}\ndone'


def _components(book: Book, say: Say) -> Iterator[str]:
    """Yield how components get to machines."""
    yield say(text(
        "Have the files at hand first: each line `component SHA256 FILE` takes one from hardway's "
        "cache (`{cache}`), or from the folder in `COMPONENTS`, and refuses it where its digest is "
        "not the pinned one. On a machine each lies in a store under its digest, and a link gives "
        "it its name: another version is another link.", cache=book.cache,
    ))  # fmt: skip


def _certificates(say: Say) -> Iterator[str]:
    """Yield where each certificate is used."""
    yield say("Every connection has two ends. This is who shows which certificate to whom:")
    rows = [
        (md.literal(row.name), md.literal(_subject(row.common_name, row.organization)), row.ca,
         say(row.presented_by), say(row.verified_by), say(row.why))
        for row in CERTIFICATES
    ]  # fmt: skip
    headings = ("certificate", "subject", "CA", "who presents it", "who verifies it", "why")
    yield md.table([say(heading) for heading in headings], rows)
    yield say("And this is what each trusted CA decides:")
    yield md.table((say("role"), say("file"), "CA", say("what it decides")),
                   [(role, md.literal(path), ca, say(why)) for role, path, ca, why in TRUSTED]
                   )  # fmt: skip
    yield say("The functions that make them, with openssl and nothing else:")
    yield md.code(library("keys"), "sh")


def _subject(common_name: str, organization: str) -> str:
    own = common_name.format(machine="<machine>")
    return f"O={organization}, CN={own}" if organization else f"CN={own}"


def _objects(chapter: Chapter, say: Say) -> Iterator[str]:
    yield f"### {say('Through the API')}"
    for manifest in chapter.objects:
        said = notes(manifest, chapter)
        whole = "".join(say(note.why) for note in said if not note.name)
        yield f"**{md.literal(identity(manifest))}** {whole}"
        yield md.code(object_text(manifest), "yaml")
        if rows := [(md.literal(note.name), say(note.why)) for note in said if note.name]:
            yield md.folded(say("Why it is as it is"), md.table((say("part"), say("why")), rows))
    apply = "kubectl apply --server-side --force-conflicts --field-manager=hardway"
    yield md.code(f"{apply} --filename {objects_file(chapter)}", "sh")


def _patches(chapter: Chapter, say: Say) -> Iterator[str]:
    yield say("Write the range of its pods into each Node, for network plugins that look there; "
              "the API lets it be set once:")  # fmt: skip
    yield md.code("\n".join(map(patch_command, chapter.patches)), "sh")


def _proofs(proofs: Sequence[Proof], book: Book, say: Say) -> Iterator[str]:
    """Yield proofs, the first of each kind in full: the others differ in names and addresses."""
    kinds: dict[str, list[Proof]] = {}
    for proof in proofs:
        kinds.setdefault(proof.check, []).append(proof)
    for first, *others in kinds.values():
        yield f"**{words.on(_about(first, book, say), first.check, say)}**"
        yield words.sentence(first.why, say)
        yield from _look(first, say)
        for other in others:
            summary = say(text("The same, on {where}", where=_about(other, book, say)))
            yield md.folded(summary, "\n".join(_look(other, say, causes=False)))


def _about(proof: Proof, book: Book, say: Say) -> str:
    where = words.machines(proof.machines, book.cluster, say)
    return where if proof.machines else f"{where} ({', '.join(proof.subjects)})"


def _look(proof: Proof, say: Say, *, causes: bool = True) -> Iterator[str]:
    # Pasted into a shell, an exit would end it.
    script = f"({proof.script.rstrip()})" if EXITS.search(proof.script) else proof.script
    yield md.code(script, "sh")
    yield words.seen(proof.judge, proof.expected, say)
    if proof.otherwise:
        yield md.folded(say("If it does not"), md.code(proof.otherwise, "sh"))
    if proof.causes and causes:
        rows = [(md.literal(c.check), c.machine or say("this host"), md.literal(c.script))
                for c in proof.causes]  # fmt: skip
        headings = (say("look first at"), say("on"), say("by"))
        yield md.folded(say("If it does not"), md.table(headings, rows))


def _back(book: Book, say: Say) -> Iterator[str]:
    yield f"## {say('When all holds')}"
    yield say("Take the copies of keys away from the machines:")
    names = " ".join(login.machine for login in book.logins)
    yield md.code(f'for machine in {names}; do\n    on "$machine" rm -r /root/tree\ndone', "sh")
    yield say("Use the cluster, as its admin:")
    yield md.code('export KUBECONFIG="$KEYS/admin.kubeconfig"', "sh")
    validity = book.cluster.validity
    yield say(text(
        "Keep the folder `keys`: it is the only copy of the CAs' keys. Certificates end after "
        "{days} days, yours after {admin}, and nobody renews them but you: follow chapters "
        "{chapters} again. Certificates in the last third of their time are made again there.",
        days=validity.leaf.days, admin=validity.admin.days,
        chapters=words.join([str(c.number) for c in book.chapters
                             if c.name in {certificates.NAME, kubeconfigs.NAME}], say),
    ))  # fmt: skip
