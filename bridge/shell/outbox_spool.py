"""The files of the event log: one folder per worker, with a lock, and in it segments of records (bridge.core.event_log).

    <spool>/<bridge id>/lock            held by the worker that writes here, or that has taken the folder over
    <spool>/<bridge id>/00000001.log    a segment; the last one is written to
    <spool>/aside/…                     what could not be read or sent, for a person to look at

A worker that died has let go of its lock; whoever gets it delivers what is left and removes the folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.core.event_log import scan

SEGMENT_BYTES = 64 * 1024  # about a hundred events: so many may be delivered twice after a crash
_PROBE_BYTES = 4 * 1024
_ASIDE = "aside"
_ASIDE_AT_MOST = 100  # files
_ADOPTED_AT_MOST = 64  # folders at once: each is a descriptor
_LOCK = "lock"
_PROBE = "probe"
_TRIES = 5
_ABSENT = (errno.ENOENT, errno.ESTALE)
log = logging.getLogger(__name__)


class Disk:
    """What may fail for want of room, in one place."""

    def write(self, file: int, data: memoryview) -> int:
        return os.write(file, data)

    def sync(self, file: int) -> None:
        os.fsync(file)

    def free_bytes(self, folder: Path) -> int:
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


@dataclass(frozen=True, slots=True)
class Found:
    """A segment that somebody left: so many whole records in so many bytes, the last of them so long ago."""

    segment: str
    records: int
    size: int
    age_s: float


class Spool:
    """One worker's files. `append` and `probe` belong to one thread, everything else to another; `close` comes after both."""

    def __init__(self, folder: Path, owner: str, disk: Disk | None = None) -> None:
        self._folder = folder
        self._owner = owner
        self._own = ""  # our folder's name, once it is made
        self._disk = disk or Disk()
        self._file: int | None = None
        self._segment = ""
        self._size = 0
        self._count = 0
        self._locks: dict[str, int] = {}

    # --- our own segments ---------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Make and lock our folder. Raises OSError."""
        if self._own:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(_TRIES):
            name = self._owner if not number else f"{self._owner}-{number}"
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
            lock = _lock(self._folder / name, os.O_CREAT)
            if lock is not None:  # else somebody took it for the folder of a dead worker
                self._own, self._locks[name] = name, lock
                self._sync_folder(self._folder)
                return
        raise OSError(errno.EBUSY, "no folder of our own in the spool")

    def append(self, records: bytes) -> tuple[str, int]:
        """The segment's name and its new size. Safe against a crash when it returns. Raises OSError, and then nothing of it counts."""
        if self._file is None or self._size >= SEGMENT_BYTES:
            self._next_segment()
        assert self._file is not None  # it was just opened
        try:
            self._write(self._file, records)
        except OSError:
            self.give_up()
            raise
        self._size += len(records)
        return self._segment, self._size

    def _next_segment(self) -> None:
        self._leave_file()
        self.claim()
        self._count += 1
        self._segment, self._size = f"{self._own}/{self._count:08d}.log", 0
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        self._file = os.open(self._folder / self._segment, flags, 0o600)
        try:
            self._sync_folder(self._folder / self._own)  # a file that is in no folder after a power cut holds nothing
        except OSError:
            self.give_up()
            raise

    def _write(self, file: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._disk.write(file, rest) :]
        self._disk.sync(file)

    def give_up(self) -> None:
        """Nothing more is written to the segment in use: after a failed write or sync nobody knows what the disk has of it."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)
        self._leave_file()
        if not self._size:
            with contextlib.suppress(OSError):
                (self._folder / self._segment).unlink()

    def _leave_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)

    def _sync_folder(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._disk.sync(file)
        finally:
            os.close(file)

    def probe(self) -> None:
        """Write something, to see whether that works. Raises OSError."""
        self.claim()
        path = self._folder / self._own / _PROBE
        file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        try:
            self._write(file, bytes(_PROBE_BYTES))
        finally:
            os.close(file)
            with contextlib.suppress(OSError):
                path.unlink()

    def free_bytes(self) -> int:
        """Of the disk; 0 where that cannot be said."""
        try:
            return self._disk.free_bytes(self._folder)
        except OSError:
            return 0

    # --- segments, whosever they are ----------------------------------------------------------------------------------------

    def read(self, segment: str, start: int, stop: int) -> bytes:
        """Raises OSError."""
        with (self._folder / segment).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def remove(self, segment: str) -> None:
        """Everything of it was taken. Of a dead worker's folder the last one takes the folder with it."""
        path = self._folder / segment
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            log.error("outbox: %s was delivered and cannot be removed: %s", segment, problem.strerror)
        if path.parent.name != self._own:
            self._leave_folder(path.parent.name)

    def set_aside(self, segment: str, start: int) -> None:
        """Keep the segment's bytes from `start` on where a person finds them, and cut them off."""
        path = self._folder / segment
        try:
            rest = path.read_bytes()[start:]
            kept = self._keep(segment.replace("/", "-") + f"-{start}", rest)
            os.truncate(path, start)
        except OSError as problem:
            log.error("outbox: %s is damaged at byte %d and cannot be cut: %s", segment, start, problem.strerror)
            return
        log.error("outbox: %s was cut at byte %d; %d bytes are in %s", segment, start, len(rest), kept or "no file")

    def keep_aside(self, body: bytes, call: str) -> None:
        """An event that the queue will never take."""
        try:
            kept = self._keep(f"refused-{call}-{time.time_ns()}.json", body)
        except OSError as problem:
            kept = problem.strerror or "no file"
        log.error("outbox: the queue refuses an event of call %s for good; it is in %s", call, kept or "no file")

    def _keep(self, name: str, data: bytes) -> str:
        """The file's name, or "" where enough is kept already. Raises OSError."""
        aside = self._folder / _ASIDE
        aside.mkdir(mode=0o700, exist_ok=True)
        if sum(1 for _ in aside.iterdir()) >= _ASIDE_AT_MOST:
            return ""
        file = os.open(aside / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        try:
            self._write(file, data)
        finally:
            os.close(file)
        return f"{_ASIDE}/{name}"

    # --- what others left ---------------------------------------------------------------------------------------------------

    def orphans(self) -> Iterator[Found]:
        """Segments of workers that are dead, each worker's in order; they are ours from now on."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder) if entry.is_dir())
        except OSError:
            return
        for name in names:
            if name in self._locks or name == _ASIDE or len(self._locks) > _ADOPTED_AT_MOST:
                continue
            lock = _lock_of_the_dead(self._folder / name)
            if lock is None:
                continue
            self._locks[name] = lock
            found = list(self._segments_of(name))
            if found:
                log.warning("outbox: %s left %d events", name, sum(one.records for one in found))
            yield from found
            self._leave_folder(name)  # if there was nothing in it

    def _segments_of(self, name: str) -> Iterator[Found]:
        for path in sorted((self._folder / name).glob("*.log")):
            segment = f"{name}/{path.name}"
            try:
                data, age_s = path.read_bytes(), max(0.0, time.time() - path.stat().st_mtime)
            except OSError as problem:
                log.error("outbox: %s cannot be read: %s", segment, problem.strerror)
                continue
            found = scan(data)
            if found.good_bytes < len(data):
                self.set_aside(segment, found.good_bytes)
            if found.bodies:
                yield Found(segment, len(found.bodies), found.good_bytes, age_s)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _leave_folder(self, name: str) -> None:
        """Let go of a dead worker's folder once nothing is in it."""
        folder = self._folder / name
        if name not in self._locks or any(folder.glob("*.log")):
            return
        self._drop(name)

    def _drop(self, name: str) -> None:
        with contextlib.suppress(OSError):
            for left in (_PROBE, _LOCK):
                (self._folder / name / left).unlink(missing_ok=True)
            (self._folder / name).rmdir()
        os.close(self._locks.pop(name))

    def close(self) -> None:
        """Let go of everything. What was not delivered stays, for the next one on this spool."""
        self._leave_file()
        for name in tuple(self._locks):
            if any((self._folder / name).glob("*.log")):
                os.close(self._locks.pop(name))
            else:
                self._drop(name)


def _lock_of_the_dead(folder: Path) -> int | None:
    lock = _lock(folder)
    if lock is None and not (folder / _LOCK).exists():
        try:
            folder.rmdir()  # whoever made it died at once
        except OSError:
            lock = _lock(folder, os.O_CREAT)  # it was put here by hand
    return lock


def _lock(folder: Path, flags: int = 0) -> int | None:
    """A descriptor that holds the folder's lock; None where somebody else does, or where there is nothing to lock."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | flags, 0o600)
    except OSError as problem:
        if flags and problem.errno not in _ABSENT:
            raise
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:  # else its folder was removed between the two
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None
