"""F1.13: utterances of 1 to 3,000 ms, cut at odd places, stopped and resumed: the switch's caller hears every sample of every one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from bridge.core.frames import FlushSwitch
from bridge.core.pacer import REWIND_MS
from bridge.core.playout import Utterance
from bridge.core.voice import Voice
from local.carrier.playout import TICK_MS, PlayoutModel

SEED = 1_13
LEADS_MS = (80, 160, 300)


class Phone:
    """A voice on the carrier's switch model: its prebuffer, its ticks, its wipe window."""

    def __init__(self, rate_hz: int, lead_ms: int, kill_window_ms: int) -> None:
        self.voice = Voice(rate_hz, lead_ms, kill_audio=True)
        self.switch = PlayoutModel(sent_rate_hz=rate_hz, leg_rate_hz=rate_hz, kill_window_ms=kill_window_ms)
        self.now = 0.0
        self._heard: list[np.ndarray] = []
        self._tick_ms = 7.0  # the switch's ticks are nobody else's

    def advance(self, milliseconds: float) -> None:
        until = self.now + milliseconds
        while True:
            due = min(self._tick_ms, max(self.now, self.voice.pacer.wake_ms))
            if due > until:
                break
            self.now = due
            if due == self._tick_ms:
                self._tick_ms += TICK_MS
                played = np.frombuffer(self.switch.tick(), "<i2")
                if len(played):
                    self._heard.append(played[played != 0])
                continue
            message = self.voice.pacer.pull(due)
            if message is None:
                self.now = due + 0.5
            else:
                self.switch.receive(bytes(message))
        self.now = until

    def take_heard(self) -> np.ndarray:
        """The samples heard since the last call, silence left out."""
        heard, self._heard = np.concatenate((np.zeros(0, "<i2"), *self._heard)), []
        return heard

    def obey(self, order: FlushSwitch | None) -> None:
        if order is not None:
            self.switch.receive(order.zeros)
            self.switch.kill_audio()


def pieces(pcm: bytes, draw: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(pcm):
        size = 2 * draw.choice([1, 7, 160, 333, 2_400, 4_801])
        yield pcm[at : at + size]
        at += size


def utterance(phone: Phone, samples: int, draw: random.Random, *, stops: int) -> Utterance:
    """Says `samples` numbered samples while it is stopped `stops` times, and waits until all was heard."""
    pcm = (np.arange(samples) % 30_000 + 1).astype("<i2").tobytes()
    begun: Utterance | None = None
    for piece in pieces(pcm, draw):
        begun = phone.voice.model_audio(piece, 24_000) or begun
    phone.voice.finish()
    assert begun is not None
    for _ in range(stops):
        phone.advance(draw.randrange(0, 1_200))
        phone.obey(phone.voice.hold(phone.now, recall=draw.random() < 0.7))
        phone.advance(draw.choice([20, 100, 700, 1_500]))
        phone.voice.resume()
    phone.advance(samples / 24 + 1_500 + 400 * stops)
    return begun


def heard_whole(numbers: np.ndarray, samples: int) -> tuple[bool, int]:
    """(nothing is missing, how often something was said again)"""
    steps = np.diff(numbers.astype(int), prepend=0)
    steps[steps == -29_999] = 1  # the numbers start over
    jumps = np.flatnonzero(steps != 1)
    back = (1 - steps[jumps]) % 30_000
    # The switch is up to two ticks behind our clock.
    is_whole = bool((back <= REWIND_MS * 24 + 1_000).all()) and len(numbers) - int(back.sum()) == samples
    return is_whole, len(jumps)


@pytest.mark.parametrize("count", [120, pytest.param(5_000, marks=pytest.mark.faults)])
def test_every_sample_of_every_utterance_is_heard(count: int) -> None:
    draw = random.Random(SEED)
    phone = Phone(24_000, 160, 20)
    for number in range(count):
        if number % 50 == 0:
            phone = Phone(24_000, draw.choice(LEADS_MS), draw.choice([20, 60]))
        samples = draw.randrange(1, 3_001) * 24 - draw.randrange(0, 20)
        stops = draw.choice([0, 0, 1, 3])
        spoken = utterance(phone, samples, draw, stops=stops)
        is_whole, again = heard_whole(phone.take_heard(), samples)
        assert is_whole, (SEED, number, samples, stops)
        assert again <= stops
        assert spoken.sent == spoken.generated == samples
        assert spoken.finished_at_ms(phone.now) is not None
        assert phone.voice.settle(phone.now) == [spoken]
        assert phone.switch.prebuffered_bytes % 2 == 0


def test_without_the_silence_behind_it_the_end_of_an_utterance_stays_in_the_switch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same check against a pacer that pushes nothing out."""
    draw = random.Random(SEED)
    phone = Phone(24_000, 160, 20)
    monkeypatch.setattr(phone.voice.pacer, "_tail", b"")
    utterance(phone, 24_000, draw, stops=0)
    assert not heard_whole(phone.take_heard(), 24_000)[0]
