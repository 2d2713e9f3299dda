"""Sections 1.3 and 1.4: flags of the controller manager and the scheduler."""

from hardway.audit.evidence import Flags
from hardway.audit.rules import PRESENT, Rule, absent_or, equals, lacks
from hardway.model.checks import CONTROL_PLANES
from hardway.pki.inventory import KCM, SCHEDULER

PROFILING = "/debug/pprof tells much about the process and costs it time."
LOOPBACK = (
    "At another address /metrics and /healthz answer the whole network; nothing needs them there."
)
ROTATION = "RotateKubeletServerCertificate=false"


def _manager(*names: str) -> Flags:
    return Flags(f"{KCM}.service", names, CONTROL_PLANES)


def _scheduler(*names: str) -> Flags:
    return Flags(f"{SCHEDULER}.service", names, CONTROL_PLANES)


RULES = (
    Rule(id="1.3.1", title="finished pods are deleted beyond a number",
         evidence=_manager("--terminated-pod-gc-threshold"), expect=PRESENT,
         why="Without it finished pods fill etcd and slow each listing of pods."),
    Rule(id="1.3.2", title="controller manager: profiling is off",
         evidence=_manager("--profiling"), expect=equals("false"), why=PROFILING),
    Rule(id="1.3.3", title="each controller has an account of its own",
         evidence=_manager("--use-service-account-credentials"), expect=equals("true"),
         why="Without it a bug in one controller can use the rights of all."),
    Rule(id="1.3.4", title="tokens are signed by a key of their own",
         evidence=_manager("--service-account-private-key-file"), expect=PRESENT,
         why="Without it Secrets for tokens stay empty: nothing can sign their tokens."),
    Rule(id="1.3.5", title="pods are given the CA to trust",
         evidence=_manager("--root-ca-file"), expect=PRESENT,
         why="Without it pods cannot tell the API server from a stranger."),
    Rule(id="1.3.6", title="renewal of kubelets' certificates is not switched off",
         evidence=_manager("--feature-gates"), expect=lacks(ROTATION),
         why="With the feature off, a kubelet that is told to renew its server certificate never "
         "gets one."),
    Rule(id="1.3.7", title="controller manager listens at loopback only",
         evidence=_manager("--bind-address"), expect=absent_or(equals("127.0.0.1")), why=LOOPBACK),
    Rule(id="1.4.1", title="scheduler: profiling is off",
         evidence=_scheduler("--profiling"), expect=equals("false"), why=PROFILING),
    Rule(id="1.4.2", title="scheduler listens at loopback only",
         evidence=_scheduler("--bind-address"), expect=absent_or(equals("127.0.0.1")),
         why=LOOPBACK),
)  # fmt: skip
