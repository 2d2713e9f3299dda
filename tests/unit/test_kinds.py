"""The table of kinds: complete, and what a person does by hand is what the program does."""

import asyncio
import subprocess
from dataclasses import fields
from pathlib import Path

from tests import support
from tests.fakes.machine import FakeMachine, needs_root

from hardway.engine import diff, observe
from hardway.engine.kinds import BY_TYPE, KINDS
from hardway.engine.render import merged
from hardway.model.resources import Desired, File, Package, Unit


def test_each_kind_of_thing_wanted_has_a_row() -> None:
    wanted = merged(support.wanted("3+3").values())
    assert {type(item) for item in wanted.items} == set(BY_TYPE)
    assert len(wanted.items) == sum(len(getattr(wanted, field.name)) for field in fields(Desired))
    assert len(BY_TYPE) == len(KINDS)


@needs_root
def test_what_is_put_by_hand_is_what_is_wanted(tmp_path: Path) -> None:
    """From the tree that the cluster's folder has of each machine."""
    wanted = support.wanted("1+0")["controller-0"]
    wanted = Desired(folders=wanted.folders, files=wanted.files, blocks=wanted.blocks)
    machine = FakeMachine("controller-0", tmp_path / "root")
    lines = ["set -e", "cd /tree"]
    for file in wanted.files:
        path = machine.root / "tree" / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    users = next(f for f in wanted.files if f.path.startswith("/etc/sysusers.d/"))
    lines += [*BY_TYPE[File].by_hand([users]), "systemd-sysusers"]
    # Twice: what is done by hand may be done again.
    lines += [line for item in wanted.items for line in BY_TYPE[type(item)].by_hand([item])] * 2
    done = asyncio.run(machine.run(["sh", "-s"], stdin="\n".join(lines).encode()))
    assert done.status == 0, done.stderr
    seen = asyncio.run(observe.observe(machine, wanted))
    assert diff.changes("controller-0", {"all": wanted}, seen) == []


def test_commands_by_hand_can_be_read_by_a_shell_and_hold_no_secret() -> None:
    for wanted in support.wanted("3+3").values():
        text = "\n".join(line for i in wanted.items for line in BY_TYPE[type(i)].by_hand([i]))
        subprocess.run(["sh", "-n"], input=text.encode(), check=True)
        assert all(f.content.decode() not in text for f in wanted.files if f.secret)
        names = [*(i.name for i in wanted.items if isinstance(i, Package | Unit))]
        assert all(name in text for name in names)
