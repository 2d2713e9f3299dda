"""Encryption at rest: the API server encrypts Secrets before etcd sees them."""

from base64 import b64encode
from collections import Counter
from dataclasses import replace

from hardway.model.checks import (
    CONTROL_PLANES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Machine, Role
from hardway.model.resources import Desired
from hardway.model.rows import Setting, quiet
from hardway.pki.values import NamedKey
from hardway.render.config import yaml_file
from hardway.steps.base import Given, Inventory, Step
from hardway.text import text

NAME = "encryption"
PATH = "/etc/kubernetes/encryption.yaml"
PREFIX, PREFIX_END = "/registry/secrets/", "/registry/secrets0"
"""Where Secrets are in etcd: from the first to before the second."""


def render(given: Given, machine: Machine, _inventory: Inventory) -> Desired:
    """Return a control plane's encryption configuration."""
    if machine.role is not Role.CONTROL_PLANE:
        return Desired()
    providers = [*map(_provider, given.secrets.encryption_keys), {"identity": {}}]
    settings = (
        quiet("apiVersion", "apiserver.config.k8s.io/v1", "The format's version."),
        quiet("kind", "EncryptionConfiguration", "What kind of file this is."),
        Setting(
            "resources",
            [{"resources": ["secrets"], "providers": providers}],
            "The first provider writes; all of them read, so that what was written before "
            "encryption was on is still readable. secretbox: authenticated, and safe with random "
            "nonces. The key is the same on all control planes: each must read what another wrote.",
        ),
    )
    file = yaml_file(
        PATH, "What kube-apiserver encrypts before it goes to etcd.", settings,
        why="Secrets are ciphertext in etcd, its snapshots and its disks.",
    )  # fmt: skip
    return Desired(files=(replace(file, mode=0o600, owner="kube-apiserver", secret=True),))


def _provider(key: NamedKey) -> dict[str, object]:
    return {key.provider: {"keys": [{"name": key.name, "secret": b64encode(key.secret).decode()}]}}


def _same(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    digests = Counter(own.strip()[:12] for own in answer.elsewhere.values())
    expected = next((digest for digest, _ in digests.most_common() if digest), text("a file"))
    return judged(expected, answer.text.strip()[:12] or text("no file"))


SAME = Check(
    name="encryption-key-same", step=NAME, scope=CONTROL_PLANES,
    ask=Sh(f"sha256sum {PATH} 2>/dev/null | cut -d' ' -f1"), judge=_same,
    why="a Secret written by one API server must be readable by all",
    test=f'[ "$(hardway ssh <MACHINE> -- sha256sum {PATH})" = '
    f'"$(hardway ssh <CONTROL_PLANE> -- sha256sum {PATH})" ]',
    see=f"hardway ssh <MACHINE> -- sha256sum {PATH}",
)  # fmt: skip


ORDER = Sh(f"sed -n 's/^ *- \\([a-z]*\\): *\\({{}}\\)*$/\\1/p' {PATH}")
"""The providers in their order, without their keys."""


def _first(_subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    providers = [word for word in answer.text.split() if word in PROVIDERS]
    # A file that is not there is another check's.
    encrypts = text("encrypts")
    return judged(encrypts, providers[0] if providers[0] == "identity" else encrypts
                  ) if providers else ()  # fmt: skip


PROVIDERS = frozenset({"identity", "secretbox", "aescbc", "aesgcm", "kms"})
ENCRYPTS = Check(
    name="encryption-first", step=NAME, scope=CONTROL_PLANES, ask=ORDER, judge=_first,
    when=Occasion.ASKED,
    why="the first provider writes: with identity in its place new Secrets are plain text in etcd",
    see=f"hardway ssh <MACHINE> -- sed s/secret:.*/secret:/ {PATH}",
)  # fmt: skip

UNREADABLE = ("data from the storage is not transformable", "StorageError: corrupt object",
              "no matching prefix found", "failed to read one or more secrets")  # fmt: skip
"""What API servers say of what they cannot decrypt; all versions say one of these."""


def unreadable(said: str) -> bool:
    """Return whether that is what an API server says of what it cannot decrypt."""
    return any(words in said for words in UNREADABLE)


STEP = Step(
    name=NAME,
    title="Encryption at rest",
    why="who reads etcd's disk or its snapshots does not read Secrets",
    render=render,
    checks=(SAME, ENCRYPTS),
)
