"""What two recordings must prove about a hand-off, on calls whose fault is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from local.audio.analysis import Recording
from local.caller import Spoken
from local.demo.handoff import HELLO, THANKS, judge_dialled, judge_joined, judge_not_joined
from local.demo.scenario import HumanLeg, Played

RATE_HZ = 16_000
Sound = npt.NDArray[np.int16]
_RNG = np.random.default_rng(7)


def voice(seconds: float) -> Sound:
    """Something that no other voice resembles, as smooth as a telephone makes it."""
    noise = _RNG.normal(0, 6000, int(RATE_HZ * seconds))
    return np.convolve(noise, np.ones(8) / 8, "same").astype(np.int16)


def channel(*pieces: tuple[float, Sound]) -> Sound:
    """A minute's quarter of a line on which these are heard from these seconds on."""
    line = np.zeros(15 * RATE_HZ, np.int16)
    for at_s, sound in pieces:
        start = int(at_s * RATE_HZ)
        line[start : start + len(sound)] = sound
    return line


BRIEF, YES, HUMAN, CALLER = voice(3), voice(0.6), voice(1.5), voice(1.5)
LINES = [Spoken("yes please", 4_000, 4_600), Spoken(HELLO, 6_000, 7_500)]
NOTES = [{"event": "agent_said", "text": "Hello, a call for you. Do you take the call?"}]


def joined(
    human_hears: tuple[tuple[float, Sound], ...] = ((0.5, BRIEF), (9, CALLER)),
    caller_hears: tuple[tuple[float, Sound], ...] = ((7, HUMAN),),
    notes: tuple[str, ...] = ("handed_over",),
    tools: tuple[tuple[str, str], ...] = (),
) -> Played:
    human = HumanLeg(
        Recording(channel((4, YES), (6, HUMAN)), channel(*human_hears), RATE_HZ), [(500, 3_500)], LINES, NOTES
    )
    return Played(
        engine="gemini",
        wish=None,
        entries=[],
        tools=list(tools),
        agent_said=[],
        caller_said=[],
        was_interrupted=False,
        ended_because="goodbye",
        sound=Recording(channel((8, CALLER)), channel(*caller_hears), RATE_HZ),
        lines=[Spoken(THANKS, 8_000, 9_500)],
        notes=[{"event": event, "at_ms": 6_500} for event in notes],
        human=human,
    )


def test_a_human_who_was_briefed_alone_and_then_joined_is_as_it_must_be() -> None:
    assert judge_joined(joined()) == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"caller_hears": ((0.5, BRIEF), (7, HUMAN))}, "the caller heard the brief"),
        ({"caller_hears": ((0.4, (BRIEF * 0.3).astype(np.int16)), (7, HUMAN))}, "the caller heard the brief"),
        ({"human_hears": ((9, CALLER),)}, "the human heard no brief"),
        ({"caller_hears": ()}, "of what the human said"),
        ({"caller_hears": ((7, HUMAN[:4_000]),)}, "of what the human said"),
        ({"human_hears": ((0.5, BRIEF),)}, "of what the caller said"),
        ({"notes": ()}, "names no hand-over"),
    ],
)
def test_a_join_that_leaks_or_is_deaf_on_one_side_is_a_failure(changed: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in judge_joined(joined(**changed)))


def test_a_voice_that_came_with_a_gap_was_heard() -> None:
    with_gap = np.concatenate((HUMAN[:8_000], np.zeros(960, np.int16), HUMAN[8_000:]))
    assert judge_joined(joined(caller_hears=((7, with_gap),))) == []


def test_a_join_needs_a_human_who_was_asked_and_said_yes_and_then_spoke() -> None:
    call = joined()
    assert call.human is not None
    assert judge_joined(replace(call, human=None)) == ["nobody was rung and briefed"]
    asked = replace(call, human=replace(call.human, lines=[]))
    assert judge_joined(asked) == ["the human was not asked, or did not say yes"]
    silent = replace(call, human=replace(call.human, lines=LINES[:1]))
    assert "the human said nothing to the caller" in judge_joined(silent)
    wordless = replace(call, human=replace(call.human, notes=[]))
    assert any("the brief says" in problem for problem in judge_joined(wordless))


def test_an_agent_that_came_back_must_say_how_it_went() -> None:
    back = joined(notes=(), tools=(("handOver", "declined"),))
    assert judge_not_joined("declined")(back) == []
    assert judge_not_joined("no_answer", rang=False)(replace(back, human=None, tools=[("handOver", "no_answer")])) == []
    assert judge_not_joined("busy")(back) == ["handOver came back with ['declined']"]
    assert judge_not_joined("declined", rang=False)(back) == ["the human's telephone rang"]
    assert judge_not_joined("declined")(joined(tools=(("handOver", "declined"),))) == ["the call was handed over"]
    assert judge_not_joined("declined")(replace(back, ended_because="caller_hung_up")) != []


def test_a_dialled_call_goes_on_behind_ours() -> None:
    call = replace(joined(notes=("ended",), tools=(("handOver", "connecting"),)), ended_because="handed_over")
    assert call.human is not None
    dialled = replace(call, human=replace(call.human, sound=None))
    assert judge_dialled(dialled) == []
    assert "the human heard nobody" in judge_dialled(replace(dialled, human=replace(call.human, heard=[])))
    deaf = replace(dialled, sound=Recording(dialled.sound.caller, channel(), RATE_HZ))
    assert judge_dialled(deaf) == ["the caller heard nobody after the agent"]
    assert judge_dialled(replace(dialled, tools=[])) == ["handOver did not say that it is trying"]
    assert judge_dialled(replace(dialled, ended_because="goodbye")) == ["our part ended because of 'goodbye'"]
    assert judge_dialled(replace(dialled, human=None)) == ["nobody's telephone rang"]
