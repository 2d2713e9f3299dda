"""Mutations of control planes: encryption, the API server, the endpoint."""

from hardway.model.cluster import Cluster, Role
from hardway.model.resources import NEW
from hardway.mutations.row import (
    Mutation,
    Which,
    at_proxy,
    at_vip,
    several_control_planes,
)
from hardway.steps import address, apiserver, balancer, encryption
from hardway.steps.apiserver_files import AUTHENTICATION

PROGRAMS = "/usr/local/bin"
PROGRAM = f"{PROGRAMS}/kube-apiserver"
OTHER_PORT = f"sed -i 's/^\\( *bind <ENDPOINT>\\):<PORT>/\\1:16443/' {balancer.CONFIG}"
IDENTITY_FIRST = (
    "sed -i -e 's/^  providers:$/&\\n  - identity: {}/' -e '$ {/identity/d}' " + encryption.PATH
)
"""What stands first encrypts: `identity` does not."""


def at_vip_of_several(cluster: Cluster) -> bool:
    """Return whether one of several control planes holds it."""
    return at_vip(cluster) and several_control_planes(cluster)


NO_SERVER = rf"""for name in <CONTROL_PLANES>; do
    echo "set server apiservers/$name state maint"
done | perl -MIO::Socket::UNIX -e 'for $said (readline STDIN) {{
    $s = IO::Socket::UNIX->new("{balancer.SOCKET}"); print $s $said; print readline $s; }}'"""
"""haproxy answers one line and closes the connection."""

ROWS = (
    Mutation(
        name="key-file-edited-on-one", check="encryption-key-same", role=Role.CONTROL_PLANE,
        keeps=(encryption.PATH,), where=several_control_planes,
        do=f"echo '# edited by hand' >>{encryption.PATH}",
        symptom="Nothing yet: the keys are still the same.",
        why="Each API server encrypts for itself: a file that differs on one of them is in force "
        "for every third request.",
    ),
    Mutation(
        name="key-file-that-cannot-be-read", check="encryption-key-in-use",
        role=Role.CONTROL_PLANE, which=Which.EVERY, keeps=(encryption.PATH,),
        do=f"echo 'broken: [' >>{encryption.PATH}",
        symptom="Nothing, until the API server starts again: then it does not.",
        why="A file that is read again while a program runs is refused when it is broken: the "
        "program goes on with the old one and says so in its log alone.",
    ),
    Mutation(
        name="anonymous-on-all-paths", check="apiserver-refuses-anonymous",
        role=Role.CONTROL_PLANE,
        keeps=(AUTHENTICATION,),
        do=f"sed -i '/^  conditions:/,$d' {AUTHENTICATION}\nsystemctl restart {apiserver.UNIT}",
        undo=f"systemctl restart {apiserver.UNIT}",
        symptom="curl without a certificate gets 403 where it got 401.",
        why="403 means that the client was let in as system:anonymous: a single binding more and "
        "strangers read or write.",
        shows_s=60,
    ),
    Mutation(
        name="api-server-of-another-release", check="apiserver-version", role=Role.CONTROL_PLANE,
        keeps=(PROGRAM,),
        # Named as what a killed run leaves, so that `hardway up` removes it.
        do=f"""mkdir -p {PROGRAMS}/{NEW}
other={PROGRAMS}/{NEW}/kube-apiserver
LC_ALL=C sed "s/v<VERSION>/v$(echo <VERSION> | sed 's/.$/x/; s/x/9/')/g" {PROGRAM} >$other
chmod 0755 $other
ln --symbolic --force $other {PROGRAM}
systemctl restart {apiserver.UNIT}""",
        undo=f"rm -rf {PROGRAMS}/{NEW}\nsystemctl restart {apiserver.UNIT}",
        symptom="kubectl version now and then tells of another server.",
        why="A program is what it says of itself, whatever its file is called.",
        shows_s=30,
    ),
    Mutation(
        name="address-held-twice", check="endpoint-held-once", role=Role.CONTROL_PLANE,
        where=at_vip_of_several, keeps=(address.CONFIG,),
        do=f"sed -i 's/virtual_router_id .*/virtual_router_id 52/' {address.CONFIG}\n"
        "systemctl restart keepalived",
        undo="systemctl restart keepalived",
        symptom="Connections to the endpoint break now and then.",
        why="Two routers that do not hear each other both take the address, and neighbours believe "
        "the one that spoke last.",
        shows_s=30,
    ),
    Mutation(
        name="standby-without-a-server", check="endpoint-stands-by", role=Role.CONTROL_PLANE,
        where=at_vip_of_several,
        do=NO_SERVER,
        undo=f"systemctl reload {balancer.UNIT}",
        symptom="Nothing, until the machine that holds the endpoint's address is lost as well.",
        why="What a running haproxy was told through its socket is in no file: only haproxy itself "
        "knows that its servers get no connections.",
    ),
    Mutation(
        name="proxy-on-another-port", check="proxy-answers", role=Role.WORKER, where=at_proxy,
        keeps=(balancer.CONFIG,),
        do=f"{OTHER_PORT}\nsystemctl restart haproxy",
        undo="systemctl restart haproxy",
        symptom="One node is NotReady after 40 s; its kubelet logs: connection refused.",
        why="With an endpoint of kind proxy each machine has its own way to the API.",
        shows_s=20,
    ),
    Mutation(
        name="endpoint-on-another-port", check="endpoint-answers", role=Role.CONTROL_PLANE,
        which=Which.EVERY, where=at_vip, keeps=(balancer.CONFIG,),
        do=f"{OTHER_PORT}\nsystemctl restart haproxy",
        undo="systemctl restart haproxy",
        symptom="kubectl: connection refused. The address answers pings.",
        why="An address that is held is not yet one that answers: haproxy has to listen there.",
        shows_s=20,
    ),
)  # fmt: skip
"""Of the steps encryption, control-plane and endpoint."""
