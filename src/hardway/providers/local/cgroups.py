"""A machine's cgroups on hosts whose PID 1 is not systemd. There nobody else makes them."""

from pathlib import Path

from hardway.providers.local import names
from hardway.providers.local.facts import CGROUPS, unified_cgroups

INHERITED = ("cpuset.cpus", "cpuset.mems")
"""Files of cgroup v1 that are empty in a new group, which then accepts no process."""


def hierarchies() -> list[Path]:
    """Return the mount points of all cgroup hierarchies; one alone with cgroup v2."""
    if unified_cgroups():
        return [CGROUPS]
    return sorted(p for p in CGROUPS.iterdir() if p.is_dir() and not p.is_symlink())


def make(cluster: str, machine: str, *, memory_bytes: int) -> list[Path]:
    """Make a machine's group in each hierarchy, limit its memory, return their `cgroup.procs`."""
    made = []
    for hierarchy in hierarchies():
        group = hierarchy
        for part in names.cgroup(cluster, machine).split("/"):
            parent, group = group, group / part
            group.mkdir(exist_ok=True)
            _inherit(parent, group)
        for limit in ("memory.limit_in_bytes", "memory.max"):
            if (group / limit).exists():
                (group / limit).write_text(str(memory_bytes))
        made.append(group / "cgroup.procs")
    return made


def _inherit(parent: Path, group: Path) -> None:
    for name in INHERITED:
        if (group / name).exists() and not (group / name).read_text().strip():
            (group / name).write_text((parent / name).read_text())
    controllers = parent / "cgroup.controllers"
    if controllers.exists():
        enabled = "".join(f" +{name}" for name in controllers.read_text().split())
        (parent / "cgroup.subtree_control").write_text(enabled)


def groups(cluster: str, machine: str = "") -> list[Path]:
    """Return the groups of a cluster or machine that exist, in all hierarchies."""
    candidates = [h / names.cgroup(cluster, machine) for h in hierarchies()]
    return [c for c in candidates if c.is_dir()]


def processes(cluster: str, machine: str = "") -> set[int]:
    """Return the processes in a cluster's or machine's groups, and below."""
    found: set[int] = set()
    for group in groups(cluster, machine):
        for procs in group.rglob("cgroup.procs"):
            try:
                found.update(int(pid) for pid in procs.read_text().split())
            except OSError:  # a group that was just removed
                continue
    return found


def remove(cluster: str, machine: str = "") -> None:
    """Remove the groups of a cluster or machine; their processes must be gone."""
    for group in groups(cluster, machine):
        inner = sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True)
        for path in [*inner, group]:
            path.rmdir()
        top = group.parents[0] if not machine else None
        if top and top.name == "hardway" and not any(p.is_dir() for p in top.iterdir()):
            top.rmdir()
