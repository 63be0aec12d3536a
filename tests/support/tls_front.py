"""A host of its own before a deployed API, over TLS, as a carrier reaches one; and systems of other people on the same host.

Its certificate is drawn for each run and signed by nobody: `trust` believes it, and `SSL_CERT_FILE` makes deployed functions believe it.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass
class Front:
    """`upstream` ("127.0.0.1:4566") and `api_host` are set once the API is there. `pages`: what other people serve, by path. `taken`: what
    was posted to other people, path and body: whatever is under /theirs/. `answered`: method, path and status of the API's requests."""

    url: str
    certificate: Path
    key: Path
    upstream: str = ""
    api_host: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    answered: list[tuple[str, str, int]] = field(default_factory=list)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def serving(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@contextmanager
def tls_front(folder: Path) -> Iterator[Front]:
    certificate, key = _drawn(folder)
    server = ThreadingHTTPServer((HOST, 0), _Door)
    server.daemon_threads = True
    front = Front(f"https://{HOST}:{server.server_port}", certificate, key)
    # The handshake is left to each connection's own thread.
    server.socket = front.serving().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.front = front  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _drawn(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    held, shown = folder / "front.key", folder / "front.pem"
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    held.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return shown, held


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        front: Front = self.server.front  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path in front.pages:
            self._answer(200, [("content-type", "text/calendar")], front.pages[self.path])
        elif self.path.startswith("/theirs/"):
            front.taken.append((self.path, body))
            self._answer(204, [], b"")
        else:
            status, headers, answer = self._relayed(front, body)
            front.answered.append((self.command, self.path, status))
            self._answer(status, headers, answer)

    def _relayed(self, front: Front, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        onward = http.client.HTTPConnection(front.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            onward.request(self.command, self.path, body, {**headers, "host": front.api_host})
            reply = onward.getresponse()
            answer = reply.read()
        finally:
            onward.close()
        return reply.status, [(name, value) for name, value in reply.getheaders() if name.lower() not in _HOP], answer

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):  # who asked may not have waited
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the tests' output."""
