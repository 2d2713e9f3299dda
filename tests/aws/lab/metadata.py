"""The instance metadata service, version 2 only: who asks is known by address."""

import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.aws.lab.router import METADATA
from tests.aws.lab.view import Boot, Node, View

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


def documents(boot: Boot, node: Node) -> dict[str, bytes]:
    """Return what an instance may read, by path below /latest. Pure."""
    texts = {
        "meta-data/instance-id": boot.id,
        "meta-data/instance-type": boot.type,
        "meta-data/ami-id": boot.image,
        "meta-data/local-ipv4": boot.address,
        "meta-data/local-hostname": f"ip-{boot.address.replace('.', '-')}",
        "meta-data/public-ipv4": dict(node.public).get(boot.address, ""),
        "meta-data/placement/availability-zone": boot.zone,
        "meta-data/public-keys/0/openssh-key": boot.key,
    }
    found = {path: text.encode() for path, text in texts.items() if text}
    return {**found, **({"user-data": boot.user_data} if boot.user_data else {})}


def serve(view: Callable[[], View]) -> None:
    """Answer at the well-known address for as long as this process lives."""
    tokens: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def _boot(self) -> tuple[Boot, Node] | None:
            now, caller = view(), self.client_address[0]
            nodes = {node.id: node for node in now.nodes}
            found = [b for b in now.boots if b.address == caller and b.id in nodes]
            return (found[0], nodes[found[0].id]) if found else None

        def do_PUT(self) -> None:
            found = self._boot()
            if found is None or self.path != "/latest/api/token" or not self.headers.get(TTL):
                self._say(400)
                return
            # The answer dies at the next hop, so that no pod gets hold of a token.
            self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, found[0].hop_limit)
            token = secrets.token_urlsafe(32)
            tokens[token] = found[0].id
            self._say(200, token.encode())

        def do_GET(self) -> None:
            found = self._boot()
            if found is None or tokens.get(self.headers.get(TOKEN, "")) != found[0].id:
                self._say(401)
                return
            content = documents(*found).get(self.path.removeprefix("/latest/"))
            self._say(404 if content is None else 200, content or b"")

        def _say(self, status: int, content: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer((METADATA, 80), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
