"""Checks of certificates: what stands in them, beside the table, and what servers present.

Rows of the step certificates. They share one question, in which no key is: of keys only their
public halves are asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from hardway.model import ports
from hardway.model.checks import (
    CONTROL_PLANES,
    MACHINES,
    SHOWN_BY,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import API_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT, Machine
from hardway.pki import inventory as pki
from hardway.pki.inspect import Read, issued_by, read
from hardway.text import joined, text

NAME = "certificates"
END = "-----END CERTIFICATE-----\n"
SERVERS = {
    "etcd-server": (f"127.0.0.1:{ETCD_CLIENT_PORT}", "etcd-runs"),
    "etcd-peer": (f"{{address}}:{ETCD_PEER_PORT}", "etcd-runs"),
    "apiserver": (f"{{address}}:{API_PORT}", "kube-apiserver-runs"),
    "controller-manager-server": (f"127.0.0.1:{ports.CONTROLLER_MANAGER.number}",
                                  "kube-controller-manager-runs"),
    "scheduler-server": (f"127.0.0.1:{ports.SCHEDULER.number}", "kube-scheduler-runs"),
    "kubelet-server": (f"{{address}}:{ports.KUBELET.number}", "kubelet-runs"),
}  # fmt: skip
"""Where the certificates of servers are presented, and the check that the server runs."""

ASK = Sh(
    f"""find /etc/kubernetes/pki /etc/etcd/pki \\( -name '*.crt' -o -name '*.pub' \\) \\
    -exec tail --verbose --lines=+1 {{}} + 2>/dev/null | sed 's/^==> \\(.*\\) <==$/@ file \\1/'
for key in $(find /etc/kubernetes/pki /etc/etcd/pki -name '*.key' 2>/dev/null); do
    printf '@ key %s\\n' "$key"
    openssl pkey -in "$key" -pubout 2>/dev/null
done
for server in <SERVERS>; do
    (shown=$(timeout 9 {SHOWN_BY} "${{server#*=}}" </dev/null 2>/dev/null |
        sed -n '/^-----BEGIN CERT/,/^-----END CERT/p')
    printf '@ live %s\\n%s\\n' "${{server%%=*}}" "$shown") &
done
wait""",
    timeout_s=20,
)


def _words(subject: Subject) -> Mapping[str, str]:
    own = [w.row.name for w in _wanted(subject) if w.row.name in SERVERS]
    address = str(subject.machine.address)
    at = {name: SERVERS[name][0].format(address=address) for name in own}
    return {"SERVERS": " ".join(f"{name}={where}" for name, where in at.items()),
            "SERVER": next(iter(at.values()))}  # fmt: skip


def _wanted(subject: Subject) -> list[pki.Wanted]:
    return [w for w in pki.expand(subject.cluster) if w.machine == subject.name and w.row.path]


@dataclass(frozen=True, slots=True)
class Held:
    """What a machine has and shows: PEM by path, or by the certificate's name."""

    files: Mapping[str, str]
    keys: Mapping[str, str]
    live: Mapping[str, str]


def held(answer: str) -> Held:
    """Return what an answer to ASK says."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for part in answer.split("@ ")[1:]:
        head, _, pem = part.partition("\n")
        kind, _, name = head.partition(" ")
        found[kind][name] = pem.strip() + "\n" if pem.strip() else ""
    return Held(found["file"], found["key"], found["live"])


SEE = (
    "hardway ssh <MACHINE> -- 'for file in $(find /etc/kubernetes/pki /etc/etcd/pki -name "
    '"*.crt"); do echo $file; openssl x509 -noout -subject -issuer -ext '
    "subjectAltName,extendedKeyUsage -fingerprint -sha256 -in $file; done'"
)
Flaws = Callable[[pki.Wanted, Read, Held, Machine], Iterator[str]]
"""What is wrong with one certificate."""


def _each(flaws: Flaws) -> Callable[[Subject, Answer], tuple[Judgement]]:
    """Return the judge of each certificate of a machine; one that is damaged is another's."""

    def judge(subject: Subject, answer: Answer) -> tuple[Judgement]:
        seen = held(answer.text)
        wrong = []
        for wanted in _wanted(subject):
            path = f"{wanted.row.path}.crt"
            try:
                said = read(seen.files[path].encode())
            except (KeyError, ValueError):
                continue
            wrong += [text("{path}: {flaw}", path=path, flaw=flaw)
                      for flaw in flaws(wanted, said, seen, subject.machine)]  # fmt: skip
        alike = text("as the table of certificates has it")
        return judged(alike, joined("; ", wrong) or alike)

    return judge


def _names(wanted: pki.Wanted, said: Read, _seen: Held, _machine: Machine) -> Iterator[str]:
    if missing := [name for name in wanted.names if name not in said.names]:
        yield text("is not for {names}", names=", ".join(missing))


def _subjects(wanted: pki.Wanted, said: Read, _seen: Held, _machine: Machine) -> Iterator[str]:
    pairs = (("CN", wanted.common_name, said.common_name),
             ("O", wanted.row.organization, said.organization))  # fmt: skip
    for field, right, found in pairs:
        if right != found:
            yield text("{field} is {found}, not {right}", field=field, found=found or '""',
                       right=right or '""')  # fmt: skip


def _usages(wanted: pki.Wanted, said: Read, _seen: Held, _machine: Machine) -> Iterator[str]:
    if missing := [usage for usage in wanted.row.usages if usage not in said.usages]:
        yield text("is not for {names}", names=", ".join(missing))


def _keys(wanted: pki.Wanted, said: Read, seen: Held, _machine: Machine) -> Iterator[str]:
    key = seen.keys.get(f"{wanted.row.path}.key")
    if key is not None and key.strip() != said.public_key.decode().strip():
        yield text("the key beside it is another one's")


def _signed(wanted: pki.Wanted, said: Read, seen: Held, machine: Machine) -> Iterator[str]:
    pem = seen.files[f"{wanted.row.path}.crt"].encode()
    for path in _trusted(machine, wanted.row.ca):
        cas = _all(seen.files.get(path, ""))
        if cas and not any(issued_by(pem, ca.encode()) for ca in cas):
            yield text("{issuer} signed it, not {path}", issuer=said.issuer, path=path)


def _trusted(machine: Machine, ca: str) -> list[str]:
    return [path for role, path, name, _ in pki.TRUSTED if role is machine.role and name == ca]


def _all(bundle: str) -> list[str]:
    return [part + END for part in bundle.split(END) if part.strip()]


def _cas(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge by what most machines have: a CA made anew and not copied everywhere cuts in two."""
    everywhere = [_fingerprints(said) for said in answer.elsewhere.values()]
    wrong = []
    for (ca, path), own in _fingerprints(answer.text).items():
        seen = Counter(found for prints in everywhere
                       for (name, _), found in prints.items() if name == ca)  # fmt: skip
        if own != seen.most_common(1)[0][0]:
            wrong.append(text("{path} is another {ca} CA: {digest}", path=path, ca=ca, digest=own))
    same = text("the CAs of all machines")
    return judged(same, joined("; ", wrong) or same)


def _fingerprints(said: str) -> dict[tuple[str, str], str]:
    """Return the beginnings of the digests of CAs, by the CA's name and path."""
    files = held(said).files
    return {
        (ca, path): sha256("".join(sorted(_all(files[path]))).encode()).hexdigest()[:16]
        for _, path, ca, _ in pki.TRUSTED
        if path in files
    }


def _presented(subject: Subject, answer: Answer) -> tuple[Judgement]:
    seen = held(answer.text)
    stale = []
    for wanted in _wanted(subject):
        shown, path = seen.live.get(wanted.row.name, ""), f"{wanted.row.path}.crt"
        on_disk = _all(seen.files.get(path, ""))
        if shown and on_disk and shown.strip() != on_disk[0].strip():
            stale.append(text("{where} presents another one than {path}", path=path,
                              where=_where(subject, wanted.row.name)))  # fmt: skip
    alike = text("servers present what is on the disk")
    return judged(alike, joined("; ", stale) or alike)


def _where(subject: Subject, name: str) -> str:
    return SERVERS[name][0].format(address=subject.machine.address)


def _accounts(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge by what most control planes sign and check pods' tokens with."""
    prints = Counter(p for said in answer.elsewhere.values() for p in _signing(said).values())
    if not prints:
        return judged(text("one key everywhere"), text("no key"))
    common = prints.most_common(1)[0][0]
    other = [path for path, found in _signing(answer.text).items() if found != common]
    checked = held(answer.text).files.get(pki.PUBLIC, "")
    if not any(sha256(key.strip().encode()).hexdigest() == common for key in _keys_in(checked)):
        other.append(pki.PUBLIC)
    return judged(text("one key everywhere"),
                  text("another key in {paths}", paths=", ".join(other)) if other
                  else text("one key everywhere"))  # fmt: skip


def _signing(said: str) -> dict[str, str]:
    keys = held(said).keys
    return {path: sha256(keys[path].strip().encode()).hexdigest()
            for path, _, _ in pki.SIGNING if path in keys}  # fmt: skip


def _keys_in(bundle: str) -> list[str]:
    end = "-----END PUBLIC KEY-----"
    return [part.strip() + f"\n{end}" for part in bundle.split(end) if part.strip()]


def _row(
    name: str, judge: Callable[[Subject, Answer], tuple[Judgement]], why: str, *causes: str
) -> Check:
    return Check(name=name, step=NAME, scope=MACHINES, ask=ASK, judge=judge, words=_words,
                 when=Occasion.ASKED, why=why, causes=causes,
                 see=SEE)  # fmt: skip


FOREIGN = ("certificates-signed", "certificates-subjects")
"""Of a certificate that is somebody else's nothing else is right either."""


TABLE = (
    _row("certificates-names", _each(_names),
         "a client refuses a server whose certificate does not have the name or address it dialed",
         *FOREIGN),
    _row("certificates-subjects", _each(_subjects),
         "CN and O are the user and the groups that the API server and etcd take a client for; a "
         "kubelet's CN has to be its node's name", "certificates-signed"),
    _row("certificates-usages", _each(_usages),
         "a certificate that is not for servers is refused by clients, and the other way round",
         *FOREIGN),
    _row("certificates-keys", _each(_keys),
         "a service whose key does not belong to its certificate does not start", *FOREIGN),
    _row("certificates-signed", _each(_signed),
         "the other end refuses what its CA did not sign: unknown authority", "cas-same"),
    _row("cas-same", _cas,
         "machines that trust another CA refuse all others, and are refused by them"),
)  # fmt: skip
TLS = ("certificates-valid", *(row.name for row in TABLE))
"""Causes of any connection's failure."""
CHECKS = (
    *TABLE,
    Check(name="certificates-presented", step=NAME, scope=MACHINES, ask=ASK, judge=_presented,
          words=_words, when=Occasion.ASKED,
          causes=(*dict.fromkeys(runs for _, runs in SERVERS.values()), *TLS),
          why="a process that still has an old certificate fails when that ends, whatever is on "
          "the disk",
          cure="find which process answers at this port (ss -ltnp, nft list ruleset); restart the "
          "unit if it is its own",
          see="hardway ssh <MACHINE> -- 'openssl s_client -connect <SERVER> </dev/null 2>/dev/null "
          "| openssl x509 -noout -subject -dates -fingerprint -sha256'"),
    Check(name="service-account-key-same", step=NAME, scope=CONTROL_PLANES, ask=ASK,
          judge=_accounts, words=_words, when=Occasion.ASKED,
          why="a pod's token that one API server signed is refused by those with another key: one "
          "request in three fails",
          see=f"hardway ssh <MACHINE> -- openssl pkey -pubout -in {pki.SIGNING[0][0]}"),
)  # fmt: skip
