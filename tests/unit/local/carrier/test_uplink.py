"""What the switch sends to the media server."""

from __future__ import annotations

import numpy as np
import pytest

from local.carrier.uplink import BUFFER_S, Uplink

FRAME_16K = bytes(range(256)) * 2 + bytes(128)


def test_a_16_khz_stream_of_a_16_khz_leg_carries_640_bytes_every_20_ms_unchanged() -> None:
    uplink = Uplink(leg_rate_hz=16_000, sent_rate_hz=16_000)
    uplink.add(FRAME_16K)
    assert uplink.take() == FRAME_16K
    assert uplink.take() == b""


@pytest.mark.parametrize(("leg_hz", "sent_hz", "size"), [(8000, 8000, 320), (8000, 16_000, 640), (16_000, 8000, 320)])
def test_each_frame_keeps_its_20_ms_at_every_rate(leg_hz: int, sent_hz: int, size: int) -> None:
    uplink = Uplink(leg_rate_hz=leg_hz, sent_rate_hz=sent_hz)
    for _ in range(5):
        uplink.add(bytes(2 * leg_hz // 50))
        assert len(uplink.take()) == size


def test_the_backlog_leaves_as_one_first_message_of_39040_bytes() -> None:
    uplink = Uplink(leg_rate_hz=16_000, sent_rate_hz=16_000, backlog_bytes=39_040)
    sizes = []
    for _ in range(70):
        uplink.add(bytes(640))
        sizes.append(len(uplink.take()))
    assert [size for size in sizes if size][:3] == [39_040, 640, 640]


def test_a_late_sender_coalesces_frames_and_loses_none() -> None:
    uplink = Uplink(leg_rate_hz=16_000, sent_rate_hz=16_000, late_frame_chance=0.3, seed=7)
    frames = [bytes([number]) * 640 for number in range(200)]
    messages = []
    for frame in frames:
        uplink.add(frame)
        messages.append(uplink.take())
    sent = b"".join(messages)
    assert b"".join(frames).startswith(sent)
    assert {len(message) for message in messages} - {0, 640}, "some messages hold several frames"
    assert all(len(message) % 640 == 0 for message in messages)


def test_a_full_buffer_is_thrown_away_whole() -> None:
    uplink = Uplink(leg_rate_hz=16_000, sent_rate_hz=16_000)
    for _ in range(BUFFER_S * 50 + 1):
        uplink.add(FRAME_16K)
    assert uplink.dropped_bytes == BUFFER_S * 32_000
    assert uplink.take() == FRAME_16K


def test_stereo_interleaves_the_caller_left_and_the_playback_right() -> None:
    uplink = Uplink(leg_rate_hz=16_000, sent_rate_hz=16_000, channels=2)
    uplink.add(np.full(320, 5, "<i2").tobytes(), np.full(320, 9, "<i2").tobytes())
    assert np.frombuffer(uplink.take(), "<i2").reshape(-1, 2).tolist() == [[5, 9]] * 320
