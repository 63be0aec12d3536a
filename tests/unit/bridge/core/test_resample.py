"""The streaming resampler: figures that its docstring promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.frames import Buffer
from bridge.core.resample import RATES_HZ, Resampler

PAIRS = [(rate_in, rate_out) for rate_in in RATES_HZ for rate_out in RATES_HZ if rate_in != rate_out]


def tone(frequency_hz: float, rate_hz: int, seconds: float = 1.0, peak: int = 20_000) -> bytes:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return bytes(np.rint(peak * np.sin(2 * np.pi * frequency_hz * time)).astype("<i2").tobytes())


def level_db(pcm: bytes, rate_hz: int, peak: int = 20_000) -> float:
    """RMS of the settled part against a full tone of `peak`."""
    signal = np.frombuffer(pcm, "<i2")[rate_hz // 10 :].astype(float)
    return float(20 * np.log10(np.sqrt((signal**2).mean()) / (peak / np.sqrt(2)) + 1e-9))


def converted(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    return bytes(Resampler(rate_in, rate_out).push(pcm))


def pieces(pcm: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """`pcm` cut after these numbers of samples, over and over, to its end."""
    at = 0
    for samples in cycle(cuts):
        yield pcm[at : at + 2 * samples]
        at += 2 * samples
        if at >= len(pcm):
            return


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_the_pass_band_ripples_by_less_than_a_fiftieth_of_a_decibel(rate_in: int, rate_out: int) -> None:
    highest = 3_400 if 8_000 in (rate_in, rate_out) else 7_000
    for frequency in [*range(100, highest, 275), highest]:
        assert level_db(converted(tone(frequency, rate_in), rate_in, rate_out), rate_out) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@given(
    cuts=st.lists(st.integers(0, 700), min_size=1, max_size=8).filter(any),
    samples=st.integers(1, 6_000),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_the_output_is_the_same_however_the_input_is_cut(
    rate_in: int, rate_out: int, cuts: list[int], samples: int, seed: int
) -> None:
    """At full scale, where a rounding that depended on the cut would show first."""
    pcm = np.random.default_rng(seed).integers(-32_768, 32_768, samples).astype("<i2").tobytes()
    whole, cut = Resampler(rate_in, rate_out), Resampler(rate_in, rate_out)
    expected = bytes(whole.push(pcm)) + bytes(whole.drain())
    assert b"".join(bytes(cut.push(piece)) for piece in pieces(pcm, cuts)) + bytes(cut.drain()) == expected


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@given(
    before=st.integers(0, 3_000), samples=st.integers(1, 3_000), seed=st.integers(0, 2**32 - 1), drained=st.booleans()
)
@settings(max_examples=25)
def test_after_a_reset_or_a_drain_nothing_of_the_past_is_left(
    rate_in: int, rate_out: int, before: int, samples: int, seed: int, drained: bool
) -> None:
    draw = np.random.default_rng(seed)
    past, pcm = (draw.integers(-32_768, 32_768, count).astype("<i2").tobytes() for count in (before, samples))
    used = Resampler(rate_in, rate_out)
    used.push(past)
    if drained:
        used.drain()
    else:
        used.reset()
    assert used.push(pcm) == converted(pcm, rate_in, rate_out)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@given(samples=st.integers(1, 4_000))
@settings(max_examples=25)
def test_what_drains_completes_the_utterance_to_its_last_sample(rate_in: int, rate_out: int, samples: int) -> None:
    """Body and tail together are what an endless silence behind the sound would have brought out, up to the filter's delay; what lies
    behind that is the filter's own ringing."""
    pcm = np.full(samples, 12_000, "<i2").tobytes()
    used = Resampler(rate_in, rate_out)
    got = bytes(used.push(pcm)) + bytes(used.drain())
    padded = converted(pcm + bytes(2 * 480), rate_in, rate_out)
    assert got == padded[: len(got)]
    assert len(got) / 2 / rate_out >= samples / rate_in + (used.delay_ms - 0.01) / 1000 - 1 / 8_000


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_full_scale_never_wraps(rate_in: int, rate_out: int) -> None:
    """A square wave at full scale overshoots in every filter: it is cut off on either side, and its sign never turns."""
    half = rate_in // 400  # 200 Hz
    square = np.where(np.arange(rate_in) // half % 2 == 0, 32_767, -32_768).astype("<i2").tobytes()
    out = np.frombuffer(converted(square, rate_in, rate_out), "<i2")[rate_out // 10 :].astype(int)
    assert out.max() == 32_767
    assert out.min() == -32_768
    assert np.abs(np.diff(out >= 0)).sum() <= 2 * 200 + 2  # one crossing an edge


def test_a_resampler_that_forgets_between_messages_is_caught() -> None:
    """The broken build: each message filtered on its own, as a call of a one-shot resampler would."""

    class Forgetful(Resampler):
        def push(self, pcm: Buffer) -> Buffer:
            self.reset()
            return super().push(pcm)

    pcm = tone(1_000, 24_000, 0.2)
    cut = Forgetful(24_000, 16_000)
    assert b"".join(bytes(cut.push(piece)) for piece in pieces(pcm, [480])) != converted(pcm, 24_000, 16_000)


@pytest.mark.parametrize(("rate_in", "rate_out"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_carry_is_rejected_by_75_db(rate_in: int, rate_out: int) -> None:
    lowest = 4_200 if rate_out == 8_000 else 8_400
    for frequency in range(lowest, rate_in // 2, 300):
        assert level_db(converted(tone(frequency, rate_in), rate_in, rate_out), rate_out) < -75


@pytest.mark.parametrize(("rate_in", "rate_out"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_images_are_rejected_by_75_db(rate_in: int, rate_out: int) -> None:
    """A tone must come out as itself: what remains after taking it away is image and distortion."""
    frequency = 3_000
    signal = np.frombuffer(converted(tone(frequency, rate_in), rate_in, rate_out), "<i2").astype(float)[
        rate_out // 10 :
    ]
    time = np.arange(len(signal)) / rate_out
    basis = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)], axis=1)
    rest = signal - basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    assert 20 * np.log10(np.sqrt((rest**2).mean()) / (20_000 / np.sqrt(2))) < -75


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_delay_is_what_it_says_and_at_most_5_ms(rate_in: int, rate_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    impulse = np.zeros(rate_in // 10, dtype="<i2")
    impulse[len(impulse) // 2] = 20_000
    out = np.abs(np.frombuffer(resampler.push(impulse.tobytes()), "<i2").astype(float))
    measured_ms = (int(out.argmax()) / rate_out - 0.05) * 1000
    assert measured_ms == pytest.approx(resampler.delay_ms, abs=0.15)
    assert resampler.delay_ms <= 5


def test_loud_overshoot_clips_instead_of_wrapping() -> None:
    square = np.where(np.arange(24_000) % 48 < 24, 32_767, -32_768).astype("<i2").tobytes()
    out = np.frombuffer(converted(square, 24_000, 16_000), "<i2")[1_000:]
    assert out.max() == 32_767
    assert out.min() == -32_768
    assert (np.abs(np.diff(out.astype(int))) > 60_000).sum() <= 2 * 1_000  # two edges a period, none inside a half


def test_equal_rates_pass_bytes_through() -> None:
    resampler = Resampler(16_000, 16_000)
    assert resampler.push(b"abcd") == b"abcd"
    assert resampler.drain() == b""
    assert resampler.delay_ms == 0


def test_drain_returns_the_tail_and_forgets_the_past() -> None:
    resampler = Resampler(24_000, 16_000)
    pulse = (np.ones(480, dtype="<i2") * 10_000).tobytes()
    body, tail = bytes(resampler.push(pulse)), bytes(resampler.drain())
    assert len(body) == 640
    assert abs(len(tail) / 2 / 16 - resampler.delay_ms) < 0.2
    assert max(abs(np.frombuffer(tail, "<i2"))) > 9_000  # the end of the pulse, which the filter still held
    assert set(resampler.push(bytes(480))) == {0}
