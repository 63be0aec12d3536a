"""A placed call listens first: nothing is said until it is known who answered; then the disclosure, which nothing shortens, or a machine's
message after its beep."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bridge.core.answering import TABLE, Cause, Phase
from bridge.core.engines import GEMINI
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
    CallerSpeech,
    CallerTranscribed,
    DrainExpired,
    DropRecording,
    DtmfPressed,
    EndCallerTurn,
    EndReason,
    Event,
    GenerationComplete,
    GoingAway,
    HangUp,
    Loss,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    RecordAudio,
    ResumeHandle,
    SayToModel,
    StopModel,
    SwitchClosed,
    SwitchCongested,
    TimePassed,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
    TurnDetection,
    UsageReported,
)
from bridge.core.limits import Limits
from bridge.core.recording import Head, Kind, Record, encode_event
from bridge.core.session import SessionSettings
from local.replay import Replay
from pokea.billing.usage import Meter
from pokea.toolkit import Effect
from tests.support.answered_lines import data_of_fax, information_tones, still, tone
from tests.support.placed_call import (
    CLIPS,
    GREETING_LEVEL,
    GREETING_MS,
    MESSAGE,
    MESSAGE_LEVEL,
    MESSAGE_MS,
    MODEL_LEVEL,
    OTHER_LEVEL,
    PlacedCall,
    after,
    beep,
    length_ms,
    sound,
    speech,
)
from tests.unit.bridge.virtual_call import TOOLS, clips, voice_ms

LEAD_MS = 300.0
HELLO_MS = length_ms(speech("Hello?"))
HELLO_ENDS_MS = LEAD_MS + HELLO_MS
NO_CLIPS: dict[str, bytes] = {}
PHRASES = {"opted_out": "We will not call again. Goodbye.", "goodbye": "Goodbye.", "trouble": "Sorry."}


@lru_cache(maxsize=1)
def hello() -> NDArray[np.int16]:
    return sound(still(LEAD_MS), speech("Hello?"), still(200))


@lru_cache(maxsize=1)
def mailbox() -> tuple[NDArray[np.int16], float]:
    """A greeting that goes on, and a beep; when that is over."""
    words = speech(
        "Hi, you have reached Peter. I am not in, so leave your name and number, and I will ring you as soon as I can."
    )
    parts = (still(400), words, still(600), beep())
    return sound(*parts, still(2_000)), length_ms(*parts)


@lru_cache(maxsize=1)
def short_mailbox() -> tuple[NDArray[np.int16], float]:
    """It says a short thing and pauses as a person does; its beep comes when it has been greeted."""
    parts = (still(300), speech("Hello, this is Mary."), still(1_700), beep())
    return sound(*parts, still(3_000)), length_ms(*parts)


def greeted(call_clips: dict[str, bytes] | None = None, **changes: object) -> PlacedCall:
    """Somebody said hello, and the disclosure is on the line."""
    call = PlacedCall(hello(), call_clips, **changes)  # type: ignore[arg-type]
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_300)
    if call_clips == NO_CLIPS:
        call.model_greets()
    call.advance(500)
    assert call.session.answering is not None
    assert call.session.answering.phase is Phase.GREETING
    return call


def hung_up(call: PlacedCall) -> EndReason:
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    return call.ended.reason


def answerer(call: PlacedCall) -> str:
    if call.ended is None:
        call.feed(SwitchClosed(1000))
    assert call.ended is not None
    return call.ended.answerer


def is_whole(call: PlacedCall, level: int = GREETING_LEVEL, length: float = GREETING_MS) -> bool:
    """Every sample of it was heard, in one piece."""
    heard = call.heard_of(level)
    return abs(len(heard) * 20 - length) <= 40 and heard[-1] - heard[0] <= length + 20


# --- somebody is there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_the_greeting_begins_within_1_3_s_of_the_hello_and_not_a_sound_before(rate_hz: int) -> None:
    call = PlacedCall(hello(), rate_hz=rate_hz)
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 500)
    assert not call.sent
    call.advance(GREETING_MS + 2_000)
    first = next(call.sounds())
    assert 500 < first - HELLO_ENDS_MS <= 1_300
    assert is_whole(call)
    (_, found) = (note["answered_by"] for note in (*call.notes("answered_by"), *call.notes("answered_by")))
    assert found == "person"
    assert answerer(call) == "person"


@pytest.mark.parametrize("ready_after_ms", [100, 2_200, None])
def test_a_clip_waits_for_no_model(ready_after_ms: int | None) -> None:
    call = PlacedCall(hello())
    if ready_after_ms is not None:
        call.advance(ready_after_ms)
        call.model_ready()
    call.advance(HELLO_ENDS_MS + GREETING_MS + 1_500 - call.now)
    assert next(call.sounds()) - HELLO_ENDS_MS <= 1_300
    assert is_whole(call)


@pytest.mark.parametrize("ready_after_ms", [100, 2_200])
def test_without_a_clip_the_model_is_dictated_the_greeting_once(ready_after_ms: int) -> None:
    call = PlacedCall(hello(), NO_CLIPS)
    call.advance(ready_after_ms)
    call.model_ready()
    if ready_after_ms < HELLO_ENDS_MS:
        assert not call.all(SayToModel)
    call.advance(HELLO_ENDS_MS + 1_300 - call.now)
    assert len(call.dictated()) == 1
    call.model_greets()
    call.advance(GREETING_MS + 200)
    assert is_whole(call)
    assert len(call.dictated()) == 1


def test_the_model_hears_nothing_from_before_the_verdict() -> None:
    call = PlacedCall(hello())
    call.model_ready()
    call.advance(GREETING_MS + HELLO_ENDS_MS + 1_500)
    assert call.model_heard
    assert call.model_heard_ms() < 100  # the line's noise, and no word
    until = call.is_heard(after(100, "I have a question about the price."))
    call.advance(until - call.now + 200)
    assert call.model_heard_ms() > 1_000


def test_what_a_model_says_unasked_before_the_verdict_never_reaches_the_line() -> None:
    call = PlacedCall(hello())
    call.model_ready()
    call.model_says(3_000, "I am here!", complete=False)
    call.advance(HELLO_ENDS_MS + 1_300)
    call.feed(ModelAudio(voice_ms(500)), GenerationComplete(), TurnComplete())
    call.advance(GREETING_MS + 2_000)
    assert is_whole(call)
    assert not call.heard_of(MODEL_LEVEL)
    assert StopModel() in call.orders


def test_a_call_that_came_in_is_greeted_at_once_and_pays_for_no_detector() -> None:
    call = PlacedCall(hello(), is_placed=False)
    assert call.sent
    assert call.session.answering is None
    assert call.session.uplink.answer_ear is None
    assert answerer(call) == ""


def test_the_detector_is_let_go_once_nothing_can_change_any_more() -> None:
    call = PlacedCall(hello())
    call.advance(HELLO_ENDS_MS + 2_000)
    assert call.session.uplink.answer_ear is not None
    call.advance(9_000)
    assert call.session.uplink.answer_ear is None
    answering = call.session.answering
    assert answering is not None
    assert answering.deadline_ms == float("inf")


# --- the disclosure --------------------------------------------------------------------------------------------------------


def barge_in(call: PlacedCall, text: str = "Hold on, who is calling?") -> float:
    """Loud and long, and everything that a model's own detector says about it."""
    until = call.is_heard(after(0, text))
    call.advance(900)
    call.feed(CallerSpeech(True), ModelInterrupted(), CallerTranscribed(text), TurnComplete())
    call.advance(until - call.now + 100)
    call.feed(CallerSpeech(False), CallerTranscribed("", finished=True))
    return until


@pytest.mark.parametrize("call_clips", [None, NO_CLIPS], ids=["clip", "dictated"])
def test_nothing_that_is_said_over_it_shortens_the_disclosure(call_clips: dict[str, bytes] | None) -> None:
    call = greeted(call_clips)
    barge_in(call)
    call.advance(GREETING_MS)
    assert is_whole(call)
    assert b"kill" not in [message for _, message in call.sent]
    assert not call.notes("interrupted")
    heard = [note for note in call.notes("agent_said") if note["text"].startswith("Hello")]
    assert [note["heard"] for note in heard] == ([True] if call_clips is None else [])


def test_over_a_clip_the_model_hears_the_caller_at_once() -> None:
    call = greeted()
    began = call.now
    barge_in(call)
    assert call.model_heard_ms(began, began + 900) > 300


def test_over_a_dictated_greeting_the_caller_waits_and_then_is_heard_whole() -> None:
    call = greeted(NO_CLIPS)
    began = call.now
    until = barge_in(call)
    assert call.model_heard == []
    call.advance(GREETING_MS + 1_500 + HELLO_ENDS_MS + 1_000 - call.now)
    assert is_whole(call)
    assert call.model_heard_ms() >= 0.8 * (until - began)
    assert min(at_ms for at_ms, _ in call.model_heard) >= call.heard_of(GREETING_LEVEL)[-1]


def test_with_turns_of_our_own_the_waiting_sound_is_a_turn_that_begins_after_the_greeting() -> None:
    own = replace(GEMINI, turn_detection=TurnDetection.OWN)
    call = greeted(NO_CLIPS, settings=SessionSettings(engines=(own,)))
    barge_in(call)
    assert not call.all(BeginCallerTurn)
    call.advance(GREETING_MS + 1_500)
    assert is_whole(call)
    assert [type(order) for order in call.orders if isinstance(order, BeginCallerTurn | EndCallerTurn)] == [
        BeginCallerTurn,
        EndCallerTurn,
    ]
    assert call.model_heard_ms() > 800


def test_what_the_model_wants_to_say_or_do_meanwhile_waits_for_the_end_of_the_greeting() -> None:
    call = greeted()
    call.feed(CallerTranscribed("who is this?", finished=True), AgentTranscribed("I am the AI"))
    call.model_says(600)
    call.feed(TurnComplete(), ToolAsked("c1", "findTimes", {}))
    call.advance(1_000)
    assert not call.notes("tool_called")
    call.advance(GREETING_MS)
    assert is_whole(call)
    assert min(call.heard_of(MODEL_LEVEL)) >= max(call.heard_of(GREETING_LEVEL)) + 20
    assert abs(len(call.heard_of(MODEL_LEVEL)) * 20 - 600) <= 40
    assert call.tool_call().name == "findTimes"


def test_what_the_caller_spoke_on_over_is_not_said() -> None:
    call = greeted()
    call.feed(ModelAudio(voice_ms(600), item="a"), CallerSpeech(True))
    assert [[one.item for one in order.heard] for order in call.all(StopModel)] == [["a"]]
    call.feed(ModelAudio(voice_ms(200), item="b"), ModelInterrupted())
    call.advance(GREETING_MS + 1_000)
    assert is_whole(call)
    assert not call.heard_of(MODEL_LEVEL)


def test_what_a_lost_connection_was_about_to_say_or_do_is_not_said_or_done() -> None:
    call = greeted()
    call.feed(ModelAudio(voice_ms(600)), GenerationComplete(), ToolAsked("c1", "findTimes", {}))
    call.feed(ModelLost(call.session.legs.life.link, 1006, "", Loss.NETWORK))
    call.advance(GREETING_MS + 1_000)
    assert is_whole(call)
    assert not call.heard_of(MODEL_LEVEL)
    assert not call.notes("tool_called")


def test_a_tool_that_was_cancelled_before_the_greeting_was_heard_is_never_called() -> None:
    call = greeted()
    call.feed(ToolAsked("c1", "findTimes", {}), ToolAsked("c2", "findTimes", {}), ToolsCancelled(("c1",)))
    call.advance(GREETING_MS + 1_000)
    assert [note["tool_call_id"] for note in call.notes("tool_called")] == ["c2"]


@pytest.mark.parametrize("call_clips", [None, NO_CLIPS], ids=["clip", "dictated"])
def test_the_model_is_told_of_other_keys_after_the_greeting(call_clips: dict[str, bytes] | None) -> None:
    call = greeted(call_clips)
    asked = len(call.all(SayToModel))
    call.feed(DtmfPressed("5", 100))
    call.advance(2_000)
    assert len(call.all(SayToModel)) == asked
    call.advance(GREETING_MS)
    assert is_whole(call)
    assert "5" in call.last(SayToModel).text


def test_a_greeting_that_the_switch_did_not_read_in_time_is_said_again() -> None:
    call = greeted()
    call.feed(SwitchCongested(True))
    call.advance(1_500)
    call.feed(SwitchCongested(False))
    call.advance(2 * GREETING_MS)
    assert is_whole_at_the_end(call)


def is_whole_at_the_end(call: PlacedCall) -> bool:
    last = call.heard_of(GREETING_LEVEL)[-round(GREETING_MS / 20) :]
    return last[-1] - last[0] <= GREETING_MS


def test_usage_is_counted_when_it_is_reported_and_once() -> None:
    call = greeted()
    call.feed(ModelAudio(voice_ms(200)), TurnComplete(), UsageReported(10, 5, 0, 15, {Meter("text_in"): 15}))
    call.advance(GREETING_MS + 1_000)
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    assert [(one.turns, one.silent_turns) for one in call.ended.usage] == [(1, 0)]


@pytest.mark.parametrize("before", ["", "1", "*8"])
@pytest.mark.parametrize("call_clips", [None, NO_CLIPS], ids=["clip", "dictated"])
def test_the_key_ends_the_disclosure_at_once(call_clips: dict[str, bytes] | None, before: str) -> None:
    call = greeted(call_clips, phrases=PHRASES)
    for key in before:
        call.feed(DtmfPressed(key, 100))
        call.advance(300)
    call.feed(DtmfPressed("9", 100))
    assert len(call.opt_outs()) == 1
    pressed = call.now
    call.advance(700)
    assert not [at_ms for at_ms in call.heard_of(GREETING_LEVEL) if at_ms > pressed + 20]
    call.feed(ToolReturned(call.opt_outs()[0].tool_call_id, {"status": "opted_out"}, end_call=True))
    call.advance(100)
    if call_clips == NO_CLIPS:
        call.model_says(600)
    call.advance(3_000)
    assert call.last(HangUp).reason is EndReason.GOODBYE
    assert answerer(call) == "person"


def test_keys_that_were_pressed_over_the_greeting_make_no_number_of_the_stop_key_behind_it() -> None:
    call = greeted()
    ends_ms = call.heard_of(GREETING_LEVEL)[0] + GREETING_MS
    call.advance(ends_ms - 500 - call.now)
    call.feed(DtmfPressed("1", 100))
    call.advance(1_000)
    assert phase(call) is Phase.TALKING
    call.feed(DtmfPressed("9", 100))
    assert len(call.opt_outs()) == 1


def test_later_in_the_call_the_same_key_may_be_a_digit() -> None:
    call = greeted()
    call.advance(GREETING_MS + 3_000)
    call.feed(DtmfPressed("1", 100), DtmfPressed("9", 100))
    assert not call.opt_outs()


def test_words_that_ask_to_stop_end_it_as_soon_as_they_are_understood() -> None:
    call = greeted()
    call.feed(CallerTranscribed("please stop calling me"))
    assert len(call.opt_outs()) == 1
    said = call.now
    call.advance(1_000)
    assert not [at_ms for at_ms in call.heard_of(GREETING_LEVEL) if at_ms > said + 20]


def test_over_a_dictated_greeting_the_same_words_are_understood_after_it() -> None:
    call = greeted(NO_CLIPS, phrases=PHRASES)
    call.advance(GREETING_MS)
    call.feed(CallerTranscribed("please stop calling me"))
    assert len(call.opt_outs()) == 1


def test_an_opt_out_that_only_the_model_understands_ends_it_too() -> None:
    call = greeted(effects={**TOOLS, "optOut": Effect.END})
    call.feed(ToolAsked("c1", "optOut", {}))
    assert call.tool_call().name == "optOut"
    asked = call.now
    call.advance(1_000)
    assert not [at_ms for at_ms in call.heard_of(GREETING_LEVEL) if at_ms > asked + 20]


def test_a_model_that_is_lost_in_mid_greeting_is_followed_by_one_that_says_it_whole() -> None:
    call = PlacedCall(hello(), NO_CLIPS)
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_300)
    call.feed(ModelAudio(voice_ms(1_500, GREETING_LEVEL)))
    call.advance(500)
    call.feed(ModelLost(call.session.legs.life.link, 1006, "", Loss.NETWORK))
    call.advance(300)
    call.model_ready()
    assert len(call.dictated()) == 2
    call.model_greets()
    call.advance(GREETING_MS + 1_500)
    heard = call.heard_of(GREETING_LEVEL)
    assert len(heard) * 20 >= GREETING_MS + 1_400
    assert call.session.answering is not None
    assert call.session.answering.phase is Phase.TALKING


def test_a_model_that_stops_its_greeting_by_itself_has_to_say_it_again() -> None:
    call = PlacedCall(hello(), NO_CLIPS)
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_300)
    call.feed(ModelAudio(voice_ms(800, GREETING_LEVEL)), ModelInterrupted(), TurnComplete())
    assert len(call.dictated()) == 2
    call.model_greets()
    call.advance(GREETING_MS + 1_500)
    assert len(call.heard_of(GREETING_LEVEL)) * 20 >= GREETING_MS + 700


def phase(call: PlacedCall) -> Phase:
    assert call.session.answering is not None
    return call.session.answering.phase


def asked_to_greet(**changes: object) -> PlacedCall:
    """Somebody said hello, and the model was dictated the greeting."""
    call = PlacedCall(hello(), NO_CLIPS, **changes)  # type: ignore[arg-type]
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_300)
    assert len(call.dictated()) == 1
    return call


BREAKS_OFF: dict[str, tuple[Event, ...]] = {
    "interrupted": (ModelInterrupted(), TurnComplete()),
    "reported as generated first": (GenerationComplete(), ModelInterrupted(), TurnComplete()),
    "incomplete": (GenerationComplete(broken=True), TurnComplete()),
    "incomplete after its end": (GenerationComplete(), GenerationComplete(broken=True), TurnComplete()),
}


@pytest.mark.parametrize("how", sorted(BREAKS_OFF))
def test_a_reading_that_breaks_off_is_no_greeting_and_the_next_one_is_heard_whole_though_talked_over(how: str) -> None:
    call = asked_to_greet()
    call.feed(ModelAudio(voice_ms(800, GREETING_LEVEL)), *BREAKS_OFF[how])
    assert len(call.dictated()) == 2
    call.model_greets()
    call.is_heard(after(0, "Hello, hello, who is this?"))
    call.advance(GREETING_MS)
    assert phase(call) is Phase.GREETING
    assert call.model_heard_ms() == 0
    assert call.session.mouth.is_protected
    call.advance(1_500)
    assert phase(call) is Phase.TALKING
    assert is_whole_at_the_end(call)
    assert call.model_heard_ms() > 500
    assert len(call.dictated()) == 2


def test_a_reminder_that_breaks_off_a_late_reading_is_not_followed_by_a_third_request() -> None:
    call = asked_to_greet()
    call.advance(3_400)
    assert len(call.dictated()) == 2
    call.feed(ModelAudio(voice_ms(300, GREETING_LEVEL)), ModelInterrupted(), TurnComplete())
    assert len(call.dictated()) == 2
    call.advance(500)
    call.model_greets()
    call.advance(GREETING_MS + 500)
    assert phase(call) is Phase.TALKING
    assert is_whole_at_the_end(call)


def test_a_reading_that_broke_off_lets_nothing_be_recorded() -> None:
    call = asked_to_greet(recording="notice", settings=SessionSettings(records=True))
    call.feed(ModelAudio(voice_ms(800, GREETING_LEVEL)), *BREAKS_OFF["reported as generated first"])
    call.advance(1_500)
    assert not call.all(RecordAudio)


# A greeting that does not end is given up: nobody is talked to who was not told who calls.


def test_a_model_that_breaks_off_every_time_is_hung_up_on() -> None:
    call = asked_to_greet()
    for _ in range(4):
        assert not call.all(HangUp)
        call.feed(ModelAudio(voice_ms(200, GREETING_LEVEL)), ModelInterrupted(), TurnComplete())
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert len(call.dictated()) == 4


@pytest.mark.parametrize(
    ("longest_ms", "reason"), [(600_000, EndReason.BRIDGE_ERROR), (20_000, EndReason.MAX_DURATION)]
)
def test_a_model_whose_reading_never_ends_does_not_keep_the_line(longest_ms: int, reason: EndReason) -> None:
    call = asked_to_greet(settings=SessionSettings(limits=Limits(max_call_ms=longest_ms)))
    while not call.all(HangUp) and call.now < 100_000:
        call.feed(ModelAudio(voice_ms(1_000, GREETING_LEVEL)))
        call.advance(1_000)
    assert call.last(HangUp).reason is reason
    assert 89_000 < call.now < 95_000


def test_a_switch_that_stops_reading_for_good_does_not_keep_the_line() -> None:
    call = greeted()
    call.feed(SwitchCongested(True))
    call.advance(95_000)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR


def test_a_clip_that_the_switch_never_reads_whole_is_not_taken_for_heard() -> None:
    call = greeted()
    while not call.all(HangUp) and call.now < 60_000:
        call.feed(SwitchCongested(True))
        call.advance(1_500)
        call.feed(SwitchCongested(False))
        call.advance(1_500)
        assert phase(call) is not Phase.TALKING
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR


@pytest.mark.parametrize("tool", ["optOut", "endCall", "findTimes"])
def test_what_a_model_wants_done_that_has_heard_nobody_is_not_done(tool: str) -> None:
    call = PlacedCall(hello(), NO_CLIPS, effects={**TOOLS, "optOut": Effect.END})
    call.model_ready()
    call.feed(ToolAsked("c1", tool, {}))
    call.advance(HELLO_ENDS_MS + 1_300)
    call.feed(ToolAsked("c2", tool, {}))
    assert [(order.tool_call_id, order.payload["code"]) for order in call.all(AnswerTool)] == [
        ("c1", "nobody_was_heard"),
        ("c2", "nobody_was_heard"),
    ]
    call.model_greets()
    call.advance(GREETING_MS + 1_000)
    assert is_whole(call)
    assert not call.notes("tool_called")


def test_a_stream_of_another_rate_takes_no_verdict_back() -> None:
    call = greeted()
    answering = call.session.answering
    assert answering is not None
    answering.hears(bytes(1_600), call.now, 8_000)
    call.advance(GREETING_MS + 9_000)
    assert [note["answered_by"] for note in call.notes("answered_by")] == ["person"]
    assert answerer(call) == "person"


def test_a_silent_model_is_reminded_of_the_greeting_and_no_filler_comes_before_it() -> None:
    call = PlacedCall(hello(), clips(one_moment=900, trouble=1_200))
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_300 + 4_000)
    assert len(call.dictated()) == 2
    assert not call.sent
    call.advance(12_000)
    assert call.last(HangUp).reason is EndReason.MODEL_LOST


@pytest.mark.parametrize("event", [DrainExpired(), TimePassed()], ids=["drain", "longest call"])
def test_an_end_that_we_want_waits_for_the_disclosure(event: Event) -> None:
    call = greeted(settings=SessionSettings(limits=Limits(max_call_ms=int(HELLO_ENDS_MS) + 3_000)))
    call.feed(event)
    call.advance(GREETING_MS + 4_000)
    assert is_whole(call)
    assert min(call.heard_of(OTHER_LEVEL)) > max(call.heard_of(GREETING_LEVEL))
    wanted = EndReason.BRIDGE_ERROR if isinstance(event, DrainExpired) else EndReason.MAX_DURATION
    assert call.last(HangUp).reason is wanted


def test_a_notice_that_was_heard_whole_lets_the_call_be_recorded() -> None:
    call = greeted(recording="notice", settings=SessionSettings(records=True))
    barge_in(call)
    assert not call.all(RecordAudio)
    call.advance(GREETING_MS + 2_000)
    kept = call.all(RecordAudio)
    assert kept
    assert kept[0].at_ms >= max(call.heard_of(GREETING_LEVEL))
    assert not call.all(DropRecording)


def test_time_shares_count_the_whole_call() -> None:
    call = greeted()
    call.advance(GREETING_MS)
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    shares = call.ended.shares
    assert shares is not None
    assert abs(shares.agent_ms - GREETING_MS) <= 60
    assert shares.caller_ms > 0
    parts = shares.agent_ms + shares.caller_ms + shares.silence_ms + shares.tools_ms + shares.hold_ms
    assert parts == shares.total_ms == call.ended.duration_ms


# --- nobody says a word ----------------------------------------------------------------------------------------------------


def test_silence_is_greeted_and_ends_as_an_idle_call_does() -> None:
    call = PlacedCall(sound(still(100)))
    call.model_ready()
    call.advance(45_000)
    assert 3_500 < next(call.sounds()) < 5_000
    assert is_whole(call)
    assert call.last(HangUp).reason is EndReason.IDLE
    assert len(call.notes("idle_prompt")) == 2
    assert answerer(call) == "silence"


def test_a_line_that_sends_nothing_at_all_is_silent() -> None:
    call = PlacedCall(sound(still(100)))
    call.streaming = False
    call.advance(6_000)
    assert 3_500 < next(call.sounds()) < 5_000


def test_whoever_speaks_after_all_was_no_silence() -> None:
    call = PlacedCall(sound(still(100)))
    call.model_ready()
    call.advance(25_000)  # the detector has given up by now
    call.feed(CallerTranscribed("Sorry, I was muted", finished=True))
    assert answerer(call) == "person"


# --- machines --------------------------------------------------------------------------------------------------------------


def test_a_mailbox_is_hung_up_on_without_a_word_once_it_is_sure_to_be_one() -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line)
    call.model_ready()
    call.advance(beep_ends_ms + 2_000)
    assert not call.sent
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert answerer(call) == "machine"
    assert call.ended is not None
    assert call.ended.reason is EndReason.MACHINE


def test_length_alone_hangs_up_on_nobody_before_the_quiet_that_follows_it() -> None:
    words = speech(
        "Lakeside dental clinic, thank you for calling. We are open from eight in the morning, and you can park right behind the house.",
        130,
    )
    line = sound(still(200), words)
    call = PlacedCall(line)
    call.advance(length_ms(line) + 1_500)
    assert call.notes("answered_by")[-1]["cue"] == "goes_on"
    assert not call.all(HangUp)
    call.advance(3_000)
    assert call.last(HangUp).reason is EndReason.MACHINE


@pytest.mark.parametrize("message_ms", [MESSAGE_MS, 24_000])
def test_a_message_begins_after_the_beep_and_is_left_whole(message_ms: int) -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, {**CLIPS, "voicemail": voice_ms(message_ms, MESSAGE_LEVEL)}, message=MESSAGE)
    call.model_ready()
    call.advance(beep_ends_ms + message_ms + 3_000)
    assert beep_ends_ms - 30 <= next(call.sounds()) <= beep_ends_ms + 800
    assert is_whole(call, MESSAGE_LEVEL, message_ms)
    assert not call.heard_of(GREETING_LEVEL)
    (left,) = call.notes("voicemail_left")
    assert abs(left["heard_ms"] - message_ms) <= 20
    hang_up = call.last(HangUp)
    assert hang_up.reason is EndReason.MACHINE
    assert hang_up.by_rest
    assert call.model_heard_ms() == 0


def test_whatever_comes_while_the_message_is_left_it_is_left_whole() -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, message=MESSAGE)
    call.model_ready()
    call.advance(beep_ends_ms + 1_500)
    call.is_heard(after(0, "Hello, hello, is anybody there?"))
    call.feed(ModelInterrupted(), CallerSpeech(True), CallerTranscribed("stop calling me"), DtmfPressed("5", 100))
    call.model_says(800)
    call.advance(MESSAGE_MS + 2_000)
    assert is_whole(call, MESSAGE_LEVEL, MESSAGE_MS)
    assert not call.opt_outs()
    assert not call.heard_of(MODEL_LEVEL)


@pytest.mark.parametrize("call_clips", [None, NO_CLIPS], ids=["clip", "dictated"])
def test_whoever_picks_up_beside_the_machine_stops_all_calls_with_the_key(call_clips: dict[str, bytes] | None) -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, call_clips, message=MESSAGE)
    call.model_ready()
    call.advance(beep_ends_ms + 1_000)
    if call_clips == NO_CLIPS:
        call.feed(ModelAudio(voice_ms(MESSAGE_MS, MESSAGE_LEVEL)), GenerationComplete())
    call.advance(1_000)
    pressed = call.now
    call.feed(DtmfPressed("9", 100))
    (asked,) = call.opt_outs()
    call.advance(300)
    assert pressed - 1_600 < min(call.heard_of(MESSAGE_LEVEL)) < max(call.heard_of(MESSAGE_LEVEL)) <= pressed + 20
    call.feed(ToolReturned(asked.tool_call_id, {"status": "opted_out"}, end_call=True))
    call.advance(4_000)
    assert call.last(HangUp).reason is EndReason.GOODBYE
    (left,) = call.notes("voicemail_left")
    assert left["heard_ms"] < 1_700
    assert answerer(call) == "machine"


@pytest.mark.parametrize("late_ms", [300, 1_500])
def test_the_key_is_obeyed_behind_the_message_too(late_ms: int) -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, message=MESSAGE)
    call.advance(beep_ends_ms + 1_000)
    call.advance(call.heard_of(MESSAGE_LEVEL)[0] + MESSAGE_MS + late_ms - call.now)
    call.feed(DtmfPressed("9", 100))
    assert len(call.opt_outs()) == 1
    call.advance(1_000)
    assert call.last(HangUp).reason is EndReason.MACHINE


def test_without_a_clip_the_model_leaves_the_message() -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, NO_CLIPS, message=MESSAGE)
    call.model_ready()
    call.advance(beep_ends_ms + 1_000)
    assert MESSAGE in call.last(SayToModel).text
    call.feed(ModelAudio(voice_ms(5_000, MESSAGE_LEVEL)), GenerationComplete(), TurnComplete())
    call.feed(ModelAudio(voice_ms(1_000, MODEL_LEVEL)))
    call.advance(7_000)
    assert is_whole(call, MESSAGE_LEVEL, 5_000)
    assert not call.heard_of(MODEL_LEVEL)
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert abs(call.notes("voicemail_left")[0]["heard_ms"] - 5_000) <= 20


def test_without_clip_and_model_the_machine_is_hung_up_on() -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, NO_CLIPS, message=MESSAGE)
    call.advance(1_000)
    call.feed(ModelLost(1, 403, "", Loss.REFUSED))
    call.advance(beep_ends_ms + 1_500)
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert not call.sent
    assert not call.notes("voicemail_left")


def test_a_machine_that_hangs_up_on_the_message_is_still_a_machine() -> None:
    line, beep_ends_ms = mailbox()
    call = PlacedCall(line, message=MESSAGE)
    call.advance(beep_ends_ms + 3_000)
    assert hung_up(call) is EndReason.MACHINE
    (left,) = call.notes("voicemail_left")
    assert 1_500 < left["heard_ms"] < 3_000


@pytest.mark.parametrize("call_clips", [None, NO_CLIPS], ids=["clip", "dictated"])
def test_the_second_look_cuts_the_greeting_and_hangs_up(call_clips: dict[str, bytes] | None) -> None:
    line, beep_ends_ms = short_mailbox()
    call = PlacedCall(line, call_clips)
    call.model_ready()
    call.advance(beep_ends_ms - 300)
    if call_clips == NO_CLIPS:
        call.model_greets()
    call.advance(2_000)
    assert call.notes("answered_by")[0]["answered_by"] == "person"
    assert call.notes("answered_by")[-1]["cue"] == "beep"
    assert 0 < len(call.heard_of(GREETING_LEVEL)) * 20 < GREETING_MS / 2
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert answerer(call) == "machine"


def test_after_the_second_look_a_message_is_left_and_nothing_of_the_greeting_goes_on() -> None:
    line, beep_ends_ms = short_mailbox()
    call = PlacedCall(line, message=MESSAGE)
    call.model_ready()
    call.advance(beep_ends_ms - 100)
    call.model_says(700, "One moment")
    call.advance(MESSAGE_MS + 3_000)
    assert is_whole(call, MESSAGE_LEVEL, MESSAGE_MS)
    assert min(call.heard_of(MESSAGE_LEVEL)) > max(call.heard_of(GREETING_LEVEL))
    assert min(call.heard_of(MESSAGE_LEVEL)) >= beep_ends_ms - 30
    assert not call.heard_of(MODEL_LEVEL)


def test_words_give_a_machine_away_that_was_greeted() -> None:
    call = greeted(message=MESSAGE)
    call.feed(CallerTranscribed("please leave a message after the tone"))
    cut = call.now
    assert call.notes("answered_by")[-1]["cue"] == "words"
    call.is_heard(sound(still(200), beep()))
    call.advance(MESSAGE_MS + 4_000)
    assert max(call.heard_of(GREETING_LEVEL)) <= cut + 20
    assert is_whole(call, MESSAGE_LEVEL, MESSAGE_MS)


def test_a_mailbox_without_a_beep_is_spoken_to_where_its_words_say_what_it_is() -> None:
    call = greeted(message=MESSAGE)
    call.feed(CallerTranscribed("you may leave your message"))
    call.advance(MESSAGE_MS + 6_000)
    assert is_whole(call, MESSAGE_LEVEL, MESSAGE_MS)


@pytest.mark.parametrize(
    "words", ["the number you have dialled is switched off", "say your name and why you are calling"]
)
def test_an_announcement_and_an_assistant_that_screens_are_left_no_message(words: str) -> None:
    call = greeted(message=MESSAGE)
    call.feed(CallerTranscribed(words))
    call.advance(1_000)
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert not call.heard_of(MESSAGE_LEVEL)


def test_information_tones_are_left_no_message() -> None:
    call = PlacedCall(sound(still(300), information_tones(), still(300), beep()), message=MESSAGE)
    call.advance(6_000)
    assert call.notes("answered_by")[-1]["cue"] == "information_tone"
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert not call.sent


@pytest.mark.parametrize("message", ["", MESSAGE])
def test_a_fax_is_hung_up_on(message: str) -> None:
    call = PlacedCall(sound(still(500), tone((2_100,), 2_000), still(75), data_of_fax(600, 3)), message=message)
    call.advance(6_000)
    assert not call.sent
    assert call.last(HangUp).reason is EndReason.MACHINE
    assert answerer(call) == "fax"


# --- while nobody knows ----------------------------------------------------------------------------------------------------


def test_whoever_leaves_before_the_verdict_leaves_nothing_unknown_behind() -> None:
    call = PlacedCall(hello())
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 200)
    assert hung_up(call) is EndReason.CALLER_HUNG_UP
    assert answerer(call) == ""
    assert not call.sent


def test_a_model_that_is_lost_meanwhile_is_replaced_without_a_word() -> None:
    call = PlacedCall(hello(), NO_CLIPS)
    call.model_ready()
    call.advance(600)
    call.feed(ModelLost(1, 1006, "", Loss.NETWORK))
    call.advance(400)
    call.model_ready()
    assert not call.all(SayToModel)
    call.advance(HELLO_ENDS_MS + 1_300 - call.now)
    assert len(call.dictated()) == 1
    assert not call.sent


def test_where_no_model_can_be_had_the_caller_is_greeted_before_they_are_told_so() -> None:
    call = PlacedCall(hello())
    call.advance(300)
    call.feed(ModelLost(1, 403, "", Loss.REFUSED))
    call.advance(HELLO_ENDS_MS - call.now)
    assert not call.sent
    call.advance(GREETING_MS + 5_000)
    assert is_whole(call)
    assert min(call.heard_of(OTHER_LEVEL)) > max(call.heard_of(GREETING_LEVEL))
    assert call.last(HangUp).reason is EndReason.MODEL_LOST
    assert answerer(call) == "person"


@pytest.mark.parametrize("reason", [EndReason.MAX_DURATION, EndReason.BRIDGE_ERROR])
def test_a_call_that_must_end_while_nobody_knows_ends_in_silence(reason: EndReason) -> None:
    limits = Limits(max_call_ms=1_000 if reason is EndReason.MAX_DURATION else 60_000)
    call = PlacedCall(hello(), settings=SessionSettings(limits=limits))
    call.advance(950)
    if reason is EndReason.BRIDGE_ERROR:
        call.feed(DrainExpired())
    call.advance(200)
    assert not call.sent
    assert call.last(HangUp).reason is reason


def test_the_key_that_stops_all_calls_is_obeyed_even_then_and_in_silence() -> None:
    call = PlacedCall(hello())
    call.model_ready()
    call.feed(DtmfPressed("1", 100))
    call.advance(600)
    call.feed(DtmfPressed("9", 100))
    assert len(call.opt_outs()) == 1
    call.feed(ToolReturned(call.opt_outs()[0].tool_call_id, {"status": "opted_out"}, end_call=True))
    assert call.last(HangUp).reason is EndReason.GOODBYE
    assert not call.sent
    assert not call.all(SayToModel)


EVENTS: dict[str, Event] = {
    "audio": ModelAudio(voice_ms(300)),
    "words": AgentTranscribed("Hello there"),
    "generated": GenerationComplete(),
    "turn": TurnComplete(),
    "interrupted": ModelInterrupted(),
    "speech": CallerSpeech(True),
    "speech over": CallerSpeech(False),
    "caller": CallerTranscribed("hello", finished=True),
    "stop": CallerTranscribed("stop calling me"),
    "key": DtmfPressed("5", 100),
    "stop key": DtmfPressed("9", 100),
    "tool": ToolAsked("c1", "findTimes", {}),
    "end": ToolAsked("c2", "endCall", {}),
    "returned": ToolReturned("c1", {"status": "ok", "say": "Yes"}),
    "ready": ModelReady(1),
    "ready again": ModelReady(2),
    "lost": ModelLost(1, 1006, "", Loss.NETWORK),
    "refused": ModelLost(1, 403, "", Loss.REFUSED),
    "leaving": GoingAway(3_000),
    "handle": ResumeHandle("h"),
    "usage": UsageReported(1, 1, 0, 2),
    "drain": DrainExpired(),
    "blocked": SwitchCongested(True),
    "free": SwitchCongested(False),
    "time": TimePassed(),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.sampled_from([0, 40, 200])), max_size=14), st.booleans())
@settings(max_examples=25, deadline=None)
def test_whatever_happens_while_nobody_knows_nothing_is_sent_to_the_switch(
    happens: list[tuple[str, int]], has_clips: bool
) -> None:
    call = PlacedCall(hello(), None if has_clips else NO_CLIPS, message=MESSAGE)
    for name, wait_ms in happens:
        call.feed(EVENTS[name])
        if call.now + wait_ms > HELLO_ENDS_MS:
            break
        call.advance(wait_ms)
    assert call.sent == []
    assert not call.model_heard


@given(st.lists(st.sampled_from(sorted(set(EVENTS) - {"stop", "stop key", "blocked"})), max_size=10))
@settings(max_examples=6, deadline=None)
def test_whatever_happens_over_it_the_disclosure_is_heard_whole(happens: list[str]) -> None:
    call = PlacedCall(hello())
    call.model_ready()
    call.advance(HELLO_ENDS_MS + 1_200)
    for name in happens:
        call.feed(EVENTS[name])
        call.advance(150)
    call.advance(GREETING_MS + 500)
    assert is_whole(call)


def test_every_phase_knows_the_end_or_is_left_to_the_call() -> None:
    assert set(TABLE) == set(Phase)
    assert all(Cause.ENDED in TABLE[phase] for phase in Phase if phase not in (Phase.TALKING, Phase.OVER))
    assert not TABLE[Phase.OVER]


# --- a recording of the frames ---------------------------------------------------------------------------------------------


class TapedCall(PlacedCall):
    """Keeps what the frame recorder would."""

    def __init__(self, *given: object, **named: object) -> None:
        self.tape: list[Record] = []
        super().__init__(*given, **named)  # type: ignore[arg-type]

    def _take(self, orders: list[object]) -> None:  # type: ignore[override]
        if not self.tape:
            self.tape.append(Record(Kind.START, 0, 0.0, b""))
        before = len(self.sent)
        super()._take(orders)  # type: ignore[arg-type]
        for at_ms, message in self.sent[before:]:
            kind = Kind.SWITCH_TEXT_OUT if message == b"kill" else Kind.SWITCH_AUDIO_OUT
            payload = b'{"type":"killAudio"}' if message == b"kill" else message
            self.tape.append(Record(kind, 0, at_ms, payload))

    def feed(self, *events: Event) -> None:
        for event in events:
            self.tape.append(Record(Kind.EVENT, 0, self.now, encode_event(event)))
            super().feed(event)

    def hear(self, message: bytes) -> None:
        self.tape.append(Record(Kind.SWITCH_AUDIO_IN, 0, self.now, message))
        super().hear(message)


@pytest.mark.parametrize("message", ["", MESSAGE])
def test_a_taped_call_runs_again_to_the_byte(message: str) -> None:
    line, beep_ends_ms = short_mailbox()
    call = TapedCall(line, message=message)
    call.model_ready()
    call.advance(beep_ends_ms + MESSAGE_MS + 2_000)
    call.feed(SwitchClosed(1000))
    head = Head("HD_1", "", SessionSettings(), call.session.context)
    named = [Record(Kind.CLIP, 0, 0.0, name.encode() + b"\0" + pcm) for name, pcm in CLIPS.items()]
    outcome = Replay(head, [*named, *call.tape]).run()
    assert outcome.difference is None
    assert [line["text"] for line in outcome.transcript] == [line["text"] for line in call.ended.transcript]  # type: ignore[union-attr]
    other = Replay(replace(head, context=replace(head.context, answering=None)), [*named, *call.tape]).run()
    assert other.difference is not None
