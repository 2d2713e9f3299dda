"""Flips: comparisons and conditions of a source file, each with its opposite. Pure.

Messages are left alone: few tests pin the words of `raise`, f-strings and `text`, and none should.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PACKAGES = ("engine", "steps", "pki", "model")
"""Those of hardway whose conditions are flipped."""
OPERATORS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: (r"==", "!="),
    ast.NotEq: (r"!=", "=="),
    ast.Lt: (r"<", "<="),
    ast.LtE: (r"<=", "<"),
    ast.Gt: (r">", ">="),
    ast.GtE: (r">=", ">"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
}
"""How an operator looks in a source, and what replaces it."""
JOINTS: dict[type[ast.boolop], tuple[str, str]] = {
    ast.And: (r"\band\b", "or"),
    ast.Or: (r"\bor\b", "and"),
}
LEFT_ALONE = (ast.Raise, ast.JoinedStr, ast.Assert)
RECORDER = "from tests.mutants.seen import seen as __seen__\n"


@dataclass(frozen=True, slots=True)
class Flip:
    """One change of one expression."""

    path: str
    line: int
    start: int
    """Offsets in the file's bytes: of the text that changes …"""
    end: int
    after: str
    whole: tuple[int, int]
    """… and of the expression around it, which tests evaluate."""

    @property
    def place(self) -> str:
        """Where it is, as editors take it."""
        return f"{self.path}:{self.line}"

    def apply(self, source: bytes) -> bytes:
        """Return the mutant."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def flips(path: str, source: bytes) -> list[Flip]:
    """Return all flips of a file."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (starts[node.lineno - 1] + node.col_offset,
                starts[node.end_lineno - 1] + node.end_col_offset)  # fmt: skip

    def between(whole: ast.expr, left: ast.expr, right: ast.expr, how: tuple[str, str]) -> Flip:
        begin, (end, _) = span(left)[1], span(right)
        found = re.search(how[0].encode(), source[begin:end])
        assert found is not None, f"{path}:{whole.lineno}"
        at = begin + found.start()
        line = source.count(b"\n", 0, at) + 1
        return Flip(path, line, at, begin + found.end(), how[1], span(whole))

    def negated(test: ast.expr) -> Flip:
        start, end = span(test)
        text = source[start:end].decode()
        denied = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        text = re.sub(r"^not\b\s*", "", text) if denied else f"not ({text})"
        return Flip(path, test.lineno, start, end, text, (start, end))

    found: list[Flip] = []
    for node in _expressions(ast.parse(source)):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            found += [
                between(node, left, right, OPERATORS[type(op)])
                for left, op, right in zip(operands, node.ops, operands[1:], strict=False)
            ]
        elif isinstance(node, ast.BoolOp):
            found.append(between(node, *node.values[:2], JOINTS[type(node.op)]))
        else:
            found.append(negated(node))
    return found


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield comparisons, junctions, and other expressions that something depends on."""
    if isinstance(node, LEFT_ALONE) or _says(node):
        return
    if isinstance(node, ast.Compare | ast.BoolOp):
        yield node
    tests = node.ifs if isinstance(node, ast.comprehension) else [getattr(node, "test", None)]
    for test in tests:
        if isinstance(test, ast.expr) and not isinstance(test, ast.Compare | ast.BoolOp):
            yield test
    for child in ast.iter_child_nodes(node):
        yield from _expressions(child)


def _says(node: ast.AST) -> bool:
    """Return whether it makes a text that people read (hardway.text)."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text"


def recording(source: bytes, wanted: Mapping[int, Flip]) -> bytes:
    """Return a source that notes by number which expressions are evaluated."""
    marks = []
    for number, flip in wanted.items():
        start, end = flip.whole
        # Where several begin, the longest is outermost; where several end, the shortest ends first.
        marks.append((start, 1, -end, number, f"(__seen__({number}), "))
        marks.append((end, 0, -start, -number, ")[1]"))
    for at, *_, text in sorted(marks, reverse=True):
        source = source[:at] + text.encode() + source[at:]
    lines = source.splitlines(keepends=True)
    line = _first_statement(source) - 1
    return b"".join([*lines[:line], RECORDER.encode(), *lines[line:]])


def _first_statement(source: bytes) -> int:
    """Return the line of the first one before which others may stand."""
    body = ast.parse(source).body
    first = (
        node.lineno
        for node in body
        if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    return next(first)
