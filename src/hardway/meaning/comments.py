"""Lines that no process acts on."""

import re

PROSE = "^ *#|^(Description|Documentation)="
"""Matches them; the same expression for Python and for `sed -E`."""


def without_comments(text: bytes) -> bytes:
    """Return a text without comment lines and without a unit's description (docs/adr/0024)."""
    return re.sub(rb"(?m)(?:%s).*\n?" % PROSE.encode(), b"", text)
