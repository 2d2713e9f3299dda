"""systemd units: one flag a line, each under its reason, and a digest of all that a unit reads.

The digest is in the unit's environment, so that a running process carries the digest of what it
was started with (/proc/PID/environ): a crash between writing a file and restarting its reader is
seen by the next run, without clocks or marker files (docs/adr/0003). Comments and descriptions
are not part of it (docs/adr/0020).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hardway.model.resources import Blob, File, Unit, meaning
from hardway.render.config import Setting, comment

UNITS = "/etc/systemd/system"
MARKS = "/run/hardway"
"""Where oneshot units, which leave no process to ask, note their digest until the next boot."""

DIGEST = "HARDWAY_DIGEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service before it is a text."""

    name: str
    description: str
    why: str
    command: str
    """Absolute path, with leading arguments if any."""
    flags: Sequence[Setting] = ()
    unit: Sequence[Setting] = ()
    """Lines of [Unit] beyond the description."""
    service: Sequence[Setting] = ()
    """Lines of [Service] beyond command and digest."""
    reads: Sequence[str] = ()
    """Paths of files and blobs whose change calls for a restart."""
    wanted_by: str = "multi-user.target"
    oneshot: bool = False


def service(spec: Service, given: Mapping[str, File | Blob]) -> tuple[File, Unit]:
    """Return a service's unit file and the unit; `given` has all that it may read, by path."""
    seen = sha256(meaning(_text(spec, digest="").encode()))
    for path in sorted(spec.reads):
        item = given[path]
        content = (
            item.sha256 if isinstance(item, Blob) else f"{item.meaning} {item.mode} {item.owner}"
        )
        seen.update(f"\n{path} {content}".encode())
    digest = seen.hexdigest()[:32]
    path = f"{UNITS}/{spec.name}"
    text = _text(spec, digest=digest)
    file = File(path=path, content=text.encode(), commented=True, why=spec.why)
    program = given.get(spec.command.split()[0])
    unit = Unit(
        name=spec.name,
        path=path,
        digest=digest,
        reads=(path, *sorted(spec.reads)),
        executable=program.stored if isinstance(program, Blob) else "",
        why=spec.why,
    )
    return file, unit


def _text(spec: Service, *, digest: str) -> str:
    lines = [comment(spec.why), "[Unit]\n", f"Description={escape(spec.description)}\n"]
    lines += [_line(setting) for setting in spec.unit]
    lines += ["\n[Service]\n"]
    lines += [comment("What this process was started with; hardway restarts it when that changes.")]
    lines += [f"Environment={DIGEST}={digest}\n"]
    lines += [_command(spec)]
    if spec.oneshot:
        mark = f"{MARKS}/{spec.name}"
        lines += ["Type=oneshot\n", "RemainAfterExit=yes\n"]
        lines += [f"ExecStartPost=/bin/sh -c 'mkdir -p {MARKS} && echo {digest} >{mark}'\n"]
    lines += [_line(setting) for setting in spec.service]
    lines += ["\n[Install]\n", f"WantedBy={spec.wanted_by}\n"]
    return "".join(lines)


def _command(spec: Service) -> str:
    if not spec.flags:
        return f"ExecStart={spec.command}\n"
    parts = [f"ExecStart={spec.command} \\\n"]
    for index, flag in enumerate(spec.flags):
        parts.append(comment(flag.why, indent="    ") if flag.why else "")
        last = index == len(spec.flags) - 1
        parts.append(f"    {word(f'{flag.name}={flag.value}')}" + ("\n" if last else " \\\n"))
    return "".join(parts)


def _line(setting: Setting) -> str:
    return (comment(setting.why) if setting.why else "") + f"{setting.name}={setting.value}\n"


def escape(text: str) -> str:
    """Return a text in which systemd expands nothing (systemd.unit(5), specifiers)."""
    return text.replace("%", "%%")


def word(text: str) -> str:
    """Return a text as one argument of ExecStart= (systemd.service(5), command lines)."""
    escaped = escape(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    plain = escaped and not any(c in escaped for c in " \t'\";") and escaped == escape(text)
    return escaped if plain else f'"{escaped}"'


def hardening(user: str, *, writes: Sequence[str] = ()) -> tuple[Setting, ...]:
    """Return the lines that keep a network service to what it needs (systemd.exec(5))."""
    return (
        Setting("User", user, "A user of its own: what it may read is what that user owns."),
        Setting("Group", user, ""),
        Setting("NoNewPrivileges", "yes", "None of the rest is needed to serve TCP."),
        Setting("CapabilityBoundingSet", "", ""),
        Setting("ProtectSystem", "strict", ""),
        *(Setting("ReadWritePaths", path, "") for path in writes),
        Setting("ProtectHome", "yes", ""),
        Setting("PrivateTmp", "yes", ""),
        Setting("PrivateDevices", "yes", ""),
        Setting("ProtectKernelTunables", "yes", ""),
        Setting("ProtectKernelModules", "yes", ""),
        Setting("ProtectControlGroups", "yes", ""),
        Setting("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX", ""),
        Setting("RestrictNamespaces", "yes", ""),
        Setting("LockPersonality", "yes", ""),
        Setting("RestrictSUIDSGID", "yes", ""),
        Setting("SystemCallArchitectures", "native", ""),
        Setting("UMask", "0077", ""),
    )


RESTARTS = (
    Setting(
        "Restart", "on-failure", "It comes back by itself; a crash loop is slowed, never ended."
    ),
    Setting("RestartSec", "2", ""),
)
NEVER_GIVE_UP = Setting("StartLimitIntervalSec", "0", "Waiting for a peer may take any time.")
