"""What a stereo recording proves: when each side spoke, how fast replies came, how soon a barge-in was obeyed.

Left = what the caller says, right = what the carrier played to the caller. Everything is read off the samples; no transcript is used.
Times are milliseconds from the start of the recording, which is when the call was answered.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

HOP_MS = 10
SPEECH_RMS = 100.0
"""A 10 ms window above this (of 32,768) is speech: well over line noise (about 3), well under quiet speech (about 300)."""
PAUSE_MS = 300
"""A shorter pause belongs to the same stretch of speech."""
TURN_PAUSE_MS = 700
"""A shorter pause belongs to the same turn."""
MIN_SPEECH_MS = 40

Samples = NDArray[np.int16]  # shape (n,), mono


@dataclass(frozen=True, slots=True)
class Segment:
    """From the first to the last window that holds speech."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Recording:
    caller: Samples
    agent: Samples
    rate_hz: int

    @property
    def duration_ms(self) -> int:
        return len(self.caller) * 1000 // self.rate_hz


def load(path: Path) -> Recording:
    """Raises wave.Error, EOFError, OSError, or ValueError for a file that is not stereo PCM16."""
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 2 or file.getsampwidth() != 2:
            raise ValueError(f"{path}: expected stereo PCM16")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        return Recording(samples[:, 0], samples[:, 1], file.getframerate())


def window_rms(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """Root mean square of each whole 10 ms window, shape (n windows,)."""
    width = rate_hz * HOP_MS // 1000
    whole = len(samples) // width * width
    windows = samples[:whole].astype(np.float64).reshape(-1, width)
    rms: NDArray[np.float64] = np.sqrt((windows**2).mean(axis=1))
    return rms


def speech_segments(
    samples: Samples, rate_hz: int, *, pause_ms: int = PAUSE_MS, threshold_rms: float = SPEECH_RMS
) -> list[Segment]:
    """Stretches of speech in order; those under 40 ms are clicks and left out."""
    (loud,) = np.nonzero(window_rms(samples, rate_hz) > threshold_rms)
    if not len(loud):
        return []
    breaks = np.nonzero(np.diff(loud) * HOP_MS > pause_ms)[0]
    starts = np.concatenate((loud[:1], loud[breaks + 1]))
    ends = np.concatenate((loud[breaks], loud[-1:])) + 1
    found = (Segment(int(start) * HOP_MS, int(end) * HOP_MS) for start, end in zip(starts, ends, strict=True))
    return [segment for segment in found if segment.duration_ms >= MIN_SPEECH_MS]


def level_dbfs(samples: Samples) -> float:
    """RMS level of everything, in dB below full scale; -inf for digital silence."""
    if not len(samples):
        return float("-inf")
    mean_square = float((samples.astype(np.float64) ** 2).mean())
    return 10 * float(np.log10(mean_square / 32768**2)) if mean_square else float("-inf")


def longest_gap_ms(segments: list[Segment], duration_ms: int) -> int:
    """The longest stretch without speech, the beginning and the end of the recording included."""
    edges = [0, *(edge for segment in segments for edge in (segment.start_ms, segment.end_ms)), duration_ms]
    return max(later - earlier for earlier, later in zip(edges[::2], edges[1::2], strict=True))


def reply_times_ms(recording: Recording) -> list[int]:
    """For each turn of the caller that the agent answered: end of the caller's speech → first agent sample heard.

    A turn that ends while the agent is talking has no reply time.
    """
    turns = speech_segments(recording.caller, recording.rate_hz, pause_ms=TURN_PAUSE_MS)
    agent = speech_segments(recording.agent, recording.rate_hz)
    replies = []
    for position, turn in enumerate(turns):
        if any(segment.start_ms < turn.end_ms < segment.end_ms for segment in agent):
            continue
        following = turns[position + 1].start_ms if position + 1 < len(turns) else recording.duration_ms
        start = next((segment.start_ms for segment in agent if segment.start_ms >= turn.end_ms), None)
        if start is not None and start <= following:
            replies.append(start - turn.end_ms)
    return replies


def barge_in_stop_ms(recording: Recording, onset_ms: int) -> int | None:
    """How long the agent is still heard after the caller began to talk over it; None if it was not talking then.

    An onset in a breath between two words of the agent counts as talking over it: 0 if the agent says nothing more.
    """
    for segment in speech_segments(recording.agent, recording.rate_hz, pause_ms=TURN_PAUSE_MS):
        if segment.start_ms <= onset_ms < segment.end_ms + TURN_PAUSE_MS:
            return max(0, segment.end_ms - onset_ms)
    return None


def longest_pause_ms(recording: Recording, from_ms: int, to_ms: int) -> int:
    """The longest stretch between two sounds of the agent that begins within the given time. What follows the last sound is none."""
    agent = speech_segments(recording.agent, recording.rate_hz, pause_ms=HOP_MS)
    pauses = [
        later.start_ms - earlier.end_ms for earlier, later in pairwise(agent) if from_ms <= earlier.end_ms <= to_ms
    ]
    return max(pauses, default=0)


def longest_silence_within_ms(recording: Recording) -> int:
    """The longest stretch in which neither side is heard to speak, between the first and the last speech of the call."""
    united = _united(
        speech_segments(recording.caller, recording.rate_hz) + speech_segments(recording.agent, recording.rate_hz)
    )
    return max((later.start_ms - earlier.end_ms for earlier, later in pairwise(united)), default=0)


def likeness(sound: Samples, channel: Samples) -> float:
    """How much of `sound` is in `channel` at its best place: 1.0 for a copy at any level, about 0 for something else.

    Normalised cross-correlation over every shift at which all of `sound` lies within `channel`. Both at one rate.
    """
    wanted, whole = sound.astype(np.float64), channel.astype(np.float64)
    if not len(wanted) or len(whole) < len(wanted):
        return 0.0
    size = 1 << (len(whole) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(whole) - len(wanted) + 1]
    summed = np.concatenate(([0.0], np.cumsum(whole**2)))
    energies = summed[len(wanted) :] - summed[: -len(wanted)]
    norm = np.sqrt(np.maximum(energies, 1.0) * max(1.0, float(wanted @ wanted)))
    return float(np.max(np.abs(products) / norm))


class Haystack:
    """A channel in which many short sounds are looked for, each as `likeness` does. `longest`: samples of the longest one."""

    def __init__(self, channel: Samples, longest: int) -> None:
        self._size = max(_BLOCK, 1 << (4 * longest).bit_length())
        self._step = self._size - longest  # so that every place of a sound lies whole within one block
        self._length = len(channel)
        count = max(1, -(-len(channel) // self._step))
        whole = np.zeros((count - 1) * self._step + self._size)
        whole[: len(channel)] = channel
        blocks = np.stack([whole[start : start + self._size] for start in range(0, count * self._step, self._step)])
        self._spectra = np.fft.rfft(blocks, axis=1)
        self._summed = np.concatenate((np.zeros((count, 1)), np.cumsum(blocks**2, axis=1)), axis=1)

    def likeness(self, sound: Samples) -> float:
        wanted = sound.astype(np.float64)
        places = self._length - len(wanted) + 1
        if not len(wanted) or places < 1:
            return 0.0
        products = np.fft.irfft(self._spectra * np.conj(np.fft.rfft(wanted, self._size)), self._size, axis=1)
        energies = self._summed[:, len(wanted) :] - self._summed[:, : -len(wanted)]
        norm = np.sqrt(np.maximum(energies[:, : self._step], 1.0) * max(1.0, float(wanted @ wanted)))
        return float(np.max((np.abs(products[:, : self._step]) / norm).ravel()[:places]))


_BLOCK = 1 << 14


def percentile(values: list[int], share: float) -> int | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class Summary:
    duration_ms: int
    caller_speech_ms: int
    agent_speech_ms: int
    caller_dbfs: float
    agent_dbfs: float
    longest_silence_ms: int
    """Neither side heard to speak."""
    reply_ms: tuple[int, ...]
    reply_ms_p50: int | None


def summarise(recording: Recording) -> Summary:
    caller = speech_segments(recording.caller, recording.rate_hz)
    agent = speech_segments(recording.agent, recording.rate_hz)
    replies = reply_times_ms(recording)
    return Summary(
        duration_ms=recording.duration_ms,
        caller_speech_ms=sum(segment.duration_ms for segment in caller),
        agent_speech_ms=sum(segment.duration_ms for segment in agent),
        caller_dbfs=round(level_dbfs(recording.caller), 1),
        agent_dbfs=round(level_dbfs(recording.agent), 1),
        longest_silence_ms=longest_gap_ms(_united(caller + agent), recording.duration_ms),
        reply_ms=tuple(replies),
        reply_ms_p50=round(median(replies)) if replies else None,
    )


def _united(segments: list[Segment]) -> list[Segment]:
    united: list[Segment] = []
    for segment in sorted(segments, key=lambda one: one.start_ms):
        if united and segment.start_ms <= united[-1].end_ms:
            united[-1] = Segment(united[-1].start_ms, max(united[-1].end_ms, segment.end_ms))
        else:
            united.append(segment)
    return united
