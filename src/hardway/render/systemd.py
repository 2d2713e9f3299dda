"""systemd units: one flag a line, each under its reason, and a digest of all that a unit reads.

The digest is in the unit's environment, so that a running process carries the digest of what it
was started with (/proc/PID/environ): a crash between writing a file and restarting its reader is
seen by the next run, without clocks or marker files (docs/adr/0003). It is made of what
the texts mean, not of how they are written (docs/adr/0034).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hardway.meaning.comments import PROSE, without_comments
from hardway.meaning.formats import meaning
from hardway.meaning.unit import DIGEST, MARKS
from hardway.model.resources import Blob, File, Unit, hexdigest
from hardway.model.rows import Reread, Row, Section, Setting, quiet
from hardway.render.config import comment, reason

UNITS = "/etc/systemd/system"
LOADED = ".loaded"
"""Ends the name of a note about files that were read again, after the unit's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a running process is told to read files again (docs/adr/0029)."""

    paths: tuple[str, ...]
    """Small files; a change of other things calls for a restart."""
    check: str = ""
    """The command that refuses what the process could not read; empty where there is none."""
    signal: str
    why: str
    """What stays in a reload that would be lost in a restart."""


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
    """Paths of files and blobs that are read at the start only: a change calls for a restart."""
    rereads: Sequence[Reread] = ()
    """Files outside the digest (docs/adr/0025)."""
    reload: Reload | None = None
    server: str = ""
    """A unit of this machine whose client it is and which it calls again only after minutes."""
    wanted_by: str = "multi-user.target"
    oneshot: bool = False
    proxied: bool = False
    """It uses a proxy that this host's services are told of (systemd-system.conf(5))."""


DIRECT = Setting(
    "Environment",
    " ".join(f"{name}=" for plain in ("http_proxy", "https_proxy", "all_proxy")
             for name in (plain.upper(), plain)),
    "The cluster's own addresses are behind no proxy, whatever this host's services are told of.",
)  # fmt: skip


def service(spec: Service, given: Mapping[str, File | Blob]) -> tuple[File, Unit]:
    """Return a service's unit file and the unit; `given` has all that it may read, by path."""
    path = f"{UNITS}/{spec.name}"
    seen = sha256(meaning(path, _text(spec, digest="").encode()).encode())
    for read in sorted(spec.reads):
        item = given[read]
        content = (
            item.sha256
            if isinstance(item, Blob)
            else f"{meaning(item.path, item.content)} {item.mode} {item.owner}"
        )
        seen.update(f"\n{read} {content}".encode())
    digest = seen.hexdigest()[:32]
    rows = sections(spec, digest=digest)
    text = _text(spec, digest=digest)
    file = File(path=path, content=text.encode(), rows=rows, why=spec.why)
    told = (Reread(path, spec.reload.why) for path in spec.reload.paths) if spec.reload else ()
    program = given.get(spec.command.split()[0])
    unit = Unit(
        name=spec.name,
        path=path,
        digest=digest,
        reads=(path, *sorted(spec.reads)),
        rereads=(*spec.rereads, *told),
        reload_digest=_loaded(spec.reload, given) if spec.reload else "",
        executable=program.stored if isinstance(program, Blob) else "",
        server=spec.server,
        why=spec.why,
    )
    return file, unit


def _loaded(reload: Reload, given: Mapping[str, File | Blob]) -> str:
    """Return what `_noted_files` makes the unit note once it has read the wanted files."""
    files = [given[path] for path in reload.paths]
    return hexdigest(b"".join(without_comments(f.content) for f in files if isinstance(f, File)))


NOTES = re.compile(rf"(?m)(?:^#.*\n)*^.*(?:{DIGEST}=|{MARKS}\b).*\n".encode())
"""Matches lines that note what a process was started with, and the reasons for them."""


def without_notes(text: bytes) -> bytes:
    """Return a unit file without the lines that only hardway needs."""
    return NOTES.sub(b"", text)


def sections(spec: Service, *, digest: str) -> tuple[Section, ...]:
    """Return a unit file's rows; the flags are a section of their own."""
    return (
        Section("Unit", (
            quiet("Description", escape(spec.description), "The name that systemctl shows."),
            *spec.unit,
        ), "What the unit waits for.", quiet=True),
        Section("Service", (
            Setting("Environment", f"{DIGEST}={digest}",
                    "What this process was started with; hardway restarts it when that changes."),
            *(() if spec.proxied else (DIRECT,)),
            quiet("ExecStart", spec.command, spec.why),
            *(_noted(spec.name, digest) if spec.oneshot else ()),
            *(_reloaded(spec.name, spec.reload) if spec.reload else ()),
            *spec.service,
        ), "What is run, and what it may do.", quiet=True),
        Section("Install", (
            quiet("WantedBy", spec.wanted_by, "Started at each boot, with this target."),
        ), "When the unit is started.", quiet=True),
        Section("ExecStart", tuple(spec.flags), "The command's flags.", quiet=True),
    )  # fmt: skip


def _noted(name: str, digest: str) -> tuple[Setting, ...]:
    note = f"mkdir -p {MARKS} && echo {digest} >{MARKS}/{name}"
    return (
        quiet("Type", "oneshot", "It ends when its work is done."),
        quiet("RemainAfterExit", "yes", "It counts as active until the next boot."),
        quiet("ExecStartPost", f"/bin/sh -c '{note}'",
              "No process stays that could carry the digest; the file does."),
    )  # fmt: skip


def _reloaded(name: str, reload: Reload) -> tuple[Setting, ...]:
    """Return the lines that reload a process and note which files it has read.

    They are read for the note before the process reads them: whatever becomes of them meanwhile,
    the note never says more than the process knows.
    """
    note = f"{MARKS}/{name}{LOADED}"
    digest = f"sed -E '/{PROSE}/d' {' '.join(reload.paths)} | sha256sum"
    return (
        Setting("ExecStartPre", f'+/bin/sh -c "mkdir -p {MARKS} && {digest} >{note}"',
                "What it reads now: hardway reloads it when the files on disk are others."),
        *((quiet("ExecReload", reload.check, "What it cannot read is refused."),)
          if reload.check else ()),
        Setting("ExecReload", f'+/bin/sh -c "{digest} >{note}.new"', reload.why),
        quiet("ExecReload", f"/bin/kill -s {reload.signal} $MAINPID", "Read your files again."),
        quiet("ExecReload", f"+/bin/mv -f {note}.new {note}", "It was told: the note counts."),
    )  # fmt: skip


def _text(spec: Service, *, digest: str) -> str:
    unit, service, install, flags = sections(spec, digest=digest)
    parts = [comment(spec.why), _section(unit), "\n[Service]\n"]
    for row in service.rows:
        command = isinstance(row, Setting) and row.name == "ExecStart" and row.value == spec.command
        parts.append(_command(spec.command, flags.rows) if command and flags.rows else _line(row))
    return "".join([*parts, "\n", _section(install)])


def unit_text(why: str, rows: Sequence[Section]) -> str:
    """Return a unit that leaves no process with a digest, such as a timer."""
    return comment(why) + "\n".join(_section(section) for section in rows)


def _section(section: Section) -> str:
    return f"[{section.name}]\n" + "".join(_line(row) for row in section.rows)


def _command(command: str, flags: Sequence[Row]) -> str:
    lines = [reason(f, indent="    ") + f"    {word(assigned(f))}" for f in flags]
    return f"ExecStart={command} \\\n" + " \\\n".join(lines) + "\n"


def assigned(row: Row) -> str:
    """Return a row as `name=value`."""
    return f"{row.name}={row.value}" if isinstance(row, Setting) else row.name


def _line(row: Row) -> str:
    return f"{reason(row)}{assigned(row)}\n"


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
        quiet("Group", user, "The user's own group: no file is shared through a group."),
        Setting("NoNewPrivileges", "yes",
                "The lines from here to the last but two take away what serving TCP does not "
                "need (systemd.exec(5))."),
        quiet("CapabilityBoundingSet", "", "No capability, not even after a setuid program."),
        quiet("ProtectSystem", "strict", "The file system is read-only for it."),
        *(quiet("ReadWritePaths", path, "Its own data, which it has to write.") for path in writes),
        quiet("ProtectHome", "yes", "People's homes are none of its business."),
        quiet("PrivateTmp", "yes", "No other process can plant files in its /tmp."),
        quiet("PrivateDevices", "yes", "No access to disks and other devices."),
        quiet("ProtectKernelTunables", "yes", "It changes no kernel settings."),
        quiet("ProtectKernelModules", "yes", "It loads no kernel modules."),
        quiet("ProtectControlGroups", "yes", "It changes no limits of other services."),
        quiet("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX",
              "TCP and sockets on this machine; no raw packets, no netlink."),
        quiet("RestrictNamespaces", "yes", "It makes no containers."),
        quiet("LockPersonality", "yes", "Old execution domains weaken memory protection."),
        quiet("RestrictSUIDSGID", "yes", "It cannot leave a setuid program behind."),
        quiet("SystemCallArchitectures", "native",
              "System calls of another architecture would pass by filters."),
        quiet("UMask", "0077", "Files that it makes are its own alone."),
    )  # fmt: skip


RESTARTS = (
    Setting(
        "Restart", "on-failure", "It comes back by itself; a crash loop is slowed, never ended."
    ),
    quiet("RestartSec", "2", "Seconds between attempts: short, and no load in a crash loop."),
)
NEVER_GIVE_UP = Setting("StartLimitIntervalSec", "0", "Waiting for a peer may take any time.")
ONLINE = quiet("Wants", "network-online.target", "It binds to this machine's address.")


def after(units: str, why: str) -> Setting:
    """Return the line that starts a unit after others (at a boot; it does not require them)."""
    return quiet("After", units, why)


def documentation(url: str) -> Setting:
    """Return the line with the place where a program's flags are explained."""
    return quiet("Documentation", url, "Where upstream explains the flags; systemctl shows it.")
