"""Mutations that only a trial notices: it uses the cluster as people would."""

from hardway.components import image
from hardway.model.cluster import Role
from hardway.model.ports import KUBELET
from hardway.mutations.control_plane import IDENTITY_FIRST
from hardway.mutations.network import FORWARDED, HIDING, foreign
from hardway.mutations.objects import ETCDCTL
from hardway.mutations.programs import NO_PROGRAM, STOP_PROGRAM, running
from hardway.mutations.row import Mutation, Which, several_workers
from hardway.mutations.workers import RESTART_KUBELET
from hardway.steps import apiserver, encryption, kube_proxy, kubelet
from hardway.steps.containerd import CTR, IMAGES_UNIT
from hardway.steps.smoke_test import PORT, TRIAL

TRIED_S = 75
"""A trial tries what fails for a minute: one that a busy host disturbed is made once more."""
SECRETS = f"/registry/secrets/{TRIAL.prefix}"
PLAIN = (
    r'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"probe","namespace":"%s",'
    r'"uid":"6d75746e-0000-4000-8000-000000000003","creationTimestamp":"2026-01-01T00:00:00Z"}}'
)
WRITE_PLAIN = f"""while :; do
    for key in $({ETCDCTL} get --prefix {SECRETS} --keys-only); do
        space=${{key%/*}}
        printf '{PLAIN}' "${{space##*/}}" | {ETCDCTL} put "$key"
    done
    sleep 0.3
done"""

ROWS = (
    Mutation(
        name="plaintext", check="encryption-first", role=Role.CONTROL_PLANE, which=Which.EVERY,
        keeps=(encryption.PATH,), tried=True, also=("secret-encrypted",),
        do=f"{IDENTITY_FIRST}\nsystemctl restart {apiserver.UNIT}",
        undo=f"systemctl restart {apiserver.UNIT}",
        symptom="Nothing: Secrets work, and stand in etcd as they are.",
        why="The first provider encrypts what is written from now on; what was written before "
        "stays as it is until it is written again.",
        shows_s=120,
    ),
    Mutation(
        name="secret-written-past-the-api", check="secret-encrypted", role=Role.CONTROL_PLANE,
        tried=True,
        do=f"cat >writes <<'END'\n{WRITE_PLAIN}\nEND\n{running('/bin/sh $PWD/writes')}",
        undo=NO_PROGRAM,
        symptom="Nothing: the Secret is read as it was written.",
        why="The API server encrypts. A program that writes to etcd itself, such as a tool that "
        "restores single objects, does not.",
        mend=(f"hardway ssh <MACHINE> -- {STOP_PROGRAM}",),
        shows_s=TRIED_S,
    ),
    Mutation(
        name="image-gone", check="pods-on-every-node", role=Role.WORKER, tried=True,
        do=f"{CTR} images rm {image('probe')}",
        undo=f"systemctl restart {IMAGES_UNIT}",
        symptom="Pods of one node are in ErrImageNeverPull.",
        why="These images are in no registry: each node has its own copies.",
        shows_s=TRIED_S,
    ),
    Mutation(
        name="another-dns-in-pods", check="kubelet-settings", role=Role.WORKER, tried=True,
        also=("exec-and-names",),
        keeps=(kubelet.CONFIG,),
        do=f"sed -i '/^clusterDNS:/ {{n; s/- .*/- 192.0.2.53/}}' {kubelet.CONFIG}\n"
        f"{RESTART_KUBELET}",
        undo=RESTART_KUBELET,
        symptom="New pods of one node find no name, old ones do.",
        why="kubelet writes /etc/resolv.conf of each pod when it makes the pod: the Service's "
        "address there has to be the DNS's.",
        shows_s=TRIED_S,
    ),
    Mutation(
        name="no-localhost", check="port-forward", role=Role.WORKER, tried=True,
        keeps=("/etc/hosts",),
        do="sed -i 's/^127[.]0[.]0[.]1 localhost$/192.0.2.1 localhost/; /^::1/d' /etc/hosts",
        symptom="kubectl port-forward: dial tcp: connection timed out. exec and logs work.",
        why="containerd dials localhost in the pod's network, by the machine's own /etc/hosts.",
        shows_s=30,
    ),
    foreign("kubelet-port-refused", "logs", "type filter hook input priority 10;",
            f'iifname != "lo" tcp dport {KUBELET.number} reject with tcp reset',
            tried=True, shows_s=TRIED_S,
            symptom="kubectl logs: connection refused, for pods of one node; the node is Ready.",
            why="A firewall that refuses looks like a service that does not run: only the machine "
            "itself can tell them apart."),
    foreign("names-dropped-but-the-probe", "exec-and-names", FORWARDED,
            'iifname "cni0" ip saddr != <PROBE> udp dport 53 drop',
            tried=True, shows_s=TRIED_S,
            symptom="Pods of one node find no name; what is asked from the node's own probe works.",
            why="A rule for some pods is seen from these alone: only a pod shows what pods see."),
    foreign("node-ports-dropped", "node-port", "type filter hook prerouting priority -200;",
            "tcp dport 30000-32767 drop",
            tried=True, shows_s=TRIED_S,
            symptom="NodePorts of one node time out from outside, Services work.",
            why="A firewall's list of open ports seldom has the range of NodePorts."),
    foreign("one-name-dropped", "service-by-name", FORWARDED,
            # A query's first label begins 20 bytes after the start of the UDP header.
            'iifname "cni0" udp dport 53 @th,160,48 0x0570726f6265 drop',
            tried=True, shows_s=TRIED_S,
            symptom="One Service is not found by its name, others are.",
            why="A filter that reads DNS looks like a lost Service: its address answers."),
    foreign("service-addresses-dropped", "service-by-ip",
            "type filter hook prerouting priority -200;",
            f'iifname "cni0" ip daddr <SERVICES> tcp dport {PORT} drop',
            tried=True, shows_s=TRIED_S,
            symptom="A pod's own address answers, its Service's does not.",
            why="Before the translation a firewall sees the Service's address and port."),
    Mutation(
        name="node-ports-elsewhere", check="kube-proxy-settings", role=Role.WORKER, tried=True,
        also=("node-port",),
        keeps=(kube_proxy.CONFIG,),
        do="sed -i '/^nodePortAddresses:/ {n; s|- .*|- 192.0.2.0/24|}' "
        f"{kube_proxy.CONFIG}\nsystemctl restart kube-proxy",
        undo="systemctl restart kube-proxy",
        symptom="NodePorts of one node refuse connections, Services work.",
        why="kube-proxy answers NodePorts at the addresses it was told, and the machine has none "
        "of these.",
        shows_s=TRIED_S,
    ),
    foreign("pods-hidden-but-the-probe", "source-address-kept", HIDING,
            "ip saddr <OWN_PODS> ip saddr != <PROBE> ip daddr <PODS> masquerade",
            where=several_workers, tried=True, shows_s=TRIED_S,
            symptom="A server sees a node's address in place of its client's.",
            why="Rules that hide pods make policies and logs useless."),
)  # fmt: skip
"""Of the step smoke-test."""
