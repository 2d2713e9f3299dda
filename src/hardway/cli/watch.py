"""`verify --watch`: what the checks see, redrawn in place until q is pressed."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from hardway.cli.findings import lines
from hardway.cli.output import say
from hardway.operations.watch import PAUSE_S, watch
from hardway.text import text

if TYPE_CHECKING:
    from hardway.model.resources import Finding
    from hardway.project import Project

ENDS = (b"q", b"Q")


async def show(project: "Project", steps: Sequence[str]) -> list["Finding"]:
    """Redraw what is seen until q is pressed; return what was seen last."""
    ended = asyncio.Event()
    last: list[Finding] = []
    console = Console()
    # On the terminal's other screen: what was there before comes back at the end.
    with _keys(ended), Live(console=console, screen=True, auto_refresh=False) as live:

        async def look() -> None:
            live.update(_head(project, say(text("asking"))), refresh=True)
            async for found in watch(project, steps):
                last[:] = found
                live.update(_picture(project, found, console.height), refresh=True)

        looking = asyncio.create_task(look())
        ending = asyncio.create_task(ended.wait())
        await asyncio.wait([looking, ending], return_when=asyncio.FIRST_COMPLETED)
        for task in (looking, ending):
            task.cancel()
        outcome, _ = await asyncio.gather(looking, ending, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome
    return last


@contextmanager
def _keys(ended: asyncio.Event) -> Iterator[None]:
    """Set the event when a key is pressed that ends it; keys are not shown meanwhile."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        if os.read(terminal, 1) in (*ENDS, b""):
            ended.set()

    tty.setcbreak(terminal)
    loop.add_reader(terminal, pressed)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _head(project: "Project", state: str) -> Text:
    keys = say(text("q ends; every {seconds} s", seconds=PAUSE_S))
    return Text.assemble((project.cluster.name, "bold"), f"  {state}  ", (keys, "dim"))


def _picture(project: "Project", found: Sequence["Finding"], height: int) -> RenderableType:
    at = f"{datetime.now().astimezone():%H:%M:%S}"
    shown = list(lines(found))
    room = height - 3
    if len(shown) > room:
        more = text("{count} lines more: hardway verify", count=len(shown) - room + 1)
        shown = [*shown[: room - 1], click.style(say(more), dim=True)]
    return Group(_head(project, at), Text(), *(Text.from_ansi(line) for line in shown))
