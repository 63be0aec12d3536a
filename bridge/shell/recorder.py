"""Recordings of calls: stereo WAV, 16 kHz, left the caller, right what the caller heard. What may be recorded is the core's decision.

While a call lasts, its sound is written to the spool by a thread of the worker; when it has ended, the file is moved to the bucket. A file
that cannot be moved stays and is tried again when a bridge next starts on the spool. The spool is bounded: when it is full, new calls are
not recorded, and those under way go on.

    <spool>/<days kept>/<business>/<UTC date>/<session>.wav.part      under way, or left by a bridge that died
    <spool>/<days kept>/<business>/<UTC date>/<session>.wav           finished; recordings/<business>/<UTC date>/<session>.wav in the bucket
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import re
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from bridge.core.frames import RecordAudio
from bridge.core.resample import Resampler
from pokea.sautikit.closings import RecordingPointer, recording_key

RATE_HZ = 16_000
SPOOL_MB = 2_048
_FRAME_BYTES = 4  # two channels of 16 bits
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_WAITING_AT_MOST = 4_096  # stretches of all calls; a disk that falls so far behind stops recordings
_ABANDONED_AFTER_S = 60.0  # a recording under way is written to every second
_TRIES = 3
_PAUSE_S = 0.5
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}")
log = logging.getLogger(__name__)


class PutFailed(Exception):
    """The storage did not take a file."""


class Put(Protocol):
    def __call__(self, path: Path, key: str, days: int) -> None:
        """Store the file. Raises PutFailed. Called in a worker thread."""


def s3_put(bucket: str) -> Put:
    """Into an S3 bucket, encrypted, with a tag that says how many days it is kept."""
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("s3", config=Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1}))

    def put(path: Path, key: str, days: int) -> None:
        try:
            with path.open("rb") as file:
                client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=file,
                    ContentType="audio/wav",
                    ServerSideEncryption="AES256",
                    Tagging=f"keep={days}",
                    Metadata={"channels": "caller,heard"},
                )
        except (BotoCoreError, ClientError, Boto3Error) as problem:
            raise PutFailed(type(problem).__name__) from None

    return put


@dataclass(frozen=True, slots=True)
class _Place:
    """What a recording is called, in the spool and in the bucket."""

    days: int
    business: str
    day: str
    session: str

    def path(self, spool: Path) -> Path:
        return spool / str(self.days) / self.business / self.day / f"{self.session}.wav"

    @property
    def key(self) -> str:
        return recording_key(self.business, self.day, self.session)


def _place_of(path: Path, spool: Path) -> _Place | None:
    parts = path.relative_to(spool).parts
    session = path.name.removesuffix(".part").removesuffix(".wav")
    if len(parts) != 4 or not parts[0].isdigit():
        return None
    return _Place(int(parts[0]), parts[1], parts[2], session)


class Recorder:
    """One per worker. `put` is where finished files go; without it they stay in the spool."""

    def __init__(
        self,
        spool: Path,
        put: Callable[[], Put] | None = None,
        *,
        limit_mb: int = SPOOL_MB,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.spool = spool
        self._make_put = put
        self._put: Put | None = None
        self._limit_bytes = limit_mb * 1_000_000
        self._pause = pause
        self._used_bytes = 0
        self._orders: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING_AT_MOST)
        self._writer = threading.Thread(target=self._write_for_ever, name="recorder", daemon=True)
        self._movers = ThreadPoolExecutor(1, "recordings")
        self.files: set[IO[bytes]] = set()  # of recordings under way

    def start(self) -> None:
        """Begin to write, and move what an earlier bridge left behind. Raises OSError."""
        self.spool.mkdir(parents=True, exist_ok=True)
        self._used_bytes = sum(path.stat().st_size for path in self.spool.rglob("*.wav*") if path.is_file())
        self._writer.start()
        for path in sorted(self.spool.rglob("*.wav*")):
            self._movers.submit(self._recover, path)

    def of_call(self, business: str, session: str, days: int) -> CallRecording | None:
        """None where this call cannot be recorded."""
        if not _SAFE.fullmatch(session) or not _SAFE.fullmatch(business):
            return None
        if self._used_bytes >= self._limit_bytes:
            log.error("call %s is not recorded: the spool is full", session)
            return None
        place = _Place(days, business, datetime.now(UTC).date().isoformat(), session)
        return CallRecording(self, place, place.path(self.spool))

    def close(self, within_s: float = 5.0) -> None:
        """Write what waits, and move as much as time allows. Blocks."""
        if self._writer.is_alive():
            self._orders.put(None)
            self._writer.join(within_s)
        for file in tuple(self.files):
            file.close()  # of calls that were cut off: the next start finishes them
        self._movers.shutdown(wait=False, cancel_futures=False)
        for thread in tuple(self._movers._threads):
            thread.join(within_s)

    # --- the writer's thread ------------------------------------------------------------------------------------------------

    def order(self, work: Callable[[], None]) -> bool:
        """Have the writer do it, after everything ordered before. False if too much waits already."""
        try:
            self._orders.put_nowait(work)
        except queue.Full:
            return False
        return True

    def _write_for_ever(self) -> None:
        while (work := self._orders.get()) is not None:
            work()

    def wrote(self, count: int) -> None:
        self._used_bytes += count

    # --- to the bucket ------------------------------------------------------------------------------------------------------

    def move(self, path: Path, place: _Place) -> None:
        """In a thread of its own. A file that is not taken stays."""
        if self._make_put is not None:
            with contextlib.suppress(RuntimeError):  # the worker is stopping: the next one moves it
                self._movers.submit(self._move, path, place)

    def _move(self, path: Path, place: _Place) -> bool:
        if self._make_put is None:
            return False
        if self._put is None:
            self._put = self._make_put()
        for attempt in range(_TRIES):
            try:
                self._put(path, place.key, place.days)
            except FileNotFoundError:
                return False  # another worker was quicker
            except PutFailed as problem:
                log.warning("recording of %s was not stored: %s", place.session, problem)
                if attempt + 1 < _TRIES:
                    self._pause(_PAUSE_S * 4**attempt)
                continue
            with contextlib.suppress(FileNotFoundError):
                size = path.stat().st_size
                path.unlink()
                self._used_bytes -= size
            return True
        log.error("recording of %s stays in the spool", place.session)
        return False

    def _recover(self, path: Path) -> None:
        """What a bridge that is gone left: everything in it was allowed, so it is finished and moved."""
        place = _place_of(path, self.spool)
        try:
            if place is None:
                return
            if path.suffix == ".part":
                if time.time() - path.stat().st_mtime < _ABANDONED_AFTER_S:
                    return  # of a worker that lives
                with path.open("r+b") as file:
                    _write_header(file, path.stat().st_size - _HEADER.size)
                path = path.rename(place.path(self.spool))
        except OSError as problem:
            log.warning("a recording in the spool cannot be finished: %s", problem.strerror)
            return
        self._move(path, place)


class CallRecording:
    """One call's. Its methods are called on the event loop and never wait; the writer's thread does the work, in order."""

    def __init__(self, recorder: Recorder, place: _Place, path: Path) -> None:
        self._recorder = recorder
        self._place = place
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._stopped = False  # no more sound is taken: refused, or the disk cannot follow
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self._resamplers: list[tuple[int, Resampler]] = []

    def add(self, stretch: RecordAudio) -> None:
        if not self._stopped and not self._recorder.order(lambda: self._write(stretch)):
            self._stopped = True
            log.error("recording of %s ends here: the disk is too slow", self._place.session)

    def drop(self) -> None:
        """The caller said no."""
        self._stopped = True
        if not self._recorder.order(self._delete):
            threading.Thread(target=self._delete, daemon=True).start()

    async def finish(self) -> RecordingPointer | None:
        """The call is over: where its recording is, if there is one."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[RecordingPointer | None] = loop.create_future()

        def finish() -> None:
            found = self._finish()
            with contextlib.suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(_settle, done, found)

        return await done if self._recorder.order(finish) else None

    # --- the writer's thread ------------------------------------------------------------------------------------------------

    def _write(self, stretch: RecordAudio) -> None:
        if self._stopped and self._file is None:
            return
        try:
            if self._file is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._part.open("wb")
                self._recorder.files.add(self._file)
                _write_header(self._file, 0)
            channels = self._converted(stretch)
            length = min(len(channel) for channel in channels)
            pcm = np.stack([channel[:length] for channel in channels], axis=1).astype("<i2").tobytes()
            self._file.write(pcm)
            self._file.flush()
        except OSError as problem:
            self._stopped = True
            log.error("recording of %s ends here: %s", self._place.session, problem.strerror)
            return
        self._bytes += len(pcm)
        self._recorder.wrote(len(pcm))

    def _converted(self, stretch: RecordAudio) -> list[np.ndarray]:  # int16, shape (n,)
        rates = (stretch.left_hz, stretch.right_hz)
        if [rate for rate, _ in self._resamplers] != list(rates):
            self._resamplers = [(rate, Resampler(rate, RATE_HZ)) for rate in rates]
        sides = zip(self._resamplers, (stretch.left, stretch.right), strict=True)
        return [np.frombuffer(resampler.push(pcm), "<i2") for (_, resampler), pcm in sides]

    def _delete(self) -> None:
        if self._file is not None:
            self._close()
        self._recorder.wrote(-self._bytes)
        self._bytes = 0
        self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._recorder.files.discard(file)
            file.close()

    def _finish(self) -> RecordingPointer | None:
        if self._file is None or not self._bytes:
            return None
        try:
            _write_header(self._file, self._bytes)
            self._close()
            self._part.rename(self._path)
        except OSError as problem:
            log.error("recording of %s was not finished: %s", self._place.session, problem.strerror)
            return None
        self._recorder.move(self._path, self._place)
        milliseconds = self._bytes * 1000 // (_FRAME_BYTES * RATE_HZ)
        return RecordingPointer(self._place.key, _HEADER.size + self._bytes, milliseconds)


def _settle(done: asyncio.Future[RecordingPointer | None], found: RecordingPointer | None) -> None:
    if not done.done():
        done.set_result(found)


def _write_header(file: IO[bytes], size: int) -> None:
    """The header of a WAV file with `size` bytes of sound; the file stands behind it afterwards."""
    file.seek(0)
    per_second = RATE_HZ * _FRAME_BYTES
    fields = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, RATE_HZ, per_second, _FRAME_BYTES, 16, b"data", size)
    file.write(_HEADER.pack(*fields))
