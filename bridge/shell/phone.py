"""The switch's socket as a call sees it, whatever WebSocket stack carries it (bridge/shell/stacks), and the bounds that hold for each."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bridge.core.frames import Buffer

MESSAGE_LIMIT_BYTES = (
    256 * 1024
)  # a first message may hold a second of backlog, 39 KB at 16 kHz; a longer one is refused with 1009
LEAVE_WITHIN_S = 1.0  # a peer that does not go along with a close is cut

# What the bridge itself may hold back for a switch that stops reading: 4 KiB in our buffer and 4 KiB unsent in the kernel's are a quarter
# of a second at 16 kHz, half a second at 8 kHz. What is in flight or in the switch's own buffer is not ours to bound.
_HIGH_WATER_BYTES = 4 * 1024
_LOW_WATER_BYTES = 1024
_UNSENT_BYTES = 4 * 1024
# Flushes are written to a switch that does not read, too, because they must come before anything else. One that lets this much pile up
# is dead.
STUCK_BYTES = 128 * 1024

NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002
ABNORMAL_CLOSURE = 1006
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009


class PhoneSocket(Protocol):
    """All methods do nothing once the socket is gone or closing."""

    def send_binary(self, data: Buffer) -> None: ...

    def send_text(self, data: bytes) -> None: ...

    def close(self, code: int = NORMAL_CLOSURE) -> None:
        """Say goodbye; the connection is gone within a second. The first call counts."""

    def check(self) -> None:
        """Cut the connection if the kernel has ended it already."""


class PhoneListener(Protocol):
    """What happens on the socket, in order, each from the event loop. None of these may raise."""

    def on_connected(self, phone: PhoneSocket) -> None:
        """The upgrade was answered. Comes first, once."""

    def on_binary(self, data: Buffer) -> None:
        """A whole binary message. It may alias the receive buffer: copy it to keep it."""

    def on_text(self, data: bytes) -> None:
        """A whole text message, as it came: nobody has looked at its encoding."""

    def on_congested(self, congested: bool) -> None:
        """The switch stopped (or resumed) reading what it is sent."""

    def on_closed(self, code: int, by_us: bool) -> None:
        """The connection is gone; comes last, once. `code`: the peer's, 1006 if it sent none. `by_us`: we closed it, or broke on it."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An admitted request, reduced to what its answer needs: no token in it. `early`: bytes that arrived behind its head."""

    path: str
    key: str
    early: bytes


# Takes a connection over from the doorman: answers the upgrade and tells the listener everything from then on.
TakeOver = Callable[[asyncio.Transport, Upgrade, PhoneListener], None]


def is_over(transport: asyncio.BaseTransport) -> bool:
    """The kernel knows of no peer any more. False where that cannot be told."""
    connection = transport.get_extra_info("socket")
    if connection is None or transport.is_closing():
        return False
    try:
        connection.getpeername()
    except OSError as problem:
        return problem.errno == errno.ENOTCONN
    return False


def bound(transport: asyncio.Transport) -> None:
    """Keep little unsent audio anywhere on our side, so that a switch which stops reading is noticed within half a second."""
    transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES, low=_LOW_WATER_BYTES)
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
