"""Help and usage errors in the language that people read, click's own words among them.

click lays help out by letters; terminals count columns, and Korean letters take two.
"""

import re
from collections.abc import Iterable
from inspect import cleandoc

import click

from hardway.cli.output import note, say
from hardway.text import Text, cells, joined, padded, text, wrapped

WIDEST_TERM = 30
"""Columns of an option's names; with longer ones its help begins on a line of its own."""
GAP = 2
DEFAULT = "default: "
HEADINGS = ("Options", "Commands")
PLACEHOLDERS = ("[OPTIONS]", "COMMAND [ARGS]...")
"""What usage lines have in place of words that differ from run to run."""
ERRORS = (
    "No such option {name}.",
    "No such option {name}. Did you mean {other}?",
    "No such option {name}. (Did you mean one of: {others}?)",
    "No such command {name}.",
    "No such command {name}. Did you mean {other}?",
    "No such command {name}. (Did you mean one of: {others}?)",
    "Missing command.",
    "Missing argument {name}.",
    "Missing option {name}.",
    "Missing option {name}. Choose from:\n\t{choices}",
    "Got unexpected extra argument ({words})",
    "Got unexpected extra arguments ({words})",
    "Option {name} requires an argument.",
    "Option {name} does not take a value.",
    "Invalid value for {name}: {why}",
    "{value} is not one of {choices}.",
    "{value} is not a valid integer range.",
    "{value} is not in the range {range}.",
    "File {path} is a directory.",
    "Directory {path} is a file.",
)
"""What click says is wrong with a command line."""


class Formatter(click.HelpFormatter):
    """Lays help out by columns, translated."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called."""
        head = f"{prefix or say('Usage: ')}{prog} "
        for words in PLACEHOLDERS:
            args = args.replace(words, say(words))
        first, *others = wrapped(args, self.width - cells(head)) or [""]
        self._write([head + first, *(padded("", cells(head)) + line for line in others)])

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        super().write_heading(say(heading))

    def write_text(self, text: str) -> None:
        """Write paragraphs, each of them translated by itself."""
        margin = " " * self.current_indent
        told = [wrapped(say(each), self.width - self.current_indent) for each in paragraphs(text)]
        self.write("\n\n".join("\n".join(margin + line for line in lines) for lines in told) + "\n")

    def write_dl(
        self,
        rows: Iterable[tuple[str, str]],
        col_max: int = WIDEST_TERM,
        col_spacing: int = GAP,
    ) -> None:
        """Write terms, and beside them what they mean."""
        known = [(term, say(described(meaning))) for term, meaning in rows]
        width = min(max(cells(term) for term, _ in known), col_max) + col_spacing
        margin = " " * self.current_indent
        for term, meaning in known:
            lines = wrapped(meaning, self.width - width - self.current_indent)
            if cells(term) + col_spacing > width:
                lines = ["", *lines]
            first, *others = lines or [""]
            self._write([(margin + padded(term, width) + first).rstrip(),
                         *(margin + " " * width + line for line in others)])  # fmt: skip

    def _write(self, lines: Iterable[str]) -> None:
        self.write("".join(f"{line}\n" for line in lines))


class Context(click.Context):
    """A run of a command."""

    formatter_class = Formatter


class Command(click.Command):
    """A command whose help can be translated: all of hardway's are."""

    context_class = Context

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - click's signature
        """Return what a command does, uncut however few columns there are."""
        return next(iter(paragraphs(self.help or "")), "")


class Group(Command, click.Group):
    """A command that has commands."""

    command_class = Command


def paragraphs(said: str) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    return [" ".join(part.split()) for part in cleandoc(said).split("\n\n") if part.strip()]


def described(said: str) -> Text:
    """Return what a term means, with what is in brackets behind it: `  [default: text; x>=1]`."""
    meaning, _, more = said.removesuffix("]").partition("  [")
    if not more:
        return text("{meaning}", meaning=said)
    facts = [
        text("default: {value}", value=fact.removeprefix(DEFAULT)) if fact.startswith(DEFAULT)
        else fact
        for fact in more.split("; ")
    ]  # fmt: skip
    return text("{meaning}  [{facts}]", meaning=meaning, facts=joined("; ", facts))


def understood(said: str) -> str:
    """Return what click says of a command line as a text that can be translated."""
    for template in ERRORS:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return text(template, **{name: understood(part)
                                     for name, part in found.groupdict().items()})  # fmt: skip
    return said


def show(error: click.ClickException) -> None:
    """Print what is wrong with a command line, and where to read how it is right."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx:
        note(error.ctx.get_usage())
        hint = text("Try '{command} --help' for help.", command=error.ctx.command_path)
        note(say(hint) + "\n")
    said = error.format_message()
    told = said if isinstance(said, Text) else understood(said)
    note(click.style(say("error: "), fg="red", bold=True) + say(told))
