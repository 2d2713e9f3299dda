"""Markdown from values."""

import re
from collections.abc import Iterable, Sequence

FENCE = re.compile(r"^`{3,}", re.MULTILINE)
LANGUAGES = {"yaml": "yaml", "kubeconfig": "yaml", "json": "json", "conflist": "json",
             "toml": "toml", "sh": "sh", "service": "ini", "timer": "ini"}  # fmt: skip
"""How a file is coloured, by how its name ends."""


def code(text: str, language: str = "") -> str:
    """Return a text as a block of code."""
    fence = max((*FENCE.findall(text), "``"), key=len) + "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def file(path: str, text: str) -> str:
    """Return a file's content as a block of code in the file's own language."""
    return code(text, LANGUAGES.get(path.rpartition(".")[2], ""))


def literal(text: object) -> str:
    """Return a text as code within a line."""
    return f"`` {text} ``" if "`" in str(text) else f"`{text}`"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars within cells are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def folded(summary: str, body: str) -> str:
    """Return a part that is shown once it is asked for."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n</details>\n"
