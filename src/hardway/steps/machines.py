"""Machines: names, users, kernel settings, and no swap. What every later step relies on."""

from collections.abc import Iterator

from hardway.model.checks import (
    MACHINES,
    WORKERS,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
    says,
)
from hardway.model.cluster import EndpointKind, HostFacts, Machine, Role
from hardway.model.names import KUBERNETES
from hardway.model.paths import SERVICE_PATHS
from hardway.model.resources import STORE, Block, Desired, Effect, File, Severity
from hardway.model.rows import Setting, quiet
from hardway.model.users import made_on
from hardway.render.config import comment, key_values
from hardway.render.systemd import Service, after
from hardway.steps import file_checks, machine_checks, processes
from hardway.steps.base import Given, Inventory, Step, services
from hardway.steps.packages import packages
from hardway.text import text

NAME = "machines"

SYSCTLS = {
    Role.CONTROL_PLANE: (
        Setting("net.ipv4.ip_forward", 1, "API servers reach pods by routes over the workers."),
        Setting("net.ipv4.ip_nonlocal_bind", 1,
                "haproxy listens on the endpoint's address before keepalived brings it here."),
    ),
    Role.WORKER: (
        Setting("net.ipv4.ip_forward", 1, "Packets of pods pass through this machine."),
        Setting("net.bridge.bridge-nf-call-iptables", 1,
                "A pod that reaches itself or a neighbour by a Service's address gets its answers "
                "translated back only if bridged packets see the rules too."),
    ),
}  # fmt: skip

CHANGED_SETTINGS = (
    *sorted({s.name.replace(".", "/") for settings in SYSCTLS.values() for s in settings}),
    # kubelet's (cmd/kubelet protectKernelDefaults) and kube-proxy's.
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
)
"""Kernel settings below /proc/sys that change where hardway's services run."""

MODULES = {
    Role.CONTROL_PLANE: (),
    Role.WORKER: (
        ("overlay", "containerd lays image layers over each other."),
        ("br_netfilter", "Makes net.bridge.bridge-nf-call-iptables exist."),
    ),
}

SYSUSERS_FILE = "/etc/sysusers.d/hardway.conf"
SYSCTL_FILE = "/etc/sysctl.d/zz-hardway.conf"
"""The last of its folder: hardening guides and libvirt write 99-*.conf, and the last file wins."""
MODULES_FILE = "/etc/modules-load.d/hardway.conf"
IN_CONTAINER = "systemd-detect-virt --quiet --container"
"""There modules and swap are the host's: the machine can neither see nor change them."""
LOADED = (
    f"{{ {IN_CONTAINER} || [ -d /sys/module/$module ] || "
    'grep -qs "/$module[.]ko" "/lib/modules/$(uname -r)/modules.builtin"; }'
)
SWAP = f"{IN_CONTAINER} || sed '1d; s/[[:space:]].*//' /proc/swaps"
HOST_UNIT = "hardway-host.service"
KERNEL_SETTINGS = "kernel settings"
NO_LOGIN = "/usr/sbin/nologin"


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return the host's own files and the unit that puts them into effect at each boot."""
    modules, users = _modules(machine.role), _users(machine.role)
    files = (
        File(path=SYSUSERS_FILE, rows=users,
             content=key_values("Users of the cluster's services (sysusers.d(5)).", users,
                                between=""),
             why="Each service has a user of its own, so that it can read its own keys only."),
        File(path=SYSCTL_FILE, rows=SYSCTLS[machine.role],
             content=key_values("Kernel settings.", SYSCTLS[machine.role]),
             why="Kernel settings that routing and the endpoint need."),
        File(path=MODULES_FILE, rows=modules,
             content=key_values("Kernel modules.", modules, between=""),
             why="Kernel modules that containers and Services need."),
    )  # fmt: skip
    hosts = Block(path="/etc/hosts", text=_hosts(given),
                  why="Machines find each other by name without any DNS.")  # fmt: skip
    desired = Desired(packages=tuple(packages(NAME, machine.role)), files=files, blocks=(hosts,),
                      effects=tuple(_effects(machine, given.hosts[machine.name])))  # fmt: skip
    return services((_host_service(),), inventory, desired)


def _effects(machine: Machine, host: HostFacts) -> Iterator[Effect]:
    """Yield what the host's own files cause; in a container modules and swap are the host's."""
    again = f"systemctl restart {HOST_UNIT}"
    settings = SYSCTLS[machine.role]
    yield Effect(
        name=KERNEL_SETTINGS,
        see=f"sysctl --ignore {' '.join(s.name for s in settings)}",
        value="".join(f"{s.name} = {s.value}\n" for s in settings),
        unit=HOST_UNIT,
        fix=again,
        why="others set them too: hardening guides, libvirt, a second sysctl.d file",
    )
    if machine.role is Role.WORKER:
        yield Effect(
            name="shared mounts",
            see="findmnt --noheadings --output PROPAGATION --target /var/lib/kubelet",
            value="shared\n",
            unit=HOST_UNIT,
            fix=again,
            why="volumes that a pod mounts for others (CSI drivers) are seen by nobody else",
        )
    users = [user.name for user in made_on(machine.role)]
    yield Effect(
        name="users of services",
        see=f"getent passwd {' '.join(users)} | cut -d: -f1,7",
        value="".join(f"{name}:{NO_LOGIN}\n" for name in users),
        unit=HOST_UNIT,
        fix=f"systemd-sysusers {SYSUSERS_FILE}\n"
        + "\n".join(f"usermod --shell {NO_LOGIN} {name}" for name in users),
        why="a service whose user is gone does not start; nobody logs in as one",
    )
    if host.shared:
        return
    yield Effect(
        name="swap",
        see=SWAP,
        value="",
        unit=HOST_UNIT,
        fix=again,
        why="kubelet does not start where there is swap",
    )
    modules = [name for name, _ in MODULES[machine.role]]
    if modules:
        yield Effect(
            name="kernel modules",
            see=f"for module in {' '.join(modules)}; do {LOADED} && echo $module; done",
            value="".join(f"{name}\n" for name in modules),
            unit=HOST_UNIT,
            fix=again,
            why="containers and Services need them",
        )


def _host_service() -> Service:
    return Service(
        name=HOST_UNIT,
        description="Users, kernel modules and settings, no swap",
        why="Puts this machine's settings into effect, at once and at each boot.",
        oneshot=True,
        command="/usr/bin/systemd-sysusers " + SYSUSERS_FILE,
        unit=(
            Setting("DefaultDependencies", "no", "Before the services that need it."),
            after("local-fs.target systemd-remount-fs.service",
                  "It reads its files and writes users."),
            Setting("After", "systemd-sysctl.service systemd-modules-load.service swap.target",
                    "What these put into effect does not hold here."),
        ),
        service=(
            Setting("ExecStart", f"-/bin/sh -c '{IN_CONTAINER} || "
                    "/sbin/modprobe --all $(grep -v ^# " + MODULES_FILE + ")'",
                    "A container has the modules its host has loaded."),
            quiet("ExecStart", "/sbin/sysctl --quiet --load=" + SYSCTL_FILE,
                  "After the modules: some settings appear with them."),
            Setting("ExecStart", f"/bin/sh -c '{IN_CONTAINER} || "
                    "/sbin/swapoff --all'",
                    "kubelet's accounting has no place for swap; in a container it is the host's."),
            Setting("ExecStart", "/bin/mount --make-rshared /",
                    "systemd's default; volumes that a pod mounts reach other pods only so."),
        ),
        reads=(SYSUSERS_FILE, SYSCTL_FILE, MODULES_FILE),
    )  # fmt: skip


def _users(role: Role) -> tuple[Setting, ...]:
    return tuple(quiet(f'u {u.name} - "{u.name}" /', "", u.why) for u in made_on(role))


def _modules(role: Role) -> tuple[Setting, ...]:
    return tuple(Setting(name, "", why) for name, why in MODULES[role])


def _hosts(given: Given) -> str:
    cluster = given.cluster
    rows = [("127.0.0.1", "localhost"), *((str(m.address), m.name) for m in cluster.machines)]
    if cluster.endpoint.kind in {EndpointKind.VIP, EndpointKind.PROXY}:
        rows += [(cluster.endpoint.host, KUBERNETES)]
    head = comment(
        "Every machine of the cluster; kubelet looks up its own name before it starts, and "
        "containerd forwards ports to localhost."
    )
    return head + "".join(f"{address} {name}\n" for address, name in rows)


MOUNTED = f"""missing=$(findmnt --fstab --noheadings --raw --output TARGET,OPTIONS |
grep -v noauto | cut -d' ' -f1 | while read -r place; do
    for path in {" ".join((*(row.path for row in SERVICE_PATHS), STORE))}; do
        case $path/ in "${{place%/}}"/*) ;; *) case $place/ in $path/*) ;; *) continue ;; esac; esac
        findmnt "$place" >/dev/null || echo "$place"
    done
done | sort -u | xargs)
echo "${{missing:-all}}"
"""

STATES = Sh(f"systemctl show --property=Id,ActiveState,DropInPaths {processes.OWN}")


def _failed(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    units = processes.properties(answer.text)
    failed = [unit["Id"] for unit in units if unit.get("ActiveState") == "failed"]
    return judged(text("none"), " ".join(failed) or text("none"))


def _drop_ins(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    found = processes.OWN_DROP_INS.findall(answer.text)
    return judged(text("none"), " ".join(found) or text("none"))


SETTINGS = f"sysctl --ignore {' '.join(sorted({s.name for own in SYSCTLS.values() for s in own}))}"


def _settings(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted = [f"{s.name} = {s.value}" for s in SYSCTLS[subject.machine.role]]
    there = [line for line in wanted if line in answer.text.splitlines()]
    return judged(", ".join(wanted), ", ".join(there) or text("none"))


def none(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge an answer that names what should not be there."""
    return judged(text("none"), answer.text.strip() or text("none"))


MODULE_NAMES = [name for name, _ in MODULES[Role.WORKER]]
RUN = ("hardway-host", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
       "haproxy", "keepalived", "containerd", "hardway-images", "kubelet", "kube-proxy",
       "hardway-network", "hardway-probe")  # fmt: skip
"""Units that have a check of their own, which has the unit's last words."""

CHECKS = (
    Check(name="machine-answers", step=NAME, scope=MACHINES,
          ask=Sh("echo answers"), judge=says("answers"),
          why="everything else goes over SSH",
          see="hardway ssh <MACHINE> -- uptime"),
    *machine_checks.CHECKS,
    file_checks.CHECK,
    processes.runs(HOST_UNIT, step=NAME, scope=MACHINES,
                   why="it puts kernel settings, modules and users into effect at each boot"),
    Check(name="no-unit-failed", step=NAME, scope=MACHINES,
          causes=tuple(f"{name}-runs" for name in RUN),
          ask=STATES, judge=_failed,
          why="a failed unit of the cluster is a missing part of it",
          test=f"hardway ssh <MACHINE> -- '! systemctl is-failed --quiet {' '.join(RUN)}'",
          after="pod-network",
          see="hardway ssh <MACHINE> -- systemctl --failed"),
    Check(name="file-systems-mounted", step=NAME, scope=MACHINES,
          ask=Sh(MOUNTED), judge=says("all"),
          why="the cluster's data is on a file system that /etc/fstab has and nobody mounted: what "
          "is written meanwhile lies below it. Stop the services, mount it, start them",
          cure="mount it (mount --all) or take it out of /etc/fstab, then run hardway up",
          see="hardway ssh <MACHINE> -- findmnt --fstab --evaluate"),
    Check(name="swap-off", step=NAME, scope=WORKERS, when=Occasion.ASKED,
          ask=Sh(SWAP), judge=none,
          causes=("hardway-host-runs",),
          why="kubelet does not start where there is swap",
          cure="switch swap off (swapoff --all) and take it out of /etc/fstab",
          see="hardway ssh <MACHINE> -- swapon --show"),
    Check(name="kernel-modules", step=NAME, scope=WORKERS, when=Occasion.ASKED,
          ask=Sh(f"for module in {' '.join(MODULE_NAMES)}; do {LOADED} && echo $module; done"),
          judge=lambda _, answer: judged(
              " ".join(MODULE_NAMES), " ".join(answer.text.split()) or text("none")),
          causes=("hardway-host-runs",),
          why="without them containers do not start, or answers of Services are lost",
          cure="load the modules (modprobe); install the kernel's package of modules where it has "
          "none",
          see="hardway ssh <MACHINE> -- lsmod"),
    Check(name="kernel-settings", step=NAME, scope=MACHINES, ask=Sh(SETTINGS), judge=_settings,
          causes=("kernel-modules", "hardway-host-runs"),
          why="without them packets of pods and Services' answers are lost, on this machine only",
          see=f"hardway ssh <MACHINE> -- {SETTINGS}"),
    Check(name="no-foreign-drop-ins", step=NAME, scope=MACHINES, ask=STATES, judge=_drop_ins,
          severity=Severity.WARN,
          why="a drop-in changes what a unit of the cluster does; hardway leaves it alone and does "
          "not know of it",
          cure="remove the drop-in unless it is yours, then run systemctl daemon-reload",
          see="hardway ssh <MACHINE> -- systemd-delta --type=extended --no-pager"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Machines that know each other",
    why="names, users, kernel settings: what all later steps rely on",
    render=render,
    checks=CHECKS,
)
