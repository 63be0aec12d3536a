"""Whether a model was ever fed the agent's own voice: what its ear took for speech is looked for in what the callers were played."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from local.audio.analysis import Samples, likeness, load

KEPT_RATE_HZ = 16_000
IS_IN_IT = 0.35  # measured: 40 utterances of callers 0.1 to 0.21, the shortest highest; 60 ms of a leak in a second of quiet 0.99


def own_voice_problems(heard_dir: Path, recordings: Mapping[str, Path]) -> Mapping[str, list[str]]:
    """For each recording, by its key: the utterances that an engine heard and that are in the agent's channel of it.

    `heard_dir` holds one mono WAV per utterance. A recording of which nothing was heard has no problems here.
    """
    problems: dict[str, list[str]] = {key: [] for key in recordings}
    utterances = [_narrow(_mono(path), KEPT_RATE_HZ) for path in sorted(heard_dir.glob("*.wav"))]
    for key, path in recordings.items():
        sound = load(path)
        played = _narrow(sound.agent, sound.rate_hz)
        for utterance in utterances:
            found = likeness(utterance, played)
            if found > IS_IN_IT:
                length_ms = 1000 * len(utterance) // NARROW_RATE_HZ
                problems[key].append(f"the model heard {length_ms} ms of the agent's own voice (likeness {found:.2f})")
    return problems


NARROW_RATE_HZ = 8_000


def _narrow(samples: Samples, rate_hz: int) -> Samples:
    """At 8 kHz, by the mean of neighbours: enough to tell voices by, at a quarter of the work."""
    step = rate_hz // NARROW_RATE_HZ
    whole = len(samples) // step * step
    narrowed: Samples = samples[:whole].reshape(-1, step).mean(axis=1).astype(np.int16)
    return narrowed


def _mono(path: Path) -> Samples:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
