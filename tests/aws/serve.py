"""Ways to the fake AWS: over HTTP for programs, or within this process for speed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.exceptions
import botocore.httpsession
from tests.aws.tap import REGION, Broken, Tap
from tests.guard import NO_ACCOUNT
from werkzeug.serving import WSGIRequestHandler, make_server

CREDENTIALS = {
    **NO_ACCOUNT,
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "an-example-and-no-secret",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
"""Environment of a program that talks to the fake AWS, once it is told where that is."""


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        return


class _Cutting:
    """Turns a broken call into a broken connection."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return self.tap(environ, start_response)
        except Broken:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise


@contextmanager
def listening(tap: Tap, address: str = "127.0.0.1", port: int = 0) -> Iterator[dict[str, str]]:
    """Serve HTTP; yield the environment for programs that are to use it."""
    server = make_server(address, port, _Cutting(tap), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{address}:{server.port}"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def within(tap: Tap) -> Iterator[None]:
    """Answer all of botocore's requests in this process; nothing leaves it."""
    real = botocore.httpsession.URLLib3Session.send
    botocore.httpsession.URLLib3Session.send = lambda _, request: _exchange(tap, request)
    try:
        yield
    finally:
        botocore.httpsession.URLLib3Session.send = real


def _exchange(tap: Tap, request: Any) -> botocore.awsrequest.AWSResponse:
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    url = urlsplit(request.url)
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": url.path or "/",
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port or 443),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": BytesIO(),
        "HTTP_HOST": url.netloc,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        environ[key] = value.decode() if isinstance(value, bytes) else value
    try:
        answer = tap.exchange(environ, body)
    except Broken as broken:
        raise botocore.exceptions.ConnectionClosedError(endpoint_url=request.url) from broken
    headers = {"Content-Type": answer.content_type}
    return botocore.awsrequest.AWSResponse(request.url, answer.status, headers, _Raw(answer.body))


class _Raw:
    """The body of an answer, in the form urllib3 has it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content
