"""A container registry for the suite: serves an archive's images, read-only, over plain HTTP.

Some specs pull what is on the machine already; a registry of one's own answers them where the
public ones are out of reach (the pull half of the OCI distribution specification).
"""

import json
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OCI = "application/vnd.oci.image"
MANIFEST = f"{OCI}.manifest.v1+json"
PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/?]+)")
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Blob:
    """Bytes of a file: where they begin, how many they are."""

    file: Path
    offset: int
    size: int
    digest: str

    def described(self, kind: str) -> dict[str, object]:
        """Return the descriptor of an OCI manifest."""
        return {"mediaType": f"{OCI}.{kind}", "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Catalogue:
    """What is served: blobs by digest, manifests by digest and by `name:tag`."""

    blobs: Mapping[str, Blob]
    manifests: Mapping[str, bytes]


def read(archive: Path, host: str) -> Catalogue:
    """Return what an archive, as `docker save` writes it, has of the images of one registry."""
    blobs: dict[str, Blob] = {}
    manifests: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:

        def blob(member: str, digest: str) -> Blob:
            info = tar.getmember(member)
            found = Blob(archive, info.offset_data, info.size, f"sha256:{digest}")
            return blobs.setdefault(found.digest, found)

        listed = tar.extractfile("manifest.json")
        assert listed is not None
        for row in json.load(listed):
            config = blob(row["Config"], row["Config"].removesuffix(".json"))
            layers = [blob(name, name.removesuffix("/layer.tar")) for name in row["Layers"]]
            manifest = json.dumps({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config.described("config.v1+json"),
                "layers": [layer.described("layer.v1.tar") for layer in layers],
            }).encode()  # fmt: skip
            manifests[digest_of(manifest)] = manifest
            for reference in row["RepoTags"]:
                if reference.startswith(f"{host}/"):
                    manifests[reference.removeprefix(f"{host}/")] = manifest
    return Catalogue(blobs, manifests)


def digest_of(content: bytes) -> str:
    """Return a digest as the specification writes it."""
    return f"sha256:{sha256(content).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; all else is refused by the class it comes from."""

    protocol_version = "HTTP/1.1"
    catalogue: Catalogue

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the suite's own log is long enough."""

    def _answer(self) -> None:
        if self.path in {"/v2", "/v2/"}:
            self._headers(HTTPStatus.OK, 0, {})
            return
        found = PATH.match(self.path)
        if found is None:
            self._headers(HTTPStatus.NOT_FOUND, 0, {})
        elif found["kind"] == "manifests":
            self._manifest(found["name"], found["reference"])
        else:
            self._blob(found["reference"])

    def _manifest(self, name: str, reference: str) -> None:
        key = reference if reference.startswith("sha256:") else f"{name}:{reference}"
        content = self.catalogue.manifests.get(key)
        if content is None:
            self._headers(HTTPStatus.NOT_FOUND, 0, {})
            return
        headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": digest_of(content)}
        if self._headers(HTTPStatus.OK, len(content), headers):
            self.wfile.write(content)

    def _blob(self, digest: str) -> None:
        blob = self.catalogue.blobs.get(digest)
        if blob is None:
            self._headers(HTTPStatus.NOT_FOUND, 0, {})
            return
        if not self._headers(HTTPStatus.OK, blob.size, {"Docker-Content-Digest": digest}):
            return
        with blob.file.open("rb") as file:
            file.seek(blob.offset)
            left = blob.size
            while chunk := file.read(min(left, CHUNK_BYTES)):
                self.wfile.write(chunk)
                left -= len(chunk)

    def _headers(self, status: HTTPStatus, size: int, headers: Mapping[str, str]) -> bool:
        """Send the answer's head; return whether a body is to follow."""
        self.send_response(status)
        for name, value in {"Content-Length": str(size), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        return self.command == "GET"


@contextmanager
def serving(catalogue: Catalogue, address: str) -> Iterator[str]:
    """Serve a catalogue on an address of this host, at a free port; yield the URL."""
    own = type("Own", (Handler,), {"catalogue": catalogue})
    with ThreadingHTTPServer((address, 0), own) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
