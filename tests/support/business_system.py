"""A business's own system on a real loopback socket: accounts, orders and tickets as JSON, with whatever trouble a test orders.

It honours idempotency keys, as docs/backends.md asks of the real ones, and counts what it really did.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "key-of-the-business"


class Trouble(StrEnum):
    NONE = "none"
    SLOW = "slow"  # no reply in time, and nothing done
    ERROR = "500"
    BUSY = "429"
    RESET = "reset"  # the connection is cut before anything is done
    BAD_JSON = "bad json"
    LOST_REPLY = "lost reply"  # done, and then the connection is cut
    LATE_REPLY = "late reply"  # done, and the reply comes after everybody has gone


AFTER_THE_WRITE = frozenset({Trouble.BAD_JSON, Trouble.LOST_REPLY, Trouble.LATE_REPLY})


@dataclass
class BusinessSystem:
    """`troubles`: what befalls the next requests, one each; `always` all of them. `requests`: method, path, idempotency key."""

    accounts: dict[str, dict[str, Any]]
    pins: dict[str, str]
    always: Trouble = Trouble.NONE
    slow_s: float = 1.0
    troubles: deque[Trouble] = field(default_factory=deque)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)  # by idempotency key
    url: str = ""
    honours_keys: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_trouble(self) -> Trouble:
        with self._lock:
            return self.troubles.popleft() if self.troubles else self.always

    def answer(self, method: str, path: str, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            parts = path.partition("?")[0].strip("/").split("/")
            if method == "GET":
                return self._read(parts, path)
            if parts[-1] == "verify":
                return (200, {"ok": True}) if self.pins.get(parts[1]) == body.get("answer") else (403, {})
            if self.honours_keys and key in self.answers:
                return 201, self.answers[key]
            if parts[1] not in self.accounts:
                return 404, {}
            made = {"ticket_id": f"T{len(self.tickets) + 1:06d}", "status": "open", **body}
            self.tickets[made["ticket_id"]] = {**made, "account_id": parts[1]}
            self.answers[key] = made
            return 201, made

    def _read(self, parts: list[str], path: str) -> tuple[int, Any]:
        if parts == ["accounts"]:
            phone = path.partition("phone=%2B")[2]
            return 200, [row for row in self.accounts.values() if f"+{phone}" in row["numbers"]]
        row = self.accounts.get(parts[1])
        if row is None:
            return 404, {}
        if parts[2:] == ["tickets"]:
            return 200, [ticket for ticket in self.tickets.values() if ticket["account_id"] == parts[1]]
        if parts[2:] == ["orders"]:
            return 200, row.get("orders", [])
        return 200, row


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone: that is what many of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    system: BusinessSystem
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))) or b"{}")
        key = self.headers.get("idempotency-key", "")
        self.system.requests.append((method, self.path, key))
        if self.headers.get("authorization") != f"Bearer {KEY}":
            return self._reply(401, b"{}")
        trouble = self.system.next_trouble()
        if trouble is Trouble.SLOW:
            time.sleep(self.system.slow_s)
            return self._cut()
        if trouble is Trouble.RESET:
            return self._cut()
        if trouble in (Trouble.ERROR, Trouble.BUSY):
            return self._reply(int(trouble.value), b"{}")
        return self._do(trouble, *self.system.answer(method, self.path, key, body))

    def _do(self, trouble: Trouble, status: int, content: Any) -> None:
        """It is done; what of that reaches whoever asked."""
        if trouble is Trouble.LATE_REPLY:
            time.sleep(self.system.slow_s)
        if trouble in (Trouble.LOST_REPLY, Trouble.LATE_REPLY):
            return self._cut()
        return self._reply(status, b"<html>oops" if trouble is Trouble.BAD_JSON else json.dumps(content).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        """A reset, not a polite end."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def running(system: BusinessSystem) -> Iterator[BusinessSystem]:
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"system": system}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="business-system")
    thread.start()
    system.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield system
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
