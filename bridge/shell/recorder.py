"""Recordings of calls: stereo WAV, 16 kHz, left the caller, right what the caller heard. What may be recorded is the core's decision.

While a call lasts, its sound is written to the spool by a thread of the worker; when it has ended, another thread moves the file to the
bucket. A file that is not taken is tried again every half minute, and at last when a bridge next starts on the spool. The spool is bounded:
when it is full, new calls are not recorded, and those under way go on. A disk that fails ends the recording it fails for, and nothing else.

    <spool>/<days kept>/<business>/<UTC date>/<session>.wav.part      under way, or left by a bridge that died
    <spool>/<days kept>/<business>/<UTC date>/<session>.wav           finished; recordings/<business>/<UTC date>/<session>.wav in the bucket
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import re
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from bridge.core.frames import RecordAudio
from bridge.core.resample import Resampler
from bridge.shell.faults import described
from pokea.sautikit.closings import RecordingPointer, recording_key

RATE_HZ = 16_000
SPOOL_MB = 2_048
_FRAME_BYTES = 4  # two channels of 16 bits
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_WAITING_AT_MOST = 4_096  # stretches of all calls; a disk that falls so far behind stops recordings
_ABANDONED_AFTER_S = 60.0  # a recording under way is written to every second
_TRIES = 3
_PAUSE_S = 0.5
_AGAIN_AFTER_S = 30.0
_AGAIN_AT_MOST = 1_024  # files; what is beyond waits in the spool for the next start
_FINISH_WITHIN_S = 3.0  # a disk that hangs does not hold up the report of the call
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}")
log = logging.getLogger(__name__)


class PutFailed(Exception):
    """The storage did not take a file."""


class Put(Protocol):
    def __call__(self, path: Path, key: str, days: int) -> None:
        """Store the file. Raises PutFailed. Called in a worker thread."""


def s3_put(bucket: str) -> Put:
    """Into an S3 bucket, which encrypts as it is set up to, with a tag that says how many days it is kept. Raises PutFailed."""
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1})
        client = boto3.client("s3", config=config)
    except (BotoCoreError, ValueError) as problem:
        raise PutFailed(type(problem).__name__) from None

    def put(path: Path, key: str, days: int) -> None:
        try:
            with path.open("rb") as file:
                client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=file,
                    ContentType="audio/wav",
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


class Mover:
    """Brings finished files to the storage, one after the other, in a thread that keeps no process alive. Where the storage takes nothing,
    everything waits, and is tried again every `again_after_s` until the first refusal."""

    def __init__(
        self,
        make_put: Callable[[], Put] | None,
        moved: Callable[[int], None],
        pause: Callable[[float], None],
        again_after_s: float,
    ) -> None:
        self._make_put = make_put
        self._put: Put | None = None
        self._moved = moved
        self._pause = pause
        self._again_after_s = again_after_s
        self._orders: queue.Queue[Callable[[], None] | None] = queue.Queue()  # of files in the spool, which is bounded
        self._again: deque[tuple[Path, _Place]] = deque()
        self._again_at_s = 0.0
        self._left: set[Path] = set()  # not yet taken by the storage
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def order(self, work: Callable[[], None]) -> None:
        """Have the thread do it, in order."""
        self._orders.put(work)

    def take(self, path: Path, place: _Place) -> None:
        if self._make_put is not None:
            self._left.add(path)
            self._orders.put(lambda: self._first(path, place))

    def close(self, within_s: float) -> None:
        """Move as much as time allows. Blocks no longer than that, whatever the storage does."""
        self._orders.put(None)
        if self._thread.is_alive():
            self._thread.join(within_s)
        if self._left:
            log.error("%d recordings stay in the spool until a bridge next starts on it", len(self._left))

    def _run(self) -> None:
        while True:
            try:
                work = self._orders.get(timeout=self._waits_s())
            except queue.Empty:
                self._try_again()
                continue
            if work is None:
                self._try_again()
                return
            work()

    def _waits_s(self) -> float | None:
        return max(0.0, self._again_at_s - time.monotonic()) if self._again else None

    def _first(self, path: Path, place: _Place) -> None:
        tries = 1 if self._again else _TRIES  # the storage is known to be down
        for attempt in range(tries):
            if attempt:
                self._pause(_PAUSE_S * 4 ** (attempt - 1))
            if self._is_taken(path, place):
                return
        if len(self._again) >= _AGAIN_AT_MOST:
            log.error("recording of %s stays in the spool until a bridge next starts on it", place.session)
            return
        if not self._again:
            self._again_at_s = time.monotonic() + self._again_after_s
        self._again.append((path, place))

    def _try_again(self) -> None:
        """Until one is refused. That one comes last from then on, for it may be the file's own fault."""
        while self._again:
            waiting = self._again.popleft()
            if not self._is_taken(*waiting):
                self._again.append(waiting)
                break
        self._again_at_s = time.monotonic() + self._again_after_s

    def _is_taken(self, path: Path, place: _Place) -> bool:
        """True where nothing is left to do about the file."""
        if self._make_put is None:
            return True
        try:
            size = path.stat().st_size
            if self._put is None:
                self._put = self._make_put()
            self._put(path, place.key, place.days)
        except FileNotFoundError:
            size = 0  # another worker was quicker
        except (PutFailed, OSError, ValueError) as problem:
            log.warning("recording of %s was not stored: %s", place.session, _why(problem))
            return False
        self._left.discard(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            log.error("recording of %s is stored and cannot be removed: %s", place.session, problem.strerror)
            return True
        self._moved(size)
        return True


class Recorder:
    """One per worker. `put` is where finished files go; without it they stay in the spool."""

    def __init__(
        self,
        spool: Path,
        put: Callable[[], Put] | None = None,
        *,
        limit_mb: int = SPOOL_MB,
        pause: Callable[[float], None] = time.sleep,
        again_after_s: float = _AGAIN_AFTER_S,
    ) -> None:
        self.spool = spool
        self._limit_bytes = limit_mb * 1_000_000
        self._used_bytes = 0
        self._orders: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING_AT_MOST)
        self._writer = threading.Thread(target=self._write_for_ever, name="recorder", daemon=True)
        self._is_over = False  # the writer does nothing any more
        self._mover = Mover(put, lambda size: self.wrote(-size), pause, again_after_s)
        self.files: set[IO[bytes]] = set()  # of recordings under way

    def start(self) -> None:
        """Begin to write, and move what an earlier bridge left behind. Raises OSError."""
        self.spool.mkdir(parents=True, exist_ok=True)
        self._used_bytes = sum(path.stat().st_size for path in self.spool.rglob("*.wav*") if path.is_file())
        self._writer.start()
        self._mover.start()
        for path in sorted(self.spool.rglob("*.wav*")):
            self._mover.order(partial(self._recover, path))

    def of_call(self, business: str, session: str, days: int) -> CallRecording | None:
        """None where this call cannot be recorded."""
        if not _SAFE.fullmatch(session) or not _SAFE.fullmatch(business):
            return None
        if self._is_over or self._used_bytes >= self._limit_bytes:
            log.error("call %s is not recorded: %s", session, "no recorder" if self._is_over else "the spool is full")
            return None
        place = _Place(days, business, datetime.now(UTC).date().isoformat(), session)
        return CallRecording(self, place, place.path(self.spool))

    def close(self, within_s: float = 5.0) -> None:
        """Write what waits, and move as much as time allows. Blocks no longer than that."""
        until_s = time.monotonic() + within_s
        if self._writer.is_alive():
            with contextlib.suppress(queue.Full):  # of a disk that hangs
                self._orders.put(None, timeout=within_s)
            self._writer.join(max(0.0, until_s - time.monotonic()))
        for file in tuple(self.files):  # of calls that were cut off: the next start finishes them
            with contextlib.suppress(OSError):
                file.close()
        self._mover.close(max(0.0, until_s - time.monotonic()))

    # --- the writer's thread ------------------------------------------------------------------------------------------------

    def order(self, work: Callable[[], None]) -> bool:
        """Have the writer do it, after everything ordered before. False if too much waits already, or nobody writes any more."""
        if self._is_over:
            return False
        try:
            self._orders.put_nowait(work)
        except queue.Full:
            return False
        return True

    def insist(self, work: Callable[[], None]) -> None:
        """Have it done, however much waits. Blocks."""
        if self._is_over:
            work()
        else:
            self._orders.put(work)

    def _write_for_ever(self) -> None:
        try:
            while (work := self._orders.get()) is not None:
                try:
                    work()
                except (OSError, ValueError) as problem:  # the fault of one recording, of which there are others
                    log.error("a recording was given up: %s", _why(problem))
        finally:
            self._is_over = True

    def wrote(self, count: int) -> None:
        self._used_bytes += count

    # --- to the bucket ------------------------------------------------------------------------------------------------------

    def move(self, path: Path, place: _Place) -> None:
        """In a thread of its own. A file that is not taken stays."""
        self._mover.take(path, place)

    def _recover(self, path: Path) -> None:
        """What a bridge that is gone left: everything in it was allowed, so it is finished and moved."""
        place = _place_of(path, self.spool)
        try:
            if place is None:
                return
            if path.suffix == ".part":
                state = path.stat()
                if time.time() - state.st_mtime < _ABANDONED_AFTER_S:
                    return  # of a worker that lives
                if state.st_size <= _HEADER.size:
                    path.unlink()  # there is no sound in it
                    return
                with path.open("r+b") as file:
                    _write_header(file, state.st_size - _HEADER.size)
                path = path.rename(place.path(self.spool))
        except OSError as problem:
            log.warning("a recording in the spool cannot be finished: %s", problem.strerror)
            return
        self.move(path, place)


class CallRecording:
    """One call's. Its methods are called on the event loop and never wait; the writer's thread does the work, in order."""

    def __init__(self, recorder: Recorder, place: _Place, path: Path) -> None:
        self._recorder = recorder
        self._place = place
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._stopped = False  # no more sound is taken: refused, or the disk cannot follow
        self._refused = False
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self._resamplers: list[tuple[int, Resampler]] = []

    def add(self, stretch: RecordAudio) -> None:
        if not self._stopped and not self._recorder.order(lambda: self._write(stretch)):
            self._stopped = True
            log.error("recording of %s ends here: the disk is too slow", self._place.session)

    def drop(self) -> None:
        """The caller said no."""
        self._stopped = self._refused = True
        if not self._recorder.order(self._delete):
            threading.Thread(target=self._recorder.insist, args=(self._delete,), daemon=True).start()

    async def finish(self) -> RecordingPointer | None:
        """The call is over: where its recording is, if there is one. Nobody waits long for a disk."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[RecordingPointer | None] = loop.create_future()

        def finish() -> None:
            found = None
            try:
                found = self._finish()
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is gone
                    loop.call_soon_threadsafe(_settle, done, found)

        if not self._recorder.order(finish):
            return None
        try:
            async with asyncio.timeout(_FINISH_WITHIN_S):
                return await done
        except TimeoutError:
            log.error("recording of %s was not finished: the disk is too slow", self._place.session)
            return None

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
        except (OSError, ValueError) as problem:
            self._stopped = True
            log.error("recording of %s ends here: %s", self._place.session, _why(problem))
            self._close()  # what was written before stays
            if not self._bytes:
                self._remove()
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
        self._close()
        self._recorder.wrote(-self._bytes)
        self._bytes = 0
        self._remove()

    def _remove(self) -> None:
        try:
            self._part.unlink(missing_ok=True)
        except OSError as problem:
            log.error("recording of %s cannot be removed: %s", self._place.session, problem.strerror)
            with contextlib.suppress(OSError):
                os.truncate(self._part, 0)  # then at least nothing is in it

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._recorder.files.discard(file)
            with contextlib.suppress(OSError):  # it writes what is still in its buffer, which may fail again
                file.close()

    def _finish(self) -> RecordingPointer | None:
        if self._refused:
            self._delete()
            return None
        self._close()
        if not self._bytes:
            return None
        try:
            with self._part.open("r+b") as file:
                file.truncate(_HEADER.size + self._bytes)  # of a write that failed, a part may be there
                _write_header(file, self._bytes)
            self._part.rename(self._path)
        except OSError as problem:
            log.error("recording of %s was not finished: %s", self._place.session, problem.strerror)
            return None
        self._recorder.move(self._path, self._place)
        milliseconds = self._bytes * 1000 // (_FRAME_BYTES * RATE_HZ)
        return RecordingPointer(self._place.key, _HEADER.size + self._bytes, milliseconds)


def _why(problem: Exception) -> str:
    """For the log: of an error from elsewhere no words, because they may quote anything."""
    if isinstance(problem, PutFailed):
        return str(problem)
    return (problem.strerror if isinstance(problem, OSError) else None) or described(problem)


def _settle(done: asyncio.Future[RecordingPointer | None], found: RecordingPointer | None) -> None:
    if not done.done():
        done.set_result(found)


def _write_header(file: IO[bytes], size: int) -> None:
    """The header of a WAV file with `size` bytes of sound; the file stands behind it afterwards."""
    file.seek(0)
    per_second = RATE_HZ * _FRAME_BYTES
    fields = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, RATE_HZ, per_second, _FRAME_BYTES, 16, b"data", size)
    file.write(_HEADER.pack(*fields))
