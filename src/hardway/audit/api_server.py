"""Section 1.2: the API server's flags and files."""

from typing import Any

from hardway.audit.evidence import Document, Entries, Evidence, Flags, running
from hardway.audit.rules import (
    ABSENT,
    PRESENT,
    STRONG,
    Answer,
    Expect,
    Rule,
    absent_or,
    at_least,
    equals,
    has,
    lacks,
    listed,
)
from hardway.model.checks import CONTROL_PLANES, Sh
from hardway.steps import apiserver, encryption
from hardway.steps.apiserver_files import (
    AUTHENTICATION,
    DISCOVERY_PATHS,
    HEALTH_PATHS,
)
from hardway.text import text

LONGEST_S = 300
"""Seconds for which one request may hold the API server; its default is 60."""


def flags(*names: str) -> Flags:
    """Return flags of the API server as evidence."""
    return Flags(apiserver.UNIT, names, CONTROL_PLANES)


TOLD = """{running}
path=$(tr '\\0' '\\n' </proc/$pid/cmdline | sed -En '/^--?{flag}$/{{n;p}}; s/^--?{flag}=//p')
[ -z "$path" ] || {show} "$path\""""


def file(path: str, flag: str, *, hide: str = "") -> Document:
    """Return a file that the API server is told of by a flag, wherever that leads.

    `hide` is the key of the secrets in it: what follows it is not printed.
    """
    show = f"sed -E 's/({hide}:).*/\\1 hidden/'" if hide else "cat"
    ask = Sh(TOLD.format(running=running(apiserver.UNIT), flag=flag, show=show))
    return Document(path, CONTROL_PLANES, ask, f'hardway ssh <MACHINE> -- "{show} {path}"')


def anonymous_paths(value: Any) -> tuple[str, ...]:
    """Return the paths that answer clients without credentials: all of them by default (`*`)."""
    if value is None:
        return ("*",)
    conditions = value.get("conditions") or [{"path": "*"}]
    return tuple(c["path"] for c in conditions) if value.get("enabled") else ()


def writing_providers(value: Any) -> tuple[str, ...]:
    """Return by what Secrets are encrypted: the first provider writes."""
    return tuple(
        next(iter(part["providers"][0]))
        for part in value or ()
        if {"secrets", "*.", "*.*"} & set(part["resources"])
    )


HEALTH_ALONE = Expect(
    text("paths of health, and of discovery if you ask for that"),
    lambda _, words: set(words) <= {*HEALTH_PATHS, *DISCOVERY_PATHS},
)
ENCRYPTED = Expect(
    text("secretbox, aescbc or kms"),
    lambda _, words: bool(words) and set(words) <= {"secretbox", "aescbc", "kms"},
)
SHORT = Expect(
    text("at most {seconds} s", seconds=LONGEST_S),
    lambda _, words: 0 < _seconds(words[-1]) <= LONGEST_S,
)


LIMITED = Expect(
    text("modes without AlwaysAllow"),
    lambda _, words: bool(words) and "AlwaysAllow" not in listed(words),
)


def _seconds(duration: str) -> float:
    """Return a duration of Go's in seconds; 0, which ends no request, where it is none."""
    units, total, number = {"h": 3600, "m": 60, "s": 1}, 0.0, ""
    for char in duration:
        if char in units:
            total, number = total + float(number or 0) * units[char], ""
        else:
            number += char
    return 0 if number else total


def _rule(  # noqa: PLR0913, PLR0917 - a row of a table
    number: int, title: str, evidence: Evidence | None, expect: Expect | None, why: str,
    answer: Answer = Answer.HOLDS,
) -> Rule:  # fmt: skip
    return Rule(id=f"1.2.{number}", title=title, evidence=evidence, expect=expect, why=why,
                answer=answer)  # fmt: skip


CLIENTS = file(AUTHENTICATION, "authentication-config")
ENCRYPTION = file(encryption.PATH, "encryption-provider-config", hide="secret")
PLUGINS, WITHOUT = "--enable-admission-plugins", "--disable-admission-plugins"

RULES = (
    _rule(1, "no anonymous requests",
          Entries(CLIENTS, ("anonymous",), anonymous_paths), HEALTH_ALONE,
          "Load balancers ask for health and have no certificate. All other paths refuse clients "
          "without credentials with 401, whatever RBAC grants them.", Answer.DECLINED),
    _rule(2, "no file of tokens", flags("--token-auth-file"), ABSENT,
          "Tokens in a file never end, and none can be taken back without a restart."),
    _rule(3, "Services claim no external addresses", flags(PLUGINS), has("DenyServiceExternalIPs"),
          "The owner of a Service that claims another's address gets its traffic (CVE-2020-8554)."),
    _rule(4, "client certificate for kubelets",
          flags("--kubelet-client-certificate", "--kubelet-client-key"), PRESENT,
          "Without it kubelets cannot tell the API server from strangers, and have to serve "
          "both."),
    _rule(5, "kubelets' certificates are checked", flags("--kubelet-certificate-authority"),
          PRESENT,
          "Without it any machine could pose as a node and read what people send to pods by "
          "exec."),
    _rule(6, "not every request is allowed", flags("--authorization-mode"),
          LIMITED,
          "With AlwaysAllow each client could do everything."),
    _rule(7, "authorization by node", flags("--authorization-mode"), has("Node"),
          "Without it kubelets need rights by RBAC, which would open the Secrets of all nodes to "
          "each of them."),
    _rule(8, "authorization by RBAC", flags("--authorization-mode"), has("RBAC"),
          "Without it rights stand in files on machines, and the API can neither show nor change "
          "them."),
    _rule(9, "events are limited by the plugin EventRateLimit", None, None,
          "The plugin's configuration is still alpha. Priority and fairness keep one client from "
          "taking the API server's time, and kubelets limit their own events.",
          Answer.DECLINED),
    _rule(10, "no plugin AlwaysAdmit", flags(PLUGINS), lacks("AlwaysAdmit"),
          "It lets everything pass; its name promises a check that is not made."),
    _rule(11, "images are pulled at each start", None, None,
          "Pods would start only while their registry answers, and CoreDNS, whose image is in no "
          "registry, never. kubelet itself asks for credentials again before a pod gets an image "
          "that another pod pulled (KubeletEnsureSecretPulledImages, since 1.35).",
          Answer.DECLINED),
    _rule(12, "plugin ServiceAccount is on", flags(WITHOUT), lacks("ServiceAccount"),
          "Without it pods get no token, and nobody checks the account that a pod names."),
    _rule(13, "plugin NamespaceLifecycle is on", flags(WITHOUT), lacks("NamespaceLifecycle"),
          "Without it objects can be made in namespaces that are being deleted, and stay behind."),
    _rule(14, "plugin NodeRestriction is on", flags(PLUGINS), has("NodeRestriction"),
          "Without it a kubelet could label its own node so that pods with Secrets are sent "
          "there."),
    _rule(15, "profiling is off", flags("--profiling"), equals("false"),
          "/debug/pprof tells much about the process and costs it time."),
    _rule(16, "requests are logged", flags("--audit-log-path"), PRESENT,
          "Without it nobody can say after an incident who did what."),
    _rule(17, "audit logs are kept for 30 days", flags("--audit-log-maxage"), at_least(30),
          "Most incidents are noticed weeks later."),
    _rule(18, "10 audit logs are kept", flags("--audit-log-maxbackup"), at_least(10),
          "With fewer, a busy hour pushes out what happened before it."),
    _rule(19, "audit logs of 100 MiB", flags("--audit-log-maxsize"), at_least(100),
          "With small files the kept number of them covers a short time."),
    _rule(20, "requests end in time", flags("--request-timeout"), absent_or(SHORT),
          "Without a limit slow requests of one client take the connections of all."),
    _rule(21, "tokens of deleted accounts are refused", flags("--service-account-lookup"),
          absent_or(equals("true")),
          "Without it a token is good until it ends, though its account is gone."),
    _rule(22, "tokens are checked by a key of their own", flags("--service-account-key-file"),
          PRESENT,
          "Without it the key of the server's certificate checks tokens, and its renewal ends "
          "all of them."),
    _rule(23, "client certificate for etcd", flags("--etcd-certfile", "--etcd-keyfile"), PRESENT,
          "Without it etcd has to serve clients that show no certificate."),
    _rule(24, "the API is served with a certificate",
          flags("--tls-cert-file", "--tls-private-key-file"), PRESENT,
          "Without it the API server makes up a certificate that no client can check."),
    _rule(25, "clients' certificates are checked", flags("--client-ca-file"), PRESENT,
          "Without it no client can come with a certificate."),
    _rule(26, "etcd's certificate is checked", flags("--etcd-cafile"), PRESENT,
          "Without it a certificate of any CA that this machine trusts passes for etcd's."),
    _rule(27, "Secrets are encrypted before etcd stores them",
          flags("--encryption-provider-config"), PRESENT,
          "Without it a copy of etcd's disk, or of a snapshot, holds all Secrets in plain text."),
    _rule(28, "Secrets are encrypted by a strong provider",
          Entries(ENCRYPTION, ("resources",), writing_providers),
          ENCRYPTED,
          "The first provider encrypts what is written: `identity` would write plain text."),
    _rule(29, "strong cipher suites", flags("--tls-cipher-suites"), STRONG,
          "With other suites a recorded connection can be read later with the server's key, or "
          "be changed."),
    _rule(30, "pods' tokens end when they say",
          flags("--service-account-extend-token-expiration"), equals("false"),
          "Without it a pod's token is good for a year instead of an hour."),
)  # fmt: skip
