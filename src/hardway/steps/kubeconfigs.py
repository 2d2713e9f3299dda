"""Kubeconfigs: where each client of the API finds it, whom it trusts, and who it is."""

import asyncio

from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired, Finding
from hardway.render import kubeconfig
from hardway.steps.base import Check, Given, Inventory, Live, Step

NAME = "kubeconfigs"

EXPECTED = {
    Role.CONTROL_PLANE: ("kube-controller-manager", "kube-scheduler"),
    Role.WORKER: ("kubelet", "kube-proxy"),
}


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return the kubeconfigs of a machine's clients."""
    return Desired(files=kubeconfig.kubeconfigs_for(given.cluster, machine, given.secrets))


SERVER = Check(
    "kubeconfig-server", NAME, "a client that asks the wrong server is lost when that one is",
    "hardway ssh MACHINE -- grep server: /etc/kubernetes/*.kubeconfig",
)  # fmt: skip


async def verify(live: Live) -> list[Finding]:
    """Look whether each client's kubeconfig names the right server."""

    async def one(machine: Machine) -> Finding:
        transport = live.fleet.get(machine.name)
        expected = " ".join(
            kubeconfig.server(live.cluster, machine) for _ in EXPECTED[machine.role]
        )
        if transport is None:
            return SERVER.found(machine.name, expected, "no answer")
        paths = [f"/etc/kubernetes/{name}.kubeconfig" for name in EXPECTED[machine.role]]
        done = await transport.run(["sed", "-n", "s/^ *server: *//p", *paths])
        return SERVER.found(machine.name, expected, " ".join(done.stdout.decode().split()))

    return list(await asyncio.gather(*(one(m) for m in live.cluster.machines)))


STEP = Step(
    name=NAME,
    title="Kubeconfigs",
    why="where each client finds the API, whom it trusts, and as whom it comes",
    render=render,
    verify=verify,
)
