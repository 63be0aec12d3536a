"""The pacer by itself; the laws are in tests/properties/test_media_laws.py."""

from __future__ import annotations

from math import inf

from bridge.core.pacer import HOLD_MS, Pacer
from bridge.core.playout import Speaker, Utterance


def speaking(milliseconds: int, lead_ms: int = 160, *, complete: bool = True) -> tuple[Pacer, Utterance]:
    pacer, utterance = Pacer(16_000, lead_ms, kill_audio=True), Utterance(Speaker.MODEL, 16_000)
    pacer.begin(utterance)
    pacer.push(b"\x01\x00" * (milliseconds * 16))
    if complete:
        pacer.finish()
    return pacer, utterance


def pulled(pacer: Pacer, now: float) -> int:
    count = 0
    while pacer.pull(now) is not None:
        count += 1
    return count


def test_the_lead_leaves_as_a_burst_and_then_two_frames_every_40_ms() -> None:
    pacer, _ = speaking(1_000)
    assert pulled(pacer, 0.0) == 8
    assert pacer.wake_ms == 40.0
    assert pulled(pacer, 10.0) == 0
    assert [pulled(pacer, now) for now in (40.0, 80.0, 120.0)] == [2, 2, 2]


def test_with_a_short_lead_one_frame_leaves_every_20_ms() -> None:
    pacer, _ = speaking(1_000, lead_ms=40)
    assert pulled(pacer, 0.0) == 2
    assert pacer.wake_ms == 20.0
    assert [pulled(pacer, now) for now in (20.0, 40.0, 60.0)] == [1, 1, 1]


def test_a_late_timer_sends_what_is_overdue_and_the_schedule_does_not_drift() -> None:
    pacer, _ = speaking(2_000)
    pulled(pacer, 0.0)
    assert pulled(pacer, 107.0) == 5
    assert pacer.wake_ms == 140.0


def test_a_timer_that_fires_a_millisecond_early_does_not_wait_another_round() -> None:
    pacer, _ = speaking(1_000)
    pulled(pacer, 0.0)
    assert pulled(pacer, 19.0) == 1


def test_after_a_gap_the_schedule_starts_anew() -> None:
    pacer, utterance = speaking(100, complete=False)
    assert pulled(pacer, 0.0) == 5
    pacer.push(b"\x01\x00" * 16_000)
    assert pulled(pacer, 150.0) == 8
    assert utterance.end_ms == 310.0


def test_a_model_that_stalls_in_mid_sentence_has_its_rest_pushed_out() -> None:
    pacer, utterance = speaking(110, complete=False)
    assert pulled(pacer, 0.0) == 5
    assert pacer.wake_ms == 300.0
    message = pacer.pull(300.0)
    assert message is not None
    assert len(message) == 640 + 5_120
    assert utterance.sent == utterance.generated == 1_760
    assert pacer.wake_ms == inf
    assert pacer.pull(600.0) is None


def test_no_silence_is_put_between_utterances_that_follow_at_once() -> None:
    pacer, _ = speaking(100)
    pacer.begin(Utterance(Speaker.MODEL, 16_000))
    pacer.push(b"\x02\x00" * 16_000)
    pacer.finish()
    messages = []
    for now in range(0, 1_500, 20):
        while (message := pacer.pull(float(now))) is not None:
            messages.append(bytes(message))
    assert not any(set(message) == {0} for message in messages[:-1])


def test_a_flush_of_an_idle_line_is_nothing() -> None:
    pacer, _ = speaking(100)
    pulled(pacer, 0.0)
    pulled(pacer, 100.0)
    assert pacer.is_idle
    assert pacer.flush(2_000.0) is None
    assert pacer.generation == 1


def test_output_holds_after_a_kill() -> None:
    pacer, _ = speaking(1_000)
    pulled(pacer, 0.0)
    assert pacer.flush(100.0) == bytes(5_120)
    pacer.begin(Utterance(Speaker.MODEL, 16_000))
    pacer.push(bytes(6_400))
    assert pacer.wake_ms == 100.0 + HOLD_MS
    assert pacer.pull(170.0) is None
    assert pacer.pull(180.0) is not None
