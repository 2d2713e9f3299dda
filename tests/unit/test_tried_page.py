"""docs/tried.md: what it says holds a report does exist."""

import re

from tests.mutations import ROOT

from hardway.mutations import MUTATIONS

PAGE = (ROOT / "docs/tried.md").read_text()


def test_each_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    exist = {name for text in sources for name in re.findall(r"def (test_\w+)\(", text)}
    assert named
    assert named <= exist


def test_each_mutation_that_is_named_exists() -> None:
    named = {word for words in re.findall(r"mutations? ((?:`[a-z-]+`(?:, )?)+)", PAGE)
             for word in re.findall(r"`([a-z-]+)`", words)}  # fmt: skip
    assert named
    assert named <= {mutation.name for mutation in MUTATIONS}
