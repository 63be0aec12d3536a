"""F2.3: models that are slow, silent or repeat themselves. A filler in time, an answer or an honest end, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from bridge.core.engines import GEMINI, OPENAI
from bridge.core.frames import (
    AgentTranscribed,
    CallerTranscribed,
    EndReason,
    GenerationComplete,
    HangUp,
    ModelAudio,
    OpenModel,
    SayToModel,
    TurnComplete,
)
from tests.faults.broken import silent_bridges
from tests.faults.test_f2_1_every_death import check
from tests.unit.bridge.rehearsal import CLIP_LEVEL, MODEL_LEVEL, Rehearsal

SEEDS = range(20)
PACES = (500, 2_000, 5_000, 30_000, inf)


def slow(think_ms: float, seed: int, **more: object) -> Rehearsal:
    """A call whose first connection thinks that long about everything, and whose later ones are well."""
    call = Rehearsal(seed=seed, **more)  # type: ignore[arg-type]
    well = call.think_ms
    call.think_ms = lambda link: think_ms if link == 1 else well(link)
    call.converse()
    return call


def first_sounds(call: Rehearsal, level: int) -> list[float]:
    """The sound of this level after the caller's first words, in ms after their end."""
    asked_ms = call._spoken[0][1]
    return [at - asked_ms for at in call.sounds(level) if at > asked_ms]


@pytest.mark.parametrize("think_ms", PACES)
def test_whoever_waits_hears_a_filler_in_time_and_an_answer_or_an_end(think_ms: float) -> None:
    wait(think_ms, 1)


@pytest.mark.faults
@pytest.mark.parametrize("think_ms", PACES)
def test_the_same_with_twenty_callers_each(think_ms: float) -> None:
    for seed in SEEDS:
        wait(think_ms, seed)


def wait(think_ms: float, seed: int) -> None:
    call = slow(think_ms, seed)
    # One that was reminded and then answers twice talks past its caller later on; what the first question meets is what counts.
    check(call, until_ms=call._spoken[1][0] if think_ms == 5_000 else 0.0)
    assert call.bookings == 1
    fillers, words = first_sounds(call, CLIP_LEVEL), first_sounds(call, MODEL_LEVEL)
    if think_ms > 1_000:
        assert 1_200 <= fillers[0] <= 2_100
    if think_ms > 5_000:
        assert call.all(OpenModel)[1] is not None
        assert call.notes("model_ready")[1]["after_ms"] - call._spoken[0][1] <= 6_500
        assert words[0] <= 9_000
    else:
        assert len(call.all(OpenModel)) == 1


def test_when_every_model_is_silent_the_end_is_honest_and_comes_in_time() -> None:
    call = Rehearsal(engines=(GEMINI, OPENAI))
    call.think_ms = lambda link: inf
    call.converse()
    check(call)
    assert call.ended is not None
    assert call.ended.reason is EndReason.MODEL_LOST
    assert call.ended.duration_ms - call._spoken[0][1] <= 15_000
    assert [order.engine for order in call.all(OpenModel)] == ["gemini", "gemini", "openai"]


def test_a_turn_that_ends_without_a_word_is_no_answer() -> None:
    call = Rehearsal()
    call.think_ms = lambda link: inf
    call.advance(1_000)
    call.speak("i would like to book")
    call.advance(1_300)
    call.feed(TurnComplete())
    call.advance(600)
    assert call.last(SayToModel).text.startswith("[The connection was interrupted")
    call.advance(2_200)
    assert len(call.all(OpenModel)) <= 2


def nudged(call: Rehearsal) -> None:
    """The model was reminded while it was about to answer, and answers twice."""
    call.advance(1_000)
    call.speak("i would like to book")
    call.advance(5_000)
    assert call.all(SayToModel)
    for _ in range(2):
        says(call, "Which day would you like to come?")
    call.advance(6_000)


def says(call: Rehearsal, text: str) -> None:
    call.feed(ModelAudio(bytes(9_600)), AgentTranscribed(text))
    call.model_says(1_500)
    call.feed(GenerationComplete(), TurnComplete())


def replaced(call: Rehearsal) -> None:
    """A new connection says again what the old one had said, although it was asked for nothing."""
    from tests.unit.bridge.rehearsal import Death

    call.advance(1_000)
    call.feed(CallerTranscribed("hello", finished=True))
    says(call, "Which day would you like to come?")
    call.advance(3_000)
    call._lose(call.legs[1], Death.RST.lost(1))
    call.advance(400)
    says(call, "Which day would you like to come?")
    call.advance(3_000)


@pytest.mark.parametrize("story", [nudged, replaced])
def test_the_same_sentence_twice_is_heard_once(story: Callable[[Rehearsal], None]) -> None:
    def heard() -> list[str]:
        call = Rehearsal()
        call.think_ms = lambda link: inf
        story(call)
        return [line["text"] for line in call.notes("agent_said") if "Which day" in line["text"]]

    assert len(heard()) == 1
    with silent_bridges.keeps_repeating():
        assert len(heard()) == 2


def test_what_is_said_anew_after_a_change_of_connection_is_heard() -> None:
    from tests.unit.bridge.rehearsal import Death

    call = Rehearsal()
    call.think_ms = lambda link: inf
    call.advance(1_000)
    call.feed(CallerTranscribed("hello", finished=True))
    says(call, "Which day would you like to come?")
    call.advance(3_000)
    call.feed(CallerTranscribed("on friday", finished=True))
    call._lose(call.legs[1], Death.RST.lost(1))
    call.advance(400)
    says(call, "Which time on Friday?")
    call.advance(3_000)
    assert call.notes("agent_said")[-1]["text"] == "Which time on Friday?"
    assert call.all(HangUp) == []


def test_while_the_model_owes_nothing_there_is_no_filler() -> None:
    call = Rehearsal()
    call.advance(7_500)
    assert not [note for note in call.notes("agent_said") if note["text"] == "One moment, please."]
