"""F1.6: 10,000 streams of any message sizes, backlog first, wrong rates and layouts: exact sample counts, and nothing is mistaken."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest

from bridge.core.frames import EndReason, HangUp
from bridge.core.pcm import Layout, backlog_bytes
from bridge.core.uplink import HELD_MS, Uplink
from tests.unit.bridge.virtual_call import SPEECH, VirtualCall, clips, context

SEED = 1_6
SIZES = (0, 1, 320, 639, 640, 640, 640, 641, 1_280, 4_480)
FRAME = 640
few_or_all = pytest.mark.parametrize("streams", [300, pytest.param(10_000, marks=pytest.mark.faults)])


def message(size: int, draw: random.Random) -> bytes:
    """PCM that may look like JSON: the opcode decides what a message is, never its content."""
    start = draw.choice([b"", b"{", b'{"event":"dtmf"}'])[:size]
    return start + bytes(size - len(start))


@few_or_all
def test_every_sample_after_the_backlog_reaches_the_model_exactly_once(streams: int) -> None:
    draw = random.Random(SEED)
    for number in range(streams):
        uplink = Uplink(16_000)
        uplink.connect(16_000)
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


# --- layouts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How a stream differs from what was asked for (16 kHz)."""

    track: str
    rate_hz: int
    channels: int
    found: Layout
    is_refused: bool = False


KINDS = (
    Kind("inbound_track", 16_000, 1, Layout.AS_DECLARED),
    Kind("inbound_track", 8_000, 1, Layout.HALF_RATE),
    Kind("inbound_track", 16_000, 2, Layout.DOUBLE, is_refused=True),
    Kind("both_tracks", 16_000, 1, Layout.MIXED),
    Kind("both_tracks", 16_000, 2, Layout.STEREO),
    Kind("both_tracks", 8_000, 1, Layout.HALF_RATE_MIXED),
    Kind("both_tracks", 8_000, 2, Layout.HALF_RATE_STEREO),
)
SECONDS = 2


def _telephone(rate_hz: int, seed: int) -> np.ndarray:
    """Two seconds of noise below 2.5 kHz."""
    samples = rate_hz * SECONDS
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    spectrum[2_500 * SECONDS :] = 0
    signal = np.fft.irfft(spectrum, samples)
    return (signal / np.abs(signal).max() * 9_000).astype("<i2")


CALLER = {rate_hz: _telephone(rate_hz, 1) for rate_hz in (8_000, 16_000)}
AGENT = {rate_hz: _telephone(rate_hz, 2) for rate_hz in (8_000, 16_000)}


def messages(kind: Kind, draw: random.Random) -> list[tuple[float, bytes]]:
    """(when, what) of two seconds: 20 ms packets, some of them late, several in one message then; perhaps a backlog first."""
    caller, agent = CALLER[kind.rate_hz], AGENT[kind.rate_hz]
    pcm = caller if kind.channels == 1 else np.stack([caller, agent], axis=1).ravel()
    stream, size = pcm.tobytes(), kind.rate_hz // 50 * 2 * kind.channels
    late = draw.choice([0.0, 0.02])
    out, pending, hold = [], b"", 0
    for index, at in enumerate(range(0, len(stream), size)):
        pending += stream[at : at + size]
        if hold:
            hold -= 1
        elif draw.random() < late:
            hold = draw.randrange(1, 4)
        else:
            out.append((20.0 * (index + 1), pending))
            pending = b""
    return out


@few_or_all
def test_every_layout_is_known_within_a_second_and_none_of_the_callers_samples_is_lost_or_changed(streams: int) -> None:
    draw = random.Random(SEED)
    for number in range(streams // 5):
        kind = KINDS[number % len(KINDS)]
        uplink = Uplink(16_000, kind.track, echo_guard="off")
        uplink.connect(16_000)
        got, known_at = [], None
        for now, data in messages(kind, draw):
            frames = uplink.push(data, now)
            assert kind.track == "inbound_track" or known_at is not None or uplink.layout is not None or not frames
            got += [bytes(frame) for frame in frames]
            if uplink.layout is not None and known_at is None:
                known_at = now
        assert uplink.layout is kind.found, (SEED, number, kind)
        assert known_at is not None
        assert known_at <= 1_000 + 80, (SEED, number, kind)  # a late message says so late
        assert uplink.is_refused is kind.is_refused
        assert {len(frame) for frame in got} == {FRAME}
        if kind.rate_hz == 16_000 and not kind.is_refused:
            heard = b"".join(got)
            assert heard == CALLER[16_000].tobytes()[: len(heard)], (SEED, number, kind)
            assert len(heard) >= (SECONDS - 0.1) * 32_000
        elif kind.track == "both_tracks":
            assert len(got) >= (SECONDS - 0.1) * 50


def test_a_backlog_in_two_channels_is_let_go_too() -> None:
    draw = random.Random(SEED)
    for _ in range(50):
        uplink = Uplink(16_000, "both_tracks")
        uplink.connect(16_000)
        backlog = draw.randrange(11, 150)
        stereo = np.stack([CALLER[16_000], AGENT[16_000]], axis=1).ravel().tobytes()
        now, got = 20.0, list(uplink.push(bytes(1_280 * backlog), 20.0))
        for at in range(0, len(stereo), 1_280):
            now += 20
            got += uplink.push(stereo[at : at + 1_280], now)
        heard = b"".join(bytes(frame) for frame in got)
        at = heard.index(CALLER[16_000][:320].tobytes())
        assert not any(heard[:at])
        assert at <= 640
        assert heard[at:] == CALLER[16_000].tobytes()[: len(heard) - at]


# --- what it does to a call ------------------------------------------------------------------------------------------------


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
        uplink.push((index % 50).to_bytes(2, "little") * 320, 20.0 * (index + 1))
    held = uplink.connect(16_000)
    assert len(held) == HELD_MS // 20
    assert [frame[0] for frame in held] == [index % 50 for index in range(850, 1_000)]


def test_two_channels_are_refused_within_a_second_and_the_caller_is_told() -> None:
    call = VirtualCall(context(greeting=""), clips(trouble=500))
    call.streaming = False
    for _ in range(50):
        call.advance(20)
        call.hear(bytes(1_280))
    assert list(call.sounds(3_000))
    call.advance(1_500)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR
