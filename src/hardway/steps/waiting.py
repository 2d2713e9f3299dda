"""Holding a client of the API back until that answers."""

from hardway.model.cluster import Cluster, Machine
from hardway.model.rows import Setting, quiet
from hardway.pki.inventory import ETC
from hardway.render.kubeconfig import server


def waits_for_api(cluster: Cluster, machine: Machine) -> tuple[Setting, ...]:
    """Return the lines that hold a service back until its API server is ready, or two minutes."""
    # Who is gone takes no connection; who is slow needs the time for TLS and an answer.
    ask = (
        "curl --silent --fail --connect-timeout 2 --max-time 10 --output /dev/null "
        f"--cacert {ETC}/ca.crt {server(cluster, machine)}/readyz"
    )
    return (
        Setting(
            "ExecStartPre",
            f"-/usr/bin/timeout 120 /bin/sh -c 'until {ask}; do sleep 0.3; done'",
            "A client that asks before the API answers waits ever longer between its attempts, or "
            "ends. Only at the start: a running one bears the API's absence.",
        ),
        quiet("TimeoutStartSec", "infinity", "The line above ends by itself after two minutes."),
    )
