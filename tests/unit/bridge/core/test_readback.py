"""Which words count as the read-back of a proposal, and since when they were heard."""

from __future__ import annotations

import pytest

from bridge.core.frames import (
    AgentTranscribed,
    GenerationComplete,
    ModelAudio,
    ModelLost,
    OpenModel,
    ResumeHandle,
    ToolAsked,
    ToolReturned,
    TurnComplete,
)
from bridge.core.playout import Speaker, Utterance
from bridge.core.readback import ReadBackWatch
from tests.unit.bridge.virtual_call import VirtualCall, clips, context, voice_ms

SAY = "Cleaning on Friday at two. Shall I book it?"


def said(text: str, from_ms: float, length_ms: int = 1_000, speaker: Speaker = Speaker.MODEL) -> Utterance:
    """An utterance that was sent whole and is heard from `from_ms` on."""
    utterance = Utterance(speaker, 16_000, text)
    utterance.generated = utterance.sent = length_ms * 16
    utterance.started_ms, utterance.end_ms, utterance.complete = from_ms, from_ms + length_ms, True
    return utterance


def after_a_loss() -> ReadBackWatch:
    """A proposal was made, and its model lost before a word of it was said."""
    watch = ReadBackWatch()
    watch.expect("n1", 0.0, SAY)
    watch.lost()
    return watch


def test_a_read_back_said_sentence_by_sentence_by_the_successor_counts_once_all_of_it_was_heard() -> None:
    watch = after_a_loss()
    for text, at in (
        ("One moment, I am back.", 1_000),
        ("Cleaning on Friday at two.", 2_000),
        ("Shall I book it?", 3_000),
    ):
        watch.began(said(text, at))
        watch.spoken()
    assert not watch.is_heard(3_900)
    assert watch.is_heard(4_000)
    watch.turn_over()
    read_back = watch.evidence(5_000, ()).read_back
    assert read_back is not None
    assert (read_back.nonce, read_back.finished_at_ms, read_back.heard_ms) == ("n1", 4_000, 3_000)


def test_a_part_of_the_read_back_does_not_count() -> None:
    watch = after_a_loss()
    watch.began(said("Cleaning on Friday at two.", 1_000))
    watch.spoken()
    watch.turn_over()
    assert not watch.is_heard(5_000)


def test_two_turns_do_not_add_up_to_a_read_back() -> None:
    watch = after_a_loss()
    watch.began(said("Cleaning on Friday at two.", 1_000))
    watch.spoken()
    watch.turn_over()
    watch.began(said("Shall I book it?", 3_000))
    watch.spoken()
    watch.turn_over()
    assert not watch.is_heard(9_000)


def test_two_halves_with_an_interruption_between_them_are_no_read_back() -> None:
    watch = after_a_loss()
    watch.began(said("Cleaning on Friday at two.", 1_000))
    watch.stopped()
    watch.began(said("Shall I book it?", 3_000))
    watch.spoken()
    assert not watch.is_heard(9_000)


def test_other_words_after_a_loss_are_no_read_back() -> None:
    watch = after_a_loss()
    watch.began(said("Sorry, are you still there?", 1_000))
    watch.spoken()
    watch.turn_over()
    assert not watch.is_heard(9_000)


def test_a_filler_is_never_the_read_back_nor_a_part_of_it() -> None:
    watch = ReadBackWatch()
    watch.expect("n1", 0.0, SAY)
    watch.began(said("One moment, please.", 1_000, speaker=Speaker.FILLER))
    watch.spoken()
    watch.turn_over()
    assert not watch.is_heard(9_000)
    watch.began(said(SAY, 10_000))
    watch.spoken()
    assert watch.is_heard(11_000)
    read_back = watch.evidence(12_000, ()).read_back
    assert read_back is not None
    assert read_back.started_at_ms == 10_000


def test_what_was_heard_stays_heard_when_connections_change_and_the_model_talks_on() -> None:
    watch = ReadBackWatch()
    watch.expect("n1", 0.0, SAY)
    watch.began(said(SAY, 1_000))
    watch.spoken()
    watch.turn_over()
    watch.lost()
    watch.began(said("Are you there?", 5_000))
    watch.spoken()
    watch.turn_over()
    assert watch.is_heard(9_000)
    read_back = watch.evidence(9_000, ()).read_back
    assert read_back is not None
    assert read_back.finished_at_ms == 2_000


def test_all_of_the_turn_that_repeats_the_read_back_must_be_heard() -> None:
    watch = after_a_loss()
    watch.began(said(SAY, 1_000))
    watch.spoken()
    watch.began(said("Take your time.", 2_500))
    assert not watch.is_heard(9_000)
    watch.spoken()
    assert not watch.is_heard(3_400)
    assert watch.is_heard(3_500)


# --- in a call -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("asks_again", [True, False])
@pytest.mark.parametrize("lost_first", [True, False])
def test_a_caller_is_asked_once_although_the_model_died_around_the_answer_to_its_proposal(
    resumes: bool, asks_again: bool, lost_first: bool
) -> None:
    call = VirtualCall(context(greeting=""), clips(one_moment=800))
    call.model_ready()
    call.advance(1_000)
    call.feed(ToolAsked("p1", "proposeBooking", {"day": "Friday"}))
    if resumes:
        call.feed(ResumeHandle("h1"))
    answer = ToolReturned("p1", {"status": "proposed", "say": SAY, "nonce": "n1"}, nonce="n1")
    lost = ModelLost(call.last(OpenModel).link, 1006)
    call.feed(*((lost, answer) if lost_first else (answer, lost)))
    call.advance(2_500)
    assert list(call.sounds(3_000))  # a filler
    call.model_ready()
    if asks_again and lost_first:
        call.feed(ToolAsked("p2", "proposeBooking", {"day": "Friday"}))
    for text in ("Cleaning on Friday at two.", " Shall I book it?"):
        call.feed(AgentTranscribed(text), ModelAudio(voice_ms(600)), GenerationComplete())
    call.feed(TurnComplete())
    call.advance(2_500)
    call.speech = [(call.now // 20 * 20 + 20, call.now // 20 * 20 + 520)]
    call.advance(1_500)
    call.feed(ToolAsked("c1", "commitProposal", {"nonce": "n1"}))
    read_back = call.evidence()["read_back"]
    assert read_back["nonce"] == "n1"
    assert read_back["finished_at_ms"] is not None
    assert read_back["heard_ms"] == read_back["generated_ms"] > 1_100
    assert any(turn["started_at_ms"] >= read_back["finished_at_ms"] for turn in call.evidence()["caller_turns"])


def test_whoever_spoke_before_the_call_began_is_attested_from_its_beginning_on() -> None:
    """Who is rung says hello while the stream opens; a time below 0 is no time, and refused the whole tool call."""
    turns = ReadBackWatch().evidence(9_000, [(-38.5, 412.0), (5_000.2, None)]).caller_turns
    assert [(turn.started_at_ms, turn.ended_at_ms) for turn in turns] == [(0, 412), (5_000, None)]
