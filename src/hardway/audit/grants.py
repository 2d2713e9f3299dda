"""Who may do what by RBAC: bindings that grant more than a rule of the benchmark allows. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardway.audit.evidence import Listing, Select
from hardway.model.resources import Manifest
from hardway.steps.index import STEPS
from hardway.text import text

BINDINGS = Listing(
    "clusterroles,roles,clusterrolebindings,rolebindings",
    ("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"),
)
KUBERNETES = "kubernetes.io/bootstrapping"
"""The label of roles and bindings that the API server makes."""
OWN = {key for step in STEPS for key in step.notes if key.startswith("ClusterRoleBinding/")}
"""hardway's own bindings: each has its reason in its step."""
EVERYBODY = {
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
    "system:serviceaccounts",
}
ADMIN = "cluster-admin"
ALL = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
"""What `cluster-admin` grants; of what is rendered, the role itself is no part."""


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on a resource."""

    verbs: tuple[str, ...]
    resource: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A binding, whom it is for, and what it grants."""

    binding: str
    role: str
    subjects: tuple[str, ...]
    rules: Sequence[Mapping[str, Any]]
    kubernetes: bool
    """The API server makes it."""

    @property
    def peoples(self) -> bool:
        """Whether it is neither Kubernetes' own nor hardway's."""
        return not self.kubernetes and self.binding not in OWN

    def gives(self, right: Right) -> bool:
        """Return whether it grants one of the right's verbs on all such objects."""
        return any(
            _meets(rule.get("apiGroups", ()), right.group)
            and _meets(rule.get("resources", ()), right.resource)
            and any(_meets(rule["verbs"], verb) for verb in right.verbs)
            for rule in self.rules
            if not rule.get("resourceNames")
        )

    @property
    def whom(self) -> str:
        """The subjects as a text."""
        return text("to {subjects}", subjects=" ".join(self.subjects))


def _meets(listed: Sequence[str], wanted: str) -> bool:
    return "*" in listed or wanted in listed


def grants(objects: Sequence[Manifest]) -> Iterator[Grant]:
    """Yield what each binding grants."""
    roles = {
        _key(o["kind"], o): o.get("rules") or () for o in objects if o["kind"].endswith("Role")
    }
    for item in objects:
        if item["kind"].endswith("Binding"):
            ref, space = item["roleRef"], item["metadata"].get("namespace", "")
            inner = space if ref["kind"] == "Role" else ""
            key = (ref["kind"], inner, ref["name"])
            yield Grant(
                binding="/".join(filter(None, _key(item["kind"], item))),
                role=ref["name"],
                subjects=tuple(_subject(s) for s in item.get("subjects") or ()),
                rules=roles.get(key, ALL if ref["name"] == ADMIN else ()),
                kubernetes=KUBERNETES in item["metadata"].get("labels", {}),
            )


def _key(kind: str, item: Manifest) -> tuple[str, str, str]:
    return kind, item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _subject(subject: Manifest) -> str:
    return ":".join(filter(None, (subject.get("namespace", ""), subject["name"])))


def given_to_everybody(*rights: Right) -> Select:
    """Select bindings that give one of the rights to people and pods without distinction."""

    def select(objects: Sequence[Manifest]) -> dict[str, str]:
        return {
            grant.binding: grant.whom
            for grant in grants(objects)
            if EVERYBODY & set(grant.subjects) and any(map(grant.gives, rights))
        }

    return select


def given(*rights: Right) -> Select:
    """Select people's bindings that give one of the rights.

    Of those to `cluster-admin`, which give all of them, `administrators` tells.
    """

    def select(objects: Sequence[Manifest]) -> dict[str, str]:
        return {
            grant.binding: grant.whom
            for grant in grants(objects)
            if grant.peoples and grant.role != ADMIN and any(map(grant.gives, rights))
        }

    return select


def administrators(objects: Sequence[Manifest]) -> dict[str, str]:
    """Return people's bindings to `cluster-admin`."""
    return {
        grant.binding: grant.whom
        for grant in grants(objects)
        if grant.role == ADMIN and grant.peoples
    }


def masters(objects: Sequence[Manifest]) -> dict[str, str]:
    """Return bindings that name the group system:masters: Kubernetes' own apart."""
    return {
        grant.binding: text("role {role}", role=grant.role)
        for grant in grants(objects)
        if "system:masters" in grant.subjects and not grant.kubernetes
    }


def wildcards(objects: Sequence[Manifest]) -> dict[str, str]:
    """Return roles with a `*` in them: Kubernetes' own apart."""
    return {
        "/".join(filter(None, _key(role["kind"], role))): text("has {what}", what="*")
        for role in objects
        if role["kind"].endswith("Role")
        and KUBERNETES not in role["metadata"].get("labels", {})
        and any("*" in (*rule["verbs"], *rule.get("resources", ()), *rule.get("apiGroups", ()))
                for rule in role.get("rules") or ())
    }  # fmt: skip
