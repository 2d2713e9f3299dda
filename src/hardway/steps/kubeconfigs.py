"""Kubeconfigs: where each client of the API finds it, whom it trusts, and who it is."""

from collections.abc import Mapping

from hardway.model.checks import MACHINES, Check, Sh, Subject, judged
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired
from hardway.render import kubeconfig
from hardway.steps.base import Given, Inventory, Step

NAME = "kubeconfigs"

EXPECTED = {
    Role.CONTROL_PLANE: ("kube-controller-manager", "kube-scheduler"),
    Role.WORKER: ("kubelet", "kube-proxy"),
}


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return the kubeconfigs of a machine's clients."""
    return Desired(files=kubeconfig.kubeconfigs_for(given.cluster, machine))


def _words(subject: Subject) -> Mapping[str, str]:
    names = EXPECTED[subject.machine.role]
    return {
        "KUBECONFIGS": " ".join(f"/etc/kubernetes/{name}.kubeconfig" for name in names),
        "SERVERS": " ".join(kubeconfig.server(subject.cluster, subject.machine) for _ in names),
    }


CHECKS = (
    Check(name="kubeconfig-server", step=NAME, scope=MACHINES, words=_words,
          ask=Sh("sed -n 's/^ *server: *//p' <KUBECONFIGS>"),
          judge=lambda s, answer: judged(_words(s)["SERVERS"], " ".join(answer.text.split())),
          why="a client of the wrong server fails together with it",
          test="hardway ssh <MACHINE> -- '[ \"$(sed -n \"s/^ *server: *//p\" <KUBECONFIGS> | "
          "xargs)\" = \"<SERVERS>\" ]'",
          see="hardway ssh <MACHINE> -- grep server: <KUBECONFIGS>"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Kubeconfigs",
    why="where each client finds the API, whom it trusts, and as whom it comes",
    render=render,
    checks=CHECKS,
)
