"""The switch's playout in virtual time, against the figures measured on the real module."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.carrier.playout import TICK_MS, MarkEvent, PlayoutModel

SENT_HZ = 16_000
FRAME_BYTES = 640
AMPLITUDE = 1000
ZEROS_160_MS = bytes(8 * FRAME_BYTES)


def tone(duration_ms: int, amplitude: int = AMPLITUDE) -> bytes:
    """A square wave: loud in every sample, so that heard time can be counted in samples."""
    samples = np.full(SENT_HZ * duration_ms // 1000, amplitude, dtype="<i2")
    samples[::2] = -amplitude
    return samples.tobytes()


def steady(duration_ms: int, amplitude: int = AMPLITUDE) -> bytes:
    return np.full(SENT_HZ * duration_ms // 1000, amplitude, dtype="<i2").tobytes()


class Leg:
    """A model with a clock: send now, listen for some time, count what was heard."""

    def __init__(self, leg_rate_hz: int = 16_000, kill_window_ms: int = TICK_MS) -> None:
        self.rate_hz = leg_rate_hz
        self.model = PlayoutModel(sent_rate_hz=SENT_HZ, leg_rate_hz=leg_rate_hz, kill_window_ms=kill_window_ms)
        self.now_ms = 0
        self.heard = bytearray()

    def send_frames(self, pcm: bytes) -> None:
        """In 20 ms messages, all at once."""
        for start in range(0, len(pcm), FRAME_BYTES):
            self.model.receive(pcm[start : start + FRAME_BYTES])

    def send_paced(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            self.model.receive(pcm[start : start + FRAME_BYTES])
            self.tick()

    def tick(self) -> bytes:
        sound = self.model.tick()
        self.heard += sound or bytes(2 * self.rate_hz * TICK_MS // 1000)
        self.now_ms += TICK_MS
        return sound

    def listen(self, duration_ms: int) -> None:
        for _ in range(duration_ms // TICK_MS):
            self.tick()

    def loud_ms(self, since_ms: int = 0, level: int = AMPLITUDE // 4) -> float:
        samples = np.frombuffer(bytes(self.heard), dtype="<i2")[self.rate_hz * since_ms // 1000 :]
        return float(np.count_nonzero(np.abs(samples) > level) * 1000 / self.rate_hz)

    def first_loud_ms(self) -> float:
        samples = np.frombuffer(bytes(self.heard), dtype="<i2")
        return float(np.argmax(np.abs(samples) > AMPLITUDE // 4) * 1000 / self.rate_hz)


def test_a_second_sent_to_an_8_khz_leg_is_heard_for_958_ms_and_the_rest_opens_the_next_utterance() -> None:
    leg = Leg(leg_rate_hz=8000)
    leg.send_frames(steady(1000))
    leg.listen(1500)
    assert leg.loud_ms() == pytest.approx(958, abs=3)
    leg.send_frames(steady(1000))
    leg.listen(1500)
    assert leg.loud_ms(since_ms=1500) == pytest.approx(1040, abs=3)


@pytest.mark.parametrize("leg_rate_hz", [8000, 16_000])
def test_160_ms_of_zeros_behind_every_utterance_bring_out_all_of_it(leg_rate_hz: int) -> None:
    leg = Leg(leg_rate_hz)
    for _ in range(3):
        leg.send_frames(steady(1000) + ZEROS_160_MS)
        leg.listen(1500)
    assert leg.loud_ms() == pytest.approx(3000, abs=3)


@pytest.mark.parametrize("duration_ms", range(20, 400, 20))
def test_the_stuck_tail_is_under_40_ms_on_a_16_khz_leg(duration_ms: int) -> None:
    leg = Leg()
    leg.send_frames(tone(100))  # past the start prebuffer
    leg.send_frames(tone(duration_ms))
    leg.listen(1000)
    assert 0 <= 100 + duration_ms - leg.loud_ms() < 40


@pytest.mark.parametrize(("leg_rate_hz", "earliest_ms", "latest_ms"), [(8000, 140, 160), (16_000, 60, 80)])
def test_paced_from_the_start_the_first_sound_waits_for_the_prebuffer(
    leg_rate_hz: int, earliest_ms: int, latest_ms: int
) -> None:
    leg = Leg(leg_rate_hz)
    leg.send_paced(steady(1000))
    assert earliest_ms <= leg.first_loud_ms() <= latest_ms


@pytest.mark.parametrize("leg_rate_hz", [8000, 16_000])
def test_a_burst_is_heard_within_40_ms(leg_rate_hz: int) -> None:
    leg = Leg(leg_rate_hz)
    leg.send_frames(steady(200))
    leg.listen(400)
    assert leg.first_loud_ms() <= 40


def test_twenty_seconds_sent_at_once_are_kept_and_played_without_a_gap() -> None:
    leg = Leg()
    leg.model.receive(tone(20_000) + ZEROS_160_MS)
    leg.listen(21_000)
    assert leg.loud_ms() == pytest.approx(20_000, abs=1)
    loud = np.flatnonzero(np.abs(np.frombuffer(bytes(leg.heard), dtype="<i2")) > 0)
    assert int(np.diff(loud).max()) == 1


@pytest.mark.parametrize("leg_rate_hz", [8000, 16_000])
def test_audio_sent_right_behind_kill_audio_is_wiped_too(leg_rate_hz: int) -> None:
    leg = Leg(leg_rate_hz)
    leg.send_frames(tone(500))
    leg.listen(200)
    leg.model.kill_audio()
    heard_before = leg.loud_ms()
    leg.send_frames(steady(1000))
    leg.listen(1500)
    assert leg.loud_ms() - heard_before <= 80  # nothing but the tail that never left the prebuffer


def test_silence_follows_kill_audio_within_one_tick() -> None:
    leg = Leg()
    leg.model.receive(tone(8000))
    leg.listen(2000)
    leg.model.kill_audio()
    leg.listen(1000)
    assert leg.loud_ms() == pytest.approx(2000, abs=TICK_MS)


@pytest.mark.parametrize("gap_ms", [60, 100])
def test_after_a_gap_the_next_utterance_is_whole_but_begins_with_the_old_prebuffer(gap_ms: int) -> None:
    leg = Leg(kill_window_ms=60)
    leg.send_frames(steady(620, amplitude=2 * AMPLITUDE))  # 620 ms: the last 20 ms stay in the prebuffer
    leg.listen(200)
    assert leg.model.prebuffered_bytes == FRAME_BYTES
    leg.model.kill_audio()
    leg.listen(gap_ms)
    silent_until_ms = leg.now_ms
    leg.send_frames(steady(980) + ZEROS_160_MS)
    leg.listen(1500)
    stale = leg.loud_ms(since_ms=silent_until_ms, level=AMPLITUDE + AMPLITUDE // 2)
    assert stale == 20
    assert leg.loud_ms(since_ms=silent_until_ms) == 1000


@pytest.mark.parametrize("leg_rate_hz", [8000, 16_000])
def test_zeros_just_before_kill_audio_flush_the_prebuffer(leg_rate_hz: int) -> None:
    leg = Leg(leg_rate_hz, kill_window_ms=60)
    leg.send_frames(steady(620, amplitude=2 * AMPLITUDE))
    leg.listen(200)
    leg.send_frames(ZEROS_160_MS)
    leg.model.kill_audio()
    leg.listen(60)
    silent_until_ms = leg.now_ms
    leg.send_frames(steady(1000) + ZEROS_160_MS)
    leg.listen(1500)
    assert leg.loud_ms(since_ms=silent_until_ms, level=AMPLITUDE + AMPLITUDE // 2) == 0
    assert leg.loud_ms(since_ms=silent_until_ms) == pytest.approx(1000, abs=3)


def test_the_longer_kill_window_wipes_what_is_sent_within_it() -> None:
    leg = Leg(kill_window_ms=60)
    leg.model.kill_audio()
    leg.listen(40)
    leg.send_frames(steady(500))
    leg.listen(800)
    assert leg.loud_ms() == 0


def test_an_odd_byte_is_joined_to_the_next_message() -> None:
    whole, odd = Leg(), Leg()
    pcm = tone(500)
    whole.model.receive(pcm)
    for start in range(0, len(pcm), 333):
        odd.model.receive(pcm[start : start + 333])
    whole.listen(600)
    odd.listen(600)
    length = int(whole.loud_ms() * 32) - 1280
    assert bytes(odd.heard).lstrip(b"\0")[:length] == bytes(whole.heard).lstrip(b"\0")[:length]


@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_nothing_is_heard_that_was_not_sent(cuts: list[int]) -> None:
    leg = Leg()
    pcm = np.arange(1, sum(cuts) // 2 + 2, dtype=np.int64).astype("<i2").tobytes()
    at = 0
    for size in cuts:
        leg.model.receive(pcm[at : at + size])
        leg.tick()
        at += size
    leg.listen(4000)
    heard = bytes(leg.heard).replace(b"\0\0", b"")
    sent = pcm[:at].replace(b"\0\0", b"")
    assert sent.startswith(heard.rstrip(b"\0")[: len(sent)])
    assert len(heard) <= len(sent)


# --- marks: a hint at best ---------------------------------------------------------------------------------------------------


def test_a_mark_with_nothing_queued_answers_at_once() -> None:
    model = Leg().model
    model.mark("m0")
    assert model.take_mark_events() == [MarkEvent("m0", "playout")]


def test_with_equal_rates_and_clean_audio_a_mark_comes_back_when_it_was_played() -> None:
    leg = Leg()
    leg.send_frames(tone(1000))
    leg.model.mark("m1")
    leg.send_frames(tone(1000))
    leg.listen(940)
    assert leg.model.take_mark_events() == []
    leg.listen(100)
    assert leg.model.take_mark_events() == [MarkEvent("m1", "playout")]


def test_samples_of_minus_one_fire_marks_early() -> None:
    leg = Leg()
    leg.send_frames(steady(100))
    for name in ("m0", "m1"):
        leg.model.mark(name)
    leg.model.receive(steady(20, amplitude=-1) + steady(1000))
    leg.listen(200)
    assert [event.name for event in leg.model.take_mark_events()] == ["m0", "m1"]


def test_on_an_8_khz_leg_the_first_mark_answers_at_once_and_the_others_never() -> None:
    leg = Leg(leg_rate_hz=8000)
    for name in ("m0", "m1", "m2"):
        leg.model.mark(name)
        leg.send_frames(tone(1000))
    leg.listen(5000)
    assert leg.model.take_mark_events() == [MarkEvent("m0", "playout")]


def test_the_mark_after_kill_audio_is_swallowed_and_clear_marks_answers_nothing() -> None:
    leg = Leg()
    leg.send_frames(tone(500))
    leg.model.mark("queued")
    leg.model.kill_audio()
    assert leg.model.take_mark_events() == [MarkEvent("queued", "cleared")]
    leg.model.mark("swallowed")
    leg.listen(100)
    assert leg.model.take_mark_events() == []
    leg.send_frames(tone(500))
    leg.model.mark("forgotten")
    leg.model.clear_marks()
    leg.send_frames(tone(500))
    leg.listen(1500)
    assert leg.model.take_mark_events() == []


def test_at_most_thirty_marks_are_kept() -> None:
    leg = Leg()
    leg.send_frames(tone(200))
    for number in range(40):
        leg.model.mark(f"m{number}")
    leg.send_frames(tone(200))
    leg.listen(600)
    assert len(leg.model.take_mark_events()) == 30
