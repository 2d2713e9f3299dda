"""PEM files: the blocks in them, whatever stands around these."""

import re

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def blocks(text: bytes) -> list[tuple[str, str]]:
    """Return the label and the content of each block, line breaks aside.

    Raises:
        ValueError: there is none.
    """
    found = BLOCK.findall(text)
    if not found:
        raise ValueError("no PEM")
    return [(label.decode(), b"".join(body.split()).decode("latin-1")) for label, body in found]
