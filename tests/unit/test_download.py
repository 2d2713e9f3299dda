"""Downloads from servers that cut, stall, reset, redirect, lie and refuse; proxies; signatures."""

import base64
import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.fakes import upstream as behaviour
from tests.fakes.upstream import Cut, Upstream, redirects, resets, stalls

from hardway.components import download, fetch, signature
from hardway.components.download import Artifact, Downloads
from hardway.components.fetch import StoppedError, UnavailableError, Web
from hardway.components.meter import Meter
from hardway.errors import ComponentError

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HARDWAY_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch, "WAITS_S", (0.0, 0.0, 0.0))
    with behaviour.running() as server:
        yield server


def fetched(url: str, to: Path, web: Web | None = None) -> bytes:
    (web or Web()).fetch(url, to, lambda *_: None)
    return to.read_bytes()


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (CONTENT, 1),
        (Cut(CONTENT, 3000), 4),
        ([resets(CONTENT, 5000), CONTENT], 2),
        ([503, 503, CONTENT], 3),
        ([429, CONTENT], 2),
        (behaviour.knows_no_range(CONTENT), 1),
        ([Cut(CONTENT, 3000), behaviour.knows_no_range(CONTENT)], 2),
        ([Cut(CONTENT, 3000), 502, Cut(CONTENT, 3000), 502, Cut(CONTENT, 3000), CONTENT], 6),
    ],
)
def test_what_may_pass_is_tried_again_from_where_it_ended(
    upstream: Upstream, tmp_path: Path, answer: object, asked: int
) -> None:
    upstream.answers = {"/file": answer}
    assert fetched(f"{upstream.url}/file", tmp_path / "file") == CONTENT
    assert len(upstream.asked) == asked


def test_who_falls_silent_is_asked_again_from_where_it_ended(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SILENT_S", 2.0)
    upstream.answers = {"/file": [stalls(CONTENT, 5000), CONTENT]}
    assert fetched(f"{upstream.url}/file", tmp_path / "file") == CONTENT
    assert upstream.ranges == ["", "bytes=5000-"]


def test_who_falls_silent_each_time_is_given_up(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SILENT_S", 0.3)
    upstream.answers = {"/file": stalls(CONTENT, 0)}
    with pytest.raises(UnavailableError, match="timed out, 4 times") as caught:
        fetched(f"{upstream.url}/file", tmp_path / "file")
    assert f"{upstream.url}/file" in str(caught.value)
    assert len(upstream.asked) == 4


def test_the_next_run_goes_on_where_the_last_ended(upstream: Upstream, tmp_path: Path) -> None:
    part = tmp_path / "file"
    upstream.answers = {"/file": [Cut(CONTENT, 3000), 404]}
    with pytest.raises(UnavailableError, match="404"):
        fetched(f"{upstream.url}/file", part)
    upstream.answers = {"/file": CONTENT}
    assert fetched(f"{upstream.url}/file", part) == CONTENT
    assert upstream.ranges == ["", "bytes=3000-", "bytes=3000-"]
    assert fetched(f"{upstream.url}/file", part) == CONTENT, "416: nothing was missing"


@pytest.mark.parametrize(
    ("answer", "asked", "why"),
    [
        (403, 1, "403 Forbidden"),
        (404, 1, "404 Not Found"),
        (503, 4, "503 Service Unavailable, 4 times"),
        ([Cut(CONTENT, 3000), Cut(CONTENT, 0)], 4, "ended after 3000 of 10240 bytes, 4 times"),
        (redirects("/file"), 5, "redirect"),
        (redirects("ftp://127.0.0.1/file"), 1, "ftp://127.0.0.1/file: not http"),
    ],
)
def test_what_will_not_pass_says_why(
    upstream: Upstream, tmp_path: Path, answer: object, asked: int, why: str
) -> None:
    upstream.answers = {"/file": answer}
    with pytest.raises(UnavailableError, match=why) as caught:
        fetched(f"{upstream.url}/file", tmp_path / "file")
    assert f"{upstream.url}/file" in str(caught.value)
    assert len(upstream.asked) == asked


def test_a_server_that_asks_to_wait_is_waited_for(upstream: Upstream, tmp_path: Path) -> None:
    def busy(handler: behaviour.Handler) -> None:
        handler.send_response(503)
        handler.send_header("Retry-After", "7")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    web, waits = Web(), []
    web.stop.wait = waits.append  # type: ignore[method-assign,assignment]
    upstream.answers = {"/file": [busy, CONTENT]}
    assert fetched(f"{upstream.url}/file", tmp_path / "file", web) == CONTENT
    assert waits == [7.0]


def test_a_host_that_never_answered_is_asked_once(upstream: Upstream, tmp_path: Path) -> None:
    web = Web()
    for words in ("127.0.0.1:1 does not answer: ", "127.0.0.1:1 did not answer before: "):
        with pytest.raises(UnavailableError, match=f"{words}.*refused"):
            fetched("http://127.0.0.1:1/file", tmp_path / "file", web)


def test_a_stop_ends_a_download_and_keeps_what_came(upstream: Upstream, tmp_path: Path) -> None:
    web, part = Web(), tmp_path / "file"
    upstream.answers = {"/file": Cut(CONTENT, 3000)}
    with pytest.raises(StoppedError):
        web.fetch(f"{upstream.url}/file", part, lambda *_: web.stop.set())
    assert part.read_bytes() == CONTENT[:3000]


def test_a_proxy_of_the_environment_is_asked(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", upstream.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    upstream.answers = {"http://release.invalid/file": CONTENT}
    assert fetched("http://release.invalid/file", tmp_path / "file") == CONTENT
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 does not answer"):
        fetched("http://127.0.0.1:1/file", tmp_path / "other")
    assert upstream.asked == ["http://release.invalid/file"]


def test_a_ca_of_the_environment_is_trusted_and_https_stays_https(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = _certificate("localhost", x509.DNSName("localhost"))
    own = tmp_path / "own.pem"
    own.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), behaviour.Handler)
    server.answers = {"/file": CONTENT, "/down": redirects(f"{upstream.url}/file")}
    server.asked, server.ranges = [], []
    server.handle_error = lambda *_: None
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"https://localhost:{server.server_address[1]}"
    try:
        with pytest.raises(UnavailableError, match=r"self-signed certificate.*SSL_CERT_FILE"):
            fetched(f"{url}/file", tmp_path / "file")
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        assert fetched(f"{url}/file", tmp_path / "file") == CONTENT
        with pytest.raises(UnavailableError, match="not https"):
            fetched(f"{url}/down", tmp_path / "down")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def downloads(folder: Path, pool: ThreadPoolExecutor) -> Downloads:
    return Downloads(Web(), pool, Meter(lambda _: None), folder / "partial")


def test_a_part_of_something_else_is_begun_anew(upstream: Upstream, tmp_path: Path) -> None:
    artifact = Artifact(f"{upstream.url}/file", sha256(CONTENT).hexdigest())
    part = tmp_path / "partial" / f"{artifact.sha256}.part"
    part.parent.mkdir()
    upstream.answers = {"/file": CONTENT}
    with ThreadPoolExecutor(1) as pool:
        for other in (b"x" * 100, CONTENT + b"more", b""):
            part.write_bytes(other)
            download._fetch(artifact, tmp_path, downloads(tmp_path, pool))
            assert (tmp_path / "file").read_bytes() == CONTENT
            assert not part.exists()


def test_other_bytes_are_an_error_and_not_kept(upstream: Upstream, tmp_path: Path) -> None:
    artifact = Artifact(f"{upstream.url}/file", sha256(CONTENT).hexdigest())
    upstream.answers = {"/file": b"evil"}
    with ThreadPoolExecutor(1) as pool, pytest.raises(ComponentError) as caught:
        download._fetch(artifact, tmp_path, downloads(tmp_path, pool))
    for part in (f"{upstream.url}/file", artifact.sha256, sha256(b"evil").hexdigest()):
        assert part in str(caught.value)
    assert not list((tmp_path / "partial").iterdir())


def test_several_files_at_once_and_no_more_than_there_are_threads(
    upstream: Upstream, tmp_path: Path
) -> None:
    both, at_once, most = threading.Barrier(2), [], []

    def together(handler: behaviour.Handler) -> None:
        at_once.append(1)
        most.append(len(at_once))
        both.wait(5)
        at_once.pop()
        handler.part_of(CONTENT)

    upstream.answers = {"": together}
    digest = sha256(CONTENT).hexdigest()
    # Digests tell parts apart, so that the same content needs another name for each.
    wanted = [Artifact(f"{upstream.url}/{n}", digest) for n in range(4)]
    with ThreadPoolExecutor(2) as pool:
        shared = downloads(tmp_path, pool)
        parts = [shared.partial / str(n) for n in range(4)]
        shared.web._answered.add(upstream.url.removeprefix("http://"))
        for one in [
            pool.submit(shared.web.fetch, a.url, p, lambda *_: None)
            for a, p in zip(wanted, parts, strict=True)
        ]:
            one.result()
    assert max(most) == 2
    assert [p.read_bytes() for p in parts] == [CONTENT] * 4


def test_credentials_in_the_mirror_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARDWAY_MIRROR", "https://me:secret@mirror.invalid")
    with pytest.raises(ComponentError, match="HARDWAY_MIRROR has a user name") as caught:
        download.mirrored("https://dl.k8s.io/x")
    assert "secret" not in str(caught.value) + caught.value.hint


def test_progress_says_how_much_how_fast_and_how_long() -> None:
    said: list[str] = []
    now = [0.0]
    meter = Meter(said.append, clock=lambda: now[0])
    meter.expect("a")
    meter.expect("b")
    meter.moved("a", 50_000_000, 100_000_000)
    now[0] = 10.0
    meter.moved("a", 80_000_000, 100_000_000)
    meter.moved("a", 81_000_000, 100_000_000)
    assert said == [
        "downloading 2 files: 80 MB of about 200 MB, 3.0 MB/s, about 40 s left",
    ]


SIGNER = signature.Signer(
    signature="", certificate="", identity="release@project.invalid", issuer="https://idp.invalid"
)


def _certificate(
    name: str,
    *names: x509.GeneralName,
    by: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None,
    issuer: str = SIGNER.issuer,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(minutes=10))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    if by:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(usage, critical=False)
        vouched = x509.UnrecognizedExtension(signature.ISSUER, issuer.encode())
        builder = builder.add_extension(vouched, critical=False)
    return key, builder.sign(by[0] if by else key, hashes.SHA256())


@pytest.fixture
def ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    made = _certificate("CA")
    (tmp_path / "ca.pem").write_bytes(made[1].public_bytes(serialization.Encoding.PEM))
    monkeypatch.setattr(signature, "CA", tmp_path / "ca.pem")
    return made


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("good", ""),
        ("other file", "is of another file"),
        ("other CA", "sigstore's CA did not issue"),
        ("other identity", r"is by evil@project\.invalid"),
        ("other issuer", r"vouched for by https://evil\.invalid"),
        ("no signature", "is of another file"),
        ("no certificate", "cannot be read"),
    ],
)
def test_signatures(
    ca: tuple[ec.EllipticCurvePrivateKey, x509.Certificate], case: str, wrong: str
) -> None:
    identity = "evil@project.invalid" if case == "other identity" else SIGNER.identity
    issuer = "https://evil.invalid" if case == "other issuer" else SIGNER.issuer
    by = _certificate("CA") if case == "other CA" else ca
    key, leaf = _certificate("signer", x509.RFC822Name(identity), by=by, issuer=issuer)
    signed = b"another" if case == "other file" else CONTENT
    made = base64.b64encode(key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
    pem = base64.b64encode(leaf.public_bytes(serialization.Encoding.PEM)).decode()
    if case == "no signature":
        made = ""
    if case == "no certificate":
        pem = "<html>404</html>"
    digest = sha256(CONTENT).hexdigest()
    if not wrong:
        signature.check(digest, made, pem, SIGNER, of="kubectl")
        return
    with pytest.raises(ComponentError, match=f"kubectl: its signature .*{wrong}"):
        signature.check(digest, made, pem, SIGNER, of="kubectl")


def test_the_ca_is_the_published_one() -> None:
    pinned = x509.load_pem_x509_certificate(signature.CA.read_bytes())
    assert pinned.fingerprint(hashes.SHA256()).hex() in signature.CA.read_text()
