"""Somebody who follows an exported guide to the letter: its blocks, in its order, where it says."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardway.model.cluster import Cluster, Role

PART = re.compile(
    r"(?ms)^```(?P<language>\w*)\n(?P<code>.*?)^```$|"
    r"^<details><summary>(?P<summary>.*?)</summary>$|^(?P<end></details>)$|^(?P<line>[^\n]+)$"
)
GROUPS = {"each control plane": {Role.CONTROL_PLANE}, "each worker": {Role.WORKER},
          "each machine": set(Role)}  # fmt: skip
HOLDS_S = 120


@dataclass(frozen=True)
class Block:
    """Commands, where they are run, and what is to be seen after them; None of plain commands."""

    where: str
    code: str
    seen: str | None


def blocks(text: str) -> Iterator[Block]:
    """Yield what a reader runs; what is only for when something does not hold is left out."""
    parts = [m.groupdict() for m in PART.finditer(text)]
    heading = where = summary = ""
    proof = file = False
    for number, part in enumerate(parts):
        line = part["line"] or ""
        if part["summary"]:
            summary = part["summary"]
        elif part["end"]:
            summary = ""
        elif line.startswith("#"):
            heading, proof = line, False
            where = "this host"
        elif line.startswith("**") and line.endswith("**"):
            where, proof = line.strip("*").rpartition(", on ")[2], True
        elif line in {"From this host:", "Then take away what was made for this:"}:
            where, proof, file = "this host", False, False
        elif on := re.match(r"(?:Then on|On) (.*?)(?:, in `/root/tree`)?:$", line):
            where, file = on[1], False
        elif line:
            file = line.startswith("**`/")
        elif (
            part["language"] == "sh"
            and not file
            and summary != "If it does not"
            and (not heading.endswith("Three CAs and a certificate for every role"))
        ):
            following = parts[number + 1]["line"] or "" if number + 1 < len(parts) else ""
            at = summary.rpartition("on ")[2] if summary.startswith("The same") else where
            yield Block(at, part["code"], following if proof else None)


@dataclass(frozen=True)
class Follower:
    """The reader, in the guide's folder."""

    folder: Path
    sockets: Path
    """Where connections are kept open; a short path."""
    cluster: Cluster

    def machines(self, where: str) -> list[str]:
        """Return which machines the guide means; none are this host."""
        if where.startswith("this host"):
            return []
        roles = GROUPS.get(where)
        if roles is None:
            return where.split(", ")
        return [m.name for m in self.cluster.machines if m.role in roles]

    def follow(self, block: Block) -> None:
        """Run a block wherever it is to be run, and see what is to be seen."""
        scripts = [
            f"on {name} sh -s <<'FOLLOW'\ncd /root/tree 2>/dev/null || :\nset -e\n"
            f"{block.code}\nFOLLOW" for name in self.machines(block.where)
        ] or [block.code]  # fmt: skip
        for script in scripts:
            deadline = time.monotonic() + (HOLDS_S if block.seen is not None else 0)
            while problem := self.problem(script, block.seen):
                assert time.monotonic() < deadline, f"{script}\n{problem}"
                time.sleep(1)

    def problem(self, script: str, seen: str | None) -> str:
        """Return what is wrong after a script; nothing if all is as the guide says."""
        done = subprocess.run(
            ["bash", "-c", f". ./lib.sh\n{script}"], cwd=self.folder, text=True, check=False,
            capture_output=True, env={"PATH": os.environ["PATH"], "HOME": str(self.folder),
                                      "SOCKETS": str(self.sockets)},
        )  # fmt: skip
        said = done.stdout.strip()
        if seen is None or "echo $?" in seen:
            return done.stdout + done.stderr if done.returncode else ""
        how, _, expected = seen.partition(": `")
        expected = expected.removesuffix("`")
        right = {
            "Its last line is": said.splitlines()[-1:] == [expected],
            "Its last line ends with": said.endswith(expected),
            "It prints, however it is laid out": said.split() == expected.split(),
            "It prints nothing.": not said,
        }[how]
        return "" if right else f"{seen}: {done.stdout}{done.stderr}"
