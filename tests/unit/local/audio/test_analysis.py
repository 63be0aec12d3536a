"""What is read off a recording, on recordings whose truth is known."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from local.audio.analysis import (
    Haystack,
    Recording,
    Segment,
    barge_in_stop_ms,
    level_dbfs,
    likeness,
    load,
    longest_gap_ms,
    longest_pause_ms,
    longest_silence_within_ms,
    percentile,
    reply_times_ms,
    speech_segments,
    summarise,
)
from local.audio.recording import StereoRecorder

RATE_HZ = 16_000


def channel(duration_ms: int, *speech: tuple[int, int]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Line noise, with a 440 Hz voice in each (start, end)."""
    samples = np.random.default_rng(3).normal(0, 3, RATE_HZ * duration_ms // 1000)
    for start_ms, end_ms in speech:
        start, end = (RATE_HZ * edge // 1000 for edge in (start_ms, end_ms))
        samples[start:end] += 6000 * np.sin(2 * np.pi * 440 * np.arange(end - start) / RATE_HZ)
    return np.rint(samples).astype(np.int16)


def recording(duration_ms: int, caller: list[tuple[int, int]], agent: list[tuple[int, int]]) -> Recording:
    return Recording(channel(duration_ms, *caller), channel(duration_ms, *agent), RATE_HZ)


def test_speech_is_found_to_the_window_and_noise_is_not_speech() -> None:
    assert speech_segments(channel(3000, (500, 1200), (2000, 2500)), RATE_HZ) == [
        Segment(500, 1200),
        Segment(2000, 2500),
    ]
    assert speech_segments(channel(3000), RATE_HZ) == []


def test_a_short_pause_does_not_split_a_sentence_and_a_click_is_not_one() -> None:
    assert speech_segments(channel(2000, (100, 500), (700, 1000)), RATE_HZ) == [Segment(100, 1000)]
    assert speech_segments(channel(2000, (100, 120)), RATE_HZ) == []


def test_reply_time_runs_from_the_callers_last_sound_to_the_agents_first() -> None:
    call = recording(10_000, caller=[(2000, 3000), (6000, 7000)], agent=[(0, 1500), (3650, 5000), (7420, 9000)])
    assert reply_times_ms(call) == [650, 420]


def test_a_turn_that_nobody_answered_and_one_that_ended_under_the_agent_have_no_reply_time() -> None:
    call = recording(10_000, caller=[(1000, 2000), (5000, 6000)], agent=[(1500, 3000)])
    assert reply_times_ms(call) == []


def test_barge_in_is_measured_to_the_last_stale_sound() -> None:
    call = recording(6000, caller=[(2000, 3000)], agent=[(500, 2140), (3500, 5000)])
    assert barge_in_stop_ms(call, 2000) == 140
    assert barge_in_stop_ms(call, 3000) is None


def test_the_longest_gap_counts_both_ends_of_the_call() -> None:
    assert longest_gap_ms([Segment(400, 1000), Segment(1500, 2000)], 3500) == 1500
    assert longest_gap_ms([], 900) == 900


def test_the_summary_of_a_call() -> None:
    made = summarise(recording(6000, caller=[(2000, 3000)], agent=[(0, 1500), (3500, 5000)]))
    assert (made.caller_speech_ms, made.agent_speech_ms) == (1000, 3000)
    assert (made.reply_ms, made.reply_ms_p50) == ((500,), 500)
    assert made.longest_silence_ms == 1000
    assert made.agent_dbfs > -30 > made.caller_dbfs - 5


def test_levels_and_percentiles_of_nothing() -> None:
    assert level_dbfs(np.zeros(100, np.int16)) == float("-inf")
    assert level_dbfs(np.zeros(0, np.int16)) == float("-inf")
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([3, 1, 2], 0.99) == 3


def test_a_recording_survives_the_way_through_a_file(tmp_path: Path) -> None:
    caller, agent = channel(2400, (100, 900)), channel(2400, (1000, 2000))
    recorder = StereoRecorder(tmp_path / "deep" / "call.wav")
    for start in range(0, len(caller), 320):
        recorder.add(caller[start : start + 320].tobytes(), agent[start : start + 320].tobytes())
    assert recorder.duration_ms == 2400
    recorder.close()
    recorder.close()
    read = load(tmp_path / "deep" / "call.wav")
    assert np.array_equal(read.caller, caller)
    assert np.array_equal(read.agent, agent)
    assert (read.rate_hz, read.duration_ms) == (RATE_HZ, 2400)


def test_channels_of_different_length_are_refused(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "call.wav")
    with pytest.raises(ValueError, match="same whole number"):
        recorder.add(bytes(640), bytes(638))
    recorder.close()


def test_a_mono_file_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "mono.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
    with pytest.raises(ValueError, match="expected stereo"):
        load(tmp_path / "mono.wav")


def test_a_pause_is_between_two_sounds_of_the_agent_and_begins_in_the_time_asked_for() -> None:
    sound = recording(10_000, [], [(1000, 2000), (2400, 3000), (4000, 5000), (8000, 9000)])
    assert longest_pause_ms(sound, 1500, 3500) == 1000
    assert longest_pause_ms(sound, 1500, 2500) == 400
    assert longest_pause_ms(sound, 8500, 9500) == 0


def test_silence_counts_between_the_first_and_the_last_speech_of_both_sides() -> None:
    sound = recording(20_000, [(4000, 5000)], [(2000, 3500), (8000, 9000)])
    assert longest_silence_within_ms(sound) == 3000
    assert longest_silence_within_ms(recording(5000, [], [])) == 0


@pytest.mark.parametrize("level", [1.0, 0.2, -0.5])
def test_a_sound_is_found_in_a_channel_at_any_level_and_a_stranger_is_not(level: float) -> None:
    rng = np.random.default_rng(1)
    voice, other = rng.normal(0, 3000, (2, 8000)).astype(np.int16)
    line = rng.normal(0, 30, 40_000)
    line[12_345:20_345] += level * voice
    assert likeness(voice, line.astype(np.int16)) > 0.9
    assert likeness(other, line.astype(np.int16)) < 0.1
    assert likeness(line.astype(np.int16), voice) == 0.0
    assert likeness(voice, np.zeros(9000, np.int16)) == 0.0


@pytest.mark.parametrize("length", [100, 15_000, 15_744, 70_001])
def test_many_sounds_are_looked_for_as_one_is(length: int) -> None:
    rng = np.random.default_rng(2)
    line = rng.normal(0, 1000, length).astype(np.int16)
    hay = Haystack(line, 640)
    for size in (1, 80, 640):
        for sound in (line[-size:], line[:size], rng.normal(0, 900, size).astype(np.int16)):
            if len(sound) <= len(line):
                assert hay.likeness(sound) == pytest.approx(likeness(sound, line), abs=1e-6)
    assert hay.likeness(line[:0]) == 0.0
