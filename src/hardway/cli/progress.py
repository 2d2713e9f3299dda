"""Progress of a run: live on a terminal, one calm line for each thing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from hardway.cli.output import is_terminal, note, say
from hardway.report import Event, Happened, Report
from hardway.text import padded, text

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
        line = words(event)
        if line and line not in self._said:
            self._said.add(line)
            note(f"{monotonic() - self._began:6.1f} s  {line}")


def words(event: Event) -> str:
    """Return an event as a line; empty for what a log does not need."""
    match event.happened:
        case Happened.DOING:
            return say(event.text)
        case Happened.WARNED:
            return say(text("warning: {what}", what=event.text))
        case Happened.HELD:
            return say(text("{step} holds ({seconds:.1f} s)", step=event.step,
                            seconds=event.seconds))  # fmt: skip
        case Happened.STEP:
            return f"{event.step}: {say(event.text)}"
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

            return f"[yellow]![/yellow] {escape(say(event.text))}"
        if event.happened is Happened.DOING:
            self._doing[event.machine] = say(event.text)
        elif event.happened is Happened.STEP:
            self._step = say(event.text)
            self._doing.clear()
        elif event.happened is Happened.HELD:
            self._step = ""
            title = f"[dim]{say(event.text)}[/dim]"
            return f"[green]✓[/green] {event.step:<14} {event.seconds:5.1f} s  {title}"
        return ""

    def picture(self) -> "RenderableType":
        """Return what is going on right now."""
        from rich.console import Group  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        here = say("this host")
        lines = [Text(f"  {padded(name or here, 14)} {what}", style="dim")
                 for name, what in sorted(self._doing.items()) if what]  # fmt: skip
        head = self._step or say("Getting everything ready")
        self._spinner.update(text=f"{head}  [dim]{monotonic() - self._began:.0f} s[/dim]")
        return Group(self._spinner, *lines)
