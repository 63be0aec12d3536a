"""One call's line to the other leg of a hand-off, from either end: sound as binary messages, words as JSON texts.

    binary   PCM16LE, 16 kHz, mono: what is said on this leg
    text     {"type": "briefing" | "accepted" | "declined" | "hangup"}

Both directions are bounded: a peer that sends more than people speak, longer messages than `MESSAGE_BYTES` or words that there are not is
cut off, and to a peer that does not read, sound is not sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from picows import WSHandshakeError, ws_connect

from bridge.core.frames import Buffer, LegCommand, PeerConnected, PeerLost, PeerSaid, PeerWord
from bridge.core.join import PEER_HZ
from bridge.shell.flood import Allowance, sound_allowance
from bridge.shell.phone import MESSAGE_TOO_BIG, NORMAL_CLOSURE, POLICY_VIOLATION, PhoneSocket, bound
from bridge.shell.relay import PATH, RelayGate
from bridge.shell.stacks.with_picows import PicowsPhone
from bridge.wire.audio_fork import SUBPROTOCOL

if TYPE_CHECKING:
    from bridge.core.context import Owner

MESSAGE_BYTES = 64 * 1024
CONNECT_WITHIN_S = 2.0
_TEXT_BYTES = 256
_TEXTS_AT_MOST = 20  # of a whole hand-off
log = logging.getLogger(__name__)
_picows_log = logging.getLogger("bridge.relay.socket")

OnEvent = Callable[[PeerConnected | PeerLost | PeerSaid], None]
OnSound = Callable[[bytes], None]


class PeerLine:
    """Listens like a switch's call (bridge.shell.phone.PhoneListener) and is sent to like a model (`send_audio`, `obey`)."""

    def __init__(self, on_event: OnEvent, on_sound: OnSound) -> None:
        self._on_event = on_event
        self._on_sound = on_sound
        self._loop = asyncio.get_running_loop()
        self._socket: PhoneSocket | None = None
        self._over = False
        self._congested = False
        self._arrived: list[bytes] = []
        self._sound_left: Allowance = sound_allowance(PEER_HZ)
        self._texts_left = _TEXTS_AT_MOST
        self._gate: RelayGate | None = None
        self._handoff_id = ""

    # --- how the line comes about -------------------------------------------------------------------------------------------

    def expect(self, gate: RelayGate, handoff_id: str, hop: str) -> None:
        """The caller's side: let the other bridge in."""
        self._gate, self._handoff_id = gate, handoff_id
        gate.expect(handoff_id, hop, self)

    async def connect(self, owner: Owner, handoff_id: str) -> None:
        """The person's side: one attempt."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                transport, _ = await ws_connect(
                    lambda: PicowsPhone(self),
                    f"{owner.url}{PATH}?handoff={quote(handoff_id, safe='')}",
                    websocket_handshake_timeout=CONNECT_WITHIN_S,
                    logger_name=_picows_log,
                    max_frame_size=MESSAGE_BYTES,
                    max_redirects=0,
                    extra_headers=[("Authorization", f"Bearer {owner.hop}"), ("Sec-WebSocket-Protocol", SUBPROTOCOL)],
                )
            bound(transport.underlying_transport)
        except (OSError, WSHandshakeError, ValueError) as problem:  # TimeoutError is an OSError
            log.warning("the bridge of hand-off %s was not reached: %s", handoff_id, type(problem).__name__)
            self._lose()

    # --- from the other bridge ----------------------------------------------------------------------------------------------

    def on_connected(self, phone: PhoneSocket) -> None:
        self._socket = phone
        if self._over:
            phone.close()
        else:
            self._on_event(PeerConnected())

    def on_binary(self, data: Buffer) -> None:
        if self._over:
            return
        if len(data) > MESSAGE_BYTES:
            self._refuse(MESSAGE_TOO_BIG, "a message too long")
        elif not self._sound_left.take(len(data), self._loop.time() * 1000):
            self._refuse(POLICY_VIOLATION, "sound faster than anybody speaks")
        else:
            if not self._arrived:  # what comes in one burst is looked at as one
                self._loop.call_soon(self._deliver)
            self._arrived.append(bytes(data))

    def _deliver(self) -> None:
        sound, self._arrived = b"".join(self._arrived), []
        if not self._over:
            self._on_sound(sound)

    def on_text(self, data: bytes) -> None:
        if self._over:
            return
        word = None if len(data) > _TEXT_BYTES else _word(data)
        self._texts_left -= 1
        if word is None or self._texts_left < 0:
            self._refuse(POLICY_VIOLATION, "words that there are not")
        else:
            self._on_event(PeerSaid(word))

    def on_congested(self, congested: bool) -> None:
        self._congested = congested

    def on_closed(self, code: int, by_us: bool) -> None:
        self._socket = None
        self._lose()

    def _refuse(self, code: int, why: str) -> None:
        log.warning("the other leg of hand-off %s is cut off: %s", self._handoff_id, why)
        if self._socket is not None:
            self._socket.close(code)
        self._lose()

    def _lose(self) -> None:
        if not self._over:
            self._end()
            self._on_event(PeerLost())

    # --- to the other bridge ------------------------------------------------------------------------------------------------

    def send_audio(self, frames: Iterable[Buffer]) -> None:
        socket = self._socket
        if socket is None or self._congested or self._over:
            return
        for frame in frames:
            socket.send_binary(frame)

    def obey(self, command: LegCommand) -> None:
        """What a model would be told means nothing to a person."""

    def tell(self, word: PeerWord) -> None:
        if self._socket is not None and not self._over:
            self._socket.send_text(json.dumps({"type": word.value}).encode())

    def close(self) -> None:
        """Leave without a report."""
        self._end()
        if self._socket is not None:
            self._socket.close(NORMAL_CLOSURE)

    def check(self) -> None:
        """Cut the connection if the kernel has ended it already."""
        if self._socket is not None:
            self._socket.check()

    def _end(self) -> None:
        self._over = True
        self._arrived.clear()
        if self._gate is not None:
            self._gate.forget(self._handoff_id)
            self._gate = None


def _word(data: bytes) -> PeerWord | None:
    try:
        message = json.loads(data)
        return PeerWord(message["type"]) if isinstance(message, dict) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
