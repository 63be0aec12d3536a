"""What is on a line and is nobody: tones, hum, noise, clicks, bangs. Float audio in units of one PCM16 step, seeded, n samples long."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Maker = Callable[[int, int, int], Audio]  # (samples, rate_hz, seed)

_DTMF_LOW, _DTMF_HIGH = (697, 770, 852, 941), (1209, 1336, 1477)


def _tones(samples: int, rate_hz: int, frequencies: tuple[float, ...], peak: float) -> Audio:
    time = np.arange(samples) / rate_hz
    total = np.sum([np.sin(2 * np.pi * frequency * time) for frequency in frequencies], axis=0)
    return np.asarray(total * (peak / len(frequencies)), np.float32)


def _gated(sound: Audio, rate_hz: int, on_ms: int, off_ms: int, first_ms: int = 37) -> Audio:
    """On and off in turn, beginning at no frame's edge."""
    time = np.arange(len(sound)) * 1000 / rate_hz - first_ms
    return np.where((time >= 0) & (time % (on_ms + off_ms) < on_ms), sound, 0).astype(np.float32)


def keys(samples: int, rate_hz: int, seed: int) -> Audio:
    """Key presses of 60 to 250 ms with pauses of 80 to 400 ms."""
    dice = np.random.default_rng(seed)
    out, at = np.zeros(samples, np.float32), 0
    while at < samples:
        at += int(dice.integers(80, 400)) * rate_hz // 1000 + int(dice.integers(0, rate_hz // 50))
        length = min(int(dice.integers(60, 250)) * rate_hz // 1000, samples - at)
        if length > 0:
            pair = (float(dice.choice(_DTMF_LOW)), float(dice.choice(_DTMF_HIGH)))
            out[at : at + length] = _tones(length, rate_hz, pair, float(dice.uniform(1_500, 12_000)))
        at += length
    return out


def ring_back(samples: int, rate_hz: int, seed: int) -> Audio:
    """425 Hz, one second in five, or 440 and 480 Hz, two seconds in six."""
    if seed % 2:
        return _gated(_tones(samples, rate_hz, (425.0,), 6_000), rate_hz, 1_000, 4_000)
    return _gated(_tones(samples, rate_hz, (440.0, 480.0), 8_000), rate_hz, 2_000, 4_000)


def busy(samples: int, rate_hz: int, seed: int) -> Audio:
    return _gated(_tones(samples, rate_hz, (425.0,), 5_000 + 100 * (seed % 20)), rate_hz, 500, 500)


def fax(samples: int, rate_hz: int, seed: int) -> Audio:
    """1,100 Hz, half a second in three and a half."""
    return _gated(_tones(samples, rate_hz, (1_100.0,), 8_000 - seed % 7), rate_hz, 500, 3_000)


def hum(samples: int, rate_hz: int, seed: int) -> Audio:
    """Mains hum with its harmonics."""
    time = np.arange(samples) / rate_hz
    phases = np.random.default_rng(seed).uniform(0, 6, 6)
    parts = [np.sin(2 * np.pi * 50 * h * time + phases[h]) / h**1.5 for h in (1, 2, 3, 4, 5)]
    return np.asarray(np.sum(parts, axis=0) * 3_000, np.float32)


def steady_noise(samples: int, rate_hz: int, seed: int) -> Audio:
    return (np.random.default_rng(seed).standard_normal(samples) * 600).astype(np.float32)


def noise_bursts(samples: int, rate_hz: int, seed: int) -> Audio:
    """100 to 500 ms of white noise, as loud as speech or louder."""
    dice = np.random.default_rng(seed)
    out, at = np.zeros(samples, np.float32), 0
    while at < samples:
        at += int(dice.integers(150, 700)) * rate_hz // 1000
        length = max(0, min(int(dice.integers(100, 500)) * rate_hz // 1000, samples - at))
        out[at : at + length] = dice.standard_normal(length) * dice.uniform(500, 6_000)
        at += length
    return out


def clicks(samples: int, rate_hz: int, seed: int) -> Audio:
    """Line clicks: a few samples long, alone and in bunches."""
    dice = np.random.default_rng(seed)
    out = np.zeros(samples, np.float32)
    at = 0
    while True:
        at += int(dice.choice((15, 35, 90, 300, 800)) * dice.uniform(0.8, 1.2)) * rate_hz // 1000
        if at + 40 > samples:
            return out
        length = int(dice.integers(2, 40))
        out[at : at + length] += dice.standard_normal(length) * dice.uniform(3_000, 20_000)


def bangs(samples: int, rate_hz: int, seed: int) -> Audio:
    """Doors: a crack and a room that rings on below 250 Hz for some 200 ms."""
    dice = np.random.default_rng(seed)
    out, at = np.zeros(samples, np.float32), 0
    time = np.arange(rate_hz // 2) / rate_hz
    while True:
        at += int(dice.integers(600, 1_500)) * rate_hz // 1000
        if at + len(time) > samples:
            return out
        ring = sum(
            dice.uniform(2_000, 9_000) * np.sin(2 * np.pi * dice.uniform(60, 230) * time + dice.uniform(0, 6))
            for _ in range(4)
        )
        crack = dice.standard_normal(len(time)) * np.exp(-time / 0.012) * 5_000
        out[at : at + len(time)] += (ring * np.exp(-time / 0.07) + crack).astype(np.float32)


NOBODY: Mapping[str, Maker] = {
    "key tones": keys,
    "ring-back": ring_back,
    "busy tone": busy,
    "fax tone": fax,
    "hum": hum,
    "steady noise": steady_noise,
    "noise bursts": noise_bursts,
    "clicks": clicks,
    "doors": bangs,
}
