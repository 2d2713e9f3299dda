"""The tables and the curve of docs/performance-ssh.md, from the figures."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.ssh import chart

BEGIN, END = "<!-- written by make bench-ssh: begin -->", "<!-- end -->"
NAMES = {
    "hardway": "hardway",
    "pyinfra": "pyinfra",
    "ansible-archive": "Ansible, one archive",
    "mitogen-archive": "Ansible with Mitogen, one archive",
    "mitogen-files": "Ansible with Mitogen, file by file",
    "ansible-files": "Ansible, file by file",
}
CASES = {"first": "First time", "unchanged": "Unchanged", "changed": "One file changed on one host"}


def seconds(rows: list[Mapping[str, float]], what: str = "seconds") -> float:
    """Return the median of some runs."""
    return median(row[what] for row in rows)


def compared(sizes: Mapping[str, Any]) -> list[int]:
    """Return the numbers of hosts with which others than hardway were measured."""
    return sorted(int(size) for size, players in sizes.items() if len(players) > 1)


def table(case: str, sizes: Mapping[str, Any]) -> str:
    """Return the table of a case: seconds, how often, and how many times hardway's."""
    counts = compared(sizes)
    head = "".join(f" {count} hosts | |" for count in counts)
    lines = [f"| |{head}", "|---|" + "---:|---:|" * len(counts)]
    for name, label in NAMES.items():
        cells = []
        for count in counts:
            players = sizes[str(count)]
            rows = players.get(name, {}).get(case)
            if not rows or case not in players["hardway"]:
                cells += ["", ""]
                continue
            took, ours = seconds(rows), seconds(players["hardway"][case])
            cells += [f"{took:.1f} s", f"{took / ours:.1f} times" if name != "hardway" else "1"]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def joined_table(sizes: Mapping[str, Any]) -> str:
    """Return what a host that joins costs hardway beyond looking at all of them."""
    lines = ["| hosts | looking | with one that joins | beyond looking |", "|---:|---:|---:|---:|"]
    beyond = {}
    for size in sorted(sizes, key=int):
        cases = sizes[size]["hardway"]
        if "joined" in cases:
            looking, took = seconds(cases["unchanged"]), seconds(cases["joined"])
            beyond[int(size)] = took - looking
            lines.append(f"| {size} | {looking:.2f} s | {took:.2f} s | {took - looking:.2f} s |")
    few, many = min(beyond), max(beyond)
    each_ms = (beyond[many] - beyond[few]) / (many - few) * 1000
    return "\n".join(lines) + (
        f"\n\nEach further host takes {each_ms:.0f} ms, of the cores that all hosts share here."
    )


def work_table(sizes: Mapping[str, Any]) -> str:
    """Return where the CPU time of the case `unchanged` goes, where most tools were measured."""
    most = max(sizes, key=lambda size: (len(sizes[size]), int(size)))
    lines = [f"| unchanged, {most} hosts | the tool | the hosts | a host |", "|---|---:|---:|---:|"]
    for name, label in NAMES.items():
        rows = sizes[most].get(name, {}).get("unchanged")
        if rows:
            own, theirs = seconds(rows, "own_cpu_s"), seconds(rows, "hosts_cpu_s")
            each = theirs / int(most) * 1000
            lines.append(f"| {label} | {own:.1f} s | {theirs:.1f} s | {each:.0f} ms |")
    return "\n".join(lines)


def how_often(sizes: Mapping[str, Any]) -> str:
    """Return how many runs stand behind each figure of the case `unchanged`."""
    parts = []
    for name, label in NAMES.items():
        runs = [
            f"{len(sizes[size][name]['unchanged'])} ({size})"
            for size in sorted(sizes, key=int)
            if name in sizes[size]
        ]
        parts.append(f"{label} {', '.join(runs)}")
    return "; ".join(parts)


def write(results: Mapping[str, Any], docs: Path) -> None:
    """Put tables and curve in place; what people wrote around them stays."""
    sizes, machine = results["sizes"], results["machine"]
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("asyncssh", "ansible-core", "mitogen", "pyinfra")
    )
    where = (
        f"{machine['cores']} cores and {machine['memory_gib']} GiB for the tool and all hosts "
        f"together; Linux {machine['kernel']}, Python {machine['python']}, {versions}."
    )
    text = [where]
    for case, title in CASES.items():
        text += [f"### {title}", table(case, sizes)]
    text.append(
        "Behind each figure of the unchanged case, the median, are so many runs (hosts): "
        f"{how_often(sizes)}. First time: one each."
    )
    text.append("### A host joins")
    text.append(
        "hardway alone: one bare host gets all, and each other host the new one's name in a file "
        "that none of its units reads."
    )
    text.append(joined_table(sizes))
    text += ["### Where the time goes", "CPU seconds:", work_table(sizes)]
    page = docs / "performance-ssh.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(text) + f"\n\n{END}{after}")
    curves = {
        label: [
            (count, seconds(sizes[str(count)][name]["unchanged"]))
            for count in compared(sizes)
            if name in sizes[str(count)]
        ]
        for name, label in NAMES.items()
    }
    grown = {label: points for label, points in curves.items() if len(points) > 1}
    if grown:
        (docs / "performance-ssh.svg").write_text(chart.draw(grown))
