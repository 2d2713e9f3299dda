"""Checks that no mutation of a living cluster turns red; recorded answers stand for them."""

from collections.abc import Mapping

UNMADE: Mapping[str, str] = {
    "machine-answers": "It is never wrong of a living cluster: a machine that does not answer is "
    "unknown, and so is all that is asked there.",
}
"""Why, by the check's name."""
