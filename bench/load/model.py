"""The model's side of the load: a server that speaks the Gemini Live wire, hears frames and utters on a timetable."""

from __future__ import annotations

import random
import socket
from binascii import a2b_base64
from collections.abc import Sequence
from functools import partial

from bench.load.clockwork import MS, Clockwork, S, now_ns
from bench.load.conversation import UTTERANCE_MS, Conversation, Said
from bench.load.sounds import FRAME_BYTES, MARK, SIGN, model_chunk
from bench.load.wire import BINARY, Link, audio_in, frame, unmasked, upgrade_answer

CYCLE_S = 7.5
CHUNK_MS = 100
TIMES_REAL_TIME = 4
INTERRUPTED_SHARE = 0.75
_INTERRUPTED_AFTER_S = (0.7, 2.4)
_TRANSCRIBED_EVERY = 5  # chunks
_WHOLE_EVERY = 8  # of the frames that arrive, one in this many is compared to its last byte, the others by their sign
_SIGN_CHARS = SIGN.size * 4 // 3


def _message(text: str) -> bytes:
    return frame(BINARY, text.encode(), masked=False)  # the service sends its JSON in binary frames


def _content(inside: str) -> bytes:
    return _message(f'{{\n  "serverContent": {{\n    {inside}\n  }}\n}}\n')


CHUNKS = {positive: frame(BINARY, model_chunk(positive, CHUNK_MS), masked=False) for positive in (True, False)}
READY = _message('{\n  "setupComplete": {}\n}\n')
WORDS = _content('"outputTranscription": {\n      "text": "a few words more "\n    }')
INTERRUPTED = _content('"interrupted": true')
GENERATED = _content('"generationComplete": true')
TURN_OVER = _content('"turnComplete": true')


class ModelSide:
    """Listens; every connection finds its call by the first signed frame that comes over it."""

    def __init__(self, clockwork: Clockwork, port: int, calls: Sequence[Conversation], seed: int) -> None:
        self.clockwork = clockwork
        self.calls = calls
        self.rng = random.Random(seed)
        self.found = 0  # calls whose audio arrives
        self.drops = 0
        self.stopping = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1_024)
        self._listener.setblocking(False)
        clockwork.watch(self._listener, self._accept)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _Upgrade(self, connection)

    def stop(self) -> None:
        self.stopping = True


class _Upgrade:
    """A connection until its handshake is answered."""

    def __init__(self, side: ModelSide, connection: socket.socket) -> None:
        self._side = side
        self._connection = connection
        self._head = b""
        side.clockwork.watch(connection, self._readable)

    def _readable(self) -> None:
        data = self._connection.recv(65_536)
        self._head += data
        if data and b"\r\n\r\n" not in self._head:
            return
        self._side.clockwork.forget(self._connection)
        if not data:
            self._connection.close()
            return
        head, _, rest = self._head.partition(b"\r\n\r\n")
        self._connection.send(upgrade_answer(head))
        link = Link(self._side.clockwork, self._connection, is_client=False)
        _Peer(self._side, link)
        if rest:
            link.take(rest)


class _Peer:
    """The model in one call."""

    def __init__(self, side: ModelSide, link: Link) -> None:
        self._side = side
        self._link = link
        self._call: Conversation | None = None
        self._waiting = b""  # less than a frame
        self._usual_bytes = 0  # of a message that held exactly one frame
        self._audio_at = 0  # where the audio began in it
        self._unlooked = 0
        link.on_message = self._hear
        link.peek = self._recognise
        link.on_gone = self._gone

    def _hear(self, opcode: int, payload: bytes) -> None:
        now = now_ns()
        found = audio_in(payload)
        if found is None:
            if b'"setup"' in payload[:200]:
                self._link.send(READY)
            return
        self._audio_at, audio = found
        self._usual_bytes = len(payload) if len(audio) == FRAME_BYTES and not self._waiting else 0
        if self._waiting:
            audio = self._waiting + audio
        at = 0
        while len(audio) - at >= FRAME_BYTES:
            piece = audio[at : at + FRAME_BYTES]
            at += FRAME_BYTES
            if self._call is None:
                self._find_call(piece)
            if self._call is not None:
                self._call.model_heard(piece, now)
        self._waiting = audio[at:]

    def _recognise(self, payload: bytes, mask: bytes) -> bool:
        """Most messages are like the last one but for their audio, whose sign is enough: the generator has many calls to serve."""
        self._unlooked += 1
        if len(payload) != self._usual_bytes or self._call is None or self._unlooked >= _WHOLE_EVERY:
            self._unlooked = 0
            return False
        end = self._audio_at + _SIGN_CHARS
        head = unmasked(payload[:end], mask)
        self._call.model_recognised(a2b_base64(head[self._audio_at :]), now_ns())
        return True

    def _find_call(self, piece: bytes) -> None:
        mark, number, _, _ = SIGN.unpack_from(piece)
        if mark != MARK or number >= len(self._side.calls):
            return
        self._call = self._side.calls[number]
        self._side.found += 1
        self._side.clockwork.at(now_ns() + int(self._side.rng.random() * CYCLE_S * S), self._utter)

    def _gone(self) -> None:
        if not self._side.stopping:
            self._side.drops += 1

    # --- the timetable ------------------------------------------------------------------------------------------------------

    def _utter(self) -> None:
        if self._call is None or not self._link.is_open:
            return
        clockwork, rng = self._side.clockwork, self._side.rng
        said = self._call.begins(now_ns())
        self._speak(said, 0)
        if rng.random() < INTERRUPTED_SHARE:
            after_s = rng.uniform(*_INTERRUPTED_AFTER_S)
            clockwork.at(said.began_ns + int(after_s * S), partial(self._interrupt, said))
        clockwork.at(said.began_ns + int(CYCLE_S * S), self._utter)

    def _speak(self, said: Said, chunk: int) -> None:
        if said.interrupted_ns:
            return
        self._link.send(CHUNKS[said.positive])
        chunk += 1
        if chunk % _TRANSCRIBED_EVERY == 0:
            self._link.send(WORDS)
        clockwork = self._side.clockwork
        if chunk * CHUNK_MS < UTTERANCE_MS:
            due_ns = said.began_ns + chunk * CHUNK_MS * MS // TIMES_REAL_TIME
            clockwork.at(due_ns, partial(self._speak, said, chunk))
        else:
            self._link.send(GENERATED)
            clockwork.at(said.began_ns + UTTERANCE_MS * MS, partial(self._end_turn, said))

    def _interrupt(self, said: Said) -> None:
        said.interrupted_ns = now_ns()
        self._link.send(INTERRUPTED)

    def _end_turn(self, said: Said) -> None:
        if not said.interrupted_ns:
            self._link.send(TURN_OVER)
