"""Progress of a run: live on a terminal, one calm line for each thing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from hardway.cli.output import is_terminal, note
from hardway.report import Event, Happened, Report

if TYPE_CHECKING:
    from rich.console import RenderableType


@contextmanager
def reporting() -> Iterator[Report]:
    """Yield what shows events while a run goes on."""
    if not is_terminal():
        yield Lines()
        return
    # rich takes a tenth of a second to load: only here, where there is something to watch.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    screen = Screen()
    console = Console(stderr=True)
    live = Live(get_renderable=screen.picture, console=console, transient=True)

    def show(event: Event) -> None:
        line = screen.take(event)
        if event.happened is not Happened.BEGUN:
            # Not before: a password may have to be asked for at this terminal.
            live.start()
        if line:
            console.print(line, highlight=False)

    try:
        yield show
    finally:
        live.stop()


class Lines:
    """For logs: what is begun, once for all machines, and each step when it holds."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Print an event, if it says anything new."""
        text = words(event)
        if text and text not in self._said:
            self._said.add(text)
            note(f"{monotonic() - self._began:6.1f} s  {text}")


def words(event: Event) -> str:
    """Return an event as a line; empty for what a log does not need."""
    match event.happened:
        case Happened.DOING:
            return event.text
        case Happened.WARNED:
            return f"warning: {event.text}"
        case Happened.HELD:
            return f"{event.step} holds ({event.seconds:.1f} s)"
        case Happened.STEP:
            return f"{event.step}: {event.text}"
        case _:
            return ""


class Screen:
    """For terminals: a line for each machine that is being worked on, and the current step."""

    def __init__(self) -> None:
        from rich.spinner import Spinner  # noqa: PLC0415

        self._began = monotonic()
        self._doing: dict[str, str] = {}
        self._step = ""
        self._spinner = Spinner("dots")

    def take(self, event: Event) -> str:
        """Note an event; return a line that stays on the screen, if there is one."""
        if event.happened is Happened.WARNED:
            from rich.markup import escape  # noqa: PLC0415

            return f"[yellow]![/yellow] {escape(event.text)}"
        if event.happened is Happened.DOING:
            self._doing[event.machine] = event.text
        elif event.happened is Happened.STEP:
            self._step = event.text
            self._doing.clear()
        elif event.happened is Happened.HELD:
            self._step = ""
            title = f"[dim]{event.text}[/dim]"
            return f"[green]✓[/green] {event.step:<14} {event.seconds:5.1f} s  {title}"
        return ""

    def picture(self) -> "RenderableType":
        """Return what is going on right now."""
        from rich.console import Group  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        doing = [(name, what) for name, what in sorted(self._doing.items()) if what]
        lines = [Text(f"  {name or 'this host':<14} {what}", style="dim") for name, what in doing]
        head = self._step or "Getting everything ready"
        self._spinner.update(text=f"{head}  [dim]{monotonic() - self._began:.0f} s[/dim]")
        return Group(self._spinner, *lines)
