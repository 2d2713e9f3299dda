"""Mutations of what all machines have: settings, files, certificates, kubeconfigs."""

from hardway.model.cluster import Role
from hardway.mutations.row import Mutation
from hardway.steps.machines import HOST_UNIT, SYSCTL_FILE
from hardway.steps.network import SCRIPT, SERVICE

PKI = "/etc/kubernetes/pki"
FRONT_PROXY = f"{PKI}/kube-apiserver/front-proxy-client"
DROP_IN = "/etc/systemd/system/kubelet.service.d/extra.conf"
SCHEDULER = "/etc/kubernetes/kube-scheduler.kubeconfig"

ROWS = (
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
        name="binary-replaced", check="components-genuine", role=Role.CONTROL_PLANE,
        keeps=("/usr/local/bin/etcdutl",),
        do="ln --symbolic --force /bin/true /usr/local/bin/etcdutl",
        symptom="etcdutl does nothing and reports success.",
        why="A program is what its digest says, whatever its name is.",
    ),
    Mutation(
        name="certificate-ends-tomorrow", check="certificates-valid", role=Role.CONTROL_PLANE,
        keeps=(f"{FRONT_PROXY}.crt",),
        do=f"openssl req -x509 -key {FRONT_PROXY}.key -subj /CN=front-proxy-client -days 1 "
        f"-out {FRONT_PROXY}.crt 2>/dev/null",
        symptom="Nothing, until the certificate ends: then metrics-server and other aggregated "
        "APIs refuse the API server.",
        why="Certificates end on their day, without a warning by the program that presents them.",
    ),
    Mutation(
        name="key-readable-by-all", check="keys-private", role=Role.CONTROL_PLANE,
        keeps=(f"{PKI}/kube-apiserver/service-account.key",),
        do=f"chmod 0644 {PKI}/kube-apiserver/service-account.key",
        symptom="Nothing: a key that others can read works as before.",
        why="Whoever reads this key signs tokens of any ServiceAccount.",
    ),
    Mutation(
        name="kubeconfig-to-another-server", check="kubeconfig-server", role=Role.CONTROL_PLANE,
        keeps=(SCHEDULER,),
        do=f"sed -i 's|^\\( *server: \\).*|\\1https://192.0.2.1:6443|' {SCHEDULER}",
        symptom="After its next restart the scheduler reaches no API server.",
        why="A kubeconfig is read at the start: a wrong one shows when the process starts again.",
    ),
)  # fmt: skip
