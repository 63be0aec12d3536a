"""The streaming resampler: figures that its docstring promises."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_speech_passes_unchanged_in_level(rate_in: int, rate_out: int) -> None:
    highest = 3_400 if 8_000 in (rate_in, rate_out) else 7_000
    for frequency in (200, 1_000, 3_000, highest):
        assert level_db(converted(tone(frequency, rate_in), rate_in, rate_out), rate_out) == pytest.approx(0, abs=0.1)


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
