"""Flags and feature gates of hardway.yaml's `components`, beside those that hardway gives."""

from collections.abc import Sequence
from dataclasses import replace

from hardway.errors import RefusedError
from hardway.model.options import Extra, Options
from hardway.model.rows import Setting
from hardway.render.systemd import Service
from hardway.text import text

WHY = "Yours: hardway.yaml, `components`."
NOTHING = Extra()
GATES = "--feature-gates"


def with_extras(
    options: Options, service: Service, *, file: Sequence[Setting] | None = None
) -> Service:
    """Return a service with the operator's flags beside hardway's.

    `file` has the settings of a component that has a configuration file; feature gates stand there.

    Raises:
        RefusedError: the operator gives a flag that hardway gives.
    """
    component = service.command.rpartition("/")[2]
    extra = options.extras.get(component, NOTHING)
    taken = {_plain(setting.name) for setting in (*service.flags, *(file or ()))}
    if twice := [name for name in extra.flags if _plain(name) in taken]:
        raise RefusedError(
            text("hardway sets these flags of {component} itself: {flags}", component=component,
                 flags=", ".join(twice)),
            hint="take them out of hardway.yaml, `components`",
        )  # fmt: skip
    own = [Setting(f"--{name}", value, WHY) for name, value in extra.flags.items()]
    flags = service.flags
    if extra.gates and file is None:
        given = [str(flag.value) for flag in flags if flag.name == GATES]
        own.append(Setting(GATES, ",".join((*given, _gates(extra))), WHY))
        flags = [flag for flag in flags if flag.name != GATES]
    return replace(service, flags=(*flags, *own))


def _gates(extra: Extra) -> str:
    return ",".join(f"{name}={str(on).lower()}" for name, on in extra.gates.items())


def gates(options: Options, component: str) -> tuple[Setting, ...]:
    """Return the feature gates of a component that has a configuration file."""
    wanted = options.extras.get(component, NOTHING).gates
    return (Setting("featureGates", dict(wanted), WHY),) if wanted else ()


def _plain(name: str) -> str:
    """Return what a flag and a field of the same meaning have in common."""
    return name.replace("-", "").lower()
