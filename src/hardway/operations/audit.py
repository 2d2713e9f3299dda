"""Judging a cluster by the CIS Kubernetes Benchmark, as it runs or as it would be rendered."""

from pathlib import Path

from hardway.audit import RULES, kube_bench
from hardway.audit.results import Result, finding, planned, results
from hardway.checks.ask import ask
from hardway.checks.live import Live
from hardway.checks.run import cases, judgements
from hardway.files import write
from hardway.operations.chart import draw
from hardway.project import Project


async def audit(project: Project) -> tuple[Result, ...]:
    """Judge a cluster as it runs; changes nothing."""
    async with project.reach() as live:
        return await judged(live)


async def judged(live: Live) -> tuple[Result, ...]:
    """Ask the machines, each in one round trip, and the API."""
    asked = cases([check for rule in RULES if (check := rule.check)], live)
    answers = await ask(asked, live)
    return results([
        finding(case.check, case.subject, judgement)
        for case, answer in zip(asked, answers, strict=True)
        for judgement in judgements(case, answer)
    ])  # fmt: skip


def plan(project: Project) -> tuple[Result, ...]:
    """Judge what would be rendered; no machine is asked."""
    return planned(draw(project))


def write_kube_bench(folder: Path) -> tuple[Path, ...]:
    """Write kube-bench's configuration for this layout; return the files."""
    files = {"config.yaml": kube_bench.config(), "README.md": kube_bench.readme()}
    for name, content in files.items():
        write(folder / name, content)
    return tuple(folder / name for name in files)
