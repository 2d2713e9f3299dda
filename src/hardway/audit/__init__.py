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

__all__ = ["BENCHMARK", "RULES", "SECTIONS", "Answer", "Rule"]

SECTIONS = {
    "1.1": "Files of the control plane",
    "1.2": "API server",
    "1.3": "Controller manager",
    "1.4": "Scheduler",
    "2": "etcd",
    "3.1": "How people come in",
    "3.2": "Audit log",
    "4.1": "Files of workers",
    "4.2": "kubelet",
    "4.3": "kube-proxy",
    "5.1": "RBAC and accounts",
    "5.2": "Pods' rights",
    "5.3": "Network policies",
    "5.4": "Secrets",
    "5.5": "Admission",
    "5.6": "Other policies",
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
