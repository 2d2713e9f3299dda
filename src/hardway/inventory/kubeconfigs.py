"""Kubeconfigs of a machine's components: where they lead, whom they trust, who they are."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from hardway.inventory.component import KUBECONFIG, Named
from hardway.inventory.identities import Identities, Shown, judged_certificate, said
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.look import SeenFile
from hardway.meaning import kubeconfig
from hardway.meaning.base import ABSENT
from hardway.meaning.kubeconfig import Kubeconfig
from hardway.pki.inspect import issued_by
from hardway.pki.inventory import Wanted, expand
from hardway.text import reason, text


def judge(of: Identities) -> tuple[list[Shown], list[Judged]]:
    """Return the certificates in a machine's kubeconfigs, and what is to be said of these."""
    shown: list[Shown] = []
    found: list[Judged] = []
    for named in of.named:
        if named.path.endswith(KUBECONFIG):
            one, judged = _kubeconfig(of, named)
            shown += one
            found += judged
    return shown, found


def _kubeconfig(of: Identities, named: Named) -> tuple[list[Shown], list[Judged]]:
    process = of.components[named.component].process
    content = process.read(named.theirs) if named.theirs else None
    if not content:
        return [], [said(of, named, text("a kubeconfig"), ABSENT)]
    try:
        theirs = kubeconfig.parse(content, process.read, named.theirs)
    except ValueError as error:
        return [], [said(of, named, text("a kubeconfig"), reason(error),
                         severity=Severity.UNSAFE)]  # fmt: skip
    found = list(_server(of, named, theirs))
    wanted = _client(of, named)
    if wanted is None:
        return [], found
    if not theirs.certificate:
        other = ", ".join(theirs.others) or text("nothing")
        found.append(said(of, named, text("a client certificate"), other, why=wanted.row.why,
                          at=text("{entry}: user", entry=named.at)))  # fmt: skip
        return [], found
    key = _key(content, named.theirs, process.files)
    shown = Shown(named, wanted.row, theirs.certificate)
    public = key.public if key else b""
    return [shown], [*found, *judged_certificate(of, named, wanted, theirs.certificate, public)]


def _key(content: bytes, path: str, files: Mapping[str, SeenFile]) -> SeenFile | None:
    """Return the file with the client's key: the kubeconfig itself, or the one that it names."""
    if files[path].public:
        return files[path]
    lines = (line.strip() for line in content.decode(errors="replace").splitlines())
    paths = (line.partition(":")[2].strip(" \"'") for line in lines
             if line.startswith("client-key:"))  # fmt: skip
    return next((files[path] for path in paths if path in files), None)


def _client(of: Identities, named: Named) -> Wanted | None:
    """Return the certificate that hardway's kubeconfig has."""
    stem = named.path.rsplit("/", 1)[-1].removesuffix(KUBECONFIG)
    rows = [w for w in expand(of.cluster) if w.row.kubeconfig == stem and w.machine]
    own = [w for w in rows if w.machine == of.machine.name]
    if own or not rows:
        return own[0] if own else None
    # On a machine where hardway would have none: whose it has to be follows from its name.
    row = rows[0].row
    return Wanted(row, of.machine.name, row.common_name.format(machine=of.machine.name), ())


def _server(of: Identities, named: Named, theirs: Kubeconfig) -> Iterator[Judged]:
    """Yield what is unsafe in where a client goes, and in what it checks there."""
    parts = urlsplit(theirs.server)
    if parts.scheme != "https" or not parts.hostname:
        yield said(of, named, "https://HOST", theirs.server or ABSENT, severity=Severity.UNSAFE,
                   why=text("Without TLS, or without a host, there is nothing to check."),
                   at=text("{entry}: server", entry=named.at))  # fmt: skip
    if "insecure-skip-tls-verify" in theirs.others:
        yield said(of, named, ABSENT, "true", severity=Severity.UNSAFE,
                   why=text("The client gives its rights to whoever answers."),
                   at=text("{entry}: insecure-skip-tls-verify", entry=named.at))  # fmt: skip
    api = of.components.get("kube-apiserver")
    path = api.flags.get("--tls-cert-file", ("",))[0] if api else ""
    served = api.process.read(path) if api else None
    if served and not any(issued_by(served, ca) for ca in theirs.authorities):
        yield said(of, named, text("the CA of the API server's certificate"), text("another CA"),
                   severity=Severity.UNSAFE,
                   why=text("The client does not believe the API server of this machine."),
                   at=text("{entry}: certificate-authority", entry=named.at))  # fmt: skip
