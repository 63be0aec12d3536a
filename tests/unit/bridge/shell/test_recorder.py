"""Recordings on disk and on their way to the storage."""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.core.frames import RecordAudio
from bridge.shell.recorder import CallRecording, Put, PutFailed, Recorder
from pokea.sautikit.closings import RecordingPointer

SESSION = "HD_0a1b2c3d4e5f"


class Storage:
    """Keeps what it is given; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.failures = failures
        self.tries = 0
        self.taken = threading.Event()

    def __call__(self, path: Path, key: str, days: int) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise PutFailed("down")
        self.objects[key] = (path.read_bytes(), days)
        self.taken.set()


@contextmanager
def running(spool: Path, storage: Put | None = None, **options: Any) -> Iterator[Recorder]:
    put: Callable[[], Put] | None = None if storage is None else lambda: storage
    recorder = Recorder(spool, put, pause=lambda _: None, **options)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.close()


def stretch(
    milliseconds: int = 1_000, left: int = 100, right: int = -100, rates: tuple[int, int] = (16_000, 16_000)
) -> RecordAudio:
    sides = [
        np.full(milliseconds * rate // 1000, level, "<i2").tobytes()
        for rate, level in zip(rates, (left, right), strict=True)
    ]
    return RecordAudio(sides[0], sides[1], *rates, 0)


async def recorded(recorder: Recorder, *stretches: RecordAudio, session: str = SESSION) -> RecordingPointer | None:
    recording = recorder.of_call("clinic", session, 30)
    assert recording is not None
    for one in stretches:
        recording.add(one)
    return await recording.finish()


def in_spool(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file())


async def test_a_recording_is_a_stereo_wav_of_what_came(tmp_path: Path) -> None:
    with running(tmp_path) as recorder:
        pointer = await recorded(recorder, stretch(1_000), stretch(500, 7, 9))
    assert pointer is not None
    (path,) = in_spool(tmp_path)
    assert (pointer.size_bytes, pointer.ms) == (path.stat().st_size, 1_500)
    assert pointer.key.startswith("recordings/clinic/") and pointer.key.endswith(f"/{SESSION}.wav")
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()) == (
            2,
            16_000,
            2,
            24_000,
        )
        sound = np.frombuffer(file.readframes(24_000), "<i2").reshape(-1, 2)
    assert (sound[:16_000] == (100, -100)).all() and (sound[16_000:] == (7, 9)).all()


@pytest.mark.parametrize("rates", [(8_000, 16_000), (8_000, 8_000), (24_000, 24_000)])
async def test_every_rate_becomes_sixteen_kilohertz_without_a_drift(tmp_path: Path, rates: tuple[int, int]) -> None:
    with running(tmp_path) as recorder:
        pointer = await recorded(recorder, *(stretch(20 + 20 * (index % 50), rates=rates) for index in range(100)))
    assert pointer is not None
    assert pointer.ms == sum(20 + 20 * (index % 50) for index in range(100))


async def test_a_finished_recording_is_moved_to_the_storage(tmp_path: Path) -> None:
    storage = Storage(failures=2)
    with running(tmp_path, storage) as recorder:
        pointer = await recorded(recorder, stretch())
    assert pointer is not None
    content, days = storage.objects[pointer.key]
    assert (len(content), days, storage.tries) == (pointer.size_bytes, 30, 3)
    assert in_spool(tmp_path) == []


async def test_what_the_storage_does_not_take_is_tried_again_at_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path, Storage(failures=99)) as recorder:
        pointer = await recorded(recorder, stretch())
    assert pointer is not None
    assert len(in_spool(tmp_path)) == 1
    storage = Storage()
    with running(tmp_path, storage):
        assert storage.taken.wait(5)
    assert storage.objects[pointer.key][1] == 30
    assert in_spool(tmp_path) == []


async def test_a_call_that_recorded_nothing_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as recorder:
        assert await recorded(recorder) is None
    assert in_spool(tmp_path) == []


async def test_a_refusal_deletes_every_byte_and_takes_no_more(tmp_path: Path) -> None:
    storage = Storage()
    with running(tmp_path, storage) as recorder:
        recording = recorder.of_call("clinic", SESSION, 30)
        assert recording is not None
        recording.add(stretch())
        await written(recorder)
        assert len(in_spool(tmp_path)) == 1
        recording.add(stretch())
        recording.drop()
        recording.add(stretch())
        assert await recording.finish() is None
    assert in_spool(tmp_path) == [] and storage.objects == {}


async def written(recorder: Recorder) -> None:
    """Everything ordered so far is on disk."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    recorder.order(lambda: loop.call_soon_threadsafe(done.set))  # type: ignore[arg-type, return-value]
    await asyncio.wait_for(done.wait(), 5)


async def test_what_a_killed_bridge_left_is_finished_and_moved(tmp_path: Path) -> None:
    with running(tmp_path) as recorder:
        recording = recorder.of_call("clinic", SESSION, 7)
        assert isinstance(recording, CallRecording)
        recording.add(stretch(1_000))
        await written(recorder)
    (part,) = in_spool(tmp_path)
    assert part.name.endswith(".wav.part")
    os.utime(part, (0, 0))  # nobody has written to it for long
    storage = Storage()
    with running(tmp_path, storage):
        assert storage.taken.wait(5)
    ((content, days),) = storage.objects.values()
    assert days == 7
    assert int.from_bytes(content[40:44], "little") == len(content) - 44 == 64_000


async def test_a_recording_that_another_worker_is_writing_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path) as recorder:
        recording = recorder.of_call("clinic", SESSION, 7)
        assert recording is not None
        recording.add(stretch())
        await written(recorder)
        storage = Storage()
        with running(tmp_path, storage):
            pass
        assert storage.objects == {} and len(in_spool(tmp_path)) == 1
        assert await recording.finish() is not None


async def test_a_full_spool_refuses_new_recordings_and_keeps_those_under_way(tmp_path: Path) -> None:
    with running(tmp_path, limit_mb=1) as recorder:
        first = recorder.of_call("clinic", SESSION, 30)
        assert first is not None
        for _ in range(20):
            first.add(stretch())
        await written(recorder)
        assert recorder.of_call("clinic", "HD_2", 30) is None
        pointer = await first.finish()
    assert pointer is not None and pointer.ms == 20_000


async def test_a_disk_that_fails_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    with running(tmp_path) as recorder:
        (tmp_path / "30").write_text("in the way")
        assert await recorded(recorder, stretch(), stretch()) is None


# --- a disk that fails -----------------------------------------------------------------------------------------------------


class FullDisk(io.FileIO):
    """Has room for so many bytes of each file, until somebody makes more."""

    room_bytes = 0

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > FullDisk.room_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def full_disk(monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> None:
    """New files lie on a disk that fills up; they are buffered like any other."""
    really_open = Path.open

    def open_on_it(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode == "wb":
            return io.BufferedWriter(FullDisk(str(path), "wb"))
        return really_open(path, mode, *arguments, **options)

    monkeypatch.setattr(FullDisk, "room_bytes", room_bytes)
    monkeypatch.setattr(Path, "open", open_on_it)


HEADER_BYTES, SECOND_BYTES = 44, 64_000


async def test_a_refusal_on_a_full_disk_is_obeyed_and_later_calls_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch, HEADER_BYTES + SECOND_BYTES)
    with running(tmp_path) as recorder:
        recording = recorder.of_call("clinic", SESSION, 30)
        assert recording is not None
        recording.add(stretch())
        recording.add(stretch(100))  # so short that it is left in the file's buffer
        await written(recorder)
        recording.drop()
        async with asyncio.timeout(10):
            assert await recording.finish() is None
            assert in_spool(tmp_path) == [] and not recorder.files
            FullDisk.room_bytes = 1_000_000
            pointer = await recorded(recorder, stretch(), session="HD_2")
    assert pointer is not None and pointer.ms == 1_000


async def test_what_was_written_before_the_disk_was_full_is_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch, HEADER_BYTES + SECOND_BYTES + 10_000)
    with running(tmp_path) as recorder:
        async with asyncio.timeout(10):
            pointer = await recorded(recorder, stretch(), stretch(), stretch(100))
    (path,) = in_spool(tmp_path)
    assert pointer is not None and (pointer.ms, pointer.size_bytes) == (1_000, path.stat().st_size)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 16_000


async def test_a_disk_that_is_full_from_the_start_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch, 0)
    with running(tmp_path) as recorder:
        async with asyncio.timeout(10):
            assert await recorded(recorder, stretch(), stretch()) is None
        assert in_spool(tmp_path) == [] and not recorder.files


async def test_a_refused_recording_that_cannot_be_removed_is_emptied_and_never_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with running(tmp_path) as recorder:
        recording = recorder.of_call("clinic", SESSION, 30)
        assert recording is not None
        recording.add(stretch())
        await written(recorder)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            recording.drop()
            async with asyncio.timeout(10):
                assert await recording.finish() is None
        (part,) = in_spool(tmp_path)
        assert part.stat().st_size == 0 and "cannot be removed" in caplog.text
    os.utime(part, (0, 0))
    storage = Storage()
    with running(tmp_path, storage):
        pass
    assert storage.objects == {} and in_spool(tmp_path) == []


async def test_a_disk_that_hangs_does_not_hold_up_the_end_of_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.shell.recorder._FINISH_WITHIN_S", 0.05)
    hanging = threading.Event()

    def hang() -> None:
        hanging.wait(10)

    with running(tmp_path) as recorder:
        recorder.order(hang)
        async with asyncio.timeout(5):
            assert await recorded(recorder, stretch()) is None
        hanging.set()


async def test_a_fault_of_one_recording_is_none_of_the_next(tmp_path: Path) -> None:
    def breaks() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with running(tmp_path) as recorder:
        recorder.order(breaks)
        async with asyncio.timeout(5):
            assert await recorded(recorder, stretch()) is not None


# --- a storage that refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [PutFailed("down"), OSError(errno.EIO, "Input/output error")])
async def test_what_the_storage_refuses_is_tried_again_while_the_bridge_lives(
    tmp_path: Path, refusal: Exception
) -> None:
    storage, taken, is_down = Storage(), threading.Event(), threading.Event()
    is_down.set()

    def put(path: Path, key: str, days: int) -> None:
        if is_down.is_set():
            raise refusal
        storage(path, key, days)
        if len(storage.objects) == 2:
            taken.set()

    with running(tmp_path, put, again_after_s=0.02) as recorder:
        pointers = [await recorded(recorder, stretch(), session=name) for name in ("HD_1", "HD_2")]
        await asyncio.sleep(0.1)
        assert len(in_spool(tmp_path)) == 2
        is_down.clear()
        assert await asyncio.to_thread(taken.wait, 5)
    assert set(storage.objects) == {pointer.key for pointer in pointers if pointer is not None}
    assert in_spool(tmp_path) == []


async def test_one_file_that_is_never_taken_does_not_hold_up_the_others(tmp_path: Path) -> None:
    taken = threading.Event()
    refused: list[str] = []

    def put(path: Path, key: str, days: int) -> None:
        if "HD_1" in key or key not in refused:
            refused.append(key)
            raise PutFailed("AccessDenied")
        taken.set()

    with running(tmp_path, put, again_after_s=0.02) as recorder:
        for name in ("HD_1", "HD_2"):
            assert await recorded(recorder, stretch(), session=name) is not None
        assert await asyncio.to_thread(taken.wait, 5)


async def test_a_storage_that_hangs_does_not_hold_up_the_process_and_what_is_left_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = threading.Event()

    def put(path: Path, key: str, days: int) -> None:
        hanging.wait(20)

    recorder = Recorder(tmp_path, lambda: put)
    recorder.start()
    for name in ("HD_1", "HD_2"):
        assert await recorded(recorder, stretch(), session=name) is not None
    began = time.monotonic()
    with caplog.at_level(logging.ERROR):
        await asyncio.to_thread(recorder.close, 0.3)
    assert time.monotonic() - began < 10  # the storage hangs for 20
    assert "2 recordings stay in the spool" in caplog.text
    assert all(thread.daemon for thread in threading.enumerate() if thread.name in ("recorder", "recordings"))
    hanging.set()


@pytest.mark.parametrize("session", ["", "../../etc/passwd", "a/b", ".", "-x", "x" * 200])
def test_a_name_that_is_no_name_is_not_recorded(tmp_path: Path, session: str) -> None:
    assert Recorder(tmp_path).of_call("clinic", session, 30) is None
