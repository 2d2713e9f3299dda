"""Control plane: API server, controller manager and scheduler on each control plane."""

from collections.abc import Callable

from hardway.model import ports
from hardway.model.checks import CONTROL_PLANES, Check, says
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import Desired, Folder
from hardway.model.rows import Reread, Setting, quiet
from hardway.render.systemd import (
    NEVER_GIVE_UP,
    RESTARTS,
    Service,
    after,
    documentation,
    hardening,
)
from hardway.steps import apiserver, apiserver_files, cures, guards, processes, tls
from hardway.steps.base import Given, Inventory, Step, services, status_of
from hardway.steps.certificate_checks import TLS
from hardway.steps.extras import with_extras
from hardway.steps.keys_in_use import KEYS_IN_USE, VERSION
from hardway.steps.reread import clients_reread_ca, reread_ca, reread_certificate
from hardway.steps.waiting import waits_for_api

NAME = "control-plane"
PKI = "/etc/kubernetes/pki"
KCM, SCHEDULER = "kube-controller-manager", "kube-scheduler"
KCM_PORT, SCHEDULER_PORT = ports.CONTROLLER_MANAGER.number, ports.SCHEDULER.number


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a control plane's three services and their configuration."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    folders = (
        Folder(path=apiserver.AUDIT_FOLDER, mode=0o700, owner=apiserver.USER,
               why="The audit log: who did what. The API server begins new files itself."),
    )  # fmt: skip
    desired = Desired(folders=folders, files=apiserver_files.files(given.cluster.options))
    return services(tuple(specs(given.cluster, machine).values()), inventory, desired)


def specs(cluster: Cluster, machine: Machine) -> dict[str, Service]:
    """Return a control plane's three services, by unit."""
    made = (apiserver.service(cluster, machine), _controller_manager(cluster, machine),
            _scheduler(cluster, machine))  # fmt: skip
    return {spec.name: with_extras(cluster.options, spec) for spec in made}


def _client(name: str, port: int) -> tuple[Setting, ...]:
    """Return the flags both clients of the API server have in common."""
    kubeconfig = f"/etc/kubernetes/{name}.kubeconfig"
    return (
        Setting("--kubeconfig", kubeconfig,
                "To the API server of this machine: see docs/adr/0005."),
        Setting("--authentication-kubeconfig", kubeconfig,
                "The API server says who a client of /metrics is."),
        quiet("--authorization-kubeconfig", kubeconfig, "And whether the client may read it."),
        Setting("--bind-address", "127.0.0.1", "/healthz and /metrics, from this machine alone."),
        quiet("--secure-port", str(port), "Upstream's port, which scrapers expect."),
        *tls.certificate(f"{PKI}/{name}", "Not one made up at each start."),
        Setting("--profiling", "false", "/debug/pprof tells much and costs much."),
        Setting("--leader-elect", "true", "One works, the others wait for its lease to end."),
        quiet("--leader-elect-lease-duration", "15s",
              "So long nothing is done when the leader is lost; shorter, and a slow disk would "
              "change leaders."),
    )  # fmt: skip


def _reads(cluster: Cluster, name: str) -> tuple[str, ...]:
    ca = () if clients_reread_ca(cluster) else (f"{PKI}/ca.crt",)
    return (f"/etc/kubernetes/{name}.kubeconfig", f"/usr/local/bin/{name}", *ca)


def _rereads(cluster: Cluster, name: str) -> tuple[Reread, ...]:
    own = ("server.crt", "server.key", "client.crt", "client.key")
    return (
        *(reread_certificate(f"{PKI}/{name}/{file}") for file in own),
        *reread_ca(cluster, f"{PKI}/ca.crt"),
    )


def _controller_manager(cluster: Cluster, machine: Machine) -> Service:
    key = f"{PKI}/{KCM}/service-account.key"
    return Service(
        name=f"{KCM}.service",
        description="Kubernetes controller manager",
        why="Loops that turn what is wanted into what is: ReplicaSets, tokens, ranges.",
        command=f"/usr/local/bin/{KCM}",
        flags=(
            *_client(KCM, KCM_PORT),
            Setting("--use-service-account-credentials", "true",
                    "Each controller with rights of its own instead of the sum of all."),
            Setting("--kube-api-qps", "100",
                    "Requests per second. At its start each controller gets a token of its own: "
                    "with upstream's 20 that takes 5 s, at a takeover too, and until then no pod "
                    "is made and no node's taint taken away."),
            quiet("--kube-api-burst", "200", "As many at once, as at the start."),
            Setting("--service-account-private-key-file", key, "Signs long-lived token Secrets."),
            Setting("--root-ca-file", f"{PKI}/ca.crt", "Given to pods, to trust the API by."),
            Setting("--allocate-node-cidrs", "false",
                    "Each worker's range is in its CNI configuration; hardway decided it."),
            quiet("--cluster-cidr", str(cluster.pod_cidr),
                  "All pods' addresses; --allocate-node-cidrs=false takes none of them."),
            quiet("--service-cluster-ip-range", str(cluster.service_cidr),
                  "As the API server's: addresses of Services are no nodes'."),
            Setting("--controllers", "*,-csrsigning,-nodeipam",
                    "No CA key is on this machine, so nothing here can sign certificates."),
            Setting("--node-monitor-period", "1s",
                    "How often it looks whether nodes are ready. A node that was not gets no pods "
                    "until the next look: with upstream's 5s, even if it is ready a moment later."),
            Setting("--terminated-pod-gc-threshold", "1000",
                    "Finished pods beyond this number are deleted, the oldest first; by default "
                    "12500 stay in etcd."),
        ),
        unit=(
            documentation("https://kubernetes.io/docs/"),
            after(apiserver.UNIT, "It works through the API server of this machine."),
            NEVER_GIVE_UP,
        ),
        service=(*waits_for_api(cluster, machine), *RESTARTS, *hardening(KCM)),
        # The CA is published to pods as it was at the start (kube-controller-manager,
        # rootcacertpublisher), so that it is read at the start in all versions.
        reads=tuple(dict.fromkeys((*_reads(cluster, KCM), key, f"{PKI}/ca.crt"))),
        rereads=tuple(row for row in _rereads(cluster, KCM) if row.path != f"{PKI}/ca.crt"),
    )  # fmt: skip


def _scheduler(cluster: Cluster, machine: Machine) -> Service:
    return Service(
        name=f"{SCHEDULER}.service",
        description="Kubernetes scheduler",
        why="Gives each new pod a node.",
        command=f"/usr/local/bin/{SCHEDULER}",
        flags=_client(SCHEDULER, SCHEDULER_PORT),
        unit=(
            documentation("https://kubernetes.io/docs/"),
            after(apiserver.UNIT, "It works through the API server of this machine."),
            NEVER_GIVE_UP,
        ),
        service=(*waits_for_api(cluster, machine), *RESTARTS, *hardening(SCHEDULER)),
        reads=_reads(cluster, SCHEDULER),
        rereads=_rereads(cluster, SCHEDULER),
    )


READY = Check(
    name="apiserver-ready", step=NAME, scope=CONTROL_PLANES,
    causes=("etcd-member-healthy", "kube-apiserver-runs", "kube-apiserver-flags",
            *TLS),
    ask=status_of("https://<MACHINE>:<API_PORT>/readyz"), judge=says("200"),
    why="every part of the cluster talks to the others through the API",
    cure=cures.restart("kube-apiserver"),
    see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
    "https://<MACHINE>:<API_PORT>/readyz?verbose",
)  # fmt: skip

CLIENT = ("kubeconfigs-usable", "kubeconfig-server", *TLS)
"""Causes of what fails at a client of the API server next door."""
UNITS = {
    apiserver.UNIT: (("etcd-member-healthy", *TLS),
                     "clients of this machine's API server go to another, if there is one"),
    f"{KCM}.service": (("apiserver-ready", *CLIENT),
                       "without it nothing follows from the objects that people create"),
    f"{SCHEDULER}.service": (("apiserver-ready", *CLIENT),
                             "without it new pods stay Pending"),
}  # fmt: skip
"""Of each unit why it may not run, and what it means to people."""


def _spec(unit: str) -> Callable[[Cluster, Machine], Service]:
    return lambda cluster, machine: specs(cluster, machine)[unit]


CHECKS = (
    guards.GUARDED,
    *(processes.flags(unit, _spec(unit), step=NAME, scope=CONTROL_PLANES,
                      causes=(guards.GUARDED.name,) if unit == guards.UNIT else ())
      for unit in UNITS),
    *(processes.runs(unit, step=NAME, scope=CONTROL_PLANES, why=why,
                     causes=(f"{unit.removesuffix('.service')}-flags", *causes))
      for unit, (causes, why) in UNITS.items()),
    READY,
    KEYS_IN_USE,
    VERSION,
    Check(name="apiserver-refuses-anonymous", step=NAME, scope=CONTROL_PLANES,
          causes=("apiserver-ready", "kube-apiserver-flags", "files-as-given"),
          ask=status_of("https://<MACHINE>:<API_PORT>/api"), judge=says("401"),
          why="strangers may ask for health and for nothing else",
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          "https://<MACHINE>:<API_PORT>/api"),
    Check(name="controller-manager-healthy", step=NAME, scope=CONTROL_PLANES,
          causes=("apiserver-ready", f"{KCM}-runs", f"{KCM}-flags", *CLIENT),
          ask=status_of(f"https://localhost:{KCM_PORT}/healthz"), judge=says("200"),
          why="without it nothing follows from the objects that people create",
          cure=cures.restart("kube-controller-manager"),
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          f"https://localhost:{KCM_PORT}/healthz"),
    Check(name="scheduler-healthy", step=NAME, scope=CONTROL_PLANES,
          causes=("apiserver-ready", f"{SCHEDULER}-runs", f"{SCHEDULER}-flags", *CLIENT),
          ask=status_of(f"https://localhost:{SCHEDULER_PORT}/healthz"), judge=says("200"),
          why="without it new pods stay Pending",
          cure=cures.restart("kube-scheduler"),
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          f"https://localhost:{SCHEDULER_PORT}/healthz"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Control plane",
    why="the API, and the loops that act on what it is told",
    render=render,
    checks=CHECKS,
    settles_s=180,
    serves=(READY.name,),
    majority=True,
)
