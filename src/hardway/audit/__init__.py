"""The CIS Kubernetes Benchmark's rules, each with evidence or a reason."""

from hardway.audit import (
    api_server,
    configuration,
    control_plane_files,
    controllers,
    etcd,
    policies,
    workers,
)
from hardway.audit.rules import BENCHMARK, Answer, Rule
from hardway.text import text

__all__ = ["BENCHMARK", "RULES", "SECTIONS", "Answer", "Rule"]

SECTIONS = {
    "1.1": text("Files of the control plane"),
    "1.2": text("API server"),
    "1.3": text("Controller manager"),
    "1.4": text("Scheduler"),
    "2": text("etcd"),
    "3.1": text("How people come in"),
    "3.2": text("Audit log"),
    "4.1": text("Files of workers"),
    "4.2": text("kubelet"),
    "4.3": text("kube-proxy"),
    "5.1": text("RBAC and accounts"),
    "5.2": text("Pods' rights"),
    "5.3": text("Network policies"),
    "5.4": text("Secrets"),
    "5.5": text("Admission"),
    "5.6": text("Other policies"),
}
"""The benchmark's sections, in hardway's own words."""

RULES: tuple[Rule, ...] = (
    *control_plane_files.RULES,
    *api_server.RULES,
    *controllers.RULES,
    *etcd.RULES,
    *configuration.RULES,
    *workers.RULES,
    *policies.RULES,
)
"""All of them, in the benchmark's order."""
