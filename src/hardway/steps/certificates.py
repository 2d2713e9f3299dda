"""Certificates: each machine gets the ones its services present, and the CAs they trust."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hardway.model.checks import MACHINES, Answer, Check, Judgement, Sh, Subject, judged
from hardway.model.cluster import Cluster, Machine, Role
from hardway.model.resources import Change, Desired, File, Folder, Issued, Kind
from hardway.pki import inventory as pki
from hardway.pki.decide import Issue
from hardway.pki.inspect import read
from hardway.pki.values import Secrets
from hardway.render import kubeconfig
from hardway.steps import certificate_checks, encryption
from hardway.steps.base import Given, Inventory, Step
from hardway.text import joined, text

NAME = "certificates"
HERE = "this host"
"""Where certificates are that no machine has."""


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return the certificates and keys of a machine."""
    files = files_for(given.cluster, machine, given.secrets)
    parents = sorted({f.path.rsplit("/", 1)[0] for f in files})
    # Entered by several users; each key in it is its owner's alone.
    folders = tuple(Folder(path=p, why="Keys and certificates of one service.") for p in parents)
    return Desired(folders=folders, files=files)


def files_for(cluster: Cluster, machine: Machine, secrets: Secrets) -> tuple[File, ...]:
    """Return the certificates, keys and trusted CAs that a machine gets as files."""
    files = [
        File(path=path, content=secrets.cas[ca].bundle, why=text("trusted to say {what}", what=why))
        for role, path, ca, why in pki.TRUSTED
        if role is machine.role
    ]
    for wanted in pki.expand(cluster):
        row = wanted.row
        if wanted.machine == machine.name and row.path:
            pair = secrets.certificates[wanted.id]
            files += [
                File(path=f"{row.path}.crt", content=pair.certificate, why=row.why),
                File(path=f"{row.path}.key", content=pair.key, mode=0o600, owner=row.owner,
                     secret=True, why=text("proves that one is {name}", name=wanted.common_name)),
            ]  # fmt: skip
    if machine.role is Role.CONTROL_PLANE:
        account = secrets.service_account
        files += [
            File(path=path, content=account.signing.key, mode=0o600, owner=owner, secret=True,
                 why=why)
            for path, owner, why in pki.SIGNING
        ]  # fmt: skip
        files.append(File(path=pki.PUBLIC, content=account.bundle, why="checks pods' tokens"))
    return tuple(files)


SHOWN = {"issue": Kind.ISSUE, "put away": Kind.REMOVE}
"""How the plan shows what is done with a secret."""


def planned(issues: Sequence[Issue], changes: Sequence[Change]) -> list[Change]:
    """Return what would be issued, then the changes, whose files show no digest to come of it."""
    issued = [
        Change(machine=issue.machine or HERE, step=NAME, kind=SHOWN[issue.verb],
               path_or_unit=issue.name, item=Issued(name=issue.name, why=issue.why), diff=issue.why)
        for issue in sorted(issues, key=lambda i: i.machine)
    ]  # fmt: skip
    return [*issued, *(_unissued(issues, change) for change in changes)]


def _unissued(issues: Sequence[Issue], change: Change) -> Change:
    for issue in issues:
        if change.path_or_unit in _places(issue) and issue.machine in {"", change.machine}:
            made = SHOWN[issue.verb] is Kind.ISSUE
            return replace(change, diff=text("with {name} as it will be issued", name=issue.name)
                           if made else text("without {name}", name=issue.name))  # fmt: skip
    return change


def _places(issue: Issue) -> set[str]:
    """Return the paths on machines of what is issued."""
    match issue.what:
        case pki.Wanted(row):
            return {f"{row.path}.crt", f"{row.path}.key", kubeconfig.path(row)}
        case pki.Authority(name):
            return {path for _, path, ca, _ in pki.TRUSTED if ca == name}
        case "service-account":
            return {pki.PUBLIC, *(path for path, _, _ in pki.SIGNING)}
    return {encryption.PATH}


HELD = """date +%s
find /etc/kubernetes/pki /etc/etcd/pki -name '*.crt' \\
  -exec tail --verbose --lines=+1 {} + 2>/dev/null | sed 's/^==> \\(.*\\) <==$/@ \\1/'
find /etc/kubernetes /etc/etcd \\( -name '*.key' -o -name '*.kubeconfig' \\) -perm /077 \\
  -printf '! %p\\n' 2>/dev/null
"""
"""The time there, certificates, which are no secret, and the names of keys that others can read."""


def _valid(subject: Subject, answer: Answer) -> tuple[Judgement]:
    time, *parts = answer.text.split("\n! ")[0].split("@ ")
    now = datetime.fromtimestamp(int(time), UTC)
    files = {path: pem for path, _, pem in (part.partition("\n") for part in parts)}
    bad = [path for path, pem in files.items() if not _good_tomorrow(pem, now)]
    wanted = pki.certificate_paths(subject.machine.role)
    missing = [text("{path} is missing", path=path) for path in wanted if path not in files]
    return judged(text("all"), joined(", ", [*bad, *missing]) or text("all"))


def _good_tomorrow(pem: str, now: datetime) -> bool:
    try:
        said = read(pem.encode())
    except ValueError:
        return False
    return said.not_before <= now and now + timedelta(days=1) < said.not_after


def _private(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    readable = [line[2:] for line in answer.text.splitlines() if line.startswith("! ")]
    return judged(text("none"), ", ".join(readable) or text("none"))


CHECKS = (
    *certificate_checks.CHECKS,
    Check(name="certificates-valid", step=NAME, scope=MACHINES, ask=Sh(HELD), judge=_valid,
          why="nobody accepts an expired certificate: whoever presents it is cut off",
          test="hardway ssh <MACHINE> -- 'for file in $(find /etc/kubernetes/pki /etc/etcd/pki "
          '-name "*.crt" 2>/dev/null); do openssl x509 -in $file -noout -checkend 86400 || '
          "exit 1; done'",
          see="hardway certs"),
    Check(name="keys-private", step=NAME, scope=MACHINES, ask=Sh(HELD), judge=_private,
          why="whoever can read a key can act as its owner",
          test="hardway ssh <MACHINE> -- '! find /etc/kubernetes /etc/etcd -name \"*.key\" "
          "-perm /077 2>/dev/null | grep .'",
          see="hardway ssh <MACHINE> -- find /etc/kubernetes /etc/etcd -name '*.key' -perm /077"),
)  # fmt: skip


STEP = Step(
    name=NAME,
    title="Three CAs and a certificate for every role",
    why="every connection of the cluster is TLS, and each end knows who the other is",
    render=render,
    checks=CHECKS,
)
