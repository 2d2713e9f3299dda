"""A whole cluster that others made: machine by machine, and what its machines have to agree on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from hardway.atlas.atlas import Atlas
from hardway.inventory import component, identities, kubeconfigs, machine, rules
from hardway.inventory.component import Component
from hardway.inventory.identities import ETCD, FRONT_PROXY, KUBERNETES
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.layouts import places
from hardway.inventory.look import PROGRAMS, Seen
from hardway.inventory.wanted import wanted
from hardway.meaning.base import ABSENT
from hardway.meaning.certificate import public_keys
from hardway.model.cluster import Machine
from hardway.model.resources import Unit
from hardway.spec.inventory import Inventory, Places
from hardway.text import text

Components = Mapping[str, Component]
REPLACED = frozenset({"containerd", "kube-proxy"})
"""Programs that other layouts have others in place of, such as CRI-O and Cilium."""
EVERYWHERE = text("every control plane")


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is known of a cluster that others made."""

    atlas: Atlas
    """What hardway would have in its place."""
    places: Places
    seen: Mapping[str, Seen]
    running: Mapping[str, Components]
    """By machine."""
    authorities: Mapping[str, bytes]


def judge(inventory: Inventory, seen: Mapping[str, Seen]) -> list[Judged]:
    """Return what is to be said of each machine that answered, and of all together.

    Raises:
        SpecError: a machine's address is not known.
    """
    if not seen:
        return []
    atlas = wanted(inventory, seen)
    running = {
        name: {program: component.of(atlas, name, one.processes[program])
               for program in PROGRAMS if program in one.processes}
        for name, one in seen.items()
    }  # fmt: skip
    authorities = {
        name: next(filter(None, (identities.authority(own, name) for own in running.values())), b"")
        for name in (KUBERNETES, ETCD, FRONT_PROXY)
    }
    whole = Whole(atlas, places(inventory), seen, running, authorities)
    machines = [of for of in atlas.cluster.machines if of.name in seen]
    found = [judged for of in machines for judged in _machine(whole, of)]
    return [*found, *_together(running, authorities)]


def _machine(whole: Whole, of: Machine) -> Iterator[Judged]:
    atlas, seen, running = whole.atlas, whole.seen[of.name], whole.running[of.name]
    here = {p.item.name.removesuffix(".service") for p in atlas.placed
            if isinstance(p.item, Unit) and p.machine == of.name}  # fmt: skip
    for program in PROGRAMS:
        if program in here and program not in running:
            yield Judged(
                machine=of.name,
                component=program,
                at=text("process"),
                expected=text("runs"),
                found=ABSENT,
                severity=Severity.UNSAFE,
                why=text("It does not run."),
            )
    named = []
    found: dict[str, list[Judged]] = {}
    for program, own in running.items():
        judged, files = component.judge(own)
        found[program] = judged
        named += files
        yield from machine.unit_settings(own, seen)
        yield from machine.on_disk(own, seen, whole.places)
        if program == "etcd":
            yield from machine.data(own)
        if program == "kubelet" and program not in here:
            yield own.judged(text("process"), ABSENT, text("runs"), text(
                "On hardway's control planes no pods run: what breaks out of a pod there holds the "
                "cluster."))  # fmt: skip
        if program == "kubelet":
            said = next((one.found for one in judged if one.at == "cgroupDriver"), "")
            yield from machine.runtime(own, seen, said.removesuffix(component.DEFAULT))
    everything = identities.Identities(running, named, atlas.cluster, of, whole.authorities)
    shown, of_flags = identities.judge(everything)
    more, of_kubeconfigs = kubeconfigs.judge(everything)
    together = identities.shared(everything, [*shown, *more])
    for one in (*of_flags, *of_kubeconfigs, *together):
        found.setdefault(one.component, []).append(one)
    for program, entries in found.items():
        runs = running.get(program)
        yield from component.with_rules(runs, entries) if runs else entries
    yield from machine.judge(atlas, of, seen, whole.places)


def _together(
    running: Mapping[str, Components], authorities: Mapping[str, bytes]
) -> Iterator[Judged]:
    """Yield what all control planes have to have alike, and what has to be apart."""
    for name, why in APART.items():
        same = public_keys(authorities[name]) & public_keys(authorities[KUBERNETES])
        if authorities[name]:
            yield Judged(
                machine=EVERYWHERE, component="machine", at=text("CA of {name}", name=name),
                expected=text("a CA of its own"), why=why,
                found=text("the CA of all other clients") if same else text("a CA of its own"),
                severity=Severity.UNSAFE if same else Severity.SAME,
            )  # fmt: skip
    for (program, flag), why in ALIKE.items():
        values = {name: _value(own.get(program), flag) for name, own in running.items()
                  if program in own}  # fmt: skip
        if len(set(values.values())) > 1:
            shown = ", ".join(f"{name}: {value}" for name, value in values.items())
            yield Judged(
                machine=EVERYWHERE,
                component=program,
                at=flag,
                expected=text("the same"),
                found=text("{values}", values=shown),
                severity=Severity.UNSAFE,
                why=why,
            )
    yield from _ranges(running)


APART = {
    ETCD: text(
        "etcd gives every client with a certificate of this CA all data: so kube-proxy's or a "
        "kubelet's certificate can read and change every Secret."
    ),
    FRONT_PROXY: text(
        "A client with a certificate of this CA may name any other user in a header, "
        "if its name is allowed."
    ),
}
ALIKE = {
    ("kube-apiserver", "--service-account-signing-key-file"):
        text("A token of one API server is refused by the others: pods get 401 now and then."),
    ("kube-apiserver", "--service-account-issuer"):
        text("A token of one API server is refused by the others: pods get 401 now and then."),
    ("kube-apiserver", "--client-ca-file"):
        text("A client that one API server lets in is refused by the others."),
    ("kube-apiserver", "--encryption-provider-config"):
        text("A Secret that one API server wrote cannot be read by the others."),
    ("kube-apiserver", "--service-cluster-ip-range"):
        text("API servers give Services addresses of different ranges."),
    ("etcd", "--trusted-ca-file"): text("A member lets in other clients than the next."),
}  # fmt: skip
"""What differs where it must not, by component and flag; files by what is in them."""


def _value(own: Component | None, flag: str) -> str:
    """Return a flag's value; of a file what tells its content from another's."""
    value = (own.flags.get(flag) or ("",))[0] if own else ""
    file = own.process.files.get(value) if own else None
    if file is None:
        return value
    return sha256(file.public or file.content).hexdigest()[:12]


def _ranges(running: Mapping[str, Components]) -> Iterator[Judged]:
    """Yield whether controller managers know the range that API servers deal out."""
    flag = "--service-cluster-ip-range"
    for name, own in running.items():
        api, kcm = own.get("kube-apiserver"), own.get("kube-controller-manager")
        if not api or not kcm or flag not in kcm.flags:
            continue
        default = rules.DEFAULTS["kube-apiserver", flag]
        ours, theirs = (api.flags.get(flag) or (default,))[0], kcm.flags[flag][0]
        if ours != theirs:
            yield Judged(
                machine=name, component="kube-controller-manager", at=flag, expected=ours,
                found=theirs, severity=Severity.UNSAFE, why=text(
                    "The API server deals out addresses of another range than the controller "
                    "manager keeps free, and than certificates name."),
            )  # fmt: skip
