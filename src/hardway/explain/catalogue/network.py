"""Errors of the network: nobody there, no way there, no such name. The most general ones."""

from hardway.explain.catalogue.row import Cause, Error

ERRORS = (
    Error(
        name="kubectl-without-kubeconfig",
        pattern=r"localhost:8080 was refused|\[?::1\]?:8080: connect: connection refused",
        example="The connection to the server localhost:8080 was refused - did you specify the "
        "right host or port?",
        source="kubectl 1.37.2 without a kubeconfig",
        said_by="kubectl",
        means="kubectl has no kubeconfig: localhost:8080 is what it takes then. It says nothing "
        "about the cluster.",
        causes=(
            Cause(
                "KUBECONFIG is not set in this shell, or sudo has another home.",
                "admin-may-everything",
                "kubectl-to-apiserver",
            ),
        ),
        see="hardway kubectl get nodes",
    ),
    Error(
        name="service-address-refused",
        pattern=r"dial tcp (?P<ip>[\d.]+):443: (?:i/o timeout|connect: (?P<why>[\w ]+))",
        example='E1126 16:20:11.104512       1 reflector.go:204] "Failed to watch" err="Get '
        '\\"https://10.32.0.1:443/api/v1/services\\": dial tcp 10.32.0.1:443: i/o timeout"',
        source="CoreDNS 1.14.7 (client-go), as reported for clusters without kube-proxy's rules",
        said_by="a pod: CoreDNS, an operator",
        means="A pod dialed a Service's address at {ip}:443 and came to nobody. If it is the "
        "first of the range, that is the Service `kubernetes`, the API.",
        causes=(
            Cause(
                "kube-proxy does not run on that node, or its rules are gone.",
                "service-rules",
                "kube-proxy-to-apiserver",
            ),
            Cause("br_netfilter or ip_forward is off on that node.", "kernel-settings"),
            Cause(
                "A firewall drops packets from pods to control planes at port 6443.",
                "pod-reaches-service",
                "pod-to-apiserver",
            ),
        ),
        see="hardway ssh <WORKER> -- nft list table ip kube-proxy",
    ),
    Error(
        name="address-in-use",
        pattern=r"listen tcp\d? (?P<address>\S+): bind: address already in use",
        example='{"level":"fatal","ts":"2026-11-26T16:16:01.920034Z",'
        '"caller":"etcdmain/etcd.go:183","msg":"discovery failed","error":"listen tcp '
        '127.0.0.1:23790: bind: address already in use"}',
        source="etcd 3.6.16, started twice",
        said_by="the program that starts",
        means="Another process listens at {address} already.",
        causes=(
            Cause(
                "The program runs twice: an earlier try, by hand or in a container.",
                "no-unit-failed",
            ),
            Cause("Another program has the port.", "no-unit-failed"),
        ),
        see="hardway ssh <CONTROL_PLANE> -- ss -ltnp",
    ),
    Error(
        name="address-not-here",
        pattern=r"listen tcp\d? (?P<address>\S+): bind: cannot assign requested address",
        example='{"level":"fatal","ts":"2026-11-26T16:16:01.997681Z",'
        '"caller":"etcdmain/etcd.go:183","msg":"discovery failed","error":"listen tcp '
        '192.0.2.1:23790: bind: cannot assign requested address"}',
        source="etcd 3.6.16 with an address of no interface",
        said_by="the program that starts",
        means="{address} is not an address of this machine.",
        causes=(
            Cause(
                "The unit was made for another machine, or the address has changed.",
                "hardway-host-runs",
            ),
            Cause(
                "It is the endpoint's virtual address, and net.ipv4.ip_nonlocal_bind is off.",
                "kernel-settings",
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- ip -brief address",
    ),
    Error(
        name="server-refused",
        pattern=r"The connection to the server (?P<server>\S+) was refused",
        example="The connection to the server 127.0.0.1:6643 was refused - did you specify the "
        "right host or port?",
        source="kubectl 1.37.2 at a port where nothing listens",
        said_by="kubectl",
        means="The machine at {server} answered that nobody listens at that port.",
        causes=(
            Cause(
                "The port is wrong: 6443 is the API's.", "endpoint-answers", "kubectl-to-apiserver"
            ),
            Cause(
                "kube-apiserver or haproxy does not run.", "apiserver-ready", "haproxy-to-apiserver"
            ),
        ),
        see="hardway verify endpoint",
    ),
    Error(
        name="connection-refused",
        pattern=r"dial tcp (?P<address>\S+): connect: connection refused"
        r"|Failed to connect to (?P<host>\S+) port (?P<port>\d+)",
        example="Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused",
        source="kube-apiserver 1.37.2 without etcd",
        said_by="the client",
        means="The machine is there and nobody listens at that port: the program does not run, or "
        "listens at another address. A firewall mostly makes a timeout, not this.",
        causes=(
            Cause(
                "The program behind the port does not run; `hardway explain PORT` names it.",
                "no-unit-failed",
            ),
            Cause(
                "It listens at the machine's address only, and 127.0.0.1 was dialed, or the "
                "other way round.",
                "no-unit-failed",
            ),
            Cause("The address or the port has a typo (6643 for 6443).", "kubeconfig-server"),
        ),
        expected="While a service starts this is right for some seconds; clients try again.",
        see="hardway ssh <CONTROL_PLANE> -- ss -ltnp",
    ),
    Error(
        name="no-route",
        pattern=r"connect: no route to host|Network is unreachable",
        example="dial tcp 10.200.1.7:8080: connect: no route to host",
        source="Go's net package, for the kernel's EHOSTUNREACH",
        said_by="the client",
        means="The machine has no way there, or the last hop found nobody at that address.",
        causes=(
            Cause("The route to that worker's pods is missing on this machine.", "pod-routes"),
            Cause("The machine is off.", "machine-answers"),
            Cause("A firewall rejects with an ICMP message.", "no-foreign-firewall"),
        ),
        see="hardway ssh <WORKER> -- ip route",
    ),
    Error(
        name="name-not-found",
        pattern=r"lookup (?P<name>\S+?)(?: on (?P<server>\S+?))?: "
        r"(?:no such host|server misbehaving|i/o timeout)",
        example="dial tcp: lookup worker-1 on 192.0.2.53:53: no such host",
        source="Go's net package",
        said_by="the client",
        means="The name {name} was not resolved: nobody was dialed.",
        causes=(
            Cause(
                "It is a machine's name, and /etc/hosts of this machine lacks it.",
                "hardway-host-runs",
                "apiserver-to-kubelet",
            ),
            Cause(
                "It is a Service's name, and who asks is not a pod: only pods ask CoreDNS.",
                "pod-resolves",
            ),
            Cause("The resolver does not answer.", "node-resolves"),
        ),
        see="hardway ssh <CONTROL_PLANE> -- cat /etc/hosts",
    ),
    Error(
        name="timeout",
        pattern=r"i/o timeout|context deadline exceeded|Client\.Timeout exceeded"
        r"|TLS handshake timeout|Connection timed out|net/http: request canceled",
        example="Unable to connect to the server: dial tcp 10.240.0.100:6443: i/o timeout",
        source="kubectl 1.37.2, as reported for a blocked port",
        said_by="the client",
        means="No answer came in time, not even a refusal: packets are dropped on the way, or the "
        "server is too busy to answer.",
        causes=(
            Cause(
                "A firewall or security group drops the packets.",
                "endpoint-answers",
                "kubectl-to-apiserver",
            ),
            Cause("A route is missing in one of the two directions.", "pod-routes"),
            Cause(
                "Small packets pass and large ones do not: a connection is made at once, "
                "and hangs in the TLS handshake.",
                "pod-reaches-neighbours",
            ),
            Cause(
                "etcd has no majority: then the API server answers nothing in time.",
                "etcd-member-healthy",
                "apiserver-to-etcd",
            ),
            Cause("The machine is out of memory or processor.", "node-untroubled"),
        ),
        see="hardway verify",
    ),
)
