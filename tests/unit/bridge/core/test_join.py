"""The other leg's voice: passed on at once, nearly the usual lead ahead, never stale."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.frames import FRAME_MS, frame_bytes
from bridge.core.join import STALE_MS, Join
from bridge.core.pacer import HOLD_MS, Pacer
from local.carrier.playout import PlayoutModel

LOUD = (np.ones(320, dtype="<i2") * 3_000).tobytes()
PAUSE = bytes(640)
LEAD_MS = 160


def joined(rate_hz: int = 16_000, lead_ms: int = LEAD_MS) -> tuple[Join, Pacer]:
    pacer = Pacer(rate_hz, lead_ms, kill_audio=True)
    return Join(pacer, rate_hz, lead_ms), pacer


def numbered(index: int) -> bytes:
    """A loud frame that can be told from every other."""
    return (np.ones(320, dtype="<i2") * (1_000 + index)).tobytes()


def test_every_frame_goes_out_when_it_comes_in_behind_one_cushion_of_silence() -> None:
    join, pacer = joined()
    sent = [join.push(numbered(index), 1_000 + index * 20) for index in range(100)]
    assert sent[0] is not None
    assert sent[0].endswith(numbered(0))
    assert not any(sent[0][: -len(LOUD)])
    assert len(sent[0]) == 640 * (1 + 6)  # 120 ms of silence and the frame: nearly the lead
    assert sent[1:] == [numbered(index) for index in range(1, 100)]
    assert LEAD_MS - 2 * FRAME_MS <= pacer.ahead_ms(1_000 + 100 * 20) <= LEAD_MS


@pytest.mark.parametrize("lead_ms", [20, 40, 160, 400])
def test_the_cushion_follows_the_lead(lead_ms: int) -> None:
    join, pacer = joined(lead_ms=lead_ms)
    join.push(LOUD, 0.0)
    assert FRAME_MS <= pacer.ahead_ms(0.0) <= max(lead_ms, FRAME_MS)


def test_a_burst_after_a_stall_is_cut_to_its_latest_part_and_a_pause_takes_the_delay_back() -> None:
    join, pacer = joined()
    for index in range(50):
        join.push(numbered(index), index * 20)
    burst = b"".join(numbered(index) for index in range(50, 75))  # half a second late
    sent = join.push(burst, 1_500)
    assert sent is not None
    assert sent.endswith(numbered(74))
    assert len(sent) == 640 * STALE_MS // FRAME_MS
    assert pacer.ahead_ms(1_500) <= STALE_MS
    for index in range(75, 125):
        join.push(PAUSE if index > 110 else LOUD, index * 20 + 20)
    assert pacer.ahead_ms(2_520) <= LEAD_MS + FRAME_MS


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_the_line_hears_its_own_rate(rate_hz: int) -> None:
    join, _ = joined(rate_hz)
    sent = [join.push(LOUD, 20.0 * index) for index in range(10)]
    assert all(message is not None and len(message) % frame_bytes(rate_hz) == 0 for message in sent)
    assert sent[-1] is not None
    assert len(sent[-1]) == frame_bytes(rate_hz)


def test_odd_messages_are_cut_anew() -> None:
    join, _ = joined()
    whole = b"".join(numbered(index) for index in range(4))
    got = b"".join(join.push(whole[at : at + 333], 20.0 * index) or b"" for index, at in enumerate(range(0, 2560, 333)))
    assert got[-len(whole) :] == whole


def test_what_the_switch_would_wipe_is_not_sent() -> None:
    join, pacer = joined()
    join.push(LOUD, 0.0)
    assert pacer.flush(10.0) is not None  # killAudio
    assert join.push(LOUD, 20.0) is None
    assert join.push(LOUD, 10.0 + HOLD_MS) is not None


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 40), st.booleans()), max_size=60))
def test_no_arrival_makes_the_switch_hold_more_than_may_be_stale(arrivals: list[tuple[int, int, bool]]) -> None:
    join, pacer = joined()
    now = 0.0
    for pause_ms, frames, loud in arrivals:
        now += pause_ms
        sent = join.push((LOUD if loud else PAUSE) * frames, now)
        assert sent is None or len(sent) % 640 == 0
        assert pacer.ahead_ms(now) <= STALE_MS + 1


def through_switch(leg_hz: int, delays_ms: list[float]) -> tuple[int, int]:
    """Loud frames, each that much late and in order, through the switch's prebuffer and batches; returns the longest silence after the
    first sound and how late the last sample was heard, both in milliseconds."""
    join, _ = joined()
    switch = PlayoutModel(sent_rate_hz=16_000, leg_rate_hz=leg_hz)
    arrivals, latest = [], 0.0
    for index, delay in enumerate(delays_ms):
        latest = max(latest, (index + 1) * 20 + delay)
        arrivals.append(latest)
    heard: list[bool] = []
    for tick in range(len(delays_ms) + 30):
        for step in range(4):
            now = tick * 20 + step * 5
            while arrivals and arrivals[0] <= now:
                arrivals.pop(0)
                message = join.push(LOUD, now)
                if message is not None:
                    switch.receive(message)
        heard.append(any(switch.tick()))
    first, last = heard.index(True), len(heard) - 1 - heard[::-1].index(True)
    runs = "".join("x" if sound else "." for sound in heard[first : last + 1])
    return max((len(run) for run in runs.split("x")), default=0) * 20, (last + 1 - len(delays_ms)) * 20


@pytest.mark.parametrize("leg_hz", [8_000, 16_000])
@pytest.mark.parametrize("jitter_ms", [0, 15, 40])
def test_the_switch_plays_it_without_a_gap_and_within_the_lead(leg_hz: int, jitter_ms: int) -> None:
    draw = random.Random(jitter_ms)
    gap, late = through_switch(leg_hz, [draw.uniform(0, jitter_ms) for _ in range(500)])
    assert gap == 0
    assert late <= LEAD_MS + 60 + 80  # the last 80 ms may stay in the switch: see the pacer's tail
