"""The echo guard behind the real pacer and the simulated switch: prebuffer, batches, a model that stalls, frames that come late."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from bridge.core.echo import EchoGuard
from bridge.core.pacer import Pacer
from bridge.core.pcm import InboundClock, Recutter
from bridge.core.playout import Speaker, Utterance
from bridge.core.speech import SpeechDetector
from local.carrier.playout import PlayoutModel
from local.carrier.uplink import Uplink
from local.speech.voice import Voice
from tests.support.lines import AGENT_LINES, CALLER_LINES, Audio, as_pcm, at_level, delayed, noise, spoken, through_line

RATE_HZ = 16_000
STEP_MS = 5
NETWORK_MS = 10
SPEAKS_MS = (2_000, 6_500)


class MixedCall:
    """A both_tracks call over a leg of `leg_hz`, in steps of 5 ms: what we play comes back `echo_ms` later, mixed with the caller."""

    def __init__(
        self, leg_hz: int, echo_ms: int, echo_db: float, *, late: float, seed: int, guarded: bool = True
    ) -> None:
        self._leg_hz, self._echo_db = leg_hz, echo_db
        self._dice = random.Random(seed)
        self._pacer = Pacer(RATE_HZ, 160, kill_audio=True)
        self._switch = PlayoutModel(sent_rate_hz=RATE_HZ, leg_rate_hz=leg_hz)
        self._up = Uplink(leg_rate_hz=leg_hz, sent_rate_hz=RATE_HZ, late_frame_chance=late, seed=seed)
        self._guard = EchoGuard(RATE_HZ) if guarded else None
        self._clock, self._recutter = InboundClock(), Recutter(RATE_HZ)
        self._returning = deque([bytes(leg_hz // 25)] * (echo_ms // 20))
        self._to_switch: deque[tuple[int, bytes]] = deque()
        self._to_us: deque[tuple[int, bytes]] = deque()
        self.detector = SpeechDetector(RATE_HZ)
        self.noticed: list[float] = []
        self.loudest: list[float] = []  # in each message, after the guard

    def run(self, sentences: list[tuple[int, Audio]], caller: Audio) -> None:
        """sentences: when the model sends each, and its audio at 16 kHz; caller: at the leg's rate."""
        feed = deque(self._model(sentences))
        frame = self._leg_hz // 50
        for now in range(0, len(caller) // frame * 20, STEP_MS):
            while feed and feed[0][0] <= now:
                self._obey(feed.popleft()[1])
            self._send(now)
            if now % 20 == 0:
                at = now // 20 * frame
                self._tick(now, caller[at : at + frame])
            while self._to_us and self._to_us[0][0] <= now:
                self._hear(self._to_us.popleft()[1], now)

    def _model(self, sentences: list[tuple[int, Audio]]) -> Iterator[tuple[int, Utterance | bytes | None]]:
        """100 ms of audio every 40 ms, with stalls that run the switch dry."""
        for at, audio in sentences:
            yield at, Utterance(Speaker.MODEL, RATE_HZ)
            for start in range(0, len(audio), 1_600):
                yield at, as_pcm(audio[start : start + 1_600]).tobytes()
                at += 40 + (self._dice.choice((150, 300, 600)) if self._dice.random() < 0.05 else 0)
            yield at, None

    def _obey(self, order: Utterance | bytes | None) -> None:
        if isinstance(order, Utterance):
            self._pacer.begin(order)
        elif order is None:
            self._pacer.finish()
        else:
            self._pacer.push(order)

    def _send(self, now: int) -> None:
        while (message := self._pacer.pull(float(now))) is not None:
            begins_ms = self._pacer._play_end_ms - len(message) / 32
            if self._guard:
                self._guard.played(message, begins_ms)
            self._to_switch.append((now + NETWORK_MS, bytes(message)))

    def _tick(self, now: int, said: Audio) -> None:
        while self._to_switch and self._to_switch[0][0] <= now:
            self._switch.receive(self._to_switch.popleft()[1])
        self._returning.append(self._switch.tick() or bytes(2 * len(said)))
        echo = np.frombuffer(self._returning.popleft(), np.int16).astype(np.float32)
        self._up.add(through_line(said + at_level(echo, self._echo_db), self._leg_hz).tobytes())
        if message := self._up.take():
            self._to_us.append((now + NETWORK_MS + self._dice.choice((0, 0, 5)), message))

    def _hear(self, message: bytes, now: int) -> None:
        frames = self._recutter.push(message)
        if not frames:
            return
        at_ms = self._clock.stamp(len(frames), float(now))
        pcm = b"".join(bytes(frame) for frame in frames)
        if self._guard and self._guard.is_listening:
            pcm = bytes(self._guard.clean(pcm, at_ms))
        self.loudest.append(float(np.abs(np.frombuffer(pcm, np.int16).astype(np.float32)).mean()))
        if self.detector.hear(pcm, at_ms) and self.detector.is_speaking:
            self.noticed.append(now)


@pytest.fixture(scope="module")
def sentences() -> list[tuple[int, Audio]]:
    with Voice("agent") as agent:
        return [(300 + 4_600 * index, spoken(agent, [text], RATE_HZ)) for index, text in enumerate(AGENT_LINES)]


@pytest.fixture(scope="module")
def callers() -> dict[int, tuple[Audio, ...]]:
    with Voice("caller") as caller:
        return {rate: tuple(spoken(caller, [text], rate) for text in CALLER_LINES) for rate in (8_000, 16_000)}


CALLS = [(8_000, 0, 0.0), (8_000, 300, -12.0), (16_000, 0, 0.0), (16_000, 600, -20.0)]


@pytest.mark.parametrize(("leg_hz", "echo_ms", "echo_db"), CALLS)
def test_the_agent_never_hears_itself(
    leg_hz: int, echo_ms: int, echo_db: float, sentences: list[tuple[int, Audio]]
) -> None:
    call = MixedCall(leg_hz, echo_ms, echo_db, late=0.03, seed=3)
    call.run(sentences, noise(14 * leg_hz, -80, 3))
    assert [turn for turn in call.detector.turns if turn[1] is None or turn[1] - turn[0] >= 200] == []


def test_without_the_guard_it_hears_itself(sentences: list[tuple[int, Audio]]) -> None:
    """The broken build of the row above."""
    call = MixedCall(8_000, 0, 0.0, late=0.0, seed=3, guarded=False)
    call.run(sentences[:1], noise(4 * 8_000, -80, 3))
    assert call.noticed


@pytest.mark.parametrize(("leg_hz", "echo_ms", "echo_db"), CALLS)
def test_a_caller_who_speaks_over_it_is_heard_within_400_ms(
    leg_hz: int, echo_ms: int, echo_db: float, sentences: list[tuple[int, Audio]], callers: dict[int, tuple[Audio, ...]]
) -> None:
    call = MixedCall(leg_hz, echo_ms, echo_db, late=0.03, seed=4)
    line = noise(10 * leg_hz, -80, 3)
    for at_ms, words in zip(SPEAKS_MS, callers[leg_hz], strict=True):
        line += at_level(delayed(words, at_ms * leg_hz // 1000, len(line)), echo_db)
    call.run(sentences[:2], line)
    for at_ms in SPEAKS_MS:
        assert any(at_ms <= noticed <= at_ms + 400 for noticed in call.noticed), (at_ms, call.noticed)


def test_the_first_consonant_of_a_sentence_is_ours_although_its_delay_is_new() -> None:
    """Each sentence meets the switch's tick at another place, and what comes first ("th") is faint."""
    with Voice("agent") as agent:
        said = [spoken(agent, ["Thank you for calling. Goodbye."], RATE_HZ)]
    for seed in range(3):
        call = MixedCall(16_000, 0, 0.0, late=0.03, seed=seed)
        call.run([(300 + index * 3_507, said[0]) for index in range(4)], noise(14 * 16_000, -80, 2))
        assert call.noticed == []
        assert max(call.loudest[30:]) < 60, seed
