"""Getting what is at a URL, resumed where it was broken off, and tried again where that may help.

Proxies are those of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), certificates are checked
against the system's CAs, or those of SSL_CERT_FILE or SSL_CERT_DIR.
"""

import http.client
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import urlsplit

from hardway.text import text

CHUNK_BYTES = 1 << 18
SILENT_S = 10.0
"""How long a host may take to answer, or be silent in between."""
WAITS_S = (0.5, 2.0, 5.0)
"""Before each further try at the same place; any progress begins this anew."""
LONGEST_WAIT_S = 30.0
"""The most that a server's Retry-After is followed."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be others in a moment; 403 and 404 are not."""
SMALL_BYTES = 1 << 20
"""More than any file of checksums has."""

T = TypeVar("T")
Moved = Callable[[int, int | None], None]
"""Called with the bytes that are there by now, and the size of the whole where it is known."""


class UnavailableError(Exception):
    """Upstream does not answer, or has no such file: another source may."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class StoppedError(Exception):
    """The run is being ended; what was downloaded until now is kept."""


class PassingError(Exception):
    """Something that may be better in a moment."""

    def __init__(self, why: str, *, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.wait_s = wait_s


class SilentError(PassingError):
    """No answer at all; it is the host's first and last chance unless it answered before."""


class _Answers(urllib.request.HTTPRedirectHandler):
    """Gives errors as the answers they are; follows redirects, but from https only to https."""

    def http_error_default(
        self, _req: object, fp: http.client.HTTPResponse, *_: object
    ) -> http.client.HTTPResponse:
        """Return what the server said."""
        return fp

    def redirect_request(  # noqa: PLR0913, PLR0917 - the base class's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: http.client.HTTPMessage, newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """Return the request to make instead."""
        allowed = {"https"} if req.type == "https" else {"http", "https"}
        if urlsplit(newurl).scheme not in allowed:
            fp.close()
            raise UnavailableError(
                text("{url} redirects to {other}: not {scheme}",
                     url=req.full_url, other=newurl, scheme=min(allowed))
            )  # fmt: skip
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Web:
    """One run's way to the outside: which hosts answer, and whether to go on at all."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        """Set to end all downloads at their next chunk."""
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
            urllib.request.HTTPErrorProcessor(),
            _Answers(),
        ):
            self._opener.add_handler(handler)
        self._answered: set[str] = set()
        self._unreachable: dict[str, str] = {}
        self._first: dict[str, threading.Lock] = {}

    def text(self, url: str) -> str:
        """Return a small file.

        Raises:
            UnavailableError: its host does not answer, or answers with an error.
        """

        def read() -> str:
            with self._open(url, 0) as answer, _network():
                return answer.read(SMALL_BYTES).decode(errors="replace")

        return self._insist(url, read, lambda: 0)

    def fetch(self, url: str, part: Path, moved: Moved) -> None:
        """Append to a file what is missing of the one at a URL.

        Raises:
            UnavailableError: its host does not answer, answers with an error, or ends early each
                time; what came until then stays in the file.
        """
        self._insist(url, lambda: self._append(url, part, moved), lambda: _size(part))

    def _insist(self, url: str, attempt: Callable[[], T], reached: Callable[[], int]) -> T:
        """Try again what may pass, until it has failed too often at the same place."""
        failures, furthest = 0, reached()
        while True:
            try:
                return attempt()
            except PassingError as error:
                if reached() > furthest:
                    failures, furthest = 0, reached()
                if failures == len(WAITS_S):
                    raise UnavailableError(
                        text("{url}: {why}, {count} times",
                             url=url, why=error.why, count=failures + 1)
                    ) from error  # fmt: skip
                self.stop.wait(min(max(WAITS_S[failures], error.wait_s), LONGEST_WAIT_S))
                failures += 1
                self._go_on()

    def _append(self, url: str, part: Path, moved: Moved) -> None:
        had = _size(part)
        with self._open(url, had) as answer:
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # nothing is missing, or what is there is something else: its digest tells
            begins, total = _extent(answer)
            if begins not in {0, had}:
                raise PassingError(
                    text("asked for what follows byte {asked}, it sent what follows byte {sent}",
                         asked=had, sent=begins)
                )  # fmt: skip
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab" if begins else "wb") as file:
                for chunk in self._chunks(answer):
                    file.write(chunk)
                    moved(file.tell(), total)
        if total is not None and _size(part) != total:
            raise PassingError(
                text("ended after {received} of {total} bytes", received=_size(part), total=total)
            )

    def _chunks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        while True:
            with _network():
                chunk = answer.read1(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
            self._go_on()

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise StoppedError

    def _open(self, url: str, had: int) -> http.client.HTTPResponse:
        """Ask for what follows the first bytes; a host that never answered is asked once."""
        host = urlsplit(url).netloc
        if host in self._answered:
            return self._ask(url, had)
        with self._first.setdefault(host, threading.Lock()):
            if host in self._unreachable:
                raise UnavailableError(
                    text("{host} did not answer before: {why}",
                         host=host, why=self._unreachable[host])
                )  # fmt: skip
            try:
                answer = self._ask(url, had)
            except SilentError as error:
                self._unreachable[host] = error.why
                raise UnavailableError(
                    text("{host} does not answer: {why}", host=host, why=error.why)
                ) from error
            except (PassingError, UnavailableError):
                self._answered.add(host)
                raise
            self._answered.add(host)
            return answer

    def _ask(self, url: str, had: int) -> http.client.HTTPResponse:
        request = urllib.request.Request(url, headers={"User-Agent": "hardway"})  # noqa: S310 - only http and https have handlers
        if had:
            request.add_header("Range", f"bytes={had}-")
        try:
            answer: http.client.HTTPResponse | None = self._opener.open(request, timeout=SILENT_S)
        except urllib.error.HTTPError as error:  # of redirects alone
            error.close()
            raise UnavailableError(f"{url}: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise UnavailableError(
                    text("{host}: {why} (for a CA of your own set SSL_CERT_FILE)",
                         host=urlsplit(url).netloc, why=reason.verify_message)
                ) from error  # fmt: skip
            raise SilentError(str(reason) or type(reason).__name__) from error
        if answer is None:
            raise UnavailableError(text("{url}: neither http nor https", url=url))
        if answer.status >= 400 and not (
            had and answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        ):
            answer.close()
            said = f"{answer.status} {answer.reason}"
            if answer.status in PASSING:
                raise PassingError(said, wait_s=_retry_after(answer))
            raise UnavailableError(f"{url}: {said}")
        return answer


@contextmanager
def _network() -> Iterator[None]:
    """Tell what goes wrong on the way from what goes wrong on this host's disk."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise PassingError(str(error) or type(error).__name__) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _extent(answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return at which byte an answer begins, and how long the whole file is, if it says so."""
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if not found:
            raise PassingError(text("a partial answer that does not say of what"))
        return int(found[1]), int(found[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length else None


def _retry_after(answer: http.client.HTTPResponse) -> float:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
