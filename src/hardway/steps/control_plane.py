"""Control plane: API server, controller manager and scheduler on each control plane."""

from hardway.model.checks import CONTROL_PLANES, Check, Sh, ends_with
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired, Folder
from hardway.render.config import Setting
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service, hardening
from hardway.steps import apiserver
from hardway.steps.base import CURL, Given, Inventory, Step, services
from hardway.steps.extras import with_extras

NAME = "control-plane"
PKI = "/etc/kubernetes/pki"
KCM, SCHEDULER = "kube-controller-manager", "kube-scheduler"
KCM_PORT, SCHEDULER_PORT = 10257, 10259


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a control plane's three services and their configuration."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    folders = (
        Folder(path=apiserver.AUDIT_FOLDER, mode=0o700, owner=apiserver.USER,
               why="who did what; the API server turns its files over itself"),
    )  # fmt: skip
    desired = Desired(folders=folders, files=apiserver.files(given.cluster.options))
    specs = (apiserver.service(given, machine), _controller_manager(given), _scheduler())
    options = given.cluster.options
    return services(tuple(with_extras(options, spec) for spec in specs), inventory, desired)


def _client(name: str, port: int) -> tuple[Setting, ...]:
    """Return the flags both clients of the API server have in common."""
    kubeconfig = f"/etc/kubernetes/{name}.kubeconfig"
    return (
        Setting(
            "--kubeconfig", kubeconfig, "To the API server of this machine: see docs/adr/0005."
        ),
        Setting(
            "--authentication-kubeconfig", kubeconfig, "Who asks for /metrics is reviewed too."
        ),
        Setting("--authorization-kubeconfig", kubeconfig, ""),
        Setting("--bind-address", "127.0.0.1", "/healthz and /metrics, from this machine alone."),
        Setting("--secure-port", str(port), ""),
        Setting("--tls-cert-file", f"{PKI}/{name}/server.crt", "Not one made up at each start."),
        Setting("--tls-private-key-file", f"{PKI}/{name}/server.key", ""),
        Setting("--tls-min-version", "VersionTLS12", ""),
        Setting("--profiling", "false", "Off where nobody debugs: CIS 1.3.2 and 1.4.1."),
        Setting("--leader-elect", "true", "One works, the others wait for its lease to end."),
        Setting("--leader-elect-lease-duration", "15s", ""),
    )


def _reads(name: str) -> tuple[str, ...]:
    return (
        f"/etc/kubernetes/{name}.kubeconfig",
        f"{PKI}/{name}/server.crt",
        f"{PKI}/{name}/server.key",
        f"/usr/local/bin/{name}",
    )


def _controller_manager(given: Given) -> Service:
    cluster = given.cluster
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
            Setting("--service-account-private-key-file", key, "Signs long-lived token Secrets."),
            Setting("--root-ca-file", f"{PKI}/ca.crt", "Given to pods, to trust the API by."),
            Setting("--allocate-node-cidrs", "false",
                    "Each worker's range is in its CNI configuration; hardway decided it."),
            Setting("--cluster-cidr", str(cluster.pod_cidr), ""),
            Setting("--service-cluster-ip-range", str(cluster.service_cidr), ""),
            Setting("--controllers", "*,-csrsigning,-nodeipam",
                    "No CA key is on this machine, so nothing here can sign certificates."),
        ),
        unit=(
            Setting("Documentation", "https://kubernetes.io/docs/", ""),
            Setting("After", "kube-apiserver.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(*RESTARTS, *hardening(KCM)),
        reads=(*_reads(KCM), key, f"{PKI}/ca.crt"),
    )  # fmt: skip


def _scheduler() -> Service:
    return Service(
        name=f"{SCHEDULER}.service",
        description="Kubernetes scheduler",
        why="Gives each new pod a node.",
        command=f"/usr/local/bin/{SCHEDULER}",
        flags=_client(SCHEDULER, SCHEDULER_PORT),
        unit=(
            Setting("Documentation", "https://kubernetes.io/docs/", ""),
            Setting("After", "kube-apiserver.service", ""),
            NEVER_GIVE_UP,
        ),
        service=(*RESTARTS, *hardening(SCHEDULER)),
        reads=_reads(SCHEDULER),
    )


def _answer_of(url: str) -> Sh:
    """Ask a server; the answer is its body's last line and the status: `ok 200`."""
    return Sh(f"{CURL} --cacert {PKI}/ca.crt --write-out ' %{{http_code}}\\n' {url} | tail -n1")


READY = Check(
    name="apiserver-ready", step=NAME, scope=CONTROL_PLANES,
    causes=("etcd-member-healthy",),
    ask=_answer_of("https://<MACHINE>:<API_PORT>/readyz"), judge=ends_with("ok 200"),
    why="every part of the cluster talks to the others through the API",
    see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
    "https://<MACHINE>:<API_PORT>/readyz?verbose",
)  # fmt: skip

CHECKS = (
    READY,
    Check(name="apiserver-refuses-anonymous", step=NAME, scope=CONTROL_PLANES,
          ask=_answer_of("https://<MACHINE>:<API_PORT>/api"), judge=ends_with("401"),
          why="strangers may ask for health and for nothing else",
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          "https://<MACHINE>:<API_PORT>/api"),
    Check(name="controller-manager-healthy", step=NAME, scope=CONTROL_PLANES,
          causes=("apiserver-ready",),
          ask=_answer_of(f"https://localhost:{KCM_PORT}/healthz"), judge=ends_with("ok 200"),
          why="without it nothing follows from the objects that people create",
          see=f"hardway ssh <MACHINE> -- curl --cacert {PKI}/ca.crt "
          f"https://localhost:{KCM_PORT}/healthz"),
    Check(name="scheduler-healthy", step=NAME, scope=CONTROL_PLANES,
          causes=("apiserver-ready",),
          ask=_answer_of(f"https://localhost:{SCHEDULER_PORT}/healthz"), judge=ends_with("ok 200"),
          why="without it new pods stay Pending",
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
