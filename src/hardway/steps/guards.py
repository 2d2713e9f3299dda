"""Cures found on the internet that do harm: what they take away is asked of the running cluster.

Rows of the steps control-plane and access.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardway.model.checks import (
    CLUSTER,
    CONTROL_PLANES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Subject,
    every,
    judged,
)
from hardway.model.objects import items
from hardway.steps import cures, processes
from hardway.steps.base import API
from hardway.text import joined, text

UNIT = "kube-apiserver.service"


@dataclass(frozen=True, slots=True)
class Guard:
    """A flag of the API server that protects, and what is open without it."""

    flag: str
    holds: Callable[[Sequence[str]], bool]
    """Of the flag's values as they are running, each split at its commas."""
    harm: str


def _has(*words: str) -> Callable[[Sequence[str]], bool]:
    return lambda given: set(words) <= set(given)


def _is_there(given: Sequence[str]) -> bool:
    return any(given)


def _absent(given: Sequence[str]) -> bool:
    return not given


GUARDS = (
    Guard("--authorization-mode", lambda given: sorted(given) == ["Node", "RBAC"],
          "with AlwaysAllow, or without Node, any client may do anything, or any kubelet "
          "everything"),
    Guard("--enable-admission-plugins", _has("NodeRestriction"),
          "without NodeRestriction a kubelet changes other nodes and their pods"),
    Guard("--disable-admission-plugins", _absent,
          "plugins that are on by default protect: PodSecurity, ServiceAccount and others"),
    Guard("--encryption-provider-config", _is_there,
          "without it new Secrets are plain text in etcd, and those that are encrypted unreadable"),
    Guard("--authentication-config", _is_there,
          "without it anonymous clients are let through to RBAC on all paths"),
    Guard("--anonymous-auth", lambda given: given in ([], ["false"]),
          "anonymous clients are let through to RBAC on all paths"),
    Guard("--client-ca-file", _is_there, "without it certificates say nothing about a client"),
    Guard("--token-auth-file", _absent, "passwords in a file that never end"),
    Guard("--kubelet-certificate-authority", _is_there,
          "without it any machine could pose as a node for logs and exec"),
    Guard("--requestheader-allowed-names", _is_there,
          "without it any certificate of the front-proxy CA may say who the user is"),
    Guard("--service-account-lookup", lambda given: given in ([], ["true"]),
          "tokens of accounts that were deleted stay good"),
    Guard("--audit-policy-file", _is_there, "without it nobody can tell who did what"),
)  # fmt: skip


def _guarded(_subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    seen = processes.units(answer.text).get(UNIT)
    if seen is None or not seen.argv:
        return ()
    values: dict[str, list[str]] = {}
    for row in processes.given(seen.argv[1:]):
        name, _, value = row.partition("=")
        values.setdefault(name, []).extend(value.split(","))
    open_ = [
        text("{flag} is {value}: {harm}", flag=guard.flag, harm=guard.harm,
             value=",".join(values.get(guard.flag, [])) or text("not given"))
        for guard in GUARDS
        if not guard.holds(values.get(guard.flag, []))
    ]  # fmt: skip
    return judged(text("all on"), joined("; ", open_) or text("all on"))


GUARDED = Check(
    name="apiserver-guards", step="control-plane", scope=CONTROL_PLANES, ask=processes.ASK,
    judge=_guarded, when=Occasion.ASKED, causes=("no-foreign-drop-ins", "files-as-given"),
    why="advice found for some error often is to switch its guard off",
    see="hardway ssh <MACHINE> -- 'tr \"\\0\" \"\\n\" </proc/$(pidof kube-apiserver)/cmdline'",
)  # fmt: skip

ANYBODY = frozenset({"system:anonymous", "system:unauthenticated"})
EVERY_ACCOUNT = frozenset({"system:authenticated", "system:serviceaccounts", "system:nodes"})
"""Groups that whoever gets into any pod, or onto any node, is of."""
FOR_ANYBODY = frozenset({"system:public-info-viewer"})
"""Upstream's role: versions and health."""
FOR_ACCOUNTS = frozenset({
    "system:basic-user", "system:discovery", "system:public-info-viewer",
    "system:service-account-issuer-discovery", "system:cluster-trust-bundle-discovery",
})  # fmt: skip
"""Upstream's roles for them: who am I, what is there, whom do tokens come from."""
BINDINGS = every("clusterrolebindings,rolebindings")
SEE = "hardway kubectl get clusterrolebindings,rolebindings --all-namespaces --output=wide"


def _granted(answer: Answer) -> Iterator[tuple[str, str, str]]:
    """Yield each binding's name, its role, and the name of each subject of it."""
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for binding in items(answer.text, kind):
            for subject in binding.get("subjects") or ():
                yield (
                    f"{kind}/{binding['metadata']['name']}",
                    binding["roleRef"]["name"],
                    _of(subject),
                )


def _of(subject: Mapping[str, Any]) -> str:
    if subject["kind"] == "ServiceAccount":
        return f"{subject.get('namespace', '')}/{subject['name']}"
    return str(subject["name"])


def _beyond(who: frozenset[str], roles: frozenset[str], answer: Answer) -> tuple[Judgement]:
    found = [
        text("{binding} gives {role} to {subject}", binding=binding, role=role, subject=subject)
        for binding, role, subject in _granted(answer)
        if (subject in who or any(subject.startswith(f"{group}:") for group in who))
        and role not in roles
    ]
    return judged(text("nothing"), joined("; ", dict.fromkeys(found)) or text("nothing"))


def _anybody(subject: Subject, answer: Answer) -> tuple[Judgement]:
    public = {"system:service-account-issuer-discovery"}
    own = public if subject.cluster.options.public_discovery else set[str]()
    return _beyond(ANYBODY, FOR_ANYBODY | own, answer)


def _accounts(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    return _beyond(EVERY_ACCOUNT, FOR_ACCOUNTS, answer)


ACCESS = (
    Check(name="nothing-for-anonymous", step="access", scope=CLUSTER, ask=BINDINGS,
          judge=_anybody, when=Occasion.ASKED, causes=API,
          why="what is granted to anonymous clients is granted to whoever reaches the API",
          cure=cures.NO_BINDING, see=SEE),
    Check(name="nothing-for-every-account", step="access", scope=CLUSTER, ask=BINDINGS,
          judge=_accounts, when=Occasion.ASKED, causes=API,
          why="what is granted to all accounts is granted to whoever gets into any one pod",
          cure=cures.NO_BINDING, see=SEE),
)  # fmt: skip
