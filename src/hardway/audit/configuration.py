"""Section 3: how people come in, and what is logged of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardway.audit.api_server import file, flags
from hardway.audit.evidence import Entries
from hardway.audit.rules import PRESENT, Answer, Expect, Rule, absent_or, equals
from hardway.steps.apiserver_files import AUDIT_POLICY
from hardway.text import text

CONCERNS = (
    ("", "secrets", "get"),
    ("", "configmaps", "get"),
    ("authentication.k8s.io", "tokenreviews", "create"),
    ("", "pods", "create"),
    ("apps", "deployments", "patch"),
    ("", "pods/exec", "get"),
    ("", "pods/portforward", "get"),
    ("", "pods/proxy", "get"),
    ("", "services/proxy", "get"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
)
"""Requests that one asks the log about after an incident: group, resource, verb."""
NARROW = {"users", "userGroups", "namespaces"}
"""With one of these a rule is about some requests of a kind; the others come to the next rules."""


def levels(rules: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    """Return at which levels an audit policy logs them, and what it leaves out."""
    found = {(verb, name): _level(rules or (), group, name, verb) for group, name, verb in CONCERNS}
    return tuple(dict.fromkeys(
        f"{NOTHING} {verb} {name}" if level == "None" else level
        for (verb, name), level in found.items()
    ))  # fmt: skip


def _level(rules: Sequence[Mapping[str, Any]], group: str, resource: str, verb: str) -> str:
    for rule in rules:
        if not NARROW & set(rule) and _fits(rule, group, resource, verb):
            return str(rule["level"])
    return "None"


def _fits(rule: Mapping[str, Any], group: str, resource: str, verb: str) -> bool:
    if verb not in rule.get("verbs", [verb]) or "nonResourceURLs" in rule:
        return False
    parts = rule.get("resources")
    names = {resource, "*", f"{resource.partition('/')[0]}/*"}
    return parts is None or any(
        part.get("group", "") == group
        and (not part.get("resources") or names & {*part["resources"]})
        for part in parts
    )


NOTHING = "nothing of"
ALL_LOGGED = Expect(
    text("each request logged"), lambda _, words: not any(w.startswith(NOTHING) for w in words)
)

POLICY = file(AUDIT_POLICY, "audit-policy-file")

RULES = (
    Rule(id="3.1.1", title="people do not come in with certificates", answer=Answer.YOURS,
         why="hardway has no users of its own but the operators: their certificate is good for "
         "days, and a binding that can be taken back gives it its rights. For more people bring an "
         "identity provider (OIDC): a certificate cannot be taken back."),
    Rule(id="3.1.2", title="people do not come in with service accounts' tokens",
         answer=Answer.YOURS,
         why="hardway gives no person such a token. The log would name the account and not the "
         "person."),
    Rule(id="3.1.3", title="people do not come in with bootstrap tokens",
         evidence=flags("--enable-bootstrap-token-auth"), expect=absent_or(equals("false")),
         why="Bootstrap tokens are for nodes that join; they are not on, since hardway issues "
         "nodes' certificates."),
    Rule(id="3.2.1", title="there is an audit policy",
         evidence=flags("--audit-policy-file"), expect=PRESENT,
         why="Without a policy nothing is logged, even with a path for the log."),
    Rule(id="3.2.2", title="the audit policy covers what matters",
         evidence=Entries(POLICY, ("rules",), levels), expect=ALL_LOGGED,
         why="Without it nobody can find out who read a Secret, made a pod or ran a command in "
             "one."),
)  # fmt: skip
