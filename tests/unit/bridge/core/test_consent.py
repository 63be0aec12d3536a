"""When a call is recorded, and which samples of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.consent import TABLE, Consent, Secrets, Word
from bridge.core.frames import (
    CallerTranscribed,
    CallTool,
    DrainExpired,
    EndCall,
    FlushSwitch,
    GenerationComplete,
    ModelInterrupted,
    Note,
    SwitchClosed,
    ToolAsked,
)
from bridge.core.stereo import StereoTape
from pokea.toolkit import Effect
from tests.support.traced_call import PER_MS, TracedCall, allowed_mask, caller_samples, heard_ms
from tests.unit.bridge.virtual_call import ALL_CLIPS, TOOLS, context

NOTICE_MS = heard_ms(2_000)  # of the greeting's clip


def recorded(rule: str = "notice", **changes: object) -> TracedCall:
    call = TracedCall(context(recording=rule, **changes), ALL_CLIPS)
    call.model_ready()
    return call


def hang_up(call: TracedCall) -> None:
    call.feed(SwitchClosed(1000))


def assert_kept(call: TracedCall, *stretches: tuple[float, float]) -> None:
    """Exactly these stretches of the caller were kept, sample by sample, each at its place; and nothing else of the agent."""
    left, right = call.left, call.right
    mask = allowed_mask(len(left), *stretches)
    said = caller_samples(0, len(left))
    assert not left[~mask].any() and not right[~mask].any()
    assert (left[mask] == said[mask]).all()


# --- a notice --------------------------------------------------------------------------------------------------------------


def test_recording_begins_with_the_first_sample_after_the_notice_was_heard() -> None:
    call = recorded()
    call.advance(5_000)
    hang_up(call)
    assert_kept(call, (NOTICE_MS, 5_000))


def test_a_notice_that_was_spoken_over_was_not_given() -> None:
    call = recorded()
    call.advance(1_500)
    call.feed(CallerTranscribed("I need an appointment"))
    assert call.all(FlushSwitch)
    call.advance(5_000)
    hang_up(call)
    assert not call.kept
    recording = call.session.witness.recording
    assert recording is not None and recording.state is Consent.WAITING


def test_a_caller_who_hangs_up_during_the_notice_was_not_recorded() -> None:
    call = recorded()
    call.advance(NOTICE_MS - 1)
    hang_up(call)
    assert not call.kept


def test_a_notice_in_the_models_own_mouth_counts_once_its_very_words_were_heard() -> None:
    call = TracedCall(context(recording="notice"))
    call.model_ready()
    call.model_says(1_000, "Hello, this is an AI. What can I do?")
    begun_ms = call.now
    call.advance(4_000)
    hang_up(call)
    assert_kept(call, (begun_ms + heard_ms(1_000), call.now))


def test_other_words_of_the_model_are_no_notice() -> None:
    call = TracedCall(context(recording="notice"))
    call.model_ready()
    call.model_says(1_000, "Good morning, what can I do?")
    call.advance(4_000)
    hang_up(call)
    assert not call.kept


def test_without_a_rule_or_without_a_recorder_nothing_is_recorded() -> None:
    for call in (recorded("off"), recorded("notice", handoff_id="ho_1")):
        call.advance(4_000)
        hang_up(call)
        assert call.session.witness.recording is None and not call.kept


# --- a question ------------------------------------------------------------------------------------------------------------


def test_where_callers_are_asked_only_a_yes_starts_the_recording() -> None:
    call = recorded("ask")
    call.advance(4_000)
    call.tool_answers("t1", recording=True)
    yes_ms = call.now
    call.advance(3_000)
    hang_up(call)
    assert_kept(call, (yes_ms, call.now))


def test_a_call_without_an_answer_is_not_recorded() -> None:
    call = recorded("ask")
    call.advance(10_000)
    hang_up(call)
    assert not call.kept


def test_a_no_deletes_what_there_is_and_stands_for_the_rest_of_the_call() -> None:
    call = recorded()
    call.advance(6_000)
    assert call.kept
    call.tool_answers("t1", recording=False)
    assert call.dropped_ms == [6_000] and not call.kept
    call.tool_answers("t2", recording=True)
    call.advance(5_000)
    call.model_says(500, "Of course.")
    call.advance(2_000)
    hang_up(call)
    assert not call.kept
    assert call.ended is not None  # served to its end


CONSENT = {"effects": {**TOOLS, "recordingConsent": Effect.NOTE}}


def asks_consent(call: TracedCall, answer: object, tool_call_id: str = "c1") -> None:
    call.feed(ToolAsked(tool_call_id, "recordingConsent", {"answer": answer}))


@pytest.mark.parametrize("said", ["no", "No, please don't.", "hapana", "Sitaki"])
def test_a_no_counts_from_the_moment_it_is_passed_on(said: str) -> None:
    call = recorded(**CONSENT)
    call.advance(6_000)
    asks_consent(call, said)
    assert call.dropped_ms == [6_000] and any(isinstance(order, CallTool) for order in call.orders)
    call.advance(3_000)
    assert not call.kept


def test_a_no_stands_though_the_tool_that_writes_it_down_fails() -> None:
    call = recorded(**CONSENT)
    call.advance(6_000)
    asks_consent(call, "no")
    call.advance(3_000)
    call.tool_answers("c1", payload={"status": "unknown", "code": "tools_timeout"}, failed=True)
    call.advance(5_000)
    hang_up(call)
    assert call.dropped_ms == [6_000] and not call.kept


def test_a_no_stands_though_the_caller_hangs_up_before_it_was_written_down() -> None:
    call = recorded(**CONSENT)
    call.advance(6_000)
    asks_consent(call, "no")
    hang_up(call)
    assert call.dropped_ms == [6_000] and not call.kept


def test_a_no_is_heeded_among_the_last_words_too() -> None:
    call = recorded(**CONSENT)
    call.advance(6_000)
    call.feed(DrainExpired())
    asks_consent(call, "no")
    assert call.dropped_ms == [6_000]


@pytest.mark.parametrize("said", ["yes", "", "maybe", "yes and no", 7, None])
def test_anything_else_waits_for_the_tools_answer(said: object) -> None:
    for rule in ("notice", "ask"):
        call = recorded(rule, **CONSENT)
        call.advance(6_000)
        asks_consent(call, said)
        call.advance(2_000)
        assert not call.dropped_ms and bool(call.kept) is (rule == "notice")


def test_another_tools_no_is_no_word_on_recording() -> None:
    call = recorded(**CONSENT)
    call.advance(6_000)
    call.feed(ToolAsked("t1", "findTimes", {"answer": "no"}))
    assert not call.dropped_ms


# --- digits ----------------------------------------------------------------------------------------------------------------


def ask_digits(call: TracedCall, tool_call_id: str = "v1") -> float:
    call.feed(ToolAsked(tool_call_id, "findTimes", {}))
    call.tool_answers(tool_call_id, payload={"expects_digits": 4})
    return call.now


def test_nothing_is_kept_from_the_question_for_digits_to_the_answer_of_the_tool_that_takes_them() -> None:
    call = recorded()
    call.advance(5_007)
    asked_ms = ask_digits(call)
    call.advance(4_011)
    call.feed(ToolAsked("v2", "findTimes", {"service": "x"}))
    call.advance(303)
    call.tool_answers("v2")
    over_ms = call.now
    call.advance(2_999)  # to the end of a frame
    hang_up(call)
    assert_kept(call, (NOTICE_MS, asked_ms), (over_ms, call.now))


@pytest.mark.parametrize("kind", [4, "secret"])
def test_what_is_said_while_a_secret_is_asked_for_is_in_no_transcript(kind: object) -> None:
    call = recorded()
    call.advance(4_000)
    call.feed(ToolAsked("v1", "findTimes", {}))
    call.tool_answers("v1", payload={"expects_digits": kind})
    call.feed(CallerTranscribed("the fourteenth of March"), CallerTranscribed(" nineteen ninety", finished=True))
    hang_up(call)
    assert call.all(Note)
    assert not any(word in str(call.all(Note)) for word in ("fourteenth", "March", "ninety"))


def test_an_answer_that_was_under_way_does_not_end_the_pause() -> None:
    call = recorded()
    call.advance(4_000)
    call.feed(ToolAsked("slow", "findTimes", {}))
    call.feed(ToolAsked("v1", "findTimes", {"service": "x"}))
    call.tool_answers("v1", payload={"expects_digits": 4})
    asked_ms = call.now
    call.advance(1_000)
    call.tool_answers("slow")
    call.advance(3_000)
    hang_up(call)
    assert_kept(call, (NOTICE_MS, asked_ms))


def test_a_failed_answer_does_not_end_the_pause() -> None:
    call = recorded()
    call.advance(4_000)
    asked_ms = ask_digits(call)
    call.feed(ToolAsked("v2", "findTimes", {"service": "x"}))
    call.tool_answers("v2", failed=True)
    call.advance(3_000)
    hang_up(call)
    assert_kept(call, (NOTICE_MS, asked_ms))


def test_digits_that_are_asked_for_before_the_notice_was_heard_hold_the_recording() -> None:
    call = recorded()
    call.advance(1_000)
    ask_digits(call)
    call.advance(4_000)
    call.feed(ToolAsked("v2", "findTimes", {"service": "x"}))
    call.tool_answers("v2")
    over_ms = call.now
    call.advance(2_000)
    hang_up(call)
    assert_kept(call, (over_ms, call.now))


def test_spoken_digits_are_in_nobodys_notes() -> None:
    """Not in the transcript, not in the facts that are reported, and not in what a successor of the model is told."""
    call = recorded()
    call.advance(4_000)
    ask_digits(call)
    call.feed(CallerTranscribed("four seven"), CallerTranscribed(" one one", finished=True))
    call.feed(ToolAsked("v2", "findTimes", {"answer": "4711"}))
    call.tool_answers("v2")
    call.feed(
        CallerTranscribed("what is my balance", finished=True), ToolAsked("v3", "findTimes", {"topic": "balance"})
    )
    call.tool_answers("v3")
    hang_up(call)
    assert call.ended is not None
    said = [line["text"] for line in call.ended.transcript if line["who"] == "caller"]
    assert said == ["[not kept]", "what is my balance"]
    assert [fact["arguments"] for fact in call.ended.facts] == [{}, {}, {"topic": "balance"}]
    assert not any(word in str(call.ended) + str(call.all(Note)) for word in ("4711", "seven"))


def test_secrets_wait_for_the_last_key() -> None:
    secrets = Secrets()
    secrets.tool_answered("a", asks=True, failed=False, under_way=frozenset())
    secrets.tool_answered("b", asks=False, failed=False, under_way=frozenset())
    assert not secrets.settle(keys_pending=True)
    assert secrets.are_expected
    assert secrets.settle(keys_pending=False)
    assert not secrets.are_expected


# --- what the caller hears -------------------------------------------------------------------------------------------------


def test_the_right_channel_holds_what_was_heard_and_not_what_was_taken_back() -> None:
    call = recorded()
    call.advance(3_000)
    call.model_says(2_000, complete=True)
    began_ms = call.now
    call.advance(500)
    call.feed(ModelInterrupted())
    assert any(message == b"kill" for _, message in call.sent)
    cut_ms = call.now
    call.advance(3_000)
    hang_up(call)
    sounding = np.flatnonzero(call.right) / PER_MS
    assert began_ms <= sounding[0] < began_ms + 25
    assert cut_ms - 25 < sounding[-1] <= cut_ms


def test_the_recording_is_as_long_as_the_call_after_its_beginning() -> None:
    call = recorded()
    call.advance(7_300)
    call.feed(GenerationComplete())
    hang_up(call)
    kept_ms = sum(len(stretch.left) for stretch in call.kept) / 2 / PER_MS
    assert call.kept[0].at_ms == 2_000  # a whole frame
    assert kept_ms == 7_300 - 2_000
    assert isinstance(call.orders[-1], EndCall)


def test_a_stall_of_the_switch_does_not_shift_the_caller() -> None:
    call = recorded()
    call.advance(3_000)
    call.streaming = False
    call.advance(1_000)
    call.streaming = True
    call.advance(2_000)
    hang_up(call)
    left, said = call.left, caller_samples(0, len(call.left))
    assert not left[3_000 * PER_MS : 4_000 * PER_MS].any()
    assert (left[4_000 * PER_MS : 6_000 * PER_MS] == said[4_000 * PER_MS : 6_000 * PER_MS]).all()


# --- laws ------------------------------------------------------------------------------------------------------------------


def test_every_state_answers_every_word_and_refused_is_for_good() -> None:
    assert set(TABLE) == set(Consent)
    assert all(set(row) == set(Word) for row in TABLE.values())
    assert set(TABLE[Consent.REFUSED].values()) == {Consent.REFUSED}


edges = st.lists(st.floats(0, 5_000), min_size=0, max_size=8).map(sorted)


@given(edges=edges, chunk_ms=st.sampled_from([20, 100, 1_000]), rate_hz=st.sampled_from([8_000, 16_000, 24_000]))
def test_no_sample_outside_what_is_allowed_ever_leaves_the_tape(
    edges: list[float], chunk_ms: int, rate_hz: int
) -> None:
    """L11 on the tape itself, at any rate and with any edges."""
    tape, per_ms = StereoTape(rate_hz), rate_hz // 1000
    left, right = np.zeros(6_000 * per_ms, "<i2"), np.zeros(6_000 * per_ms, "<i2")
    due, frame = list(edges), np.ones(20 * per_ms, "<i2").tobytes()
    for now in range(20, 5_020, 20):
        while due and due[0] <= now:
            (tape.shut if tape.is_open else tape.open)(due.pop(0))
        tape.caller(frame, rate_hz, now)
        tape.played(frame, now - 20)
        until_ms = now if now == 5_000 else now - 400
        stretch = tape.take(until_ms) if now % chunk_ms == 0 else None
        if stretch is not None:
            at = stretch.at_ms * per_ms
            left[at : at + len(stretch.left) // 2] = np.frombuffer(stretch.left, "<i2")
            right[at : at + len(stretch.right) // 2] = np.frombuffer(stretch.right, "<i2")
    mask = np.zeros(len(left), dtype=bool)
    for index in range(0, len(edges), 2):
        end = edges[index + 1] if index + 1 < len(edges) else 5_000.0
        mask[int(np.ceil(edges[index] * per_ms)) : int(np.ceil(end * per_ms))] = True
    assert not left[~mask].any() and not right[~mask].any()
    assert (right[mask] == 1).mean() > 0.99 if mask.any() else True


@pytest.mark.parametrize("rule", ["true", None, False, "always"])
def test_a_rule_that_is_not_known_records_nothing_and_takes_the_call(rule: object) -> None:
    from bridge.core.context import parse_context

    assert parse_context({"recording": rule}).recording == "off"
