"""Recutting, backlog, the inbound clock and the layout probe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.pcm import InboundClock, Layout, LayoutProbe, Recutter, backlog_bytes


def test_a_whole_frame_passes_without_a_copy() -> None:
    frame = bytes(range(256)) * 2 + bytes(128)
    assert Recutter(16_000).push(frame)[0] is frame


def test_an_empty_message_yields_nothing() -> None:
    assert list(Recutter(16_000).push(b"")) == []


def test_an_odd_byte_waits_for_its_other_half() -> None:
    recutter = Recutter(8_000)
    assert list(recutter.push(b"a" * 321)) == [b"a" * 320]
    assert recutter.waiting_bytes == 1
    assert [bytes(frame) for frame in recutter.push(b"b" * 319)] == [b"a" + b"b" * 319]


@given(st.lists(st.integers(0, 5_000), max_size=20), st.sampled_from([8_000, 16_000, 24_000]))
def test_any_cutting_gives_the_same_frames(sizes: list[int], rate_hz: int) -> None:
    stream = bytes(index % 251 for index in range(sum(sizes)))
    recutter, frames, at = Recutter(rate_hz), [], 0
    for size in sizes:
        frames += [bytes(frame) for frame in recutter.push(stream[at : at + size])]
        at += size
    joined = b"".join(frames)
    assert joined == stream[: len(joined)]
    assert all(len(frame) == rate_hz // 50 * 2 for frame in frames)
    assert recutter.waiting_bytes == len(stream) - len(joined) < rate_hz // 50 * 2


@pytest.mark.parametrize(("size", "old"), [(640, 0), (1_280, 0), (6_400, 0), (39_040, 38_400), (39_041, 38_400)])
def test_only_a_long_first_message_is_backlog_and_its_last_frame_is_the_present(size: int, old: int) -> None:
    assert backlog_bytes(size, 16_000) == old


def test_frames_that_arrive_on_time_are_stamped_by_arrival() -> None:
    clock = InboundClock()
    assert [clock.stamp(1, now) for now in (100.0, 120.0, 140.0)] == [80.0, 100.0, 120.0]


def test_a_late_burst_keeps_the_times_at_which_it_was_spoken() -> None:
    clock = InboundClock()
    clock.stamp(1, 20.0)
    stamps = [clock.stamp(1, 1_020.0) for _ in range(50)]  # a stall of one second, then everything at once
    assert stamps[0] == pytest.approx(20.0, abs=2)
    assert stamps[-1] == pytest.approx(1_000.0, abs=60)
    assert all(stamp <= 1_000.0 for stamp in stamps)


def test_after_a_pause_the_clock_catches_up_and_never_runs_ahead() -> None:
    clock = InboundClock()
    clock.stamp(1, 20.0)
    stamps = [(clock.stamp(1, now), now) for now in (2_000.0 + 20 * index for index in range(3_000))]
    assert all(stamp <= now - 20 for stamp, now in stamps)
    assert stamps[-1][0] == stamps[-1][1] - 20


def probe(
    bytes_per_message: int, every_ms: float, rate_hz: int = 16_000, until_ms: float = 4_000
) -> tuple[Layout | None, float]:
    layout, now = LayoutProbe(rate_hz), 0.0
    while now <= until_ms:
        found = layout.push(bytes_per_message, now)
        if found is not None:
            return found, now
        now += every_ms
    return None, now


@pytest.mark.parametrize(
    ("size", "layout"),
    [(640, Layout.AS_DECLARED), (320, Layout.HALF_RATE), (1_280, Layout.DOUBLE), (960, Layout.UNKNOWN)],
)
def test_layout_is_known_from_bytes_per_second(size: int, layout: Layout) -> None:
    found, now = probe(size, 20.0)
    assert found is layout
    assert layout is Layout.UNKNOWN or now <= 1_000


@pytest.mark.parametrize("stall_ms", [200, 400, 700, 900, 1_500])
@pytest.mark.parametrize("from_ms", [0, 100, 300, 500, 800])
def test_a_bridge_that_stalls_does_not_take_a_normal_stream_for_another(from_ms: int, stall_ms: int) -> None:
    layout = LayoutProbe(16_000)
    found: list[Layout | None] = []
    for index in range(200):
        spoken = index * 20
        stalled = from_ms <= spoken < from_ms + stall_ms
        found.append(layout.push(640, float(from_ms + stall_ms if stalled else spoken)))
    assert {item for item in found if item is not None} <= {Layout.AS_DECLARED, Layout.UNKNOWN}


def test_a_bridge_that_only_keeps_half_pace_does_not_blame_the_stream() -> None:
    layout = LayoutProbe(16_000)
    found = [layout.push(640, index * 40.0) for index in range(200)]
    assert next(item for item in found if item is not None) is Layout.UNKNOWN


def test_a_backlog_in_the_first_message_does_not_mislead_the_probe() -> None:
    layout = LayoutProbe(16_000)
    assert layout.push(39_040, 0.0) is None
    found = [layout.push(640, 20.0 * index) for index in range(1, 60)]
    assert next(item for item in found if item is not None) is Layout.AS_DECLARED


@pytest.mark.parametrize(
    ("size", "layout"), [(640, Layout.AS_DECLARED), (320, Layout.HALF_RATE), (1_280, Layout.DOUBLE)]
)
def test_behind_a_backlog_and_a_stall_the_sizes_of_the_messages_tell_the_layout_within_a_second(
    size: int, layout: Layout
) -> None:
    """The second window lacks what a stall of 160 ms holds back; the sum of both is still near."""
    probe = LayoutProbe(16_000)
    probe.push(39_040, 0.0)
    for now in range(20, 1_000, 20):
        if 760 <= now < 940:
            continue
        found = probe.push(size, float(now))
        if found is not None:
            break
    assert found is layout
