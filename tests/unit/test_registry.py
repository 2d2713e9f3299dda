"""The suite's registry: what it serves is what the archive holds, by digests anybody can check."""

import http.client
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.conformance import registry
from tests.conformance.images import REGISTRY, Image, layer, save


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    base = layer(tmp_path / "base.tar", {"etc/passwd": (b"root:x:0:0\n", 0o644)}, {})
    own = layer(tmp_path / "own.tar", {"bin/own": (bytes(3 << 20), 0o755)}, {})
    archive = tmp_path / "images.tar"
    save([
        Image((f"{REGISTRY}/some/own:1", f"{REGISTRY}/some/own:2"), (base, own), {"User": "7"}),
        Image(("localhost/elsewhere:1",), (base,)),
    ], archive)  # fmt: skip
    with registry.serving(registry.read(archive, REGISTRY), "127.0.0.1") as url:
        yield url


def ask(url: str, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_an_image_is_whole(server: str) -> None:
    status, headers, content = ask(server, "/v2/some/own/manifests/2?ns=registry.k8s.io")
    assert status == 200
    assert headers["Docker-Content-Digest"] == f"sha256:{sha256(content).hexdigest()}"
    manifest = json.loads(content)
    assert headers["Content-Type"] == manifest["mediaType"] == registry.MANIFEST
    blobs = {}
    for row in (manifest["config"], *manifest["layers"]):
        _, _, blob = ask(server, f"/v2/some/own/blobs/{row['digest']}")
        assert len(blob) == row["size"]
        assert f"sha256:{sha256(blob).hexdigest()}" == row["digest"]
        blobs[row["digest"]] = blob
    config = json.loads(blobs[manifest["config"]["digest"]])
    assert config["config"] == {"User": "7"}
    assert config["rootfs"]["diff_ids"] == [row["digest"] for row in manifest["layers"]]


def test_a_manifest_is_the_same_by_tag_and_by_digest(server: str) -> None:
    _, headers, content = ask(server, "/v2/some/own/manifests/1")
    digest = headers["Docker-Content-Digest"]
    assert ask(server, f"/v2/some/own/manifests/{digest}")[2] == content
    status, again, nothing = ask(server, "/v2/some/own/manifests/1", "HEAD")
    assert (status, again["Content-Length"], nothing) == (200, str(len(content)), b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/", 200),
        ("GET", "/v2/some/own/manifests/3", 404),
        ("GET", "/v2/elsewhere/manifests/1", 404),
        ("GET", f"/v2/some/own/blobs/sha256:{'0' * 64}", 404),
        ("GET", "/etc/passwd", 404),
        ("GET", "/v2/some/own/blobs/../../../etc/passwd", 404),
        ("PUT", "/v2/some/own/manifests/1", 501),
        ("DELETE", "/v2/some/own/manifests/1", 501),
    ],
)
def test_other_answers(server: str, method: str, path: str, status: int) -> None:
    assert ask(server, path, method)[0] == status
