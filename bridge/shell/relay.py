"""The private door of a worker: the bridge that has the person's leg of a hand-off comes in here, to the bridge that has the caller.

    GET /relay?handoff=<id>   Authorization: Bearer <hop>      one connection per hand-off, while it is expected

The hop is known to the two bridges and the control plane only. It is compared in constant time, also for a hand-off that nobody expects.
The same socket is used where both legs are in one process, so that there is one way to be right.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from http import HTTPStatus

from bridge.shell.doorman import Admitted, Answer, Request
from bridge.shell.phone import PhoneListener
from bridge.shell.server import Server
from bridge.wire.audio_fork import SUBPROTOCOL
from pokea.adapters.settings import BadSettings

PATH = "/relay"
AUTO = "auto"
_HEAD_WITHIN_S = 2.0
_BEARER = "Bearer "
_NOBODY = b"nobody is expected under this name"


def relay_address(host: str) -> str:
    """The address to listen on: `host`, or with "auto" the one that this machine's own name stands for. Raises BadSettings unless it is an
    address that strangers cannot reach."""
    try:
        address = socket.gethostbyname(socket.gethostname()) if host == AUTO else host
        found = ipaddress.ip_address(address)
    except (OSError, ValueError):
        raise BadSettings("POKEA_RELAY_HOST", f"{host} is no address of this machine") from None
    if found.is_global or found.is_unspecified or found.is_multicast:
        raise BadSettings("POKEA_RELAY_HOST", f"{address} is not a private address")
    return address


@dataclass(slots=True)
class _Expected:
    hop: bytes
    listener: PhoneListener
    taken: bool = False


class RelayGate:
    """Whom this worker expects. One entry per hand-off under way."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def __len__(self) -> int:
        return len(self._expected)

    def expect(self, handoff_id: str, hop: str, listener: PhoneListener) -> None:
        if handoff_id and hop:
            self._expected[handoff_id] = _Expected(hop.encode(), listener)

    def forget(self, handoff_id: str) -> None:
        self._expected.pop(handoff_id, None)

    async def decide(self, request: Request) -> Answer | Admitted:
        if request.path != PATH:
            return Answer(HTTPStatus.NOT_FOUND)
        if request.method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        expected = self._expected.get(request.query.get("handoff", ""))
        given = request.headers.get("authorization", "")
        proof = given.removeprefix(_BEARER).encode() if given.startswith(_BEARER) else b""
        right = hmac.compare_digest(proof, _NOBODY if expected is None else expected.hop)
        if expected is None or not right:
            return Answer(HTTPStatus.UNAUTHORIZED)
        if not request.is_upgrade:
            return Answer(HTTPStatus.UPGRADE_REQUIRED)
        if SUBPROTOCOL not in request.subprotocols:
            return Answer(HTTPStatus.BAD_REQUEST)
        if expected.taken:
            return Answer(HTTPStatus.CONFLICT)
        expected.taken = True
        return Admitted(expected.listener, lambda: None)


class Relay:
    """The listener. `address` is what another bridge is told."""

    def __init__(self, host: str, *, stack: str) -> None:
        self.gate = RelayGate()
        self._host = host
        self._server = Server(self.gate, host, 0, _HEAD_WITHIN_S, stack=stack, shared=False)

    async def __aenter__(self) -> Relay:
        await self._server.listen()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._server.__aexit__(*error)

    @property
    def address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._server.port}"
