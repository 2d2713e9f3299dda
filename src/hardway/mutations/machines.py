"""Mutations of what all machines have: settings, files, kubeconfigs."""

from hardway.model.cluster import Role
from hardway.mutations.row import Mutation
from hardway.steps import kubelet
from hardway.steps.apiserver_files import AUDIT_POLICY
from hardway.steps.machines import HOST_UNIT, MODULE_NAMES, SYSCTL_FILE
from hardway.steps.network import SCRIPT, SERVICE

DROP_IN = "/etc/systemd/system/kubelet.service.d/extra.conf"
KUBE_PROXY = "/usr/local/bin/kube-proxy"
SCHEDULER = "/etc/kubernetes/kube-scheduler.kubeconfig"
FAKES = "/usr/local/bin"
"""Where programs are found before those of the system."""


def faked(program: str, script: str) -> str:
    """Return the shell that puts a script in the place of a program."""
    path = f"{FAKES}/{program}"
    return f"printf '#!/bin/sh\\n{script}\\n' >{path}\nchmod 0755 {path}"


NO_CONTAINER = faked("systemd-detect-virt", "exit 1")
DETECTOR = f"{FAKES}/systemd-detect-virt"

ROWS = (
    Mutation(
        name="clock-ahead", check="clocks-agree", role=Role.WORKER,
        keeps=(f"{FAKES}/date",),
        do=faked("date", 'exec /bin/date --date="1 hour" "$@"'),
        symptom="One machine's logs are ahead of all others; it refuses tokens and certificates.",
        why="Machines of one host share its clock: a program that tells another time stands for a "
        "clock that is wrong.",
        mend=(f"hardway ssh <MACHINE> -- rm {FAKES}/date",),
    ),
    Mutation(
        name="swap-on", check="swap-off", role=Role.WORKER, keeps=(DETECTOR,),
        do=f"{NO_CONTAINER}\nmkdir --parents {' '.join(f'modules/{m}' for m in MODULE_NAMES)}\n"
        "printf 'Filename Type Size Used Priority\\n/dev/theirs partition 1048572 0 -2\\n' >swaps\n"
        "mount --bind modules /sys/module\nmount --bind swaps /proc/swaps",
        undo="umount /proc/swaps /sys/module 2>/dev/null || :",
        symptom="Nothing, until kubelet starts again: then it does not.",
        why="Swap is the host's, so that containers are not asked for it: a machine that seems to "
        "be none, with a table of its own, stands for one whose /etc/fstab has swap.",
        mend=(f"hardway ssh <MACHINE> -- 'umount /proc/swaps /sys/module; rm {DETECTOR}'",),
    ),
    Mutation(
        name="modules-gone", check="kernel-modules", role=Role.WORKER, keeps=(DETECTOR,),
        do=f"{NO_CONTAINER}\nmount -t tmpfs theirs /sys/module",
        undo="umount /sys/module 2>/dev/null || :",
        symptom="After the next boot no container starts, or answers of Services are lost.",
        why="Modules are the host's as well: a machine that seems to be no container, and sees "
        "none of them, stands for one that has not loaded them.",
        mend=(f"hardway ssh <MACHINE> -- 'umount /sys/module; rm {DETECTOR}'",),
    ),
    Mutation(
        name="setting-that-does-not-exist", check="hardway-host-runs", role=Role.CONTROL_PLANE,
        keeps=(SYSCTL_FILE,), also=("no-unit-failed",),
        do=f"echo 'net.ipv4.no_such_setting = 1' >>{SYSCTL_FILE}\n"
        f"systemctl restart {HOST_UNIT} || :",
        undo=f"systemctl restart {HOST_UNIT}",
        symptom="systemctl --failed shows hardway-host.service.",
        why="A unit that runs and ends cannot be seen running: only its result tells that it "
        "failed. systemctl --failed is the first place to look on any machine.",
    ),
    Mutation(
        name="script-that-fails", check="no-unit-failed", role=Role.CONTROL_PLANE,
        keeps=(SCRIPT,),
        do=f"echo 'exit 1' >{SCRIPT}\nsystemctl start {SERVICE} || :",
        undo=f"systemctl reset-failed {SERVICE}",
        symptom="systemctl --failed shows hardway-network.service; its timer runs.",
        why="A timer that runs says nothing about what it starts.",
    ),
    Mutation(
        name="forwarding-off", check="kernel-settings", role=Role.WORKER,
        do="sysctl --quiet --write net.ipv4.ip_forward=0",
        undo="sysctl --quiet --write net.ipv4.ip_forward=1",
        symptom="Pods of one node reach nothing outside of their node.",
        why="A worker is a router for its pods. A hardening guide or another sysctl.d file that "
        "turns forwarding off cuts them off, and the node stays Ready.",
    ),
    Mutation(
        name="bridge-without-rules", check="kernel-settings", role=Role.WORKER,
        do="sysctl --quiet --write net.bridge.bridge-nf-call-iptables=0",
        undo="sysctl --quiet --write net.bridge.bridge-nf-call-iptables=1",
        symptom="A pod does not reach a Service whose pod is on its own node.",
        why="Packets between pods of one bridge pass no rules without it, so that the answer is "
        "not translated back.",
    ),
    Mutation(
        name="disk-that-is-not-mounted", check="file-systems-mounted", role=Role.CONTROL_PLANE,
        keeps=("/etc/fstab",),
        do="echo 'LABEL=lost /var/lib/etcd/.lost ext4 nofail 0 0' >>/etc/fstab",
        symptom="After a reboot etcd has no data, or writes to another disk than before.",
        why="An empty mount point looks like a disk without data. What is written to it lies below "
        "the file system once that is mounted, where nobody sees it.",
        mend=("hardway ssh <MACHINE> -- sed -i /LABEL=lost/d /etc/fstab",),
    ),
    Mutation(
        name="drop-in-of-others", check="no-foreign-drop-ins", role=Role.WORKER,
        keeps=(DROP_IN,),
        do=f"mkdir -p {DROP_IN.rpartition('/')[0]}\n"
        f"printf '[Service]\\nEnvironment=EXTRA=1\\n' >{DROP_IN}\nsystemctl daemon-reload",
        undo=f"rmdir --ignore-fail-on-non-empty {DROP_IN.rpartition('/')[0]}\n"
        "systemctl daemon-reload",
        symptom="kubelet does something that its unit file does not say.",
        why="systemd merges drop-ins into a unit: what runs is what systemctl cat shows, not the "
        "one file.",
        mend=(f"hardway ssh <MACHINE> -- 'rm {DROP_IN}; systemctl daemon-reload'",),
    ),
    Mutation(
        name="program-deleted-while-it-runs", check="programs-current", role=Role.WORKER,
        keeps=(KUBE_PROXY,),
        do=f"""there=$(readlink -f {KUBE_PROXY})
cp --preserve=mode "$there" {KUBE_PROXY}.former
ln --symbolic --force {KUBE_PROXY}.former {KUBE_PROXY}
systemctl restart kube-proxy
# systemd returns before the new process runs the program.
running() {{ readlink "/proc/$(systemctl show --property=MainPID --value kube-proxy)/exe"; }}
until [ "$(running)" = {KUBE_PROXY}.former ]; do sleep 0.1; done
ln --symbolic --force "$there" {KUBE_PROXY}
rm {KUBE_PROXY}.former""",
        undo=f"rm --force {KUBE_PROXY}.former\nsystemctl restart kube-proxy",
        symptom="Nothing: the new version is installed, and what it fixes still happens.",
        why="A file that is deleted stays as long as a process runs it. To install a program is "
        "one step and to restart it another.",
        shows_s=60,
    ),
    Mutation(
        name="file-edited-and-not-read", check="files-as-given", role=Role.WORKER,
        keeps=(kubelet.CONFIG,),
        do=f"sed -i 's/^podPidsLimit: .*/podPidsLimit: 64/' {kubelet.CONFIG}",
        symptom="Nothing, until kubelet's next start: then pods with many threads fail.",
        why="A process has what it read at its start. What stands in the file is what the next "
        "start will do, and nobody remembers the edit by then.",
    ),
    Mutation(
        name="binary-replaced", check="components-genuine", role=Role.CONTROL_PLANE,
        keeps=("/usr/local/bin/etcdutl",),
        do="ln --symbolic --force /bin/true /usr/local/bin/etcdutl",
        symptom="etcdutl does nothing and reports success.",
        why="A program is what its digest says, whatever its name is.",
    ),
    Mutation(
        name="kubeconfig-to-another-server", check="kubeconfig-server", role=Role.CONTROL_PLANE,
        keeps=(SCHEDULER,),
        do=f"sed -i 's|^\\( *server: \\).*|\\1https://192.0.2.1:6443|' {SCHEDULER}",
        symptom="After its next restart the scheduler reaches no API server.",
        why="A kubeconfig is read at the start: a wrong one shows when the process starts again.",
    ),
    Mutation(
        name="name-of-another-address", check="names-resolve", role=Role.WORKER,
        keeps=("/etc/hosts",),
        do="sed -i 's/^[0-9.]* <CONTROL_PLANE>$/192.0.2.9 <CONTROL_PLANE>/' /etc/hosts",
        symptom="ping and ssh by that name time out on one machine.",
        why="/etc/hosts is read before any DNS: an old line wins over everything that is right.",
    ),
    Mutation(
        name="variable-left-in-a-file", check="files-filled", role=Role.CONTROL_PLANE,
        keeps=(AUDIT_POLICY,),
        do=f"echo '# ${{INTERNAL_NAME}}' >>{AUDIT_POLICY}",
        symptom="A program complains of a name or address that nobody wrote.",
        why="A shell that does not know a variable writes nothing, or leaves its name there: the "
        "tutorial's most frequent slip.",
    ),
    Mutation(
        name="kubeconfig-that-trusts-anybody", check="kubeconfigs-usable",
        role=Role.CONTROL_PLANE, keeps=(SCHEDULER,),
        do=f"sed -i 's|certificate-authority: .*|insecure-skip-tls-verify: true|' {SCHEDULER}",
        symptom="Nothing: x509 errors are gone.",
        why="The cure for an unknown authority that is found first makes every server a good one.",
    ),
)  # fmt: skip
