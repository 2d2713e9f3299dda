"""Section 5: what people and pods may do. Most of it is for those to decide who run the cluster."""

from typing import Any

from hardway.audit import grants, pods
from hardway.audit.api_server import file
from hardway.audit.evidence import Entries, Objects, Select
from hardway.audit.grants import BINDINGS, Right, given, given_to_everybody
from hardway.audit.pods import PODS, SPACES, containers_with, pods_with
from hardway.audit.rules import NONE, Answer, Expect, Rule
from hardway.steps.apiserver_files import ADMISSION
from hardway.text import text

READ = ("get", "list", "watch")
RBAC = "rbac.authorization.k8s.io"


def pod_security(plugins: Any) -> tuple[str, ...]:
    """Return the levels of Pod Security where a namespace says nothing."""
    found = [p["configuration"]["defaults"] for p in plugins or () if p["name"] == "PodSecurity"]
    return tuple(f"{mode}={d[mode]}" for d in found for mode in ("enforce", "warn") if mode in d)


SOME_LEVEL = Expect(
    text("a level that warns or refuses"),
    lambda _, words: any(word.endswith(("=baseline", "=restricted")) for word in words),
)


def _bindings(
    id_: str, title: str, select: Select, why: str, answer: Answer = Answer.YOURS
) -> Rule:
    return Rule(id=id_, title=title, evidence=Objects(BINDINGS, select), expect=NONE, why=why,
                answer=answer)  # fmt: skip


def _pods(id_: str, title: str, select: Select, why: str) -> Rule:
    return Rule(id=id_, title=title, evidence=Objects(PODS, select), expect=NONE, why=why,
                answer=Answer.YOURS)  # fmt: skip


def _yours(id_: str, title: str, why: str) -> Rule:
    return Rule(id=id_, title=title, why=why, answer=Answer.YOURS)


PLUGINS = file(ADMISSION, "admission-control-config-file")

RULES = (
    _bindings("5.1.1", "cluster-admin is granted where it is needed", grants.administrators,
              "A subject with this role can do everything, on each node too. hardway grants it "
              "to the operators' group alone; people's own bindings are named."),
    _bindings("5.1.2", "not everybody reads Secrets",
              given_to_everybody(Right(READ, "secrets")),
              "Such a binding lets any client, or any pod, read passwords and tokens.",
              Answer.HOLDS),
    _bindings("5.1.3", "roles name what they grant", grants.wildcards,
              "A role with * also grants kinds that do not exist yet. People's own roles are "
              "named."),
    _bindings("5.1.4", "not everybody makes pods",
              given_to_everybody(Right(("create",), "pods")),
              "A client that makes pods can mount each Secret and folder of a node in one.",
              Answer.HOLDS),
    _pods("5.1.5", "namespaces' default accounts are not used",
          pods_with(pods.default_account, text("has a token of the account default")),
          "Pods that share an account cannot be told apart in RBAC and in the audit log."),
    _pods("5.1.6", "service-account tokens only where needed",
          pods_with(pods.token, text("has a token")),
          "A program in a pod that is taken over speaks to the API as that account. Of hardway's "
          "own pods CoreDNS has one, which it needs to list Services."),
    _bindings("5.1.7", "the group system:masters is not used", grants.masters,
              "It passes by RBAC. hardway has one certificate of it (break-glass), good for days "
              "and kept in the cluster's folder, to make the first binding and to repair a "
              "broken one.",
              Answer.DECLINED),
    _bindings("5.1.8", "bind, impersonate and escalate are granted where needed",
              given(Right(("bind", "escalate"), "clusterroles", RBAC),
                    Right(("bind", "escalate"), "roles", RBAC),
                    Right(("impersonate",), "users"), Right(("impersonate",), "groups"),
                    Right(("impersonate",), "serviceaccounts")),
              "With one of these verbs a client takes rights that nobody granted."),
    _bindings("5.1.9", "persistent volumes are made where needed",
              given(Right(("create",), "persistentvolumes")),
              "A volume may be a folder of the node: a client that makes volumes can read any "
              "folder."),
    _bindings("5.1.10", "nodes' proxy is granted where needed",
              given(Right(("get", "create"), "nodes/proxy")),
              "It leads past admission and audit to kubelet: exec in each pod of the node. Of "
              "hardway's own, API servers' client certificate has it."),
    _bindings("5.1.11", "requests for certificates are approved where needed",
              given(Right(("update", "patch"), "certificatesigningrequests/approval",
                          "certificates.k8s.io")),
              "A client that approves requests can get any identity from a signer. hardway's "
              "clusters have no signer for Kubernetes' own kinds."),
    _bindings("5.1.12", "webhooks are configured where needed",
              given(*(Right(("create", "update", "patch"), f"{kind}webhookconfigurations",
                            "admissionregistration.k8s.io")
                      for kind in ("validating", "mutating"))),
              "A webhook sees each object that is written, Secrets too, and may change it."),
    _bindings("5.1.13", "tokens of accounts are made where needed",
              given(Right(("create",), "serviceaccounts/token")),
              "A client that makes an account's token has all rights of the account."),
    Rule(id="5.2.1", title="an active policy control mechanism",
         evidence=Entries(PLUGINS, ("plugins",), pod_security), expect=SOME_LEVEL,
         why="Without it nobody hears of pods that can take over their node. Pod Security warns "
             "and audits at level baseline. It refuses nothing until hardway.yaml (podSecurity) "
             "or a namespace asks: pod-security.kubernetes.io/enforce."),
    _pods("5.2.2", "no privileged containers",
          containers_with(pods.privileged, text("is privileged")),
          "A privileged container is root on its node."),
    _pods("5.2.3", "no pods in the node's process namespace",
          pods_with(lambda s: s.get("hostPID") is True, text("has hostPID")),
          "Such a pod sees the node's processes and their environment, and may end them."),
    _pods("5.2.4", "no pods in the node's IPC namespace",
          pods_with(lambda s: s.get("hostIPC") is True, text("has hostIPC")),
          "Such a pod reads shared memory of the node's processes."),
    _pods("5.2.5", "no pods in the node's network",
          pods_with(lambda s: s.get("hostNetwork") is True, text("has hostNetwork")),
          "Such a pod hears all traffic of the node and comes from its address."),
    _pods("5.2.6", "containers gain no rights",
          containers_with(pods.escalates, text("may gain rights")),
          "A setuid program in the image could give a process more rights than its parent has."),
    _pods("5.2.7", "containers do not run as root",
          containers_with(pods.as_root, text("may run as root")),
          "A process that breaks out of its container as root is root on the node. CoreDNS runs "
          "as root with one capability, port 53, and can write no file."),
    _pods("5.2.8", "containers do not have NET_RAW",
          containers_with(pods.raw_sockets, text("has NET_RAW")),
          "A container that has it can pose as its neighbours (ARP, DNS)."),
    _pods("5.2.9", "containers have no added capabilities",
          containers_with(pods.added_capabilities, text("has added capabilities")),
          "Each capability is a part of what root may do on the node."),
    _pods("5.2.10", "no host processes of Windows",
          containers_with(pods.host_process, text("is a host process")),
          "Such a container is a process of its Windows node. No machine of hardway's is one."),
    _pods("5.2.11", "no folders of nodes in pods",
          pods_with(pods.host_paths, text("has a hostPath")),
          "A pod that mounts a node's folder may read its keys and write its programs."),
    _pods("5.2.12", "no ports of nodes in pods",
          containers_with(pods.host_ports, text("has a hostPort")),
          "Such a pod answers at the node's address, past the rules for Services."),
    _yours("5.3.1", "a network plugin that enforces NetworkPolicies",
           "hardway's bridge enforces no NetworkPolicy. A cluster that needs them needs a network "
           "plugin that does."),
    Rule(id="5.3.2", title="each namespace has NetworkPolicies",
         evidence=Objects(SPACES, pods.without_policy), expect=NONE, answer=Answer.YOURS,
         why="Each pod reaches each other pod. Policies count once a network plugin enforces "
         "them (5.3.1)."),
    _pods("5.4.1", "Secrets are mounted as files, not set as variables",
          containers_with(pods.secrets_in_environment, text("has Secrets in its environment")),
          "Variables end up in crash reports and logs, and are inherited by each program."),
    _yours("5.4.2", "Secrets are kept outside of the cluster",
           "hardway encrypts Secrets in etcd with a key of its own. A store outside, or a KMS, is "
           "for you to bring."),
    _yours("5.5.1", "images are admitted by their origin",
           "Which images are trusted, and who signs them, is for you to say. A webhook or a "
           "ValidatingAdmissionPolicy enforces it."),
    _yours("5.6.1", "namespaces divide what does not belong together",
           "Rights, quotas and policies end at a namespace. Which parts there are is for you to "
           "say."),
    _pods("5.6.2", "pods have a filter of system calls",
          containers_with(pods.unconfined, text("is unconfined")),
          "kubelet gives the runtime's filter to all pods that ask for nothing; pods that ask "
          "for none are named."),
    _pods("5.6.3", "pods say what rights they need",
          containers_with(pods.no_context, text("has no security context")),
          "Without a security context a container has all that a runtime gives by default."),
    _pods("5.6.4", "the namespace default is not used",
          pods_with(pods.in_default, text("is in default")),
          "Rights that end at a namespace do not stop people who work in the wrong one by "
          "mistake."),
)  # fmt: skip
