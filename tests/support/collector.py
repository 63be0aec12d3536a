"""Where traces are collected in a test: an OpenTelemetry collector's HTTP address and an X-Ray daemon's datagrams, on loopback."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pokea.adapters import otlp_http
from tests.oracles.otlp_reader import ReadSpan, read_spans

DAEMON_HEAD = b'{"format":"json","version":1}\n'


@dataclass
class Collector:
    """`bodies`: as they came. `status`: what is answered; `hangs` keeps the answer back until it is set."""

    bodies: list[bytes] = field(default_factory=list)
    status: int = 200
    answers: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[ReadSpan]:
        return [span for body in self.bodies for span in read_spans(body)]

    def wait_for(self, enough: Callable[[list[ReadSpan]], bool], within_s: float = 20) -> list[ReadSpan]:
        """The spans once there are enough of them."""
        until = time.monotonic() + within_s
        while not enough(self.spans):
            assert time.monotonic() < until, sorted(span.name for span in self.spans)
            self._came.wait(0.2)
            self._came.clear()
        return self.spans

    _came: threading.Event = field(default_factory=threading.Event)


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender waits for its collector also on a machine that stands still for seconds."""
    for bound in ("WITHIN_S", "LAST_S"):
        monkeypatch.setattr(otlp_http, bound, 60.0)


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    found = Collector()
    found.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.answers.wait(30)
            if self.path == "/v1/traces" and found.status < 300:
                found.bodies.append(body)
                found.headers.append({name.lower(): value for name, value in self.headers.items()})
                found._came.set()
            self.send_response(found.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        found.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def daemon() -> Iterator[tuple[str, Callable[[], list[ReadSpan]]]]:
    """Its address, and what gives the spans that came by now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(2)

        def came() -> list[ReadSpan]:
            datagram = ear.recv(65_536)
            assert datagram.startswith(DAEMON_HEAD + b"T1S")
            return read_spans(base64.b64decode(datagram[len(DAEMON_HEAD) + 3 :], validate=True))

        yield f"127.0.0.1:{ear.getsockname()[1]}", came
