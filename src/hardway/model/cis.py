"""CIS Kubernetes Benchmark rules that need an answer, and hardway's.

Rules that hold plainly, by a flag or a mode as the benchmark has it, are not listed.
"""

from dataclasses import dataclass
from enum import StrEnum

BENCHMARK = "cis-1.12"
"""The profile's name in kube-bench."""


class Answer(StrEnum):
    """How a rule is answered."""

    MET = "met"
    """Though the benchmark's own command does not see it."""
    STRICTER = "stricter"
    """hardway does more than the rule asks, in another way."""
    NOT_APPLICABLE = "not applicable"
    """What the rule is about is not there."""
    DECLINED = "declined"
    """The rule would make things worse here."""
    YOURS = "yours"
    """For the cluster's operator to decide."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and its answer."""

    id: str
    title: str
    answer: Answer
    why: str


UNIT_MODES = (
    "A unit's text is no secret: each flag is in `ps` as well. systemd warns at each reload about "
    "units that not everybody can read."
)
OWN_USERS = (
    "The component's own user owns what it reads, mode 0600. With root as the owner every "
    "component would have to run as root to read its file."
)
RULES = (
    Rule("1.1.1", "API server's specification file: mode 600", Answer.DECLINED, UNIT_MODES),
    Rule("1.1.3", "controller manager's specification file: mode 600", Answer.DECLINED, UNIT_MODES),
    Rule("1.1.5", "scheduler's specification file: mode 600", Answer.DECLINED, UNIT_MODES),
    Rule("1.1.7", "etcd's specification file: mode 600", Answer.DECLINED, UNIT_MODES),
    Rule("1.1.13", "admin.conf: mode 600", Answer.NOT_APPLICABLE,
         "No machine has an admin's kubeconfig: it stays in the cluster's folder."),
    Rule("1.1.14", "admin.conf: owner root", Answer.NOT_APPLICABLE,
         "No machine has an admin's kubeconfig: it stays in the cluster's folder."),
    Rule("1.1.16", "scheduler's kubeconfig: owner root", Answer.STRICTER, OWN_USERS),
    Rule("1.1.18", "controller manager's kubeconfig: owner root", Answer.STRICTER, OWN_USERS),
    Rule("1.1.19", "Kubernetes' PKI: owner root", Answer.STRICTER, OWN_USERS),
    Rule("4.1.1", "kubelet's service file: mode 600", Answer.DECLINED, UNIT_MODES),
    Rule("4.2.7", "kubelet: hostname-override not set", Answer.DECLINED,
         "The node has the machine's name in hardway.yaml, as its certificate says, whatever the "
         "host calls itself."),
    Rule("4.2.10", "kubelet: rotate certificates", Answer.DECLINED,
         "hardway renews kubelets' certificates. There is no signer in the cluster, since no CA "
         "key is on any machine: a kubelet that waits for one loses its certificate at its end."),
    Rule("5.1.6", "service-account tokens only where needed", Answer.YOURS,
         "Of hardway's own pods CoreDNS has one, which it needs to list Services."),
    Rule("5.2.1", "an active policy control mechanism", Answer.MET,
         "Pod Security warns and audits at level baseline (admission.yaml). It refuses nothing "
         "until a namespace asks: pod-security.kubernetes.io/enforce."),
    Rule("5.3.1", "a CNI that supports NetworkPolicy", Answer.YOURS,
         "hardway's bridge enforces no NetworkPolicy. A cluster that needs them needs a network "
         "plugin that does."),
)  # fmt: skip
