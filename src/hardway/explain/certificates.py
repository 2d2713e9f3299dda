"""Certificates, keys and CAs: where each is used, what is in it, and what it has to say."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from hardway.atlas.atlas import HOST, Atlas, Placed
from hardway.atlas.identities import identity
from hardway.atlas.material import Material, MaterialKind
from hardway.explain import uses
from hardway.explain.answer import Aspect, Point
from hardway.explain.names import why_named
from hardway.explain.places import by_step, standing
from hardway.explain.readers import reading
from hardway.explain.scene import Scene
from hardway.explain.things import Kind, Thing, joined
from hardway.explain.uses import Use
from hardway.pki.inspect import read
from hardway.pki.inventory import CAS, CLIENT, Authority, Certificate, Wanted, expand
from hardway.text import text

NAME = "certificates"


def things(atlas: Atlas, used: Mapping[str, tuple[Use, ...]]) -> Iterator[Thing]:
    """Yield a thing for each row of certificates and each CA."""
    wanted: dict[str, list[Wanted]] = {}
    for one in expand(atlas.cluster):
        wanted.setdefault(one.row.name, []).append(one)
    for name, own in wanted.items():
        row = own[0].row
        found = [use for path in _paths(row) for use in used.get(path, ())]
        yield Thing(
            kind=Kind.CERTIFICATE,
            name=f"certificate {name}",
            aliases=(name, f"{name} certificate", f"{name}.crt",
                     *(text for one in own for text in (f"{name}/{one.machine}", one.stem))),
            tags=(f"certificate {name}", NAME, *(use.connection.name for use in found)),
            summary=row.why,
            machines=tuple(one.machine for one in own if one.machine),
            paths=(f"{row.path}.crt",) if row.path else (),
            points=partial(_of_row, atlas, tuple(own), tuple(found)),
        )  # fmt: skip
    for ca in CAS:
        found = [
            use for path, own in _places(atlas, ca).items() if own for use in used.get(path, ())
        ]
        yield Thing(
            kind=Kind.CA,
            name=f"{ca.name} CA",
            aliases=(ca.common_name, f"CA {ca.name}", f"{ca.name}-ca", f"{ca.name} ca.crt"),
            tags=(f"CA {ca.name}", "CA", NAME),
            summary=ca.why,
            points=partial(_of_ca, atlas, ca, tuple(found)),
        )


def _paths(row: Certificate) -> tuple[str, ...]:
    if row.path:
        return (f"{row.path}.crt",)
    return (f"kubeconfigs/{row.kubeconfig}.kubeconfig client-certificate-data",)


def _places(atlas: Atlas, ca: Authority) -> dict[str, list[str]]:
    """Return where a CA's certificate is: machines by path; this host's in kubeconfigs."""
    found: dict[str, list[str]] = {}
    for machine, own in atlas.materials.items():
        for path, material in own.items():
            if material.kind is MaterialKind.CA and material.ca == ca:
                found.setdefault(path, []).append(machine)
    return found


def _of_row(
    atlas: Atlas, own: tuple[Wanted, ...], found: tuple[Use, ...], scene: Scene
) -> Iterator[Point]:
    machines = scene.chosen(one.machine for one in own)
    first = next(one for one in own if one.machine in machines)
    row = first.row
    yield Point(Aspect.WHAT, (
        text("The certificate {name}: {why}.", name=row.name, why=row.why),
        text("Each of {machines} has its own.", machines=joined(machines))
        if first.machine else text("It is on this host only, in a kubeconfig."),
    ), rows=((text("shown by"), row.presented_by), (text("checked by"), row.verified_by)),
    )  # fmt: skip
    yield from _made(atlas, first)
    if row.path:
        yield from reading(atlas, f"{row.path}.crt", scene)
        yield Point(Aspect.READERS, rows=(
            (text("certificate"), f"{row.path}.crt"), (text("key"), f"{row.path}.key"),
        ), title=text("Files"))  # fmt: skip
    else:
        yield Point(Aspect.READERS, rows=(
            (row.presented_by, kubeconfig_here(atlas, row)),
        ))  # fmt: skip
    yield from shared(atlas, first, found)


def shared(atlas: Atlas, wanted: Wanted, found: Sequence[Use]) -> Iterator[Point]:
    """Yield what is said of a certificate, whether by its name or by its path."""
    row = wanted.row
    yield from uses.told(atlas, found)
    if CLIENT in row.usages:
        yield from as_whom(wanted.common_name, row.organization)
    yield Point(Aspect.CONTENT, rows=tuple(_decoded(atlas, wanted)))
    yield Point(Aspect.CONTENT, rows=tuple(
        (name, why_named(atlas.cluster, name)) for name in wanted.names
    ), title="Why it has these names", more=True)  # fmt: skip
    yield from uses.lost(use.connection for use in found)
    if wanted.machine:
        show = f"openssl x509 -noout -text -in {row.path}.crt"
        yield Point(Aspect.SEE, commands=(f"hardway ssh {wanted.machine} -- {show}",))
    yield Point(Aspect.SEE, commands=("hardway certs",), more=bool(wanted.machine))
    yield Point(Aspect.SEE, commands=tuple(dict.fromkeys(
        use.connection.see for use in found if "<" not in use.connection.see
    )), more=True)  # fmt: skip


def as_whom(user: str, group: str, *, with_grants: bool = True) -> Iterator[Point]:
    """Yield as whom a client's certificate makes it known, and what gives that user its rights."""
    known = [row for row in (identity(user), identity(group)) if row][:1]
    yield Point(Aspect.IDENTITY, rows=(
        (text("user (CN)"), user),
        *(((text("group (O)"), group),) if group else ()),
        *((text("rights from"), row.grants) for row in known if with_grants),
        *((text("it may"), row.can) for row in known),
    ))  # fmt: skip


def kubeconfig_here(atlas: Atlas, row: Certificate) -> str:
    """Return where on this host the kubeconfig with a certificate is."""
    return f"clusters/{atlas.cluster.name}/kubeconfigs/{row.kubeconfig}.kubeconfig"


def _made(atlas: Atlas, wanted: Wanted) -> Iterator[Point]:
    pki = f"clusters/{atlas.cluster.name}/pki"
    yield Point(Aspect.MADE, (by_step(NAME),), rows=(
        (text("signed by"), text("the {ca} CA, whose key is on this host only: {path}",
                                 ca=wanted.row.ca, path=f"{pki}/{wanted.row.ca}/ca.key")),
        (text("kept as"), f"{pki}/{wanted.stem}.crt"),
    ))  # fmt: skip


def _decoded(atlas: Atlas, wanted: Wanted) -> Iterator[tuple[str, str, str]]:
    """Yield what the certificate says beside what it has to say."""
    row = wanted.row
    said = read(atlas.given.secrets.certificates[wanted.id].certificate)
    issuer = next(ca.common_name for ca in CAS if ca.name == row.ca)
    compared = (
        (text("CN"), said.common_name, wanted.common_name),
        (text("O"), said.organization, row.organization),
        (text("signed by"), said.issuer, issuer),
        (text("good for"), joined(said.usages), joined(row.usages)),
        (text("names"), joined(said.names), joined(wanted.names)),
    )
    for name, found, required in compared:
        if found == required:
            yield from ((name, found, text("as required")),) if found else ()
        else:
            yield name, found, text("required: {value}", value=required or text("nothing"))
    yield text("valid"), f"{said.not_before:%Y-%m-%d} - {said.not_after:%Y-%m-%d %H:%M} UTC", ""


def of_path(
    atlas: Atlas, path: str, found: Sequence[Placed], used: Sequence[Use], scene: Scene
) -> Iterator[Point]:
    """Yield what there is to say of a certificate, key or CA at a path of a machine."""
    placed = found[0]
    material = atlas.materials[placed.machine][path]
    own = [use for use in dict.fromkeys(used) if _is_on(atlas, use, placed.machine, scene)]
    if material.kind is MaterialKind.KEY and material.wanted:
        certificate = f"{material.wanted.row.path}.crt"
        own = list(uses.uses(atlas).get(certificate, ()))
    yield Point(Aspect.WHAT, tuple(_what(material, found)))
    yield from reading(atlas, path, scene)
    if material.kind in {MaterialKind.CERTIFICATE, MaterialKind.KEY} and material.wanted:
        yield from shared(atlas, material.wanted, own)
    else:
        yield from uses.told(atlas, own)
        yield from uses.lost(use.connection for use in own)
        yield Point(Aspect.SEE, commands=(_see(placed, path, material),))
        if material.ca:
            yield Point(Aspect.CONTENT, rows=tuple(_ca_decoded(atlas, material.ca)))


def _is_on(atlas: Atlas, use: Use, machine: str, scene: Scene) -> bool:
    """Return whether an end is on a machine; all are, where the question names none."""
    role = use.connection.client_on if use.end in uses.OF_CLIENT else use.connection.server_on
    if not scene.machine:
        return True
    if role:
        return role is atlas.cluster.machine(machine).role
    return bool(atlas.at(use.ref.file, machine))


def _what(material: Material, found: Sequence[Placed]) -> Iterator[str]:
    why = standing(found[0]).why
    match material:
        case Material(kind=MaterialKind.CERTIFICATE, wanted=Wanted(row=row)):
            yield text("The certificate {name}: {why}.", name=row.name, why=row.why)
        case Material(kind=MaterialKind.KEY, wanted=Wanted(row=row)):
            yield text(
                "The private key of the certificate {name}: with it a process {why}.",
                name=row.name, why=why,
            )  # fmt: skip
            yield text("It stays on this machine and in the cluster's folder; no handshake sends "
                       "it.")  # fmt: skip
        case Material(kind=MaterialKind.CA, ca=Authority(name=name, why=why_of_ca)):
            yield text("The certificate of the {name} CA, without its key. This CA {why}.",
                       name=name, why=why_of_ca)  # fmt: skip
            for own in dict.fromkeys(standing(placed).why for placed in found):
                machines = joined(p.machine for p in found if standing(p).why == own)
                yield text("On {machines} it is {why}.", machines=machines, why=own)
        case Material(kind=MaterialKind.SIGNING):
            yield text("The private half of the service-account key pair: it {why}.", why=why)
            yield text("It is no TLS key: nothing shows it in a handshake. All control planes "
                       "have the same one.")  # fmt: skip
        case _:
            yield text("The public half of the service-account key pair: it {why}.", why=why)
            yield text("It is a bare key, not a certificate. All control planes have the same "
                       "one.")  # fmt: skip


def _see(placed: Placed, path: str, material: Material) -> str:
    show = {
        MaterialKind.SIGNING: f"openssl pkey -noout -text_pub -in {path}",
        MaterialKind.VERIFYING: f"openssl pkey -pubin -noout -text_pub -in {path}",
    }.get(material.kind, f"openssl x509 -noout -text -in {path}")
    return f"hardway ssh {placed.machine} -- {show}"


def _ca_decoded(atlas: Atlas, ca: Authority) -> Iterator[tuple[str, str]]:
    said = read(atlas.given.secrets.cas[ca.name].signer.certificate)
    yield text("CN"), said.common_name
    yield text("signed by"), text("itself") if said.issuer == said.common_name else said.issuer
    yield text("valid"), f"{said.not_before:%Y-%m-%d} - {said.not_after:%Y-%m-%d %H:%M} UTC"


def _of_ca(atlas: Atlas, ca: Authority, found: tuple[Use, ...], _scene: Scene) -> Iterator[Point]:
    pki = f"clusters/{atlas.cluster.name}/pki/{ca.name}"
    yield Point(Aspect.WHAT, (text("The {name} CA {why}.", name=ca.name, why=ca.why),))
    yield Point(Aspect.MADE, (
        by_step(NAME),
        text("Its key never leaves this host: {path}. No machine can issue a certificate.",
             path=f"{pki}/ca.key"),
    ))  # fmt: skip
    places = _places(atlas, ca)
    yield Point(Aspect.READERS, rows=tuple(
        (path, joined(m if m != HOST else text("this host") for m in machines))
        for path, machines in places.items()
    ), title="Where its certificate is")  # fmt: skip
    signed = dict.fromkeys(one.row for one in expand(atlas.cluster) if one.row.ca == ca.name)
    yield from uses.told(atlas, found)
    yield Point(Aspect.CONTENT, rows=tuple(_ca_decoded(atlas, ca)))
    yield Point(Aspect.CONTENT, rows=tuple((row.name, row.why) for row in signed),
                title="What it signs")  # fmt: skip
    yield from uses.lost(use.connection for use in found)
    yield Point(Aspect.SEE, commands=(
        f"openssl x509 -noout -text -in clusters/{atlas.cluster.name}/pki/{ca.name}/ca.crt",
        "hardway certs",
    ))  # fmt: skip
