"""Release hosts on loopback, which answer well or badly, as they are told."""

import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Answer = "bytes | int | Callable[[Handler], None] | list[Answer]"
"""Content; or a status; or what to do; or one of these for each time it is asked."""


class Upstream(http.server.ThreadingHTTPServer):
    """Release downloads; `answers` by the end of the path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.released = threading.Event()
        """Set at the end, for those who stall."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.ranges.append(self.headers.get("Range", ""))
        found = [a for end, a in self.server.answers.items() if self.path.endswith(end)]
        answer = found[0] if found else 404
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, int):
            self.send_error(answer)
        elif isinstance(answer, bytes):
            self.part_of(answer)
        else:
            answer(self)

    def part_of(self, content: bytes, *, until: int | None = None) -> None:
        """Send what was asked for, as a server that knows Range does; `until` cuts it off."""
        wanted = self.headers.get("Range", "")
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if begin >= len(content) and wanted:
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin:until])
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Cut:
    """Ends after so many bytes of each answer, and of the whole file where it knows no Range."""

    content: bytes
    after: int

    def __call__(self, handler: Handler) -> None:
        wanted = handler.headers.get("Range", "")
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        handler.part_of(self.content, until=begin + self.after)


def knows_no_range(content: bytes) -> Callable[[Handler], None]:
    """Return what sends everything, whatever is asked for."""

    def send(handler: Handler) -> None:
        del handler.headers["Range"]
        handler.part_of(content)

    return send


def stalls(content: bytes, after: int) -> Callable[[Handler], None]:
    """Return what sends some bytes and then nothing more, and does not hang up either."""

    def send(handler: Handler) -> None:
        handler.part_of(content, until=after)
        handler.server.released.wait(10)

    return send


def resets(content: bytes, after: int) -> Callable[[Handler], None]:
    """Return what breaks the connection off with a reset."""

    def send(handler: Handler) -> None:
        handler.part_of(content, until=after)
        at_once = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        handler.connection.close()

    return send


def redirects(to: str) -> Callable[[Handler], None]:
    """Return what sends elsewhere."""

    def send(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


@contextmanager
def running() -> Iterator[Upstream]:
    """Yield a server that runs."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
