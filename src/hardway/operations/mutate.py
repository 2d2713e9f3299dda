"""Making a mutation on a living cluster, and taking it back; see `hardway.mutations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_hex

from hardway.checks.trial import Patience
from hardway.engine.verify import check_all
from hardway.errors import CommandError, RefusedError
from hardway.model.cluster import Machine
from hardway.model.resources import Finding
from hardway.mutations import Mutation, judge
from hardway.mutations.script import UNDER_WAY, UNDO, Scripts
from hardway.pki import store
from hardway.pki.inventory import expand
from hardway.project import Project
from hardway.steps.base import Step
from hardway.steps.index import STEPS
from hardway.text import Text, text
from hardway.transport.base import Transport, on_each, poll_until, run_checked

HOLD_S = 900
"""After this time machines undo a mutation by themselves."""
WHOLE_S = 150
"""How long a cluster may take until all is green again: a unit that crashed has to last 120 s."""
PAUSE_S = 1
SCRIPT_S = 120
"""Some undos restart services that wait for others."""
PATIENCE = Patience(pods_s=30, tries_s=15)
"""A look that is not as expected is made again, so that no trial in it has to wait for long."""
COSTLY = "components-genuine"
"""It reads all binaries; only a binary that was replaced makes it wrong."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a mutation."""

    project: Project
    mutation: Mutation
    scripts: Mapping[str, Scripts]
    """By machine."""

    async def make(self) -> None:
        """Make it on all of its machines.

        Raises:
            RefusedError: another one is under way there; nothing was changed.
            RemoteError: it could not be made; it is undone where it was.
        """
        try:
            await self._on_all({name: scripts.make for name, scripts in self.scripts.items()})
        except BaseException:
            await self.undo()
            raise

    async def undo(self) -> None:
        """Take it back; does nothing where that was done already."""
        await self._on_all({name: scripts.undo for name, scripts in self.scripts.items()})

    async def forget(self) -> None:
        """End it where it was mended, and leave all as it is."""
        await self._on_all({name: scripts.forget for name, scripts in self.scripts.items()})

    async def _on_all(self, scripts: Mapping[str, str]) -> None:
        async with self.project.provider.connect(self.project.cluster) as fleet:
            await on_each(_run(fleet[name], script) for name, script in scripts.items())

    async def look(self) -> list[Finding]:
        """Make all checks; those of trials only where the mutation's is one of them."""
        return await look(self.project, self.mutation)

    async def before(self) -> list[Finding]:
        """Look until nothing fails, or for long enough; return what was found."""
        return await poll_until(
            self.look,
            lambda found: not any(f.fails for f in found),
            deadline_s=WHOLE_S,
            interval_s=PAUSE_S,
        )

    async def shown(self, before: Sequence[Finding]) -> tuple[tuple[Text, ...], list[Finding]]:
        """Look until the mutation's check is red as it should be, or its time is up.

        Returns what is not as it should be, and what was found.
        """
        found = await poll_until(
            self.look,
            lambda found: not judge(self.mutation, before, found),
            deadline_s=self.mutation.shows_s,
            interval_s=PAUSE_S,
        )
        return judge(self.mutation, before, found), found

    async def whole(self, before: Sequence[Finding]) -> list[Finding]:
        """Look until all is as before, or for long enough; return what is not."""
        already = {(f.check, f.subject) for f in before if not f.ok}

        async def worse() -> list[Finding]:
            return [
                f for f in await self.look() if not f.ok and (f.check, f.subject) not in already
            ]

        return await poll_until(
            worse, lambda found: not found, deadline_s=WHOLE_S, interval_s=PAUSE_S
        )


async def _run(transport: Transport, script: str) -> None:
    try:
        await run_checked(transport, ["sh", "-s"], stdin=script.encode(), timeout_s=SCRIPT_S)
    except CommandError as error:
        if error.status != UNDER_WAY:
            raise
        raise RefusedError(
            text("{machine} has another mutation: {run}", machine=error.where,
                 run=error.output.strip()),
            hint=text("it is undone by itself; at once by: hardway ssh {machine} -- sh {undo}",
                      machine=error.where, undo=UNDO),
        ) from error  # fmt: skip


def start(project: Project, mutation: Mutation, hold_s: int = HOLD_S) -> Run:
    """Return a run of a mutation; nothing is changed before `make`."""
    run = f"{mutation.name}-{token_hex(4)}"
    cluster = project.cluster
    made = {
        m.name: Scripts(mutation, run, cluster, m, hold_s, _certificate(project, mutation, m))
        for m in mutation.machines(cluster)
    }
    return Run(project, mutation, made)


def _certificate(project: Project, mutation: Mutation, machine: Machine) -> str:
    """Return the certificate of a mutation with a slip, for the machine's own key."""
    if (slip := mutation.slip) is None:
        return ""
    of = (slip.certificate, machine.name)
    wanted = next(w for w in expand(project.cluster) if w.id == of)
    kept = store.read(project.workspace.pki)
    now = datetime.now(UTC)
    signed_at = now if slip.left is None else now - project.cluster.validity.leaf + slip.left
    key, asked = kept[f"{wanted.stem}.key"], slip.made(wanted)
    pair = store.signed(asked, key, kept, project.cluster, signed_at)
    return pair.certificate.decode()


async def look(project: Project, mutation: Mutation) -> list[Finding]:
    """Look as `verify` does, at binaries and trials only where a mutation is of these."""

    def wanted(step: Step) -> Step:
        checks = (c for c in step.checks if c.name != COSTLY or mutation.check == COSTLY)
        return replace(step, checks=tuple(checks))

    async with project.reach() as live:
        steps = [wanted(step) for step in STEPS]
        found = await check_all(steps, live, trials=mutation.tried, again=True, patience=PATIENCE)
    return [finding for findings in found for finding in findings]
