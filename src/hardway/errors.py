"""Every error a user, a network or a machine can cause.

* HardwayError           (1)
  + UnsafeError          (1)  something in a cluster that others made is unsafe
  + SpecError            (2)  hardway.yaml says something that cannot be
  + PreflightError       (3)  this host or a machine is not fit; nothing was changed
    - ClockError              this host and the machines have different times
  + ProviderError        (4)  machines could not be made, started or removed
    - AwsError                AWS refused a call
  + RemoteError          (5)
    - ConnectError            a machine does not answer SSH
    - CommandError            a command on a machine failed
    - FleetError              several machines have one of these
  + StepError            (6)  a step did not come to hold on some machines
  + VerifyError          (7)  the cluster runs and a check does not hold
  + PkiError             (8)  a certificate or key in the cluster's folder is unusable
  + ComponentError       (9)  a component could not be had, or has the wrong digest
  + RefusedError        (10)  hardway will not do that, for a reason it gives
  + UnknownError        (11)  all that could be looked at is well; the rest did not answer

The number is the exit code. Each error says what happened and, in `hint`, the next command: as
texts (see text.py), that `cli.app` shows in the language of its reader; `str()` of an error is
English. Only `cli.app` prints errors; a traceback is shown for programming errors alone.
"""

import shlex
from collections.abc import Mapping, Sequence

from hardway.text import joined, text


class HardwayError(Exception):
    """What all of hardway's errors are."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What happened; findings and events take this, not `str()`, which nobody can translate."""
        self.hint = hint


class UnsafeError(HardwayError):
    """Something in a cluster that others made is unsafe; it was already printed."""


class SpecError(HardwayError):
    """hardway.yaml does not describe a cluster; `problems` holds one `file:line: …` each."""

    exit_code = 2

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__(joined("\n", problems),
                         hint=hint or text("correct these lines, then run it again"))  # fmt: skip
        self.problems = tuple(problems)


class PreflightError(HardwayError):
    """This host or a machine is not fit; `problems` holds all of what was found."""

    exit_code = 3

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__(joined("\n", problems), hint=hint)
        self.problems = tuple(problems)


class ClockError(PreflightError):
    """This host's clock and the machines' are apart: what is issued might not be valid there."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__([message], hint=hint)


class ProviderError(HardwayError):
    """A machine, or what carries it, could not be made, started or removed."""

    exit_code = 4


class AwsError(ProviderError):
    """AWS refused a call; `code` is its name for why."""

    def __init__(self, message: str, *, hint: str, code: str, certain: bool) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.certain = certain
        """Nothing was done; where AWS itself has trouble, nobody knows."""


class RemoteError(HardwayError):
    """Something between here and a machine, or on it, went wrong."""

    exit_code = 5

    def __init__(self, why: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(text("{where}: {why}", where=where, why=why) if where else why, hint=hint)
        self.where = where
        self.why = why


class ConnectError(RemoteError):
    """A machine does not answer, or is not the one whose host key we know."""


class CommandError(RemoteError):
    """A command ended with a status other than 0."""

    def __init__(
        self, where: str, argv: Sequence[str], status: int, output: str, *, hint: str = ""
    ) -> None:
        tail = output.strip().splitlines()[-20:]
        command = shlex.join(argv)
        if len(command) > COMMAND_SHOWN:
            command = command[:COMMAND_SHOWN] + " …"
        ended = text("`{command}` ended with status {status}", command=command, status=status)
        super().__init__(joined("\n", [ended, *tail]), where=where, hint=hint)
        self.argv = tuple(argv)
        self.status = status
        self.output = output


class FleetError(RemoteError):
    """What went wrong on several machines; `errors` holds one each."""

    def __init__(self, errors: Sequence[RemoteError]) -> None:
        lines = joined("\n", [error.message for error in errors])
        super().__init__(text("{count} machines:\n{lines}", count=len(errors), lines=lines),
                         hint=errors[0].hint)  # fmt: skip
        self.errors = tuple(errors)


class StepError(HardwayError):
    """A step did not come to hold; `outcomes` says why, by machine."""

    exit_code = 6

    def __init__(self, step: str, outcomes: Mapping[str, str]) -> None:
        lines = [text("  {machine}: {why}", machine=machine, why=why)
                 for machine, why in sorted(outcomes.items())]  # fmt: skip
        super().__init__(
            text("step {step} does not hold:\n{lines}", step=step, lines=joined("\n", lines)),
            hint=text("look with `hardway verify {step}`; `hardway up` goes on from here",
                      step=step),
        )  # fmt: skip
        self.step = step
        self.outcomes = dict(outcomes)

    @classmethod
    def of(cls, errors: Sequence["StepError"]) -> "StepError":
        """Return one error for several steps."""
        outcomes: dict[str, list[str]] = {}
        for error in errors:
            for machine, why in error.outcomes.items():
                outcomes.setdefault(machine, []).append(why)
        whys = {machine: joined("; ", dict.fromkeys(own)) for machine, own in outcomes.items()}
        return cls(" ".join(error.step for error in errors), whys)


class VerifyError(HardwayError):
    """Checks that do not hold; they were already printed, one line each."""

    exit_code = 7


class PkiError(HardwayError):
    """A certificate or key in the cluster's folder is missing its half or is not what it says."""

    exit_code = 8


class ComponentError(HardwayError):
    """A component is not to be had from any source, or is not the one that was pinned."""

    exit_code = 9


class RefusedError(HardwayError):
    """A rule forbids what was asked."""

    exit_code = 10


class UnknownError(HardwayError):
    """Some machines did not answer; on the others everything is as it should be."""

    exit_code = 11

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[object] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings
        """What checks saw on those that answered."""


COMMAND_SHOWN = 200
"""Characters of a failed command that its message shows."""
