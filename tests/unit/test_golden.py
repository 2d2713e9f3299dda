"""What each machine and the API get, as trees one can read.

The tree `3+3` is whole. Each other tree is a branch of it: another size, endpoint, provider, host
or version. It holds the files that differ from `3+3`; `ABSENT` lists those that it does not have.
A branch in which nothing differs has no folder.

`HARDWAY_GOLDEN=write pytest tests/unit/test_golden.py` writes the trees anew; read the diff.
"""

import os
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from tests import support

from hardway.engine.render import manifests, merged, render
from hardway.model.cluster import Cluster
from hardway.model.resources import Desired
from hardway.pki.inventory import expand
from hardway.steps.index import STEPS

GOLDEN = Path(__file__).parents[1] / "golden"
WHOLE = "3+3"
SHOWN = ("controller-0", "worker-0")
"""Machines whose files are kept whole; of the others the digests say that they are the same."""


def listing(wanted: Desired) -> list[str]:
    """Return a line for each thing a machine gets."""
    return [
        *(f"package {p.name}" for p in sorted(wanted.packages, key=lambda p: p.name)),
        *(f"block  {b.path} {sha256(b.text.encode()).hexdigest()[:12]}" for b in wanted.blocks),
        *(f"folder {f.mode:04o} {f.owner:<24} {f.path}" for f in wanted.folders),
        *(f"file   {f.mode:04o} {f.owner:<24} {f.path} {f.digest[:12]}" for f in wanted.files),
        *(f"blob   0755 root                     {b.path}" for b in wanted.blobs),
        *(f"unit   {u.name} {u.digest[:12]}" for u in wanted.units),
        *(f"effect {e.name}" for e in wanted.effects),
    ]


def certificates(cluster: Cluster) -> str:
    """Return every certificate in words: whose, signed by whom, for what, and where it is."""
    lines = []
    for wanted in expand(cluster):
        row = wanted.row
        subject = ", ".join(filter(None, [row.organization and f"O={row.organization}",
                                          f"CN={wanted.common_name}"]))  # fmt: skip
        places = [row.path and f"{row.path}.crt", row.kubeconfig and f"{row.kubeconfig}.kubeconfig"]
        lines += [
            f"{row.name} of {wanted.machine or 'this host'}",
            f"  subject  {subject}",
            f"  issuer   {row.ca}",
            f"  usages   {', '.join(row.usages)}",
            *([f"  names    {' '.join(wanted.names)}"] if wanted.names else []),
            f"  place    {', '.join(filter(None, places))}, key of {row.owner}",
            "",
        ]
    return "\n".join(lines)


def whole_tree(name: str) -> dict[str, str]:
    """Return all golden files of a topology by path."""
    cluster, given = support.topology(name), support.given_topology(name)
    files = {"CERTIFICATES": certificates(cluster)}
    lines = []
    for machine, by_step in render(STEPS, given).items():
        wanted = merged(by_step.values())
        lines += [f"# {machine}", *listing(wanted), ""]
        if machine in SHOWN:
            # Secret ones too: the secrets of these tests say what they are.
            files |= {f"{machine}{f.path}": f.content.decode() for f in wanted.files}
            files |= {f"{machine}{b.path}": b.text for b in wanted.blocks}
    files["MACHINES"] = "\n".join(lines)
    for step, own in manifests(STEPS, given).items():
        for m in own:
            path = f"api/{step}/{m['kind']}-{m['metadata']['name'].replace(':', '_')}.yaml"
            files[path] = yaml.safe_dump(m, sort_keys=False)
    return files


@cache
def tree(name: str) -> dict[str, str]:
    """Return the golden files of a topology that are kept: of a branch, what differs."""
    made = whole_tree(name)
    if name == WHOLE:
        return made
    trunk = tree(WHOLE)
    files = {path: text for path, text in made.items() if trunk.get(path) != text}
    absent = sorted(set(trunk) - set(made))
    return files | ({"ABSENT": "".join(f"{path}\n" for path in absent)} if absent else {})


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_tree(name: str) -> None:
    top = GOLDEN / name
    made = tree(name)
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        for path in sorted(top.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for path, text in made.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
    kept = {str(p.relative_to(top)): p.read_text() for p in top.rglob("*") if p.is_file()}
    assert sorted(made) == sorted(kept)
    for path, text in made.items():
        assert text == kept[path], path


def test_rendering_twice_gives_the_same() -> None:
    assert whole_tree("3+3") == whole_tree("3+3")


def test_keys_are_in_files_nobody_else_reads() -> None:
    secrets = support.given_topology("3+3").secrets
    keys = [ca.signer.key for ca in secrets.cas.values()]
    keys += [pair.key for pair in secrets.certificates.values()]
    keys += [secrets.service_account.signing.key, secrets.encryption_keys[0].secret]
    forms = [form for key in keys for form in (key, b64encode(key).rstrip(b"="))]
    for wanted in support.wanted("3+3").values():
        for file in wanted.files:
            if any(form in file.content for form in forms):
                assert (file.secret, file.mode) == (True, 0o600), file.path
            assert not file.secret or any(form in file.content for form in forms), file.path


def test_ca_keys_are_on_no_machine_but_where_they_sign() -> None:
    given = support.given_topology("3+3")
    keys = {name: ca.signer.key for name, ca in given.secrets.cas.items()}
    for wanted in support.wanted("3+3").values():
        for file in wanted.files:
            assert not any(key in file.content for key in keys.values()), file.path
