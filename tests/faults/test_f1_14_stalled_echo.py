"""F1.14. Both voices in one channel while the bridge or the switch stalls: our own voice never reaches the model, the caller's words do.

A stall parts the clocks. A bridge that stalls sends nothing and then hears all at once. A switch that stalls reads what it was sent in the
meantime before it makes up for the frames it owes, so it plays our voice as if that were long ago; one that was stopped altogether does
not make up for them at all. All of it in virtual time, through the real pacer, the simulated switch and the bridge's uplink.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pytest

from bridge.core.echo import EchoGuard
from bridge.core.pacer import Pacer
from bridge.core.playout import Speaker, Utterance
from bridge.core.uplink import Uplink
from local.carrier.playout import PlayoutModel
from local.speech.voice import Voice
from tests.support.lines import AGENT_LINES, CALLER_LINES, Audio, as_pcm, at_level, delayed, spoken

RATE_HZ = 16_000
FRAME = RATE_HZ // 50
STEP_MS = 5
NETWORK_MS = 5
AUDIBLE = 90.0**2

Who = Literal["bridge", "switch", "stopped switch"]


@dataclass(frozen=True, slots=True)
class Stall:
    who: Who
    from_ms: int
    length_ms: int

    def holds(self, now_ms: int) -> bool:
        return self.from_ms <= now_ms < self.from_ms + self.length_ms


@dataclass(frozen=True, slots=True)
class Heard:
    """Frame by frame, in order: the power of the caller, of the echo, and of what the model heard."""

    caller: Audio
    echo: Audio
    model: Audio

    @property
    def own_voice_ms(self) -> int:
        """Of our voice that reached the model while the caller was silent."""
        return 20 * int(
            ((self.caller < 1) & (self.echo > AUDIBLE) & (self.model > np.maximum(AUDIBLE, 0.05 * self.echo))).sum()
        )

    @property
    def lost_ms(self) -> int:
        """Of the caller's words, where they are loud."""
        return 20 * int(((self.caller > 0.1 * self.caller.max()) & (self.model < 0.1 * self.caller)).sum())


class StalledCall:
    """What we play comes back `echo_ms` later and `echo_db` louder, in the caller's channel."""

    def __init__(self, echo_ms: int, echo_db: float, stalls: tuple[Stall, ...]) -> None:
        self._echo_db, self._stalls = echo_db, stalls
        self._pacer = Pacer(RATE_HZ, 160, kill_audio=True)
        self._switch = PlayoutModel(sent_rate_hz=RATE_HZ, leg_rate_hz=RATE_HZ)
        self._returning = deque([bytes(2 * FRAME)] * (echo_ms // 20))
        self._to_switch: deque[tuple[int, bytes]] = deque()
        self._to_bridge: deque[tuple[int, bytes]] = deque()
        self.uplink = Uplink(RATE_HZ, "both_tracks")
        self.uplink.connect(RATE_HZ)
        self._powers: list[tuple[float, float]] = []
        self._model: list[bytes] = []

    def run(self, sentences: list[tuple[int, Audio]], caller: Audio) -> Heard:
        waiting, frames = deque(sentences), caller[: len(caller) // FRAME * FRAME].reshape(-1, FRAME)
        owed: deque[Audio] = deque()
        for now in range(0, 20 * len(frames), STEP_MS):
            stalled = {stall.who for stall in self._stalls if stall.holds(now)}
            if now % 20 == 0 and "stopped switch" not in stalled:
                owed.append(frames[now // 20])
            if not stalled & {"switch", "stopped switch"}:
                self._tick_all(now, owed)
            while waiting and waiting[0][0] <= now:
                self._say(waiting.popleft()[1])
            if "bridge" not in stalled:
                self._bridge_runs(now)
        caller_powers, echo_powers = np.array(self._powers, np.float32).T
        model = np.frombuffer(b"".join(self._model), np.int16).astype(np.float32).reshape(-1, FRAME)
        count = len(model)
        return Heard(caller_powers[:count], echo_powers[:count], (model**2).mean(axis=1))

    def _say(self, audio: Audio) -> None:
        self._pacer.begin(Utterance(Speaker.MODEL, RATE_HZ))
        self._pacer.push(as_pcm(audio).tobytes())
        self._pacer.finish()

    def _tick_all(self, now: int, owed: deque[Audio]) -> None:
        while self._to_switch and self._to_switch[0][0] <= now:
            self._switch.receive(self._to_switch.popleft()[1])
        while owed:
            said = owed.popleft()
            self._returning.append(self._switch.tick() or bytes(2 * FRAME))
            echo = np.frombuffer(self._returning.popleft(), np.int16).astype(np.float32)
            echo = at_level(echo, self._echo_db)
            self._powers.append((float(said @ said) / FRAME, float(echo @ echo) / FRAME))
            self._to_bridge.append((now + NETWORK_MS, as_pcm(said + echo).tobytes()))

    def _bridge_runs(self, now: int) -> None:
        while self._to_bridge and self._to_bridge[0][0] <= now:
            for frame in self.uplink.push(self._to_bridge.popleft()[1], float(now)):
                self._model.append(bytes(frame))
        while (message := self._pacer.pull(float(now))) is not None:
            self.uplink.played(message, self._pacer.plays_at_ms)
            self._to_switch.append((now + NETWORK_MS, bytes(message)))


@pytest.fixture(scope="module")
def sentences() -> list[tuple[int, Audio]]:
    """The greeting, and an answer: when, and what."""
    with Voice("agent") as agent:
        return [(at, spoken(agent, [text], RATE_HZ)) for at, text in zip((0, 4_800), AGENT_LINES, strict=False)]


@pytest.fixture(scope="module")
def words() -> Audio:
    with Voice("caller") as caller:
        return spoken(caller, CALLER_LINES[:1], RATE_HZ)


LINES = ((0, 0.0), (20, -5.0), (160, -12.0), (400, -20.0), (800, -30.0))
LENGTHS_MS = (400, 700, 1_000, 1_500)
STALLS = {
    "at the start": 100,
    "in the greeting": 1_500,
    "long before the answer": 4_200,
    "before the answer": 4_700,
    "in the answer": 5_600,
}


def silence() -> Audio:
    return np.zeros(9 * RATE_HZ, np.float32)


@pytest.mark.parametrize("who", ["bridge", "switch", "stopped switch"])
def test_our_own_voice_does_not_reach_the_model(who: Who, sentences: list[tuple[int, Audio]]) -> None:
    assert let_through(who, "in the greeting", LINES[1:3], LENGTHS_MS[1:2], sentences) == {}


@pytest.mark.faults
@pytest.mark.parametrize("who", ["bridge", "switch", "stopped switch"])
@pytest.mark.parametrize("where", STALLS)
def test_it_never_does(who: Who, where: str, sentences: list[tuple[int, Audio]]) -> None:
    assert let_through(who, where, LINES, LENGTHS_MS, sentences) == {}


def let_through(
    who: Who,
    where: str,
    lines: Sequence[tuple[int, float]],
    lengths_ms: Sequence[int],
    sentences: list[tuple[int, Audio]],
) -> dict[tuple[int, float, int], int]:
    """Milliseconds of our own voice that the model was given, by echo and length of the stall; nothing where there is none."""
    found = {}
    for (echo_ms, echo_db), length_ms in product(lines, lengths_ms):
        call = StalledCall(echo_ms, echo_db, (Stall(who, STALLS[where], length_ms),))
        if own_ms := call.run(sentences, silence()).own_voice_ms:
            found[echo_ms, echo_db, length_ms] = own_ms
    return found


def test_a_guard_that_keeps_to_the_clock_lets_our_own_voice_through(
    sentences: list[tuple[int, Audio]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken build of the row above."""
    monkeypatch.setattr(EchoGuard, "_came_late", lambda guard, position, late: None)
    call = StalledCall(20, -5.0, (Stall("stopped switch", STALLS["in the greeting"], 1_000),))
    assert call.run(sentences, silence()).own_voice_ms >= 100


def spoken_at(at_ms: int, words: Audio, decibels: float) -> Audio:
    return at_level(delayed(words, at_ms * RATE_HZ // 1000, len(silence())), decibels)


@pytest.mark.faults
@pytest.mark.parametrize("who", ["bridge", "switch"])
def test_a_caller_who_answers_after_a_stall_is_heard_whole(
    who: Who, sentences: list[tuple[int, Audio]], words: Audio
) -> None:
    for (echo_ms, echo_db), length_ms in product(LINES, LENGTHS_MS):
        call = StalledCall(echo_ms, echo_db, (Stall(who, 2_000, length_ms),))
        heard = call.run(sentences[:1], spoken_at(6_500, words, -6))
        assert heard.lost_ms <= 60, (echo_ms, echo_db, length_ms)


@pytest.mark.faults
@pytest.mark.parametrize("at_ms", [300, 5_200])
def test_of_a_caller_over_our_voice_a_stall_costs_less_than_half_a_second_more(
    at_ms: int, sentences: list[tuple[int, Audio]], words: Audio
) -> None:
    """As loud as the echo, and not below -20 dB."""
    for echo_ms, echo_db in LINES:
        caller = spoken_at(at_ms, words, max(echo_db, -20))
        as_ever = StalledCall(echo_ms, echo_db, ()).run(sentences, caller).lost_ms
        for who, begin in product(("bridge", "switch"), (100, 4_700)):
            stall = Stall("bridge" if who == "bridge" else "switch", begin, 700)
            heard = StalledCall(echo_ms, echo_db, (stall,)).run(sentences, caller)
            assert heard.lost_ms <= as_ever + 480, (echo_ms, echo_db, stall)
