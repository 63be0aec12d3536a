"""S12: addresses that somebody else wrote down lead to public machines, or nowhere."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from pokea.adapters.public_http import PublicHttp, check_url, is_public
from pokea.errors import CallError, Denied, Indeterminate, RejectedInput, Unavailable

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "192.0.2.7", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1", "fec0::1", "feff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public_whatever_they_are_wrapped_in(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["41.90.64.1", "8.8.8.8", "2a00:1450:4009::1", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_a_private_address_is_not_asked(address: str) -> None:
    http = PublicHttp(find=lambda host, port: [address])
    with pytest.raises(Denied):
        http.request("GET", "https://erp.example.com/")


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    http = PublicHttp(find=lambda host, port: ["41.90.64.1", "10.0.0.1"])
    with pytest.raises(Denied):
        http.request("GET", "https://erp.example.com/")


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example.com/", "https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data", "ftp://erp.example.com/",
        "https://user:pass@erp.example.com/", "https://erp.example.com:22/", "https:///x", "//erp.example.com", "https://erp example.com/",
        "https://erp.example.com:99999/", "https://exämple.com/", "https://" + "a" * 3_000, "", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_public_https_url_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises((RejectedInput, Denied)):
        check_url(url)


class _Peer(BaseHTTPRequestHandler):
    """/to?<url> redirects; /big is large; /cut breaks off; anything else echoes the request's headers."""

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self._answer(302, b"", location=self.path.removeprefix("/to?"))
        elif self.path == "/big":
            self._answer(200, b"x" * 300_000)
        elif self.path == "/cut":
            self.connection.close()
        else:
            self._answer(200, str(self.headers).encode())

    def do_POST(self) -> None:
        if self.path == "/cut":
            self.connection.close()
        else:
            self._answer(307, b"", location="/elsewhere")

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Peer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def desk() -> Iterator[PublicHttp]:
    """As on a desk, where any address will do."""
    http = PublicHttp(allow_private=True)
    yield http
    http.close()


def test_a_get_follows_redirects(desk: PublicHttp, peer: str) -> None:
    reply = desk.request("GET", f"{peer}/to?/there")
    assert (reply.status, reply.url) == (200, f"{peer}/there")


def test_a_redirect_to_another_scheme_or_in_a_circle_ends_in_an_error(desk: PublicHttp, peer: str) -> None:
    with pytest.raises(RejectedInput):
        desk.request("GET", f"{peer}/to?file:///etc/passwd")
    with pytest.raises(Unavailable, match="too often"):
        desk.request("GET", f"{peer}/to?" + "/to?" * 5)


def test_keys_are_not_taken_along_to_another_host(desk: PublicHttp, peer: str) -> None:
    other = peer.replace("127.0.0.1", "localhost")
    reply = desk.request("GET", f"{peer}/to?{other}/there", headers={"Authorization": "Bearer secret"})
    assert reply.status == 200
    assert b"secret" not in reply.body
    assert b"secret" in desk.request("GET", f"{peer}/to?/there", headers={"Authorization": "Bearer secret"}).body


def test_a_commit_is_never_sent_on(desk: PublicHttp, peer: str) -> None:
    assert desk.request("POST", f"{peer}/commit", content=b"{}").status == 307


def test_a_reply_without_end_is_cut_off(desk: PublicHttp, peer: str) -> None:
    with pytest.raises(Unavailable, match="larger"):
        desk.request("GET", f"{peer}/big")


@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Indeterminate)])
def test_a_lost_reply_is_unsure_exactly_where_something_may_have_happened(
    desk: PublicHttp, peer: str, method: str, kind: type[CallError]
) -> None:
    with pytest.raises(kind):
        desk.request(method, f"{peer}/cut")


def test_nobody_there_means_that_nothing_happened(desk: PublicHttp) -> None:
    with pytest.raises(Unavailable):
        desk.request("POST", "http://127.0.0.1:9/")


# --- a reply in drops ------------------------------------------------------------------------------------------------------------

EVERY_S = 0.05
HELD_S = 5.0  # whoever is held by what drips is held for ever
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@contextlib.contextmanager
def dripping(at_once: bytes, drop: bytes) -> Iterator[str]:
    """A server that answers with `at_once` and then `drop` every 50 ms, until nobody listens or it is told to stop."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            line, _ = listener.accept()
            with line:
                line.recv(4_096)
                line.sendall(at_once)
                while not over.wait(EVERY_S):
                    line.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("at_once", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: a\r\n"),
        (HEAD, b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["one header", "many headers", "body", "chunks"],
)
@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Indeterminate)])
def test_whoever_drips_holds_a_request_no_longer_than_its_time(
    desk: PublicHttp, at_once: bytes, drop: bytes, method: str, kind: type[CallError]
) -> None:
    with dripping(at_once, drop) as url:
        began = time.monotonic()
        with pytest.raises(kind):
            desk.request(method, url, timeout_s=0.3)
        assert time.monotonic() - began < HELD_S


def test_redirects_share_the_time_of_their_request(desk: PublicHttp, peer: str) -> None:
    with dripping(HEAD, b"a") as url:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            desk.request("GET", f"{peer}/to?{url}", timeout_s=0.3)
        assert time.monotonic() - began < HELD_S


def test_a_connection_that_is_used_again_has_the_time_of_the_new_request(desk: PublicHttp, peer: str) -> None:
    for short_s in (0.05, 0.5, 2.0):  # a machine with much to do may need more than the least
        with contextlib.suppress(Unavailable):
            assert desk.request("GET", f"{peer}/there", timeout_s=short_s).status == 200
            break
    threading.Event().wait(short_s + 0.01)
    assert desk.request("GET", f"{peer}/there", timeout_s=10.0).status == 200
