"""Mutations of services: one that does not run, one that hangs, one with another flag."""

from collections.abc import Iterator

from hardway.model.cluster import Role
from hardway.mutations.row import Mutation, Which, at_vip
from hardway.render.systemd import UNITS

CP, WORKER = Role.CONTROL_PLANE, Role.WORKER


STOPPED = (
    ("hardway-host.service", CP,
     "Nothing, until the next boot.",
     "A unit that runs and ends is active afterwards: what it did lasts."),
    ("etcd.service", CP,
     "One control plane's API server is not ready.",
     ("An API server asks the member of its own machine: they fall together, and the endpoint "
     "leads to the others. Without a majority of members nothing is stored.")),
    ("kube-apiserver.service", CP,
     "kubectl works as long as another control plane is there.",
     ("Clients of the endpoint do not notice one lost API server. What works through the API "
     "server of its own machine does: controller manager and scheduler.")),
    ("kube-controller-manager.service", CP,
     "Of several nothing shows; of the only one: a Deployment makes no pods.",
     "One leads and the others wait: a loss is noticed when the last one goes."),
    ("kube-scheduler.service", CP,
     "Of several nothing shows; of the only one: new pods stay Pending.",
     "The scheduler writes a node's name into a pod and nothing else."),
    ("containerd.service", WORKER,
     "Running pods go on; new ones stay in ContainerCreating.",
     "containerd's shims outlive it: a runtime that is gone ends no container."),
    ("hardway-images.service", WORKER,
     "Nothing, until containerd loses its images.",
     "A unit that requires another one is stopped with it, and is not started again with it."),
    ("kubelet.service", WORKER,
     "The node is NotReady after 40 s; its pods go on.",
     "The Node object is only what kubelet last said of itself."),
    ("kube-proxy.service", WORKER,
     "Services work, but for those that change from now on.",
     "The rules stay in the kernel when kube-proxy goes: they only get old."),
    ("hardway-network.timer", WORKER,
     "Nothing, until a route is lost: then it stays lost.",
     "Routes and rules are kept by a timer; without it they are as the last boot made them."),
    ("hardway-probe.service", WORKER,
     "Nothing in the cluster: verify alone asks from there.",
     "What only checks use can break too, and has to be told from what it looks at."),
)  # fmt: skip
"""Unit, role, symptom and reason of services that are stopped."""

PAUSED = (
    ("etcd", "etcd-member-healthy", CP,
     "Requests to one API server hang.",
     "A process that hangs is worse than one that is gone: connections to it stay open."),
    ("kube-apiserver", "apiserver-ready", CP,
     "Some kubectl commands hang for seconds, most do not.",
     ("haproxy asks for readiness each half second and leaves a server that does not answer; "
     "whoever is connected already waits.")),
    ("kube-controller-manager", "controller-manager-healthy", CP,
     "Of several nothing shows; of the leader: nothing happens for 15 s.",
     "A leader that hangs keeps its lease until that ends."),
    ("kube-scheduler", "scheduler-healthy", CP,
     "Of several nothing shows; of the leader: pods stay Pending for 15 s.",
     "systemd sees a process and not what it does: active is not healthy."),
    ("containerd", "containerd-answers", WORKER,
     "crictl and ctr hang; after minutes the node is NotReady.",
     "kubelet waits for the runtime's answer; pods go on."),
    ("kubelet", "kubelet-healthy", WORKER,
     "kubectl logs and exec hang for pods of one node.",
     "A kubelet that hangs renews no lease: the node is NotReady after 40 s."),
    ("kube-proxy", "kube-proxy-healthy", WORKER,
     "Services work, but for those that change from now on.",
     "Rules are in the kernel: only changes need kube-proxy."),
)  # fmt: skip
"""Service, check, role, symptom and reason of processes that hang."""

FLAGS = (
    ("etcd", CP, "/^ *--trusted-ca-file=/d; /^ *--client-cert-auth=/d",
     ("etcd-refuses-strangers",),
     "Nothing: all clients that had a certificate go on.",
     ("etcd knows no users here: a client that is let in reads every Secret. TLS alone proves the "
     "server, not the client.")),
    ("kube-apiserver", CP, "s/--profiling=false/--profiling=true/", (),
     "Nothing: one more path answers.",
     "What /debug/pprof tells is for developers: it shows what the API server has in memory."),
    ("kube-controller-manager", CP, "s/--profiling=false/--profiling=true/", (),
     "Nothing: one more path answers.",
     "Many flags have defaults that benchmarks forbid: leaving one out is a choice too."),
    ("kube-scheduler", CP, "s/--leader-elect=true/--leader-elect=false/", (),
     "Pods are bound twice now and then: the second attempt fails with a conflict.",
     "Schedulers that do not elect a leader all work at once."),
    ("kubelet", WORKER, "s/--hostname-override=/--read-only-port=10255 &/", (),
     "Nothing: one more port answers.",
     "The read-only port tells anybody about all pods of the node, environment included."),
    ("kube-proxy", WORKER, "s/--hostname-override=/--v=4 &/", (),
     "The journal of one node fills up.",
     "A flag that somebody tried and forgot stays until somebody looks at what runs."),
)  # fmt: skip
"""Service, role, what sed does to its unit, what follows, symptom and reason of other flags."""

LATER_S = {"kubelet-stopped": 50, "kubelet-paused": 50}
"""A node's lease ends 40 s after its kubelet last renewed it."""


def with_flags(  # noqa: PLR0913 - the fields of a row
    name: str,
    service: str,
    role: Role,
    edit: str,
    check: str,
    *,
    also: tuple[str, ...],
    symptom: str,
    why: str,
) -> Mutation:
    """Return a service that runs with other flags: what sed makes of its unit."""
    file = f"{UNITS}/{service}.service"
    restart = f"systemctl daemon-reload\nsystemctl restart {service}"
    return Mutation(
        name=name,
        check=check,
        role=role,
        also=also,
        keeps=(file,),
        do=f"sed -i '{edit}' {file}\n{restart}",
        undo=restart,
        symptom=symptom,
        why=why,
        shows_s=60,
    )


def _rows() -> Iterator[Mutation]:
    for unit, role, symptom, why in STOPPED:
        name = unit.rpartition(".")[0]
        yield Mutation(
            name=f"{name}-stopped", check=f"{name}-runs", role=role,
            do=f"systemctl stop {unit}",
            # With those that stopped along, since they require it.
            undo=f"systemctl start {unit} $(systemctl show --property RequiredBy --value {unit})",
            symptom=symptom, why=why, shows_s=30,
            later_s=LATER_S.get(f"{name}-stopped", 0),
        )  # fmt: skip
    yield Mutation(
        name="haproxy-stopped", check="haproxy-runs", role=CP, which=Which.EVERY, where=at_vip,
        also=("endpoint-answers",),
        do="systemctl stop haproxy",
        undo="systemctl start haproxy",
        symptom="kubectl: connection refused or no route to host. Each API server by itself "
        "answers.",
        why="The endpoint is an address and a process: API servers may be well while neither is "
        "there.",
        shows_s=30,
    )  # fmt: skip
    yield Mutation(
        name="keepalived-stopped", check="keepalived-runs", role=CP, which=Which.EVERY,
        where=at_vip, also=("endpoint-held-once", "endpoint-answers"),
        do="systemctl stop keepalived",
        undo="systemctl start keepalived",
        symptom="kubectl: no route to host. Each API server by itself answers.",
        why="The endpoint's address is no machine's own: keepalived adds it to one of them.",
        shows_s=30,
    )  # fmt: skip
    for service, check, role, symptom, why in PAUSED:
        resume = f"systemctl kill --signal CONT {service}"
        yield Mutation(
            name=f"{service}-paused", check=check, role=role,
            do=f"systemctl kill --signal STOP {service}",
            undo=resume,
            symptom=symptom, why=why, shows_s=30, later_s=LATER_S.get(f"{service}-paused", 0),
            mend=(f"hardway ssh <MACHINE> -- {resume}",),
        )  # fmt: skip
    for service, role, edit, also, symptom, why in FLAGS:
        yield with_flags(f"{service}-with-another-flag", service, role, edit, f"{service}-flags",
                         also=also, symptom=symptom, why=why)  # fmt: skip
    yield with_flags(
        "node-restriction-off", "kube-apiserver", CP, "s/NodeRestriction,//", "apiserver-guards",
        also=("kube-apiserver-flags",),
        symptom="Nothing: kubelets work as before.",
        why="Without NodeRestriction a kubelet may label and change any node: a cure for odd "
        "refusals that gives one stolen node the others.",
    )  # fmt: skip


ROWS = tuple(_rows())
"""Of all steps that have services."""
