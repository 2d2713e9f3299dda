"""Kubeconfigs: where each client of the API finds it, whom it trusts, and who it is."""

from collections.abc import Mapping

import yaml

from hardway.model.checks import (
    MACHINES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired
from hardway.pki import inventory as pki
from hardway.render import kubeconfig
from hardway.steps.base import Given, Inventory, Step
from hardway.text import joined, text

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


TEXTS = Sh("""for file in <KUBECONFIGS>; do
    printf '@ %s\\n' "$file"
    sed -E 's/^( *(client-key-data|token|password)):.*/\\1: hidden/' "$file" 2>/dev/null
done""")


def _usable(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge whom each names and whom it trusts; where it goes to is another check's."""
    parts = [part.partition("\n") for part in answer.text.split("@ ")[1:]]
    texts = {path: content for path, _, content in parts}
    wanted = {kubeconfig.path(w.row): w.row for w in pki.expand(subject.cluster)
              if w.machine == subject.name and w.row.kubeconfig}  # fmt: skip
    wrong = [text("{path}: {flaw}", path=path, flaw=flaw)
             for path, row in wanted.items()
             if (flaw := _flaw(texts.get(path, ""), row))]  # fmt: skip
    alike = text("whole")
    return judged(alike, joined("; ", wrong) or alike)


def _flaw(content: str, row: pki.Certificate) -> str:
    try:
        said = yaml.safe_load(content) or {}
        (context,) = [
            c["context"] for c in said["contexts"] if c["name"] == said["current-context"]
        ]
        (at,) = [c["cluster"] for c in said["clusters"] if c["name"] == context["cluster"]]
        (user,) = [u["user"] for u in said["users"] if u["name"] == context["user"]]
    except yaml.YAMLError as error:
        return text("is no YAML: {problem}", problem=str(getattr(error, "problem", error)))
    except (KeyError, ValueError, TypeError):
        return text("has no context with a cluster and a user that are there")
    found = {**at, **user}
    right = {
        "certificate-authority": f"{pki.ETC}/ca.crt",
        "client-certificate": f"{row.path}.crt",
        "client-key": f"{row.path}.key",
    }
    if found.get("insecure-skip-tls-verify"):
        return text("trusts whoever answers (insecure-skip-tls-verify)")
    # In itself instead of by path, as kubectl writes them, is another way to say the same.
    other = [text("{name} is {found}", name=name, found=found.get(name, text("missing")))
             for name, path in right.items()
             if found.get(name) != path and f"{name}-data" not in found]  # fmt: skip
    return joined(", ", other)


CHECKS = (
    Check(name="kubeconfigs-usable", step=NAME, scope=MACHINES, words=_words, ask=TEXTS,
          judge=_usable, when=Occasion.ASKED, causes=("files-as-given",),
          why="by its kubeconfig a client knows whom to trust and who it is: without it, or with "
          "another's, it is refused",
          see="hardway ssh <MACHINE> -- cat <KUBECONFIGS>"),
    Check(name="kubeconfig-server", step=NAME, scope=MACHINES, words=_words,
          causes=("kubeconfigs-usable", "files-as-given"),
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
