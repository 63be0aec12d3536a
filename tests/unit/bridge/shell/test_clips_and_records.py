"""Files of the bridge: clips it reads, records it writes."""

from __future__ import annotations

import hashlib
import json
import wave
from pathlib import Path

import pytest

from bridge.core.context import CallContext
from bridge.shell.clips import ClipStore, clip_key
from bridge.shell.records import CallRecord


def write(path: Path, rate_hz: int = 24_000, pcm: bytes = bytes(480)) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)


def test_a_clip_is_found_by_voice_and_text() -> None:
    assert clip_key("Kore", "Habari?") == hashlib.sha256(b"Kore\nHabari?").hexdigest()[:32]


def test_what_was_rendered_is_there_for_the_call(tmp_path: Path) -> None:
    write(tmp_path / f"{clip_key('Kore', 'Hello')}.wav", pcm=b"\x01\x00" * 100)
    store = ClipStore(tmp_path)
    assert store.load() == 1
    context = CallContext(voice="Kore", greeting="Hello", phrases={"goodbye": "Bye", "trouble": ""})
    assert store.of_call(context) == {"greeting": b"\x01\x00" * 100}
    write(tmp_path / f"{clip_key('Kore', 'Bye')}.wav")
    assert set(store.of_call(context)) == {"greeting", "goodbye"}


def test_a_file_that_is_no_clip_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "eight.wav", rate_hz=8_000)
    (tmp_path / "text.wav").write_text("no sound")
    assert ClipStore(tmp_path).load() == 0
    assert "eight.wav" in caplog.text
    assert "text.wav" in caplog.text


def test_without_a_folder_there_are_no_clips_and_no_records(tmp_path: Path) -> None:
    assert ClipStore(None).load() == 0
    record = CallRecord(None, "HD_1")
    record.write("opened", {}, 0)
    record.close()
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_json_lines_that_can_be_read_while_the_call_goes_on(tmp_path: Path) -> None:
    record = CallRecord(tmp_path / "calls", "HD_1")
    record.write("caller_said", {"text": "Ndiyo"}, 1_234.9)
    (line,) = (tmp_path / "calls" / "HD_1.jsonl").read_text().splitlines()
    fields = json.loads(line)
    assert (fields["at_ms"], fields["event"], fields["text"]) == (1_234, "caller_said", "Ndiyo")
    assert fields["wall"].endswith("+00:00")
    record.close()
    record.write("ended", {}, 2_000)
    record.close()


def test_a_record_is_bounded(tmp_path: Path) -> None:
    record = CallRecord(tmp_path, "HD_1")
    for index in range(6_000):
        record.write("x", {}, index)
    record.close()
    assert len((tmp_path / "HD_1.jsonl").read_text().splitlines()) == 5_000


def test_a_folder_that_cannot_be_written_costs_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    CallRecord(tmp_path / "file", "HD_1").write("opened", {}, 0)
    assert "HD_1" in caplog.text
