"""Section 2: etcd's flags."""

from hardway.audit.evidence import Flags
from hardway.audit.rules import PRESENT, Expect, Rule, absent_or, equals
from hardway.model.checks import CONTROL_PLANES
from hardway.steps import etcd

MADE_UP = (
    "Nobody can check a certificate that etcd makes up at its start: any machine can pose as etcd."
)


def _flags(*names: str) -> Flags:
    return Flags(etcd.UNIT, names, CONTROL_PLANES)


OWN_CA = Expect(f"{etcd.PKI}/ca.crt", lambda _, words: words[-1:] == (f"{etcd.PKI}/ca.crt",))
"""etcd's, and not the one of the API's clients."""

RULES = (
    Rule(id="2.1", title="etcd serves with a certificate",
         evidence=_flags("--cert-file", "--key-file"), expect=PRESENT,
         why="Without it all objects cross the network in plain text."),
    Rule(id="2.2", title="etcd's clients must show a certificate",
         evidence=_flags("--client-cert-auth"), expect=equals("true"),
         why="Without it any client that reaches the port can read and write all data."),
    Rule(id="2.3", title="etcd makes up no certificate for clients",
         evidence=_flags("--auto-tls"), expect=absent_or(equals("false")), why=MADE_UP),
    Rule(id="2.4", title="members show each other certificates",
         evidence=_flags("--peer-cert-file", "--peer-key-file"), expect=PRESENT,
         why="Without it members copy all data to each other in plain text."),
    Rule(id="2.5", title="members must show a certificate",
         evidence=_flags("--peer-client-cert-auth"), expect=equals("true"),
         why="Without it a stranger could pose as a member and replace all data."),
    Rule(id="2.6", title="etcd makes up no certificate for members",
         evidence=_flags("--peer-auto-tls"), expect=absent_or(equals("false")), why=MADE_UP),
    Rule(id="2.7", title="etcd has a CA of its own",
         evidence=_flags("--trusted-ca-file", "--peer-trusted-ca-file"), expect=OWN_CA,
         why="With the API's CA each kubelet's certificate would open etcd."),
)  # fmt: skip
