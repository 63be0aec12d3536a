"""Whatever two people, two models, a carrier and a network do in a hand-off: nobody is left alone on a line, and nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bridge.core.frames import (
    Asked,
    DrainExpired,
    DtmfPressed,
    HangUp,
    JoinPeer,
    Loss,
    ModelLost,
    OpenModel,
    SwitchClosed,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
)
from tests.unit.bridge.joined_calls import DECLINED, RING_S, Leg, Pair

LONG_MS = RING_S * 1_000 + 75_000


class Story:
    """One hand-off, told by a seed. `told` is what happened, for whoever reads a failure."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.told: list[str] = []
        self.pair = Pair(delay_ms=self.draw.choice([1.0, 5.0, 60.0]))
        self.pair.caller.model_ready()
        self.pair.advance(self.draw.choice([50, 900]))
        self.pair.hand_over()

    @property
    def acts(self) -> dict[str, Callable[[], None]]:
        pair, person = self.pair, self.pair.person
        acts: dict[str, Callable[[], None]] = {
            "caller_hangs_up": lambda: pair.caller.feed(SwitchClosed(1000)),
            "caller_broken": lambda: pair.caller.feed(SwitchClosed(1006, by_us=True)),
            "caller_drained": lambda: pair.caller.feed(DrainExpired()),
            "caller_model_lost": lambda: self._lose(pair.caller),
            "caller_cancels_tool": lambda: pair.caller.feed(ToolsCancelled(("t1",))),
            "caller_model_ready": pair.caller.model_ready,
            "caller_speaks": lambda: self._speaks(pair.caller),
            "agent_speaks": lambda: pair.caller.model_says(600, "And so on."),
            "agent_says_goodbye": self._goodbye,
            "busy": lambda: self._is("busy"),
            "no_answer": lambda: self._is("no_answer"),
            "control_plane_gone": lambda: setattr(pair, "is_silent", True),
        }
        if person is None:
            return {**acts, "person_answers": self._answers}
        return {
            **acts,
            "yes": lambda: person.feed(DtmfPressed("1", 100)),
            "yes_by_voice": lambda: self._says(person, "acceptCall", "accepted"),
            "no": lambda: person.feed(DtmfPressed("2", 100)),
            "no_by_voice": lambda: self._says(person, "declineCall", "declined"),
            "person_hangs_up": lambda: person.feed(SwitchClosed(1000)),
            "person_drained": lambda: person.feed(DrainExpired()),
            "person_model_lost": lambda: self._lose(person),
            "person_speaks": lambda: self._speaks(person),
            "brief": lambda: person.model_says(800, "Call for you."),
            "cut": pair.cut,
        }

    def _answers(self) -> None:
        self.pair.person_answers().model_ready()

    def _is(self, state: str) -> None:
        if self.pair.person is None:
            self.pair.state, self.pair.payload = state, DECLINED

    def _lose(self, leg: Leg) -> None:
        loss = self.draw.choice([Loss.NETWORK, Loss.REFUSED])
        leg.feed(ModelLost(leg.last(OpenModel).link, 1006, "", loss))

    def _speaks(self, leg: Leg) -> None:
        leg.speech = [*leg.speech, (leg.now + 20, leg.now + 900)]

    def _says(self, leg: Leg, tool: str, status: str) -> None:
        name = f"p{len(self.told)}"
        leg.feed(ToolAsked(name, tool, {}), ToolReturned(name, {"status": status, "say": "Well."}))

    def _goodbye(self) -> None:
        name = f"g{len(self.told)}"
        self.pair.caller.feed(ToolAsked(name, "endCall", {}), ToolReturned(name, {"status": "ok"}, end_call=True))

    def run(self) -> Pair:
        for _ in range(self.draw.randrange(2, 12)):
            acts = self.acts
            name = self.draw.choice(sorted(acts))
            if self.pair.person is None and self.draw.random() < 0.4:
                name = "person_answers"
            elif self.pair.person is not None and self.draw.random() < 0.25:
                name = "yes"
            self.told.append(f"{self.pair.now:.0f} {name}")
            acts[name]()
            self.pair.advance(self.draw.choice([0, 20, 120, 400, 2_500]))
        return self.pair


def check(pair: Pair) -> None:
    legs = pair.legs
    for leg in legs:
        assert len(leg.all(HangUp)) <= 1
        assert len(leg.all(JoinPeer)) <= 1
        assert (leg.ended is not None) == leg.session.ended
        if not leg.session.ended:
            assert leg.session.deadline_ms > leg.now
            assert not leg.session.handoff.table.is_calling, "somebody waits for ever"
        elif leg.all(JoinPeer):
            assert leg.ended is not None
            assert leg.ended.handoff_asked is Asked.ENDED
    joined = [leg for leg in legs if leg.session.handoff.is_joined and not leg.session.ended]
    assert len(joined) in (0, 2), "one is left alone on the line"
    if pair.person is not None and not joined:
        assert pair.person.session.ended, "a person without a caller"
    caller = pair.caller
    if not caller.session.ended and not joined:
        assert not caller.session.legs.desk.is_busy, "the agent waits for an answer that will not come"


def tell(seed: int) -> None:
    story = Story(seed)
    try:
        pair = story.run()
        pair.advance(LONG_MS)
        check(pair)
    except AssertionError as problem:
        raise AssertionError(f"seed {seed}: {problem}\n" + "\n".join(story.told)) from problem


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_left_alone(seed: int) -> None:
    tell(seed)


@pytest.mark.faults
@pytest.mark.parametrize("seeds", [range(at, at + 30) for at in range(100, 220, 30)])
def test_nobody_is_left_alone_in_many_stories(seeds: range) -> None:
    for seed in seeds:
        tell(seed)
