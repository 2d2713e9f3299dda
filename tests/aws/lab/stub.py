"""An instance in miniature: port 22 greets, 6443 is an API server's health, 30080 a NodePort.

Run as a program within an instance's namespace, with its id and the lab's folder, in which
`tls.pem` is. A file `<id>.unready` there makes it say that it is not ready.
"""

import http.server
import socket
import ssl
import sys
import threading
from pathlib import Path

NAME, FOLDER = sys.argv[1], Path(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    """Says who it is, or whether it is ready."""

    def do_GET(self) -> None:
        """Answer."""
        unready = self.path == "/readyz" and (FOLDER / f"{NAME}.unready").exists()
        self.send_response(500 if unready else 200)
        self.end_headers()
        self.wfile.write(f"{NAME} {self.client_address[0]}\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def greet() -> None:
    """Be as much of an SSH server as shows that one is there."""
    listening = socket.create_server(("", 22))
    while True:
        connection, _ = listening.accept()
        connection.sendall(b"SSH-2.0-stub\r\n")
        connection.close()


api = http.server.ThreadingHTTPServer(("", 6443), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(FOLDER / "tls.pem")
api.socket = tls.wrap_socket(api.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=api.serve_forever, daemon=True).start()
threading.Thread(
    target=http.server.ThreadingHTTPServer(("", 30080), Handler).serve_forever, daemon=True
).start()
greet()
