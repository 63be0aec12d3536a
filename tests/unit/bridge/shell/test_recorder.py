"""Recordings on disk and on their way to the storage."""

from __future__ import annotations

import asyncio
import os
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bridge.core.frames import RecordAudio
from bridge.shell.recorder import CallRecording, PutFailed, Recorder
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
def running(spool: Path, storage: Storage | None = None, **options: int) -> Iterator[Recorder]:
    put: Callable[[], Storage] | None = None if storage is None else lambda: storage
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


@pytest.mark.parametrize("session", ["", "../../etc/passwd", "a/b", ".", "-x", "x" * 200])
def test_a_name_that_is_no_name_is_not_recorded(tmp_path: Path, session: str) -> None:
    assert Recorder(tmp_path).of_call("clinic", session, 30) is None
