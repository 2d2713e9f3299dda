"""Addresses, ranges and ports: where packets go, and who decided so."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from hardway.atlas.atlas import Atlas
from hardway.atlas.entries import Entry
from hardway.explain.answer import Aspect, Point
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing
from hardway.model.cluster import Cluster, EndpointKind
from hardway.pki.inventory import expand
from hardway.steps.probe import address as probe_address
from hardway.text import Text, text


def things(atlas: Atlas) -> Iterator[Thing]:
    """Yield the addresses and ranges of the cluster."""
    cluster = atlas.cluster
    yield _service_ip(atlas)
    yield _dns_ip(atlas)
    yield _endpoint(atlas)
    yield _loopback(atlas)
    for machine in cluster.workers:
        assert machine.pod_cidr is not None  # noqa: S101 - workers have one
        yield _simple(
            atlas, Kind.ADDRESS, str(machine.pod_cidr[1]),
            text("The bridge of {machine}: the gateway of the pods there.", machine=machine.name),
            see=f"hardway ssh {machine.name} -- ip -brief address show",
            made=text("The CNI plugin `bridge`, with the first pod on the machine."),
            used=text("pods on {machine}, as their default route", machine=machine.name),
            tags=("pod network", "pod-network"),
        )  # fmt: skip
        yield _simple(
            atlas, Kind.ADDRESS, probe_address(machine),
            text("The probe of {machine}: a network namespace like a pod's, from which checks ask.",
                 machine=machine.name),
            see=f"hardway ssh {machine.name} -- ip netns exec hardway-probe ip -brief address",
            made=text("hardway-probe.service, by the same CNI plugins as pods."),
            used=text("checks of the step pod-network"),
            tags=("probe", "pod-network"),
        )  # fmt: skip
        yield _range(
            atlas, machine.pod_cidr,
            text("The pods' range of {machine}: each pod there has an address of it.",
                 machine=machine.name),
            see=f"hardway kubectl get node {machine.name} --output=jsonpath={{.spec.podCIDR}}",
            without=text("Without a route to it a machine does not reach the pods of {machine}; "
                         "two workers with one range would answer for each other's pods.",
                         machine=machine.name),
            tags=("pod range", "pod-network"),
        )  # fmt: skip
    yield _range(
        atlas, cluster.pod_cidr,
        text("All pods' addresses; each worker has a part of it."),
        see="hardway kubectl get nodes --output=custom-columns=NAME:.metadata.name,"
        "PODS:.spec.podCIDR",
        without=text("Addresses outside of it are not pods': packets there leave the node with "
                     "the node's own address (masquerade)."),
        tags=("pod range", "pod-network"),
    )  # fmt: skip
    yield _range(
        atlas, cluster.service_cidr,
        text("Services' addresses. No interface has one of them, and no route leads there: on each "
             "worker kube-proxy's rules put a pod's address in the place of a Service's."),
        see="hardway kubectl get services --all-namespaces",
        without=text("The API server and the controller manager must have the same range. If it "
                     "is another one than when the API server's certificate was issued, pods "
                     "report: x509: certificate is valid for {ip}, not for the new first address.",
                     ip=cluster.api_service_ip),
        tags=("service range", "control-plane"),
    )  # fmt: skip
    yield _range(
        atlas, cluster.node_cidr,
        text("The machines' network: each machine has a fixed address of it."),
        see=f"hardway ssh {cluster.control_planes[0].name} -- ip route",
        without=text("Machines that do not share it need routes to each other; without them etcd "
                     "has no quorum and nodes turn NotReady."),
        tags=("node range", "machines"),
    )  # fmt: skip


def _simple(  # noqa: PLR0913 - one row of a table
    atlas: Atlas, kind: Kind, name: str, what: Text, *, see: str, made: Text, used: Text,
    tags: tuple[str, ...] = (), aliases: tuple[str, ...] = (), without: Text | None = None,
) -> Thing:  # fmt: skip
    def points(_scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (what,))
        yield Point(Aspect.MADE, (made,))
        yield Point(Aspect.READERS, rows=((text("used by"), used), *naming(atlas, name)))
        yield Point(Aspect.WITHOUT, (without,) if without else ())
        yield Point(Aspect.SEE, commands=(see,))

    return Thing(kind=kind, name=name, aliases=aliases, tags=(name, *tags), summary=what,
                 points=points)  # fmt: skip


def _range(  # noqa: PLR0913 - one row of a table
    atlas: Atlas, network: IPv4Network, what: Text, *, see: str, without: Text,
    tags: tuple[str, ...],
) -> Thing:  # fmt: skip
    made = text("Decided at the first hardway up, by network in hardway.yaml, and kept in "
                "cluster.json: a living cluster's ranges stay.")  # fmt: skip
    used = text("addresses {first} to {last}", first=network[0], last=network[-1])
    return _simple(atlas, Kind.RANGE, str(network), what, see=see, made=made, used=used,
                   without=without, tags=(*tags, "range"))  # fmt: skip


def naming(atlas: Atlas, word: str) -> tuple[tuple[str, str], ...]:
    """Return the entries whose value names an address or a range, each with its reason."""
    found = {
        (f"{entry.file.path.rsplit('/', 1)[-1]} {entry.name.split(' ', 1)[0]}", entry.row.why)
        for entry in atlas.entries
        if _names(entry, word)
    }
    return tuple(sorted(found))


def _names(entry: Entry, word: str) -> bool:
    """Return whether an entry names an address or range, and not one that begins alike."""
    said = f"{entry.name} {entry.row.value}"
    return word in said and bool(re.search(rf"(?<![\d.]){re.escape(word)}(?!\d|[./]\d)", said))


def _service_ip(atlas: Atlas) -> Thing:
    cluster = atlas.cluster
    ip, service = cluster.api_service_ip, cluster.service_cidr
    backends = ", ".join(f"{m.address}:6443" for m in cluster.control_planes)

    def points(_scene: Scene) -> Iterator[Point]:
        yield Point(Aspect.WHAT, (
            text("The address of the Service `kubernetes`: pods reach the API by it. It is the "
                 "first address of the Services' range {range}.", range=service),
            text("No machine has this address. On each worker kube-proxy's rules send packets for "
                 "{ip}:443 on to one of {backends}.", ip=ip, backends=backends),
        ))  # fmt: skip
        yield Point(Aspect.MADE, (
            text("The API server, at its first start: it always takes the first address of "
                 "--service-cluster-ip-range={range} for itself.", range=service),
        ))  # fmt: skip
        yield Point(Aspect.READERS, rows=(
            (text("every pod"), text("KUBERNETES_SERVICE_HOST={ip} is in its environment", ip=ip)),
            (text("CoreDNS"), text("answers kubernetes.default.svc.cluster.local with it")),
            *naming(atlas, str(ip)),
        ))  # fmt: skip
        yield Point(Aspect.HANDSHAKE, (
            text("A client compares the address that it dialed with the names in the server's "
                 "certificate. Pods dial {ip}, so the API server's certificate has to name it. "
                 "That is why {ip} is in its certificate signing request.", ip=ip),
        ))  # fmt: skip
        yield Point(Aspect.CONTENT, rows=tuple(_naming_certificates(cluster, str(ip))),
                    title="Certificates that name it")  # fmt: skip
        yield Point(Aspect.WITHOUT, (
            text("If the certificate lacks it, CoreDNS and every operator fail: x509: certificate "
                 "is valid for {others}, not {ip}. kubectl goes on, for it dials {endpoint}.",
                 ip=ip, others=cluster.control_planes[0].address, endpoint=cluster.endpoint.host),
        ))  # fmt: skip
        worker = cluster.workers[0].name if cluster.workers else ""
        yield Point(Aspect.SEE, commands=(
            "hardway kubectl get service,endpointslices --namespace=default kubernetes",
            *((f"hardway ssh {worker} -- nft list table ip kube-proxy",) if worker else ()),
        ))  # fmt: skip
        name = cluster.control_planes[0].name
        show = "openssl x509 -noout -ext subjectAltName -in"
        yield Point(Aspect.SEE, commands=(
            f"hardway ssh {name} -- {show} /etc/kubernetes/pki/kube-apiserver/server.crt",
        ))  # fmt: skip

    return Thing(
        kind=Kind.ADDRESS, name=str(ip),
        aliases=("KUBERNETES_SERVICE_HOST", "service kubernetes", "kubernetes.default",
                 "kubernetes.default.svc",
                 "kubernetes.default.svc.cluster.local", "kubernetes service"),
        tags=("API service address", "pod-to-apiserver", "service range", "control-plane"),
        summary=text("The Service `kubernetes`: how pods reach the API."), points=points,
    )  # fmt: skip


def _naming_certificates(cluster: Cluster, word: str) -> Iterator[tuple[str, str]]:
    for wanted in expand(cluster):
        if word in wanted.names:
            name = f"{wanted.row.name} ({wanted.machine})"
            yield name, text("shown by {program}", program=wanted.row.presented_by)


def _dns_ip(atlas: Atlas) -> Thing:
    cluster = atlas.cluster
    return _simple(
        atlas, Kind.ADDRESS, str(cluster.dns_service_ip),
        text("The address of the Service `kube-dns`: the name server of every pod. It is the "
             "tenth address of the Services' range {range}.", range=cluster.service_cidr),
        see="hardway kubectl get service,endpointslices --namespace=kube-system "
        "--selector=k8s-app=kube-dns",
        made=text("hardway up, in its step dns: the Service asks for this address by clusterIP."),
        used=text("every pod: kubelet writes it into the pod's /etc/resolv.conf"),
        without=text("Pods resolve no names: lookup kubernetes.default.svc.cluster.local on "
                     "{ip}:53: i/o timeout. kubelet's clusterDNS and the Service must agree.",
                     ip=cluster.dns_service_ip),
        tags=("DNS address", "service range", "dns"),
        aliases=("kube-dns", "cluster dns", "kube-dns.kube-system.svc.cluster.local"),
    )  # fmt: skip


ENDPOINTS: Mapping[EndpointKind, Text] = {
    EndpointKind.VIP: text("keepalived holds the address on one control plane; haproxy there "
                           "passes connections on to an API server that is ready."),
    EndpointKind.PROXY: text("haproxy on every machine listens at its own loopback and passes "
                             "connections on to an API server that is ready."),
    EndpointKind.GIVEN: text("A load balancer of your own, named in hardway.yaml."),
    EndpointKind.MADE: text("The provider's load balancer, which hardway up made."),
}  # fmt: skip


def _endpoint(atlas: Atlas) -> Thing:
    end = atlas.cluster.endpoint
    return _simple(
        atlas, Kind.ADDRESS, end.host,
        text("The endpoint of the API, {url}: kubectl and every worker dial it. It passes bytes on "
             "and ends no TLS: clients see the API server's own certificate.", url=end.url),
        see=f"curl --insecure {end.url}/readyz",
        made=ENDPOINTS[end.kind],
        used=text("kubectl, kubelets and kube-proxies; components of the control plane use the "
                  "API server next door"),
        without=text("Nodes turn NotReady and kubectl reports: The connection to the server "
                     "{host}:{port} was refused, or i/o timeout. Control planes and pods go on.",
                     host=end.host, port=end.port),
        tags=("endpoint", "haproxy-to-apiserver"),
        aliases=("endpoint", "load balancer", "LB", f"{end.host}:{end.port}", end.url, "vip"),
    )  # fmt: skip


def _loopback(atlas: Atlas) -> Thing:
    return _simple(
        atlas, Kind.ADDRESS, "127.0.0.1",
        text("Each machine's own loopback: services that listen there only are out of reach from "
             "any other machine."),
        see=f"hardway ssh {atlas.cluster.control_planes[0].name} -- ss -ltnp",
        made=text("The kernel; every machine and every pod has its own."),
        used=text("processes on the same machine"),
        tags=("loopback", "machines"),
        aliases=("localhost", "loopback"),
    )  # fmt: skip


def matching(
    atlas: Atlas, asked: str, known: Callable[[str], tuple[Thing, ...]]
) -> tuple[Thing, ...]:
    """Return what an address, perhaps with a port, or a range is, although nothing names it."""
    if " " in asked:
        return ()
    word = asked.removeprefix("https://").removeprefix("http://").strip("/")
    host, _, port = word.partition(":")
    try:
        if "/" in word:
            return _within(atlas, ipaddress.IPv4Network(word, strict=False)[0], word, known)
        found = known(host) or _within(atlas, IPv4Address(host), host, known)
    except ValueError:
        return ()
    return (*found, *known(f"port {port}")) if port else found


def _within(
    atlas: Atlas, ip: IPv4Address, word: str, known: Callable[[str], tuple[Thing, ...]]
) -> tuple[Thing, ...]:
    """Return an address within one of the cluster's ranges, as a thing made for the question."""
    cluster = atlas.cluster
    for machine in cluster.workers:
        if machine.pod_cidr and ip in machine.pod_cidr:
            return (_simple(
                atlas, Kind.ADDRESS, word,
                text("An address of the pods' range of {machine}, {range}: if a pod has it, it "
                     "runs there.", machine=machine.name, range=machine.pod_cidr),
                see=f"hardway kubectl get pods --all-namespaces --output=wide "
                f"--field-selector=status.podIP={word}",
                made=text("The CNI plugin host-local on {machine} gives each pod a free address.",
                          machine=machine.name),
                used=text("one pod at a time, or none"), tags=("pod range", "pod-network"),
            ),)  # fmt: skip
    if ip in cluster.service_cidr:
        return (_simple(
            atlas, Kind.ADDRESS, word,
            text("An address of the Services' range {range}. No interface has it; kube-proxy's "
                 "rules on each worker put a pod's address in its place.",
                 range=cluster.service_cidr),
            see="hardway kubectl get services --all-namespaces",
            made=text("The API server gives each new Service a free address of the range."),
            used=text("one Service, or none"), tags=("service range", "control-plane"),
        ),)  # fmt: skip
    ranges = (cluster.pod_cidr, cluster.node_cidr)
    return next((known(str(own)) for own in ranges if ip in own), ())
