"""Endpoint: one address for the API that outlives any single control plane.

With a virtual address haproxy on every control plane passes connections on to the API servers that
are ready, and keepalived keeps the address on one machine whose haproxy has a server to pass them
to. With proxies every machine has such a haproxy for itself. With a load balancer that is given
there is nothing to put anywhere, only to look whether it answers.
"""

from hardway.model.checks import (
    CLUSTER,
    CONTROL_PLANES,
    MACHINES,
    WORKERS,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Occasion,
    Sh,
    Subject,
    Where,
    endpoint_is,
    judged,
    says,
)
from hardway.model.cluster import BALANCED, EndpointKind, Machine
from hardway.model.resources import Desired, Verdict
from hardway.steps import address, balancer, cures, processes
from hardway.steps.base import CA, CURL, Given, Inventory, Step, services, status_of
from hardway.steps.certificate_checks import TLS
from hardway.steps.packages import packages
from hardway.text import text

NAME = "endpoint"
HEALTHY = f"{CURL} --output /dev/null --write-out '%{{http_code}}' {address.HEALTH}"
"""What keepalived asks for too."""
MADE_S = 600
"""AWS usually needs 3 to 5 minutes until a new load balancer passes anything on."""


def render(given: Given, machine: Machine, inventory: Inventory) -> Desired:
    """Return a machine's load balancer, and a control plane's share in a virtual address."""
    cluster = given.cluster
    if machine.role not in BALANCED[cluster.endpoint.kind]:
        return Desired()
    files = [balancer.config(cluster)]
    specs = [balancer.service()]
    if cluster.endpoint.kind is EndpointKind.VIP:
        files.append(address.config(cluster, machine, given.hosts[machine.name].interface))
        specs.append(address.service())
    unneeded = frozenset() if cluster.endpoint.kind is EndpointKind.VIP else {"keepalived"}
    wanted = packages(NAME, machine.role, without=frozenset(unneeded))
    desired = Desired(packages=tuple(wanted), files=tuple(files),
                      effects=(balancer.servers(cluster),))  # fmt: skip
    return services(tuple(specs), inventory, desired)


def _held_once(subject: Subject, answer: Answer) -> tuple[Judgement]:
    members = [m.name for m in subject.cluster.control_planes]
    held = holders(answer)
    one = text("1 holder")
    if len(held) == 1:
        return judged(one, one)
    if not held and len(answer.elsewhere) < len(members):
        silent = ", ".join(sorted(set(members) - set(answer.elsewhere)))
        found = text("none of those that answer; {machines} do not", machines=silent)
        return (Judgement(Verdict.UNKNOWN, one, found),)
    return judged(one, text("{count} holders: {machines}", count=len(held),
                            machines=", ".join(held)) if held else text("no holder"))  # fmt: skip


def holders(answer: Answer) -> list[str]:
    """Return the control planes that have the virtual address, by what `HELD` was answered."""
    return [name for name, said in answer.elsewhere.items() if said.strip()]


HELD = Check(
    name="endpoint-held-once", step=NAME, scope=endpoint_is(CLUSTER, EndpointKind.VIP),
    ask=Sh("ip -brief address show to <ENDPOINT>/32", Where.CONTROL_PLANES), judge=_held_once,
    anywhere=("keepalived-runs", "haproxy-runs", "endpoint-stands-by", "apiserver-ready"),
    why="an address that two machines hold answers half of the time",
    test="[ 1 = $(for machine in <CONTROL_PLANES>; do hardway ssh $machine -- "
    "ip -brief address show to <ENDPOINT>/32; done | wc -l) ]",
    see="hardway ssh <CONTROL_PLANE> -- ip -brief address show to <ENDPOINT>/32",
)  # fmt: skip
STANDS_BY = Check(
    name="endpoint-stands-by", step=NAME, scope=endpoint_is(CONTROL_PLANES, EndpointKind.VIP),
    causes=("haproxy-runs",), anywhere=("apiserver-ready",),
    ask=status_of(address.HEALTH), judge=says("200"),
    why="keepalived takes the endpoint's address only where haproxy has a server to pass "
    "connections to: else the loss of the holder is the loss of the endpoint",
    see=f"hardway ssh <MACHINE> -- {HEALTHY}",
)  # fmt: skip
PROXIED = Check(
    name="proxy-answers", step=NAME, scope=endpoint_is(MACHINES, EndpointKind.PROXY),
    causes=("haproxy-runs", "apiserver-ready", "files-as-given"),
    ask=status_of("https://<ENDPOINT>:<PORT>/readyz"), judge=says("200"),
    why="this machine's kubelet and kube-proxy know no other way to the API",
    see="hardway ssh <MACHINE> -- systemctl status haproxy",
)  # fmt: skip
CHECKS = (
    processes.runs("haproxy.service", step=NAME, causes=TLS,
                   scope=endpoint_is(CONTROL_PLANES, EndpointKind.VIP),
                   why="it passes connections to the endpoint on to API servers that are ready"),
    processes.runs(address.UNIT, step=NAME, causes=("haproxy-runs",),
                   scope=endpoint_is(CONTROL_PLANES, EndpointKind.VIP),
                   why="a machine without it does not take the endpoint's address over"),
    HELD,
    STANDS_BY,
    PROXIED,
    Check(name="machine-reaches-endpoint", step=NAME, when=Occasion.ASKED,
          scope=endpoint_is(WORKERS, EndpointKind.VIP, EndpointKind.GIVEN, EndpointKind.MADE),
          causes=("names-resolve", "ports-reached", "endpoint-answers", "apiserver-ready", *TLS),
          ask=status_of("https://<ENDPOINT>:<PORT>/readyz"), judge=says("200"),
          why="kubelets and kube-proxies know this address only, each from its own machine",
          cure=cures.PACKETS_PASS,
          see=f"hardway ssh <MACHINE> -- curl --verbose --cacert {CA} "
          "https://<ENDPOINT>:<PORT>/readyz"),
    Check(name="endpoint-answers", step=NAME, scope=CLUSTER, silence=Verdict.WRONG,
          causes=("endpoint-held-once", "proxy-answers", "haproxy-runs", "apiserver-ready"),
          anywhere=TLS,
          ask=Kubectl(("get", "--raw=/readyz")), judge=says("ok"),
          why="kubelets, kube-proxies and people know this address only",
          see="hardway kubectl get --raw=/readyz?verbose"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="An endpoint for the API",
    why="one address for clients, whichever control plane is up",
    render=render,
    checks=CHECKS,
    serves=(PROXIED.name,),
    settles_more_s=lambda cluster: MADE_S if cluster.endpoint.kind is EndpointKind.MADE else 0,
)
