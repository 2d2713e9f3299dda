"""The cluster as Prometheus text: what checks found, how old certificates are, how etcd is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardway.model.resources import Finding, Verdict
from hardway.operations.view import view
from hardway.pictures.view import View
from hardway.pki.inspect import read
from hardway.pki.inventory import CAS, expand
from hardway.project import Project

STATES = {Verdict.HOLDS: 1, Verdict.WRONG: 0, Verdict.UNKNOWN: -1}


@dataclass(frozen=True, slots=True)
class Metric:
    """A row: a gauge with its samples."""

    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


async def metrics(project: Project) -> str:
    """Return metrics of a living cluster in Prometheus' text format; makes no trials."""
    return "".join(_lines(gauges(await view(project))))


def gauges(seen: View) -> Iterator[Metric]:
    """Yield what there is to measure."""
    found, status = seen.findings, seen.status
    yield Metric("hardway_check", "1: holds, 0: wrong, -1: unknown; warnings have their severity.",
                 tuple((_labels(f), STATES[f.verdict]) for f in found))  # fmt: skip
    yield Metric("hardway_certificate_not_after_seconds",
                 "When a certificate ends: seconds since 1970.",
                 tuple(_certificates(seen)))  # fmt: skip
    if status is None:
        return
    yield Metric("hardway_machine_running", "1: the machine runs.",
                 tuple(({"machine": m.name, "role": m.role}, float(m.state == "running"))
                       for m in status.machines))  # fmt: skip
    yield Metric("hardway_etcd_members", "Members of etcd that should be there.",
                 (({}, status.etcd.members),))  # fmt: skip
    yield Metric("hardway_etcd_healthy_members", "Members of etcd that answer and have a leader.",
                 (({}, status.etcd.healthy),))  # fmt: skip
    yield Metric("hardway_etcd_leader", "1: this machine's member leads etcd.",
                 tuple(({"machine": m.name}, float(m.name == status.etcd.leader))
                       for m in status.control_planes))  # fmt: skip
    yield Metric("hardway_endpoint_up", "1: the API answers at its endpoint.",
                 (({}, float(status.endpoint.healthy)),))  # fmt: skip
    yield Metric("hardway_node_ready", "1: the API calls the node ready.",
                 tuple(({"machine": n.name}, float(n.ready)) for n in status.nodes))  # fmt: skip


def _labels(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "machine": finding.machine, "step": finding.step,
            "severity": str(finding.severity)}  # fmt: skip


def _certificates(seen: View) -> Iterator[tuple[dict[str, str], float]]:
    secrets = seen.atlas.given.secrets
    pems = {(f"{ca.name}-ca", ""): secrets.cas[ca.name].signer.certificate for ca in CAS}
    pems |= {w.id: secrets.certificates[w.id].certificate for w in expand(seen.atlas.cluster)}
    for (name, machine), pem in pems.items():
        labels = {"certificate": name, "machine": machine}
        yield labels, read(pem).not_after.timestamp()


def _lines(rows: Iterator[Metric]) -> Iterator[str]:
    for metric in rows:
        yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} gauge\n"
        for labels, value in metric.samples:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            shown = f"{{{inner}}}" if inner else ""
            yield f"{metric.name}{shown} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
