"""Certificates and keys of a machine, beside the rows of hardway's table."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardway.atlas.material import MaterialKind
from hardway.inventory.component import Component, Named
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.look import SeenFile
from hardway.meaning import certificate
from hardway.meaning.base import ABSENT, Deviation
from hardway.meaning.certificate import Expected, public_keys, split
from hardway.model.cluster import Cluster, Machine, Role
from hardway.pki.inventory import Certificate, Wanted, expand
from hardway.text import text

MASTERS = "system:masters"
LOOPBACK = "127.0.0.1"
POWERFUL = frozenset({MASTERS, "system:nodes", "kubeadm:cluster-admins"})
"""Groups that RBAC or the API server itself gives something."""
OTHERS_READ = 0o004
MASTERS_WHY = text(
    "The group passes by RBAC, and the certificate cannot be taken back: it is good until it ends."
)
UNASKED = frozenset({"localhost", "kubernetes.default.svc.cluster"})
"""Names by which only hardway's own clients ask, or none."""
BY_BINDING = frozenset({"apiserver-kubelet-client"})
"""Rows whose common name may be any: a binding of the cluster's own names it."""
WHYS = {
    "usages": text(
        "A server's certificate that is good for clients too makes whoever takes the "
        "server's key a client; a client's that is good for servers can pose as one."
    ),
    "issuer": text("Clients that trust the cluster's CA alone refuse it, or check nothing."),
    "name": text("Clients that ask by this name or address refuse the certificate."),
}
"""Why a deviation counts, by the first word of its entry; of others the row says why."""
KUBERNETES, ETCD, FRONT_PROXY = "kubernetes", "etcd", "front-proxy"
TRUSTS: Mapping[str, tuple[str, str]] = {
    KUBERNETES: ("kube-apiserver", "--client-ca-file"),
    ETCD: ("etcd", "--trusted-ca-file"),
    FRONT_PROXY: ("kube-apiserver", "--requestheader-client-ca-file"),
}
"""The flag that says whom the CA's certificates are shown to, by the CA's name."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that a machine has for one of hardway's rows."""

    named: Named
    row: Certificate
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identities:
    """What a machine's components show and trust."""

    components: Mapping[str, Component]
    named: Sequence[Named]
    cluster: Cluster
    machine: Machine
    authorities: Mapping[str, bytes] = field(repr=False)
    """Bundles of the whole cluster, by the CA's name in hardway's table."""


def authority(components: Mapping[str, Component], name: str) -> bytes:
    """Return the bundle that stands for one of hardway's CAs, as the machine has it."""
    program, flag = TRUSTS[name]
    component = components.get(program)
    paths = component.flags.get(flag, ()) if component else ()
    return (component.process.read(paths[0]) or b"") if component and paths else b""


def judge(of: Identities) -> tuple[list[Shown], list[Judged]]:
    """Return the certificates that flags and settings name, and what is to be said of them."""
    shown: list[Shown] = []
    found: list[Judged] = []
    for named in of.named:
        if named.material and named.material.kind is MaterialKind.CERTIFICATE:
            one, judged = _certificate(of, named)
            shown += one
            found += judged
        elif not named.theirs and named.material and named.material.kind is not MaterialKind.KEY:
            found.append(said(of, named, named.path, ABSENT))
    return shown, [*found, *_keys(of)]


def said(of: Identities, named: Named, expected: str, found: str, **more: Any) -> Judged:
    """Return that an entry deviates; `more` says what is otherwise than with most."""
    common = {"at": named.at, "severity": Severity.DIFFERS, "why": named.why}
    return Judged(machine=of.machine.name, component=named.component, expected=expected,
                  found=found, where=named.theirs, **(common | more))  # fmt: skip


def _certificate(of: Identities, named: Named) -> tuple[list[Shown], list[Judged]]:
    """Judge a server's or client's certificate that a flag or setting names."""
    wanted = named.material.wanted if named.material else None
    process = of.components[named.component].process
    content = process.read(named.theirs) if named.theirs else None
    if wanted is None or not content:
        what = (text("a certificate ({name})", name=wanted.row.name) if wanted else
                text("a certificate"))  # fmt: skip
        return [], [said(of, named, what, ABSENT)]
    # kubeadm's control planes are nodes too; hardway's table has rows for workers only.
    own = next((w for w in expand(of.cluster) if w.row is wanted.row
                and w.machine == of.machine.name), wanted)  # fmt: skip
    key = _key(of, named, wanted)
    public = key.public if key else b""
    shown = Shown(named, wanted.row, content)
    return [shown], list(judged_certificate(of, named, own, content, public))


def _key(of: Identities, named: Named, wanted: Wanted) -> SeenFile | None:
    """Return the file with a certificate's private key: of the entry whose file hardway has."""
    path = f"{wanted.row.path}.key"
    same = (n for n in of.named if n.component == named.component and n.path == path)
    at = next((n.theirs for n in same), "")
    files = of.components[named.component].process.files
    return files.get(at)


def judged_certificate(
    of: Identities, named: Named, wanted: Wanted, content: bytes, public: bytes
) -> Iterator[Judged]:
    """Yield how a certificate deviates from what its row wants, and what of that is unsafe."""
    expected = Expected.of(wanted, of.authorities.get(wanted.row.ca, b""))
    deviations = [d for d in certificate.deviations(expected, content, public)
                  if not _no_matter(of, wanted, d)]  # fmt: skip
    name = wanted.row.name
    if not deviations:
        yield said(of, named, name, name, why=wanted.row.why, severity=Severity.SAME,
                   at=text("{name} certificate", name=name))  # fmt: skip
    for deviation in deviations:
        unsafe = _unsafe(of, deviation)
        yield said(
            of, named, deviation.expected, deviation.found,
            why=unsafe or WHYS.get(deviation.at.split()[0], wanted.row.why),
            severity=Severity.UNSAFE if unsafe else Severity.DIFFERS,
            at=text("{name} certificate: {entry}", name=name, entry=deviation.at),
        )  # fmt: skip


def _no_matter(of: Identities, wanted: Wanted, deviation: Deviation) -> bool:
    """Return whether a deviation is a layout's own choice."""
    row = wanted.row
    if deviation.at == "CN":
        # etcd asks no client who it is.
        return row.ca == ETCD or row.name in BY_BINDING
    if deviation.at == "O":
        return deviation.found not in POWERFUL and not row.organization
    if deviation.at.startswith("name "):
        machines = {m.name for m in of.cluster.control_planes}
        # API servers come to kubelets, and members to each other, by address.
        free = UNASKED | machines | ({LOOPBACK} if row.ca != ETCD else set())
        return row.role is Role.CONTROL_PLANE and deviation.expected in free
    return False


def _unsafe(of: Identities, deviation: Deviation) -> str:
    if deviation.at == "O" and deviation.found == MASTERS:
        return MASTERS_WHY
    if deviation.at == "key":
        return text("The key is another certificate's: no handshake succeeds.")
    if deviation.expected == str(of.cluster.api_service_ip):
        return text("Pods reach the API by this address, the first of the Services' range.")
    return ""


def _keys(of: Identities) -> Iterator[Judged]:
    """Yield the private keys that others on the machine can read."""
    seen: set[str] = set()
    for component in of.components.values():
        for path, file in component.process.files.items():
            if file.public and file.mode & OTHERS_READ and path not in seen:
                seen.add(path)
                yield Judged(
                    machine=of.machine.name, component=component.name,
                    at=text("key {path}", path=path), expected=text("mode {mode:04o}", mode=0o600),
                    found=text("mode {mode:04o}", mode=file.mode),
                    severity=Severity.UNSAFE, where=path,
                    why=text("Every process on the machine can be who this key says."),
                )  # fmt: skip


def shared(of: Identities, shown: Sequence[Shown]) -> Iterator[Judged]:
    """Yield the keys that serve in several roles."""
    roles: dict[bytes, list[Shown]] = defaultdict(list)
    for one in shown:
        for key in public_keys(b"".join(split(one.certificate)[:1])):
            roles[key].append(one)
    for same in roles.values():
        names = list(dict.fromkeys(one.row.name for one in same))
        programs = {one.named.component for one in same}
        if len(names) > 1:
            yield Judged(
                machine=of.machine.name, component="machine",
                at=text("one certificate in several roles"),
                expected=text("one certificate for each role"),
                found=text("{path} is {roles}", path=same[0].named.theirs, roles=", ".join(names)),
                severity=Severity.UNSAFE if len(programs) > 1 else Severity.DIFFERS,
                where=same[0].named.theirs,
                why=text("A process that has one of these roles has all of them, and it cannot be "
                         "seen which was used."),
            )  # fmt: skip
