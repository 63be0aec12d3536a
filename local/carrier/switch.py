"""One media stream of one leg: the WebSocket to the media server, what goes up it, and what comes back to be played."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from local.carrier.behaviour import Behaviour, Quirks
from local.carrier.documents import Stream
from local.carrier.hooks import LegFacts
from local.carrier.playout import PlayoutModel
from local.carrier.uplink import FILLED_SILENCE, Uplink
from local.carrier.wire import ABNORMAL, MAX_METADATA_BYTES, AudioForkSocket, SocketEvents, open_socket

_MAX_EVENTS_KEPT = 500


@dataclass(frozen=True, slots=True)
class StreamEvent:
    at_ms: int
    event: str
    detail: str = ""


@dataclass(slots=True)
class StreamRecord:
    """What happened on one stream. Times are milliseconds since the call was dialled."""

    stream_id: str
    verb: Stream
    events: list[StreamEvent] = field(default_factory=list)
    opened_at_ms: int | None = None
    first_audio_at_ms: int | None = None
    """When the server's first binary message came."""
    closed_at_ms: int | None = None
    close_code: int | None = None
    closed_by_server: bool = False
    received_bytes: int = 0
    sent_bytes: int = 0
    first_frame_bytes: int | None = None
    error: str = ""


class StreamLeg:
    """`tick` is called every 20 ms from the moment the document is executed; `open` connects the socket."""

    def __init__(
        self,
        verb: Stream,
        facts: LegFacts,
        behaviour: Behaviour,
        quirks: Quirks,
        *,
        leg_rate_hz: int,
        at_ms: Callable[[], int],
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.record = StreamRecord(stream_id="ST_" + uuid.uuid4().hex[:12], verb=verb)
        self.closed = asyncio.Event()
        self._verb, self._facts, self._behaviour, self._quirks = verb, facts, behaviour, quirks
        self._at_ms = at_ms
        self._trust = trust
        self._socket: AudioForkSocket | None = None
        self._fill = FILLED_SILENCE * (leg_rate_hz // 50)
        self._quiet = bytes(len(self._fill))
        self._uplink = Uplink(
            leg_rate_hz=leg_rate_hz,
            sent_rate_hz=verb.output_rate_hz,
            channels=2 if verb.track == "both_tracks" and quirks.both_tracks_layout == "stereo" else 1,
            backlog_bytes=behaviour.backlog_bytes,
            late_frame_chance=quirks.late_frame_chance,
            late_frames_max=quirks.late_frames_max,
            seed=quirks.seed,
        )
        self._playout: PlayoutModel | None = None
        if verb.bidirectional_rate_hz is not None:
            self._playout = PlayoutModel(
                sent_rate_hz=verb.bidirectional_rate_hz,
                leg_rate_hz=leg_rate_hz,
                kill_window_ms=behaviour.kill_window_ms,
            )

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self.closed.is_set()

    async def open(self) -> None:
        """Connects, upgrades, sends the first text frame. Raises StreamFailed."""
        headers = {}
        if self._behaviour.header_metadata_in == "handshake":
            headers = dict(self._verb.header_metadata or {})
        self._note("connecting")
        events = SocketEvents(
            opened=self._on_opened, text=self._on_text, binary=self._on_binary, closed=self._on_closed
        )
        await open_socket(self._verb.url, headers, events, trust=self._trust)

    def tick(self, said: bytes | None) -> bytes:
        """20 ms. `said`: the caller's audio at the leg's rate; None when the leg is gone and gets filled.

        Returns what the caller hears, at the leg's rate too; b"": nothing.
        """
        heard = b""
        if self._playout is not None:
            heard = self._playout.tick()
            for mark in self._playout.take_mark_events():
                data = {"type": "mark", "data": {"name": mark.name, "event": mark.event}}
                self._send_text(json.dumps(data))
        self._send_up(self._fill if said is None else said, heard or self._quiet)
        return heard

    def hang_up(self) -> None:
        """The leg ended: the switch closes with 1000."""
        if self._socket is not None:
            self._socket.close()

    def drop(self) -> None:
        """The connection is lost without a close frame."""
        if self._socket is not None:
            self._socket.abort()

    def press(self, digit: str, duration_ms: int = 200) -> None:
        """A key press; the duration travels in samples at 8 kHz."""
        self._send_text(json.dumps({"event": "dtmf", "dtmf": digit, "duration": str(duration_ms * 8)}))

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _send_up(self, said: bytes, heard: bytes) -> None:
        if self._verb.track == "inbound_track":
            self._uplink.add(said)
        elif self._verb.track == "outbound_track":
            self._uplink.add(heard)
        elif self._quirks.both_tracks_layout == "stereo":
            self._uplink.add(said, heard)
        else:
            self._uplink.add(_mixed(said, heard))
        if self._socket is None or not self._socket.writable:
            return
        message = self._uplink.take()
        if message:
            self._socket.send_binary(message)
            self.record.sent_bytes += len(message)
            if self.record.first_frame_bytes is None:
                self.record.first_frame_bytes = len(message)

    def _on_opened(self, socket: AudioForkSocket) -> None:
        self._socket = socket
        self.record.opened_at_ms = self._at_ms()
        self._note("open")
        for text in first_text_frames(self._verb, self._facts, self.record.stream_id, self._behaviour, self._quirks):
            socket.send_text(text)

    def _send_text(self, text: str) -> None:
        if self._socket is not None:
            self._socket.send_text(text)

    def _on_binary(self, message: bytes) -> None:
        if self.record.first_audio_at_ms is None:
            self.record.first_audio_at_ms = self._at_ms()
            self._note("first_audio")
        self.record.received_bytes += len(message)
        if self._playout is not None:
            self._playout.receive(message)

    def _on_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            self._note("text_not_json", text)
            return
        kind = message.get("type") if isinstance(message, dict) else None
        self._note(str(kind or "json"), text)
        if self._playout is None:
            return
        match kind:
            case "killAudio":
                self._playout.kill_audio()
            case "mark":
                data = message.get("data")
                self._playout.mark(str(data.get("name", "")) if isinstance(data, dict) else "")
            case "clearMarks":
                self._playout.clear_marks()

    def _on_closed(self, code: int, by_server: bool) -> None:
        self.record.closed_at_ms = self._at_ms()
        self.record.close_code = code
        self.record.closed_by_server = by_server
        self._note("closed", f"{code} by {'server' if by_server else 'switch'}")
        self._playout = None  # the pipe is freed: what was still queued is never heard
        self.closed.set()

    def _note(self, event: str, detail: str = "") -> None:
        if len(self.record.events) < _MAX_EVENTS_KEPT:
            self.record.events.append(StreamEvent(self._at_ms(), event, detail))


def close_code_or_abnormal(record: StreamRecord) -> int | None:
    """The close code the switch saw; None when the socket never opened."""
    if record.opened_at_ms is None:
        return None
    return ABNORMAL if record.close_code is None else record.close_code


def _mixed(said: bytes, heard: bytes) -> bytes:
    total = np.frombuffer(said, dtype="<i2").astype(np.int32) + np.frombuffer(heard, dtype="<i2")
    mixed: bytes = np.clip(total, -32768, 32767).astype("<i2").tobytes()
    return mixed


def first_text_frames(
    verb: Stream, facts: LegFacts, stream_id: str, behaviour: Behaviour, quirks: Quirks
) -> tuple[str, ...]:
    """What the switch sends before any audio. Cut at 8,192 bytes, as the module does."""
    if quirks.first_text == "absent":
        return ()
    if behaviour.metadata == "open_metadata":
        text = verb.open_metadata if verb.open_metadata is not None else json.dumps({"call_sid": facts.session_id})
    else:
        caller, called = (facts.b_number, facts.a_number) if facts.swap_numbers else (facts.a_number, facts.b_number)
        text = json.dumps(
            {
                "streamSid": stream_id,
                "metadata": {"sessionId": facts.session_id, "callerNumber": caller, "destinationNumber": called},
                "openMetadata": verb.open_metadata or "",
                "headers": dict(verb.header_metadata or {}),
            }
        )
    if quirks.first_text == "concatenated":
        text += json.dumps({"event": "dtmf", "dtmf": "1", "duration": "1600"})
    return (text.encode()[:MAX_METADATA_BYTES].decode("utf-8", "ignore"),)
