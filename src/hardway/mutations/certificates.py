"""Mutations of certificates and keys: what stands in them, who signed them, who presents which."""

from dataclasses import replace
from datetime import timedelta

from hardway.model import ports
from hardway.model.cluster import Role
from hardway.mutations.network import NOTHING_FOREIGN, redirected
from hardway.mutations.row import Mutation, Slip
from hardway.pki.inventory import SERVER, Wanted

PKI = "/etc/kubernetes/pki"
FRONT_PROXY = f"{PKI}/kube-apiserver/front-proxy-client"
SCHEDULER_SERVER = f"{PKI}/kube-scheduler/server"
TOKENS = f"{PKI}/kube-controller-manager/service-account.key"


def _no_loopback(wanted: Wanted) -> Wanted:
    names = tuple(name for name in wanted.names if name not in {"localhost", "127.0.0.1"})
    return replace(wanted, names=names)


def _no_prefix(wanted: Wanted) -> Wanted:
    return replace(wanted, common_name=wanted.common_name.removeprefix("system:"))


def _for_servers(wanted: Wanted) -> Wanted:
    return replace(wanted, row=replace(wanted.row, usages=(SERVER,)))


ROWS = (
    *(
        Mutation(
            name=name, check=check, role=role, slip=slip, keeps=(path,),
            do=f"printf %s '<CERTIFICATE>' >{path}",
            symptom=symptom,
            why=why,
        )
        for name, check, role, slip, path, symptom, why in (
            ("certificate-without-loopback", "certificates-names", Role.CONTROL_PLANE,
             Slip("etcd-server", _no_loopback), "/etc/etcd/pki/server.crt",
             "x509: certificate is valid for other addresses, not 127.0.0.1.",
             "A client asks for the name that it dialed, whatever other names lead there as well."),
            ("certificate-without-prefix", "certificates-subjects", Role.CONTROL_PLANE,
             Slip("scheduler", _no_prefix), f"{PKI}/kube-scheduler/client.crt",
             "Forbidden: user kube-scheduler cannot list pods, once the file is read again.",
             ("The CN is the user's name to the letter: upstream's bindings are for "
             "system:kube-scheduler.")),
            ("certificate-for-servers", "certificates-usages", Role.WORKER,
             Slip("kube-proxy", _for_servers), f"{PKI}/kube-proxy/client.crt",
             "Unauthorized, once the file is read again: incompatible key usage.",
             "A certificate says what for: one of a server proves no client."),
            ("certificate-ends-tomorrow", "certificates-valid", Role.CONTROL_PLANE,
             Slip("front-proxy-client", left=timedelta(days=1)), f"{FRONT_PROXY}.crt",
             ("Nothing, until the certificate ends: then metrics-server and other aggregated APIs "
             "refuse the API server."),
             ("Certificates end on their day, without a warning by the program that presents "
             "them.")),
        )
    ),
    Mutation(
        name="port-of-another-process", check="certificates-presented", role=Role.CONTROL_PLANE,
        do=redirected(ports.SCHEDULER.number, ports.CONTROLLER_MANAGER.number),
        undo=f"{NOTHING_FOREIGN} 2>/dev/null || :",
        symptom="The scheduler's port presents a certificate that is not the scheduler's.",
        why="Which process answers at a port is seen by what it presents, and not by the files "
        "beside it: a proxy, a redirection, or a process that has read an older file.",
        mend=(f"hardway ssh <MACHINE> -- {NOTHING_FOREIGN}",),
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
        name="key-readable-by-all", check="keys-private", role=Role.CONTROL_PLANE,
        keeps=(f"{PKI}/kube-apiserver/service-account.key",),
        do=f"chmod 0644 {PKI}/kube-apiserver/service-account.key",
        symptom="Nothing: a key that others can read works as before.",
        why="Whoever reads this key signs tokens of any ServiceAccount.",
    ),
    Mutation(
        name="another-key-signs-tokens", check="service-account-key-same",
        role=Role.CONTROL_PLANE, keeps=(TOKENS,),
        do=f"openssl ecparam -name prime256v1 -genkey -noout -out {TOKENS}",
        symptom="After the next start of the controller manager: Unauthorized, for some pods.",
        why="Tokens that one program signs are checked by another with the public half of the "
        "same key.",
    ),
)  # fmt: skip
"""Of the step certificates."""
