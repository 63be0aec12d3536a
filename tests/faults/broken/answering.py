"""Detectors of who answered, each without what it needs. Every one of them must be seen to fail on the calls that ours gets right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from unittest import mock

import numpy as np

from bridge.core import first_sounds, machine
from bridge.core.machine import THRESHOLDS, AnswerDetector, Answerer, Beep, Finding


class ByLoudness:
    """Counts how long it was loud and how long it has been quiet, and knows nothing of voices, tones and rooms."""

    def __init__(self, rate_hz: int) -> None:
        self.finding = Finding()
        self.beep = Beep.NOT_ASKED
        self.message_from_ms: float | None = None
        self.is_done = False
        self._loud_ms = self._quiet_ms = 0

    def hear(self, frames: bytes, at_ms: float) -> bool:
        signal = np.frombuffer(frames, "<i2").astype(np.float32)
        if float(np.mean(signal**2)) > 300.0**2:
            self._loud_ms, self._quiet_ms = self._loud_ms + 20, 0
        else:
            self._quiet_ms += 20
        if self._loud_ms >= 2_400:
            return self._say(Answerer.MACHINE, at_ms)
        if self._loud_ms >= 100 and self._quiet_ms >= 800:
            return self._say(Answerer.PERSON, at_ms)
        return self._quiet_ms >= 4_000 and self._say(Answerer.SILENCE, at_ms)

    def words(self, text: str, now_ms: float) -> bool:
        return False

    def _say(self, answerer: Answerer, at_ms: float) -> bool:
        if not self.is_done:
            self.finding, self.is_done = Finding(answerer, at_ms=at_ms), True
        return True


def hasty(rate_hz: int) -> AnswerDetector:
    """Takes every pause for a turn's end, however long somebody has been talking."""
    return AnswerDetector(rate_hz, limits=replace(THRESHOLDS, waits=((inf, 500),)))


def impatient(rate_hz: int) -> AnswerDetector:
    """Takes whoever says more than a short sentence for a machine."""
    return AnswerDetector(rate_hz, limits=replace(THRESHOLDS, goes_on=3_000))


@contextmanager
def deaf_to_tones() -> Iterator[None]:
    with mock.patch.object(machine, "signal_in", lambda tones, data_ms: None):
        yield


@contextmanager
def judging_by_the_line() -> Iterator[None]:
    """A pause is what is as quiet as the line, not what is softer than the voice; nobody is further away than another."""
    with mock.patch.multiple(first_sounds, _SOFTER=0.0, _NEAR=0.0):
        yield
