"""kubectl as hardway calls it, with a stand-in for the binary that answers as told."""

import asyncio
from pathlib import Path

import pytest

from hardway.errors import CommandError
from hardway.tools import kubectl
from hardway.tools.kubectl import Kubectl

UNREACHED = 'Get "https://10.240.0.100:6443/": dial tcp 10.240.0.100:6443: no route to host'
OBJECTS = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]


def stand_in(folder: Path, *answers: str) -> Kubectl:
    """Return a kubectl that fails with each answer in turn and then succeeds."""
    for number, answer in enumerate(answers):
        (folder / f"answer-{number}").write_text(answer)
    binary = folder / "kubectl"
    binary.write_text(f"""#!/bin/sh
cat >/dev/null
echo call >>{folder}/calls
for answer in {folder}/answer-*; do
    [ -e "$answer" ] || exit 0
    cat "$answer" >&2
    rm "$answer"
    exit 1
done
""")
    binary.chmod(0o755)
    return Kubectl(binary, folder / "kubeconfig")


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_applies_again_while_the_endpoint_moves(tmp_path: Path) -> None:
    asyncio.run(stand_in(tmp_path, UNREACHED, UNREACHED).apply(OBJECTS))
    assert calls(tmp_path) == 3


def test_what_the_api_refused_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is invalid"):
        asyncio.run(stand_in(tmp_path, 'Namespace "n" is invalid').apply(OBJECTS))
    assert calls(tmp_path) == 1


def test_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "ANSWERS_S", 0.0)
    with pytest.raises(CommandError, match="no route to host"):
        asyncio.run(stand_in(tmp_path, UNREACHED).apply(OBJECTS))
