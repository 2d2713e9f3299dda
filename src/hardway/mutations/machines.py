"""Mutations of what all machines have: settings, files, certificates, kubeconfigs."""

from hardway.model.cluster import Role
from hardway.mutations.row import Mutation
from hardway.steps.apiserver_files import AUDIT_POLICY
from hardway.steps.machines import HOST_UNIT, SYSCTL_FILE
from hardway.steps.network import SCRIPT, SERVICE

PKI = "/etc/kubernetes/pki"
FRONT_PROXY = f"{PKI}/kube-apiserver/front-proxy-client"
DROP_IN = "/etc/systemd/system/kubelet.service.d/extra.conf"
SCHEDULER = "/etc/kubernetes/kube-scheduler.kubeconfig"
SCHEDULER_SERVER = f"{PKI}/kube-scheduler/server"
TOKENS = f"{PKI}/kube-controller-manager/service-account.key"

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
        name="certificate-of-another-ca", check="certificates-signed", role=Role.CONTROL_PLANE,
        keeps=(f"{SCHEDULER_SERVER}.crt",),
        also=("certificates-names", "certificates-subjects", "certificates-usages"),
        do=f"openssl req -x509 -key {SCHEDULER_SERVER}.key -subj /CN=somebody -days 30 "
        f"-addext extendedKeyUsage=clientAuth -out {SCHEDULER_SERVER}.crt 2>/dev/null",
        symptom="x509: certificate signed by unknown authority.",
        why="Whoever signs a certificate themselves can write any name into it: the other end "
        "asks for a CA that it trusts.",
    ),
    Mutation(
        name="key-of-another-certificate", check="certificates-keys", role=Role.CONTROL_PLANE,
        keeps=(f"{FRONT_PROXY}.key",),
        do=f"openssl ecparam -name prime256v1 -genkey -noout -out {FRONT_PROXY}.key",
        symptom="tls: private key does not match public key, at the next start.",
        why="A certificate belongs to one key: a pair is copied together or not at all.",
    ),
    Mutation(
        name="ca-that-others-do-not-trust", check="cas-same", role=Role.WORKER,
        keeps=(f"{PKI}/ca.crt",),
        do="openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-keyout /dev/null -subj /CN=another -days 30 2>/dev/null >>{PKI}/ca.crt",
        symptom="Nothing, until somebody uses a certificate of that CA.",
        why="A machine trusts every CA in its file: one more and its owner can be anybody there.",
    ),
    Mutation(
        name="another-key-signs-tokens", check="service-account-key-same",
        role=Role.CONTROL_PLANE, keeps=(TOKENS,),
        do=f"openssl ecparam -name prime256v1 -genkey -noout -out {TOKENS}",
        symptom="After the next start of the controller manager: Unauthorized, for some pods.",
        why="Tokens that one program signs are checked by another with the public half of the "
        "same key.",
    ),
    Mutation(
        name="kubeconfig-that-trusts-anybody", check="kubeconfigs-usable",
        role=Role.CONTROL_PLANE, keeps=(SCHEDULER,),
        do=f"sed -i 's|certificate-authority: .*|insecure-skip-tls-verify: true|' {SCHEDULER}",
        symptom="Nothing: x509 errors are gone.",
        why="The cure for an unknown authority that is found first makes every server a good one.",
    ),
)  # fmt: skip
