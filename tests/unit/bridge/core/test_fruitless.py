"""A line that is never silent is not for that a conversation."""

from __future__ import annotations

import pytest

from bridge.core.fruitless import Fruitless, FruitlessLimits
from bridge.core.limits import Due


def call(max_tokens: int | None = None) -> Fruitless:
    fruitless = Fruitless(FruitlessLimits(max_tokens=max_tokens))
    fruitless.listening(True, 0.0)
    return fruitless


def said(fruitless: Fruitless, words: str, at_ms: float) -> None:
    fruitless.words(words)
    fruitless.turn_over()
    fruitless.listening(True, at_ms)


def test_sound_without_words_is_asked_once_and_then_ended() -> None:
    music = call()
    assert music.due(19_999) is None
    assert music.deadline_ms == 20_000
    assert music.due(20_000) is Due.ASK
    assert music.due(39_999) is None
    assert music.due(40_000) is Due.IDLE_GOODBYE
    assert music.due(99_000) is None


def test_words_start_the_count_anew() -> None:
    caller = call()
    said(caller, "one moment please", 19_000)
    assert caller.due(38_999) is None
    assert caller.due(39_000) is Due.ASK
    said(caller, "yes I am here", 45_000)
    assert caller.due(64_999) is None
    assert caller.due(65_000) is Due.ASK


def test_no_time_passes_while_the_agent_speaks_or_works() -> None:
    caller = call()
    caller.listening(False, 15_000)
    assert caller.deadline_ms is None
    caller.listening(True, 60_000)
    assert caller.due(64_999) is None
    assert caller.due(65_000) is Due.ASK


@pytest.mark.parametrize("again", ["Press one for sales.", "press ONE, for sales"])
def test_the_same_turn_over_and_over_ends_the_call(again: str) -> None:
    machine = call()
    for turn in range(7):
        said(machine, "Press one for sales.", 1_000.0 * turn)
        assert machine.due(1_000.0 * turn) is None
    said(machine, again, 8_000)
    assert machine.due(8_000) is Due.FRUITLESS
    assert machine.due(9_000) is None


def test_the_same_words_that_lead_somewhere_are_a_conversation() -> None:
    caller = call()
    for turn in range(20):
        said(caller, "yes", 1_000.0 * turn)
        caller.progress()
        assert caller.due(1_000.0 * turn) is None


def test_other_words_in_between_start_the_count_anew() -> None:
    caller = call()
    for turn in range(20):
        said(caller, "hello" if turn % 5 else f"is anybody there {turn}", 1_000.0 * turn)
        assert caller.due(1_000.0 * turn) is None


def test_a_call_that_has_cost_what_it_may_ends() -> None:
    bots = call(max_tokens=1_000)
    bots.spent(999)
    assert bots.due(1_000) is None
    bots.spent(1)
    assert bots.due(1_000) is Due.FRUITLESS


def test_without_a_cap_nothing_is_too_dear() -> None:
    bots = call()
    bots.spent(10**9)
    assert bots.due(1_000) is None


def test_a_caller_who_was_asked_for_another_reason_is_not_asked_again() -> None:
    quiet = call()
    quiet.asked()
    assert quiet.due(39_999) is None
    assert quiet.due(40_000) is Due.IDLE_GOODBYE


def test_where_no_word_is_ever_written_down_an_answer_is_a_sign_of_life() -> None:
    mute = call()
    mute.answered()
    mute.listening(True, 19_000)
    assert mute.due(38_000) is None
    mute.words("hello")
    mute.listening(True, 40_000)
    mute.answered()
    assert mute.due(60_000) is Due.ASK
