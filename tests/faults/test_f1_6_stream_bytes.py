"""F1.6: 10,000 streams of any message sizes, backlog first, wrong rates and layouts: exact sample counts, and nothing is mistaken."""

from __future__ import annotations

import random

from bridge.core.frames import EndReason, HangUp
from bridge.core.pcm import backlog_bytes
from bridge.core.uplink import HELD_MS, Uplink
from tests.unit.bridge.virtual_call import SPEECH, VirtualCall, clips, context

STREAMS, SEED = 10_000, 1_6
SIZES = (0, 1, 320, 639, 640, 640, 640, 641, 1_280, 4_480)
FRAME = 640


def message(size: int, draw: random.Random) -> bytes:
    """PCM that may look like JSON: the opcode decides what a message is, never its content."""
    start = draw.choice([b"", b"{", b'{"event":"dtmf"}'])[:size]
    return start + bytes(size - len(start))


def test_every_sample_after_the_backlog_reaches_the_model_exactly_once() -> None:
    draw = random.Random(SEED)
    for number in range(STREAMS):
        uplink = Uplink(16_000)
        uplink.connect()
        first = draw.choice([640, 640, 1_280, 39_040, 39_041, 6_401])
        sizes = [first, *(draw.choice(SIZES) for _ in range(draw.randrange(1, 12)))]
        now, got = 0.0, 0
        sent = 0
        for size in sizes:
            sent += size
            now += 20
            frames = uplink.push(message(size, draw), now)
            assert all(len(frame) == FRAME for frame in frames)
            got += len(frames) * FRAME
        heard = sent - backlog_bytes(first, 16_000)
        assert got == heard // FRAME * FRAME, (SEED, number, sizes)
        assert uplink.layout is None


def test_a_backlog_full_of_speech_interrupts_nobody() -> None:
    draw = random.Random(SEED)
    for _ in range(50):
        call = VirtualCall(context(greeting="", phrases={}), clips(greeting=2_000))
        call.model_ready()
        call.hear(SPEECH * draw.randrange(11, 150))
        call.advance(400)
        assert list(call.session.uplink.detector.turns) == []
        assert len(call.model_heard) == 21


def test_while_no_model_listens_only_the_last_three_seconds_are_kept() -> None:
    uplink = Uplink(16_000)
    for index in range(1_000):
        uplink.push(index.to_bytes(2, "little") * 320, 20.0 * (index + 1))
    held = uplink.connect()
    assert len(held) == HELD_MS // 20
    assert [int.from_bytes(frame[:2], "little") for frame in held] == list(range(850, 1_000))


def test_two_channels_are_refused_within_a_second_and_the_caller_is_told() -> None:
    call = VirtualCall(context(greeting=""), clips(trouble=500))
    call.streaming = False
    for _ in range(50):
        call.advance(20)
        call.hear(bytes(1_280))
    assert list(call.sounds(3_000))
    call.advance(1_500)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR
