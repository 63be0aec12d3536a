"""Sounds that are not speech."""

from __future__ import annotations

import numpy as np

from local.caller.mouth import RATE_HZ

_BURST_MS, _GAP_MS, _PEAK_RMS = 180, 120, 5_000.0


def cough(seed: int = 1) -> bytes:
    """Two bursts of breath, loud at once and gone in a moment: 16 kHz mono PCM16LE, 480 ms. The same for the same seed."""
    rng = np.random.default_rng(seed)
    burst, gap = (RATE_HZ * ms // 1000 for ms in (_BURST_MS, _GAP_MS))
    fall = np.exp(-np.arange(burst) / (burst / 4))
    breath = [rng.normal(0.0, _PEAK_RMS * strength, burst) * fall for strength in (1.0, 0.7)]
    # Throats damp what is high: each sample leans on the one before it.
    soft = [np.convolve(one, (0.5, 0.3, 0.2), "same") for one in breath]
    whole = np.concatenate((soft[0], np.zeros(gap), soft[1]))
    return np.clip(np.rint(whole), -32768, 32767).astype("<i2").tobytes()
