"""Every text that people read, collected from where it stands: rows, templates, drawn pictures.

    python -m tests.messages          counts them
    python -m tests.messages write    adds what ko.po lacks, and takes out what nobody says any more
    python -m tests.messages missing  prints what has no Korean yet

`tests/unit/test_languages.py` holds that each of them has a translation.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import polib

import hardway
from hardway import errors
from hardway.text import FOLDER, Text

SOURCE = Path(hardway.__file__).parent
PO = FOLDER / "ko.po"
PROSE = {
    "authorizes", "can", "caption", "cure", "grants", "harm", "hint", "meaning", "notes",
    "presented_by", "proves", "reason", "removes", "says", "summary", "symptom", "teaches", "title",
    "verified_by", "why", "without",
}  # fmt: skip
"""Fields of rows that people read."""
NAMES = re.compile(r"[\w.-]+ \(0\d{3} [\w-]+\)|[\w.:/-]+(, [\w.:/-]+)+|default-server check .*")
"""A file with mode and owner, a list of names or addresses, and an entry of haproxy.cfg."""
SAYING = {"text", "say", "table", "translate"}
"""Functions whose first argument is a text."""
JUDGING = {"refuse", "warn"}
"""Functions of preflight's checks, all of whose arguments are texts."""
ERRORS = {name for name, kind in inspect.getmembers(errors, inspect.isclass)
          if issubclass(kind, errors.HardwayError)}  # fmt: skip
"""Classes whose message and hint are texts."""
SKIPPED = re.compile(r"\.providers\.aws(?!\.refusals)|\.__main__$")
"""Modules whose tables nobody reads in Korean: what AWS is told of each call and rule."""
EVIDENCE = {"Deviation": slice(3), "Judgement": slice(1, 3), "judged": slice(2)}
"""Which arguments of a call say what was expected and found: texts, or quotations."""
HOLE = re.compile(r"\{[^}]*\}")
SPEAKING = ("atlas", "audit", "checks", "engine", "explain", "export", "inventory", "pages",
            "pictures")  # fmt: skip
"""Packages all of whose sentences people read; other packages write files too."""
SENTENCE = re.compile(r"[A-Z]\S* \S+ \S+ .*[a-z)][.]")
CIRCUMSTANCE = re.compile(r"\b(and|as|asked|at|for|of|on|started|that|with|without)\b|'s ")
"""What the source of an error text has beside a program, its version and a file."""


def is_prose(text: str) -> bool:
    """Return whether a text is a sentence, or words of one: no name, command or list of names."""
    names = " -> " in text and not text.endswith(".")
    if text.startswith(("$ ", "CN=", "O=")) or names or NAMES.fullmatch(text):
        return False
    return bool(re.search(r"[A-Za-z]{2}.* .*[A-Za-z]", text, re.DOTALL))


@cache
def commands() -> Mapping[str, Collection[str]]:
    """Return the names of hardway's commands, with those of their own commands."""
    from hardway.cli.app import cli

    return {name: getattr(command, "commands", {}) for name, command in cli.commands.items()}


def is_untranslated(text: str) -> bool:
    """Return whether a text is the same in all languages: holes alone, or a command alone."""
    if not re.search(r"[A-Za-z]", HOLE.sub("", text)):
        return True
    program, _, rest = text.partition(" -- ")[0].partition(" ")
    command, *words = rest.split() or [""]
    own = commands().get(command)
    if program != "hardway" or own is None or re.search(r"[:;,] ", text):
        return False
    return all(word[0] in "-{[" or word.isupper() or word in own for word in words)


Given = Callable[[str, ast.Call], Iterable[ast.expr]]
"""Returns those of a call's arguments that matter; it is given the function's name too."""


def arguments(given: Given) -> Iterator[tuple[ast.expr, str]]:
    """Yield what the source gives to functions, with its file."""
    for file in sorted(SOURCE.rglob("*.py")):
        tree, where = ast.parse(file.read_text()), str(file.relative_to(SOURCE))
        named: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                func = node.func.body if isinstance(node.func, ast.IfExp) else node.func
                name = getattr(func, "id", getattr(func, "attr", ""))
                for argument in given(name, node):
                    yield from ((said, where) for said in alternatives(argument, named))


@cache
def spoken() -> Sequence[tuple[ast.expr, str]]:
    """Return what the source gives to `text`, `say` and errors, with its file."""

    def given(name: str, call: ast.Call) -> Iterator[ast.expr]:
        if name in JUDGING | SAYING | ERRORS:
            yield from call.args if name in JUDGING else call.args[:1]
        yield from (w.value for w in call.keywords if w.arg == "hint" and name in ERRORS)
        # Some points are of a living cluster alone.
        yield from (w.value for w in call.keywords if w.arg == "title" and name == "Point")

    return tuple(arguments(given))


def alternatives(said: ast.expr, named: Mapping[str, Sequence[ast.expr]]) -> Iterator[ast.expr]:
    """Yield the expressions that a text may be; names stand for what their file gives them."""
    match said:
        case ast.IfExp():
            yield from alternatives(said.body, named)
            yield from alternatives(said.orelse, named)
        case ast.BoolOp(values=several) | ast.List(elts=several) | ast.Tuple(elts=several):
            for one in several:
                yield from alternatives(one, named)
        case ast.Subscript(value=ast.Name(id=name)):
            yield from alternatives(ast.Name(name), named)
        case ast.Dict(values=several):
            for one in several:
                yield from alternatives(one, named)
        case ast.Name(id=name) if name in named:
            others = {key: values for key, values in named.items() if key != name}
            for one in named[name]:
                yield from alternatives(one, others)
        case _:
            yield said


def literals() -> Iterator[tuple[str, str]]:
    """Yield the texts that the source gives to `text`, `say` and errors, with their files."""
    for said, where in spoken():
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            yield said.value, where


def glued() -> Iterator[str]:
    """Yield where a text is glued together of parts, so that nobody can translate it."""
    for said, where in spoken():
        formatted = isinstance(said, ast.Call) and getattr(said.func, "attr", "") == "format"
        if formatted or isinstance(said, ast.JoinedStr | ast.BinOp):
            yield f"{where}:{said.lineno}: {ast.unparse(said)}"


def unsaid() -> Iterator[str]:
    """Yield where a judge gives words as expected or found that are no text."""

    def given(name: str, call: ast.Call) -> Iterator[ast.expr]:
        if name in EVIDENCE:
            yield from call.args[EVIDENCE[name]]
            yield from (w.value for w in call.keywords if w.arg in {"expected", "found"})

    for said, where in arguments(given):
        for one in quoted(said):
            if re.search("[a-z]{2} | [a-z]{2}", one):
                yield f"{where}:{said.lineno}: {one}"


def sentences() -> Iterator[str]:
    """Yield the sentences in the source of what people read, but for docstrings."""
    for file in sorted(f for package in SPEAKING for f in (SOURCE / package).rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text())))
        docs = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in docs:
                said = str(node.value).strip()
                if SENTENCE.fullmatch(said):
                    yield said


def quoted(said: ast.AST) -> Iterator[str]:
    """Yield the strings in an expression, but for the templates of its texts."""
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield said.value
    elif isinstance(said, ast.Call) and getattr(said.func, "id", "") == "text":
        for word in said.keywords:
            yield from quoted(word.value)
    else:
        for inner in ast.iter_child_nodes(said):
            yield from quoted(inner)


def explanations() -> Iterator[tuple[str, str]]:
    """Yield what `hardway explain` says about each thing of the default cluster."""
    from tests.views import index

    from hardway.explain.answer import Aspect
    from hardway.explain.catalogue import ERRORS as ROWS
    from hardway.explain.index import answer_about
    from hardway.explain.scene import NOBODY_ASKED
    from hardway.explain.without import WITHOUT

    yield from ((row.source, "explain") for row in ROWS if CIRCUMSTANCE.search(row.source))
    # Clusters of other kinds have things that this one has not.
    yield from ((said, "explain") for said in WITHOUT.values())
    QUOTED = {Aspect.CONTENT, Aspect.SEE, Aspect.READ_ON}  # noqa: N806
    for thing in index().things:
        answer = answer_about(thing, NOBODY_ASKED)
        said = [thing.summary, *answer.notes]
        for point in answer.points:
            said.append(point.heading)
            # Contents are quoted as they are, and cells of tables are mostly names.
            plain = () if point.aspect in QUOTED else point.texts
            said += [*plain, *(t for t in point.texts if isinstance(t, Text))]
            told = point.aspect in {Aspect.ELSEWHERE, Aspect.WITHOUT}
            said += [cell for row in point.rows for cell in row
                     if isinstance(cell, Text) or told]  # fmt: skip
        yield from ((template(text), "explain") for text in said if "\n" not in text)


def templates() -> Iterator[tuple[str, str]]:
    """Yield the texts in templates of pages."""
    for file in sorted(SOURCE.rglob("templates/*.html")):
        for expression in re.findall(r"\{\{(.*?)\}\}", file.read_text()):
            if "| say" in expression:
                for said in re.findall(r'"([^"]+)"', expression):
                    yield said, str(file.relative_to(SOURCE))


def walked(  # noqa: C901 - one branch for each kind of value
    value: object, where: str, seen: set[int]
) -> Iterator[tuple[str, str]]:
    """Yield the texts in rows, however deep."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            try:
                inner = getattr(value, field.name)
            except AttributeError:
                continue
            if field.name in PROSE and isinstance(inner, str):
                yield from ((said, where) for said in parts(inner))
            else:
                if field.name in PROSE and isinstance(inner, tuple):
                    yield from ((template(s), where) for s in inner if isinstance(s, str))
                yield from walked(inner, where, seen)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from walked(inner, where, seen)
    elif isinstance(value, tuple | list | frozenset | set):
        for inner in value:
            yield from walked(inner, where, seen)


def template(said: str) -> str:
    """Return what a text is looked up by."""
    return said.template if isinstance(said, Text) else said


def parts(said: str) -> Iterator[str]:
    """Yield what a text is looked up by, and the texts among its values."""
    yield template(said)
    if isinstance(said, Text):
        yield from (v for v in said.values.values() if isinstance(v, str) and is_prose(v))


def tables() -> Iterator[tuple[str, str]]:
    """Yield the texts of every table in the program."""
    seen: set[int] = set()
    for module in pkgutil.walk_packages([str(SOURCE)], "hardway."):
        if SKIPPED.search(module.name):
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if name.isupper():
                yield from walked(value, module.name, seen)


def rendered() -> Iterator[tuple[str, str]]:
    """Yield the reasons of all that is rendered, in every topology."""
    from tests import support

    for name in support.TOPOLOGIES:
        atlas = support.atlas(name)
        yield from walked(tuple(p.item for p in atlas.placed), name, set())


def shown() -> Iterator[tuple[str, str]]:
    """Yield what pictures, the page and explanations say, by listening to them."""
    from tests import support
    from tests.views import NOW, atlas, seen

    from hardway.operations.certificates import _mapped
    from hardway.pages.html import html
    from hardway.pages.model import page
    from hardway.pictures.view import View

    heard: dict[str, str] = {}

    def listen(where: str):
        def say(said: str) -> str:
            if isinstance(said, Text) or is_prose(said):
                heard.setdefault(template(said), where)
            for value in said.values.values() if isinstance(said, Text) else ():
                if isinstance(value, str) and is_prose(value):
                    say(value)
            return said

        return say

    for name in support.TOPOLOGIES:
        for view in (View(atlas(name), now=NOW), *([seen()] if name == "3+3" else [])):
            plain = View(view.atlas, (), view.status, now=NOW)
            made = page(plain, _mapped(view.atlas, {}, {}), listen("page"))
            # It takes longest; the template says the same of any cluster.
            if name == "3+3":
                html(made, listen("page"), "en")
    yield from heard.items()


def verdicts() -> Iterator[tuple[str, str]]:
    """Yield what judges say of recorded answers: of checks, and of clusters that others made.

    What they quote of an answer is no text, and stays as it is.
    """
    from tests import recordings

    from hardway.checks.ask import Case
    from hardway.checks.run import judgements

    for file in recordings.FILES:
        check, subject, answer = recordings.read(file)
        for one in judgements(Case(check, subject), answer):
            for said in (one.expected, one.found, one.cure):
                yield from ((text, f"answers/{check.name}") for text in own_words(said))
    for layout in recordings.LAYOUTS:
        for other in recordings.judged(layout):
            texts = (other.machine, other.at, other.expected, other.found)
            said = (*own_words(other.why, plain=True), *(w for t in texts for w in own_words(t)))
            yield from ((text, f"recorded/{layout}") for text in said)


def own_words(said: str, *, plain: bool = False) -> Iterator[str]:
    """Yield what is looked up of a text, and of the texts among its values.

    Others are quotations, unless they are `plain`.
    """
    if isinstance(said, Text):
        yield said.template
        for value in said.values.values():
            if isinstance(value, str):
                yield from own_words(value, plain=plain)
    elif plain and is_prose(said):
        yield said


def helped() -> Iterator[tuple[str, str]]:
    """Yield the help of every command, of its options, and click's own words."""
    import click

    from hardway.cli import help as shown
    from hardway.cli.app import cli

    def tree(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
        context = click.Context(command, info_name=path)
        said = shown.paragraphs(command.help or "")
        for param in command.get_params(context):
            record = param.get_help_record(context)
            said += own_words(shown.described(record[1]), plain=True) if record else []
        yield from ((one, path) for one in said)
        for name, inner in getattr(command, "commands", {}).items():
            yield from tree(inner, f"{path} {name}")

    yield from tree(cli, "hardway")
    yield from ((said, "click") for said in (*shown.HEADINGS, *shown.PLACEHOLDERS, *shown.ERRORS))


def words() -> Iterator[tuple[str, str]]:
    """Yield single words that are shown: names of members of enumerations, titles of steps."""
    from tests import support

    from hardway.explain.answer import Aspect
    from hardway.explain.things import Kind as Thing
    from hardway.inventory.judged import Severity as Inventoried
    from hardway.model.checks import Occasion, Where
    from hardway.model.cluster import Role
    from hardway.model.members import Next
    from hardway.model.ports import PORTS, Listens, Peer
    from hardway.model.resources import Effect, Kind, Severity
    from hardway.providers.base import MachineState
    from hardway.steps.index import STEPS

    shown = (Aspect, Inventoried, Kind, Listens, MachineState, Next, Occasion, Peer, Role,
             Severity, Thing, Where)  # fmt: skip
    for kind in shown:
        yield from ((str(member.value), kind.__name__) for member in kind)
    yield from ((step.title, "steps") for step in STEPS)
    yield from ((why, "ports") for port in PORTS for _, why in port.allows)
    for name in support.TOPOLOGIES:
        items = (placed.item for placed in support.atlas(name).placed)
        yield from ((item.name, "effects") for item in items if isinstance(item, Effect))


@cache
def messages() -> Mapping[str, str]:
    """Return every text, with a place where it is said."""
    found: dict[str, str] = {}
    exact = (literals, templates, verdicts, helped, words)
    for source in (*exact, tables, rendered, shown, explanations):
        for said, where in source():
            if not said or is_untranslated(said):
                continue
            if source in exact or is_prose(said):
                found.setdefault(said, where)
    return found


def written(known: Mapping[str, polib.POEntry]) -> polib.POFile:
    """Return the catalogue of all texts, by place, with the translations that are known."""
    fresh = polib.POFile()
    fresh.metadata = {"Language": "ko", "Content-Type": "text/plain; charset=UTF-8"}
    for said, where in sorted(messages().items(), key=lambda row: (row[1], row[0])):
        translated = known[said].msgstr if said in known else ""
        fresh.append(polib.POEntry(msgid=said, msgstr=translated, comment=where))
    return fresh


def main() -> None:
    """Count, list or write."""
    wanted = messages()
    book = polib.pofile(str(PO)) if PO.exists() else polib.POFile()
    known = {entry.msgid: entry for entry in book}
    missing = {said: at for said, at in wanted.items()
               if said not in known or not known[said].msgstr}  # fmt: skip
    match sys.argv[1:]:
        case ["missing"]:
            for said in missing:
                print(said)
        case ["write"]:
            PO.parent.mkdir(exist_ok=True)
            written(known).save(str(PO))
        case _:
            words = sum(len(said.split()) for said in wanted)
            print(f"{len(wanted)} texts, {words} words, {len(missing)} without Korean")


if __name__ == "__main__":
    main()
