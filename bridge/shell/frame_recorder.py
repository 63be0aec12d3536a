"""Writes frame recordings (bridge.core.recording) without ever holding up a call: buffered here, written by a thread, bounded in both.

One file per call, `<folder>/<session id>-<random>.pokea-frames`. For a desk or a first live call: nothing deletes the files.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bridge.core.context import CallContext
from bridge.core.frames import Buffer, DtmfPressed, Event, FlushSwitch, ModelEvent, SwitchEvent
from bridge.core.recording import Head, Kind, append_record, encode_event, encode_head, masked_digits, masked_text
from bridge.core.session import SessionSettings

SUFFIX = ".pokea-frames"
FILE_LIMIT_BYTES = 256 * 1024 * 1024  # about half an hour: both directions of both wires are 130 KB a second
_CHUNK_BYTES = 64 * 1024
_WORDS_BYTES = 4_096  # a message of the model that is longer is sound
_CHUNKS_WAITING_AT_MOST = 256  # 16 MB per worker, whatever the disk does
log = logging.getLogger(__name__)


class FrameStore:
    """A worker's recordings: one folder, one writing thread."""

    def __init__(
        self, folder: Path, wires: Mapping[str, str] | None = None, *, file_limit_bytes: int = FILE_LIMIT_BYTES
    ) -> None:
        """`wires`: see bridge.core.recording.Head. Raises OSError if the folder cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._wires = wires or {}
        self._thread = ThreadPoolExecutor(1, "frames")
        self._room = threading.Semaphore(_CHUNKS_WAITING_AT_MOST)
        self.file_limit_bytes = file_limit_bytes

    def tape(
        self,
        session_id: str,
        settings: SessionSettings,
        context: CallContext,
        clips: Mapping[str, bytes],
        upgrade: Mapping[str, str],
    ) -> CallTape:
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        path = self._folder / f"{session_id or 'call'}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        tape = CallTape(self, path, encode_head(Head(session_id, began, settings, context, upgrade, self._wires)))
        for name, pcm in clips.items():
            tape.add(Kind.CLIP, 0.0, name.encode() + b"\0" + pcm)
        return tape

    def write(self, tape: CallTape, chunk: bytes, *, last: bool) -> bool:
        """False if too much waits already; the end of a file always finds room."""
        room = self._room.acquire(blocking=False)
        if not room and not last:
            return False
        done = self._thread.submit(tape.write, chunk, last)
        if room:
            done.add_done_callback(lambda _: self._room.release())
        return True

    def close(self) -> None:
        """Returns when everything is written."""
        self._thread.shutdown(wait=True)


class CallTape:
    """One call's recording. Everything but `write` belongs to the event loop."""

    def __init__(self, store: FrameStore, path: Path, head: bytes) -> None:
        self._store = store
        self._path = path
        self._pending = bytearray(head)
        self._written_bytes = 0
        self._dropped = 0
        self._file: BinaryIO | None = None
        self._closed = False
        self._pressed = ""  # the caller's keys

    def add(self, kind: Kind, at_ms: float, payload: Buffer, link: int = 0) -> None:
        if self._closed:
            return
        if self._pressed:
            payload = self._without_keys(kind, payload)
        if self._written_bytes + len(self._pending) + len(payload) > self._store.file_limit_bytes:
            self._dropped += 1
            return
        append_record(self._pending, kind, link, at_ms, payload)
        if len(self._pending) >= _CHUNK_BYTES:
            self._hand_over(at_ms)

    def _without_keys(self, kind: Kind, payload: Buffer) -> Buffer:
        """What the caller pressed comes back in words to the model, and in the model's own calls and words."""
        if kind is Kind.MODEL_OUT:
            return masked_digits(bytes(payload), self._pressed, 1)
        if kind in (Kind.MODEL_IN, Kind.MODEL_SAID, Kind.EVENT) and len(payload) < _WORDS_BYTES:
            return masked_digits(
                bytes(payload), self._pressed, 3, b"1"
            )  # as a number of JSON it could not begin with 0
        return payload

    def _hand_over(self, at_ms: float, *, last: bool = False) -> None:
        if self._dropped:
            append_record(self._pending, Kind.DROPPED, 0, at_ms, json.dumps(self._dropped).encode())
        chunk = bytes(self._pending)
        self._pending.clear()
        if self._store.write(self, chunk, last=last):
            self._written_bytes += len(chunk)
            self._dropped = 0
        else:
            self._dropped += 1  # at least; what matters is that a gap is seen

    def write(self, chunk: bytes, last: bool) -> None:
        """In the store's thread."""
        try:
            if self._file is None:
                self._file = self._path.open("wb")
            self._file.write(chunk)
            if last:
                self._file.close()
        except (OSError, ValueError) as problem:  # a full disk must not cost a call
            log.error("frames of %s: %s", self._path.name, problem)

    def close(self, at_ms: float) -> None:
        if not self._closed:
            self._closed = True
            self._hand_over(at_ms, last=True)

    # --- what a call has to say ---------------------------------------------------------------------------------------------

    def switch_said(self, data: Buffer, at_ms: float) -> None:
        self.add(Kind.SWITCH_AUDIO_IN, at_ms, data)

    def switch_told(self, text: bytes, events: Sequence[SwitchEvent], at_ms: float) -> None:
        self._pressed += "".join(event.digit for event in events if isinstance(event, DtmfPressed))
        self.add(Kind.SWITCH_TEXT_IN, at_ms, masked_text(text))

    def flushed(self, order: FlushSwitch, kill: bytes, at_ms: float) -> None:
        self.add(Kind.SWITCH_AUDIO_OUT, at_ms, order.zeros)
        if order.kill:
            self.add(Kind.SWITCH_TEXT_OUT, at_ms, kill)

    def told(self, event: Event, at_ms: float) -> None:
        self.add(Kind.EVENT, at_ms, encode_event(event))

    def model_said(self, link: int, events: Sequence[ModelEvent], at_ms: float) -> None:
        for event in events:
            self.add(Kind.MODEL_SAID, at_ms, encode_event(event), link)
