"""A hand-off in virtual time, on the caller's leg, on the person's, and with both of them joined."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bridge.core.engines import GEMINI
from bridge.core.frames import (
    AnswerTool,
    Asked,
    AskHandoff,
    CallerTranscribed,
    CallTool,
    DrainExpired,
    DropModel,
    DtmfPressed,
    EndReason,
    GenerationComplete,
    HandoffBegun,
    HandoffTold,
    HangUp,
    JoinPeer,
    LeavePeer,
    Loss,
    ModelAudio,
    ModelLost,
    ModelReady,
    OpenModel,
    PeerConnected,
    PeerSaid,
    PeerWord,
    ReachPeer,
    SayToModel,
    SwitchClosed,
    TellModel,
    TellPeer,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnDetection,
    WatchHandoff,
)
from bridge.core.handing_over import ALREADY, HANDED_OVER, NOBODY
from bridge.core.handoff import Stage
from bridge.core.limits import Limits
from bridge.core.session import CallSession, SessionSettings
from tests.unit.bridge.joined_calls import (
    CALLER_TOOLS,
    CLIP_LEVEL,
    CONNECTING,
    DECLINED,
    HANDOFF,
    MODEL_LEVEL,
    PERSON_TOOLS,
    RING_S,
    Leg,
    Pair,
    declared,
)
from tests.unit.bridge.virtual_call import context, voice_ms

Float = np.ndarray[Any, np.dtype[np.float64]]


def calling() -> Pair:
    """The caller has been told to wait, and somewhere a telephone rings."""
    pair = Pair()
    pair.caller.model_ready()
    pair.advance(900)
    pair.hand_over()
    return pair


def briefing() -> tuple[Pair, Leg]:
    pair = calling()
    pair.advance(1_200)
    person = pair.person_answers()
    pair.advance(40)
    person.model_ready()
    person.model_says(500, "Call for you. Do you take it?")
    pair.advance(700)
    return pair, person


def joined() -> tuple[Pair, Leg]:
    pair, person = briefing()
    person.feed(DtmfPressed("1", 100))
    pair.advance(400)
    assert pair.caller.session.handoff.is_joined
    assert person.session.handoff.is_joined
    return pair, person


def asked(pair: Pair, who: str) -> list[Asked]:
    return [what for leg, what in pair.asked if leg == who]


# --- while the caller waits --------------------------------------------------------------------------------------------------


def test_the_tools_answer_is_held_back_and_the_caller_is_told_to_wait_every_ten_seconds() -> None:
    pair = calling()
    began = pair.now
    pair.advance(25_000)
    caller = pair.caller
    assert caller.all(WatchHandoff) == [WatchHandoff(HANDOFF)]
    assert caller.all(AnswerTool) == []
    lines = [at for at in caller.sounds(CLIP_LEVEL) if at >= began]
    starts = [at for index, at in enumerate(lines) if index == 0 or at - lines[index - 1] > 500]
    assert [round((at - began) / 1_000) for at in starts] == [0, 10, 20]
    said = [line["text"] for line in caller.session.minutes.lines]
    assert said.count("I am trying to reach somebody.") == 1
    assert said.count("I am still trying.") == 2


def test_neither_the_ladder_nor_a_filler_nor_an_idle_prompt_comes_while_the_caller_waits_for_a_person() -> None:
    pair = calling()
    caller = pair.caller
    before = len(caller.orders)
    caller.speech = [(pair.now + 2_000, pair.now + 3_200)]
    pair.advance(3_500)
    caller.feed(CallerTranscribed("hello, is somebody there?", finished=True))
    pair.advance(25_000)
    orders = caller.orders[before:]
    assert not [order for order in orders if isinstance(order, SayToModel | OpenModel | HangUp)]
    assert caller.notes("alarm") == []
    assert caller.notes("idle_prompt") == []
    assert "One moment, please." not in [line["text"] for line in caller.session.minutes.lines]


def test_the_agent_is_never_cut_in_mid_sentence_by_a_line() -> None:
    pair = Pair()
    caller = pair.caller
    caller.model_ready()
    pair.advance(1_500)
    caller.feed(ToolAsked("t1", "handOver", {}))
    caller.feed(ModelAudio(voice_ms(1_000)))
    pair.advance(600)
    caller.feed(ToolReturned("t1", CONNECTING, handoff=HandoffBegun(HANDOFF, False, RING_S)))
    pair.advance(200)
    caller.feed(ModelAudio(voice_ms(500)))
    caller.feed(GenerationComplete())
    pair.advance(4_000)
    speech, lines = list(caller.sounds(MODEL_LEVEL)), [at for at in caller.sounds(CLIP_LEVEL) if at > 1_500]
    assert lines
    assert min(lines) > max(speech)
    assert "interrupted" not in [note.event for note in caller.orders if hasattr(note, "event")]


@pytest.mark.parametrize("state", ["declined", "no_answer", "busy", "failed", "cancelled"])
def test_a_failed_attempt_answers_the_tool_with_the_control_planes_words(state: str) -> None:
    pair = calling()
    pair.state, pair.payload = state, {**DECLINED, "status": state}
    pair.advance(1_200)
    caller = pair.caller
    assert caller.last(AnswerTool) == AnswerTool("t1", "handOver", pair.payload)
    assert caller.all(LeavePeer)
    caller.model_says(1_000, "They cannot talk now.")
    pair.advance(2_000)
    assert caller.session.handoff.table.stage is Stage.OVER
    assert caller.all(HangUp) == []


def test_a_model_that_was_replaced_meanwhile_is_told_the_outcome_as_a_fact() -> None:
    pair = calling()
    caller = pair.caller
    caller.feed(ModelLost(caller.last(OpenModel).link, 1011, "", Loss.STATE))
    pair.advance(200)
    caller.model_ready()
    pair.state, pair.payload = "declined", DECLINED
    pair.advance(1_200)
    assert caller.all(AnswerTool) == []
    assert "They cannot talk now" in caller.last(TellModel).text
    assert caller.all(SayToModel)


def test_a_model_that_has_let_go_of_its_call_is_told_all_the_same() -> None:
    pair = calling()
    pair.caller.feed(ToolsCancelled(("t1",)))
    pair.advance(5_000)
    assert pair.caller.notes("idle_prompt") == []
    pair.state, pair.payload = "no_answer", DECLINED
    pair.advance(1_200)
    assert "They cannot talk now" in pair.caller.last(TellModel).text
    assert pair.caller.all(SayToModel)


def test_a_hand_off_outlives_a_call_without_any_model() -> None:
    pair, person = briefing()
    caller = pair.caller
    caller.feed(ModelLost(caller.last(OpenModel).link, 0, "", Loss.REFUSED))
    pair.advance(15_000)
    assert caller.all(HangUp) == []
    person.feed(DtmfPressed("1", 100))
    pair.advance(500)
    assert caller.session.handoff.is_joined


def test_without_a_model_a_failed_attempt_is_the_last_resort() -> None:
    pair = calling()
    pair.caller.feed(ModelLost(pair.caller.last(OpenModel).link, 0, "", Loss.REFUSED))
    pair.advance(3_000)
    assert pair.caller.all(HangUp) == []
    pair.state, pair.payload = "no_answer", DECLINED
    pair.advance(6_000)
    assert pair.caller.last(HangUp).reason is EndReason.MODEL_LOST


def test_a_second_person_is_not_called_while_the_first_one_is() -> None:
    pair = Pair()
    caller = pair.caller
    caller.model_ready()
    pair.advance(900)
    caller.feed(ToolAsked("t2", "handOver", {"department": "accounts"}))  # both before either has answered
    pair.hand_over()
    caller.feed(ToolReturned("t2", CONNECTING, handoff=HandoffBegun("hf-2", False, RING_S)))
    assert caller.last(AskHandoff) == AskHandoff("hf-2", Asked.CANCEL)
    assert caller.last(AnswerTool) == AnswerTool("t2", "handOver", ALREADY)
    pair.state, pair.payload = "declined", DECLINED
    pair.advance(1_200)
    assert caller.last(AnswerTool) == AnswerTool("t1", "handOver", DECLINED)


def test_after_the_longest_time_the_attempt_is_cancelled_and_the_agent_says_so() -> None:
    pair = calling()
    pair.advance(RING_S * 1_000 + 60_000 + 500)
    assert asked(pair, "caller") == [Asked.CANCEL]
    assert pair.caller.last(AnswerTool).payload == NOBODY


def test_a_control_plane_that_is_gone_keeps_nobody_waiting_for_ever() -> None:
    pair = calling()
    pair.is_silent = True
    pair.advance(RING_S * 1_000 + 60_000 + 6_000)
    assert asked(pair, "caller") == [Asked.CANCEL]
    assert pair.caller.last(AnswerTool).payload == NOBODY
    assert pair.caller.all(HangUp) == []


def test_an_acceptance_that_no_bridge_brings_is_cancelled_soon() -> None:
    pair = calling()
    pair.state = "accepted"
    pair.advance(8_000)
    assert asked(pair, "caller") == [Asked.CANCEL]
    assert not pair.caller.session.handoff.is_joined
    assert pair.caller.all(AnswerTool)


def test_a_caller_who_hangs_up_cancels_the_attempt_and_the_person_hears_why() -> None:
    pair, person = briefing()
    person.model_says(2_000)
    pair.caller.feed(SwitchClosed(1000))
    pair.advance(3_000)
    ended = pair.caller.ended
    assert ended is not None
    assert (ended.reason, ended.handoff_id, ended.handoff_asked) == (EndReason.CALLER_HUNG_UP, HANDOFF, Asked.CANCEL)
    assert list(person.sounds(CLIP_LEVEL))
    assert person.last(HangUp) == HangUp(EndReason.GOODBYE)
    assert "The caller has hung up." in [line["text"] for line in person.session.minutes.lines]
    assert person.ended is not None


def test_a_drain_ends_both_truthfully() -> None:
    pair, person = joined()
    pair.caller.feed(DrainExpired())
    pair.advance(4_000)
    assert pair.caller.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert person.last(HangUp).reason is EndReason.BRIDGE_ERROR  # no hang-up of the caller's: its bridge is gone
    assert list(person.sounds(CLIP_LEVEL))
    assert pair.caller.ended is not None
    assert pair.caller.ended.handoff_asked is Asked.ENDED


def test_a_goodbye_that_is_taken_back_leaves_no_tool_unanswered() -> None:
    pair = calling()
    caller = pair.caller
    caller.feed(ToolAsked("t2", "endCall", {}))
    pair.advance(100)
    caller.feed(ToolReturned("t2", {"status": "ok", "say": "Goodbye."}, end_call=True))
    assert caller.session.handoff.table.stage is Stage.OVER
    caller.feed(ToolAsked("t3", "findTimes", {}))
    pair.advance(100)
    caller.feed(ToolReturned("t3", {"status": "ok"}))
    assert [answer.tool_call_id for answer in caller.all(AnswerTool)] == ["t2", "t1", "t3"]
    assert asked(pair, "caller") == [Asked.CANCEL]


def test_the_person_is_told_what_was_said_last() -> None:
    pair = Pair()
    caller = pair.caller
    caller.model_ready()
    pair.advance(1_500)
    for turn in range(8):
        caller.feed(CallerTranscribed(f"question {turn}", finished=True))
        caller.model_says(300, f"answer {turn}")
        pair.advance(900)
    caller.feed(CallerTranscribed("x" * 900))
    caller.feed(ToolAsked("t1", "handOver", {}))
    turns = caller.last(CallTool).last_turns
    assert 10 <= len(turns) <= 12
    assert turns[-1] == ("caller", "x" * 500)
    assert ("caller", "question 7") in turns
    assert all(len(text) <= 500 for _, text in turns)
    caller.feed(ToolAsked("t9", "findTimes", {}))
    assert caller.last(CallTool).last_turns == ()


# --- the person's leg --------------------------------------------------------------------------------------------------------


def test_a_persons_leg_reaches_the_callers_bridge_at_once_and_reports_the_brief() -> None:
    pair, person = briefing()
    assert person.all(ReachPeer) == [ReachPeer()]
    assert person.all(TellPeer) == [TellPeer(PeerWord.BRIEFING)]
    assert asked(pair, "person") == [Asked.BRIEFING]
    assert pair.caller.session.handoff.table.stage is Stage.BRIEFING


@pytest.mark.parametrize("way", ["key", "tool"])
def test_a_yes_by_key_or_by_voice_joins(way: str) -> None:
    pair, person = briefing()
    if way == "key":
        person.feed(DtmfPressed("1", 100))
    else:
        person.feed(ToolAsked("p1", "acceptCall", {}))
        person.feed(ToolReturned("p1", {"status": "accepted", "say": "Connecting."}))
    pair.advance(400)
    assert pair.caller.session.handoff.is_joined
    assert person.session.handoff.is_joined
    assert person.all(AnswerTool) == []  # nobody says "you are connected" into the conversation
    assert asked(pair, "person") == [Asked.BRIEFING, Asked.ACCEPT]
    assert asked(pair, "caller") == [Asked.JOINED]
    for leg in (pair.caller, person):
        assert leg.all(DropModel)
        assert HANDED_OVER in [line["text"] for line in leg.session.minutes.lines]


@pytest.mark.parametrize("way", ["key", "tool", "hang_up", "silence"])
def test_a_no_in_any_form_gives_the_caller_back_to_the_agent(way: str) -> None:
    pair, person = briefing()
    if way == "key":
        person.feed(DtmfPressed("2", 100))
    elif way == "tool":
        person.feed(ToolAsked("p1", "declineCall", {"reason": "in a meeting"}))
        person.feed(ToolReturned("p1", {"status": "declined", "say": "All right. Goodbye."}))
        person.model_says(500, "All right. Goodbye.")
    elif way == "hang_up":
        person.feed(SwitchClosed(1000))
    pair.advance(32_000 if way == "silence" else 5_000)
    assert person.ended is not None
    assert not pair.caller.session.ended
    assert not pair.caller.session.handoff.is_joined
    assert pair.caller.last(AnswerTool).tool_call_id == "t1"
    told = asked(pair, "person")
    assert Asked.ACCEPT not in told
    assert Asked.DECLINE in told or person.ended.handoff_asked is Asked.DECLINE


def test_other_keys_are_the_models() -> None:
    _, person = briefing()
    person.feed(DtmfPressed("5", 100))
    person.advance(2_500)
    assert "5" in person.last(SayToModel).text
    assert not person.session.handoff.is_joined


def test_a_person_who_takes_a_caller_who_has_gone_is_told_so() -> None:
    pair, person = briefing()
    pair.state = "cancelled"
    person.feed(DtmfPressed("1", 100))
    pair.advance(2_000)
    assert not person.session.handoff.is_joined
    assert person.last(HangUp).reason is EndReason.GOODBYE
    assert list(person.sounds(CLIP_LEVEL))


def test_a_yes_counts_even_if_the_control_plane_cannot_be_told() -> None:
    pair, person = briefing()
    pair.is_silent = True
    person.feed(DtmfPressed("1", 100))
    pair.advance(400)
    assert person.session.handoff.is_joined
    assert pair.caller.session.handoff.is_joined


def test_a_person_whose_bridge_reaches_nobody_hears_that_something_is_wrong() -> None:
    pair = calling()
    person = pair.person_answers()
    pair.advance(5)
    pair.cut()
    pair.advance(4_000)
    assert person.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert person.ended is not None
    assert person.ended.handoff_asked is Asked.DECLINE
    assert not pair.caller.session.ended


# --- joined ------------------------------------------------------------------------------------------------------------------


def delay_of(heard: Float, spoken: Float) -> tuple[int, float]:
    """How many samples later `spoken` is heard, and how well the two agree."""
    size = 1 << (len(heard) + len(spoken)).bit_length()
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)), size)[: len(heard)]
    at = int(np.argmax(found))
    part = heard[at : at + len(spoken)]
    return at, float(part @ spoken[: len(part)] / max(1.0, np.sqrt((part @ part) * (spoken @ spoken))))


def spoken_by(leg: Leg, from_ms: float) -> Float:
    frames = b"".join(frame for at, frame in leg.spoken if at > from_ms)
    return np.frombuffer(frames, "<i2").astype(float)


@pytest.mark.parametrize("jitter_ms", [0.0, 30.0])
def test_each_hears_the_other_sample_by_sample_and_soon(jitter_ms: float) -> None:
    pair, person = joined()
    draw = random.Random(4)
    pair.jitter = lambda: draw.uniform(0.0, jitter_ms)
    caller = pair.caller
    pair.advance(500)
    began = pair.now
    caller.talks = person.talks = True
    pair.advance(4_000)
    caller.talks = person.talks = False
    pair.advance(500)
    for hears, speaks in ((caller, person), (person, caller)):
        heard = hears.heard(began - hears.born_ms, pair.now - hears.born_ms).astype(float)
        said = spoken_by(speaks, 0.0)
        late, likeness = delay_of(heard, said)
        assert likeness > 0.999, "every sample of it, and nothing else"
        assert 0 < late / 16 <= 160 + 60
        assert late / 16 >= 20  # it cannot be heard before it was said


def test_no_gap_of_more_than_forty_milliseconds_under_ordinary_jitter() -> None:
    pair, person = joined()
    draw = random.Random(9)
    pair.jitter = lambda: draw.choice([0.0, 5.0, 20.0, 60.0])
    person.talks = True
    pair.advance(10_000)
    heard = pair.caller.heard(pair.now - 9_000, pair.now - 200)
    silent = np.flatnonzero(np.append(heard != 0, True))
    gaps = np.diff(np.concatenate(([-1], silent))) - 1
    assert gaps.max() <= 40 * 16


def test_nothing_of_the_brief_reaches_the_caller_and_nothing_of_the_agent_either() -> None:
    pair, person = briefing()
    person.talks = True  # the person speaks during the brief
    pair.advance(1_000)
    person.talks = False
    before = spoken_by(person, 0.0)
    person.model_says(5_000, "… and there is more to say about it")
    pair.advance(500)
    person.feed(DtmfPressed("1", 100))
    pair.advance(160)
    accepted = pair.now
    pair.advance(2_000)
    caller = pair.caller
    heard = caller.heard(0.0, pair.now).astype(float)
    assert delay_of(heard, before)[1] < 0.1
    assert not [at for at in caller.sounds() if at > accepted + 200], "nobody says anything now"
    at_person = person.heard(accepted - person.born_ms + 200, pair.now - person.born_ms)
    assert not at_person.any(), "the brief stops when it is over"


def test_a_late_burst_is_cut_and_the_delay_stays_small() -> None:
    pair, person = joined()
    person.talks = True
    pair.advance(2_000)
    pair.delay_ms = 500.0  # a stall of the network, then everything at once
    pair.advance(100)
    pair.delay_ms = 2.0
    pair.advance(3_000)
    assert pair.caller.session.voice.pacer.ahead_ms(pair.now) <= 200


def test_no_model_hears_either_of_them_and_nobody_is_asked_whether_they_are_there() -> None:
    pair, person = joined()
    before = [len(leg.model_heard) for leg in pair.legs]
    orders = [len(leg.orders) for leg in pair.legs]
    person.talks = True
    pair.advance(1_000)
    person.talks = False
    pair.advance(40_000)
    assert [len(leg.model_heard) for leg in pair.legs] == before
    for leg, seen in zip(pair.legs, orders, strict=True):
        assert not [order for order in leg.orders[seen:] if isinstance(order, OpenModel | HangUp | SayToModel)]
        assert leg.notes("idle_prompt") == []


def test_keys_pressed_in_the_conversation_are_nobodys() -> None:
    pair, person = joined()
    person.feed(DtmfPressed("2", 100))
    pair.caller.feed(DtmfPressed("5", 100))
    pair.advance(3_000)
    assert person.session.handoff.is_joined
    assert pair.caller.all(SayToModel) == []


@pytest.mark.parametrize("who", ["caller", "person"])
def test_when_one_hangs_up_the_other_leg_is_hung_up_by_rest(who: str) -> None:
    pair, person = joined()
    leaves, stays = (pair.caller, person) if who == "caller" else (person, pair.caller)
    leaves.feed(SwitchClosed(1000))
    pair.advance(300)
    assert stays.all(HangUp) == [HangUp(EndReason.HANDED_OVER, by_rest=True)]
    assert leaves.ended is not None
    assert stays.ended is not None
    assert (leaves.ended.reason, stays.ended.reason) == (EndReason.CALLER_HUNG_UP, EndReason.HANDED_OVER)
    assert {leg.ended.handoff_asked for leg in pair.legs if leg.ended} == {Asked.ENDED}
    assert not list(stays.sounds(CLIP_LEVEL))[-1:] or max(stays.sounds(CLIP_LEVEL)) < stays.now - 1_000


def test_a_socket_lost_in_mid_conversation_ends_both_legs_with_words_after_a_second() -> None:
    pair, _ = joined()
    lost = pair.now
    pair.cut()
    pair.advance(4_000)
    for leg in pair.legs:
        words = [at for at in leg.sounds(CLIP_LEVEL) if at + leg.born_ms >= lost]
        assert 950 <= words[0] + leg.born_ms - lost <= 1_100
        assert leg.last(HangUp) == HangUp(EndReason.BRIDGE_ERROR)
        assert leg.ended is not None
        assert leg.ended.handoff_id == HANDOFF


def test_a_socket_that_is_open_and_dead_does_not_keep_anybody_for_ever() -> None:
    pair, person = joined()
    pair.carry = lambda leg, frame: None  # type: ignore[method-assign]
    pair.advance(16_000)
    assert person.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert pair.caller.last(HangUp).reason is EndReason.BRIDGE_ERROR


def test_a_hang_up_right_after_the_loss_is_no_fault() -> None:
    pair, _ = joined()
    pair.cut()
    pair.advance(300)
    pair.caller.feed(SwitchClosed(1000))
    pair.advance(200)
    assert pair.caller.ended is not None
    assert pair.caller.ended.reason is EndReason.CALLER_HUNG_UP


def test_the_longest_call_ends_a_conversation_too() -> None:
    pair = Pair(settings=SessionSettings(limits=Limits(max_call_ms=30_000, max_joined_ms=5_000)))
    pair.caller.model_ready()
    pair.advance(1_500)
    pair.hand_over()
    pair.advance(1_000)
    person = pair.person_answers()
    pair.advance(100)
    person.feed(DtmfPressed("1", 100))
    pair.advance(40_000)
    assert pair.caller.last(HangUp).reason is EndReason.MAX_DURATION
    assert person.last(HangUp).reason is EndReason.HANDED_OVER
    assert person.ended is not None


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
@pytest.mark.parametrize("turn_detection", TurnDetection)
def test_every_line_speaks_and_hears_sixteen_kilohertz_and_no_ear_holds_anything_back(
    rate_hz: int, turn_detection: TurnDetection
) -> None:
    frame = rate_hz // 50 * 2
    settings = SessionSettings(engines=(replace(GEMINI, turn_detection=turn_detection),))
    session = CallSession(settings, context(rate_hz=rate_hz, handoff_id=HANDOFF, **declared(PERSON_TOOLS)), {})
    session.start(0.0)
    session.handle(ModelReady(1), 20.0)
    for at in range(20, 400, 20):
        session.caller_audio(bytes(frame), float(at))
    session.handle(PeerConnected(), 400.0)
    session.handle(DtmfPressed("1", 100), 410.0)
    session.handle(HandoffTold(Asked.ACCEPT, "accepted"), 420.0)
    assert session.handoff.is_joined
    passed = [session.caller_audio(bytes(frame), 420.0 + at) for at in range(20, 220, 20)]
    assert [sum(len(part) for part in frames) for frames in passed] == [640] * 10, "silence too, frame by frame"
    sent = [session.peer_audio(bytes(640), 620.0 + at) for at in range(20, 220, 20)]
    assert [len(message) for message in sent[1:] if message is not None] == [frame] * 9


# --- dial --------------------------------------------------------------------------------------------------------------------


def dialled(*, carrier_continues: bool) -> Pair:
    pair = Pair(settings=SessionSettings(carrier_continues=carrier_continues))
    caller = pair.caller
    caller.model_ready()
    pair.advance(1_500)
    caller.feed(ToolAsked("t1", "handOver", {}))
    pair.advance(100)
    caller.feed(ToolReturned("t1", CONNECTING, handoff=HandoffBegun(HANDOFF, True, 0)))
    return pair


def test_dialling_closes_the_stream_only_after_the_words_were_heard() -> None:
    pair = dialled(carrier_continues=True)
    caller = pair.caller
    assert caller.last(AnswerTool).payload == CONNECTING
    caller.model_says(1_500, "I am connecting you.")
    said = pair.now
    pair.advance(1_400)
    assert caller.all(HangUp) == []
    pair.advance(1_500)
    assert caller.all(HangUp) == [HangUp(EndReason.HANDED_OVER, by_rest=False)]
    assert pair.now - said < 3_000
    pair.advance(500)
    assert caller.ended is not None
    assert (caller.ended.reason, caller.ended.handoff_id) == (EndReason.HANDED_OVER, HANDOFF)


def test_dialling_without_a_word_of_the_model_still_gives_way() -> None:
    pair = dialled(carrier_continues=True)
    pair.advance(4_000)
    assert pair.caller.all(HangUp) == [HangUp(EndReason.HANDED_OVER, by_rest=False)]


def test_a_carrier_that_does_not_go_on_is_never_left_to_dial() -> None:
    pair = dialled(carrier_continues=False)
    assert pair.caller.last(AnswerTool).payload == NOBODY
    pair.caller.model_says(1_000, "Nobody can be reached.")
    pair.advance(5_000)
    assert pair.caller.all(HangUp) == []


def test_a_caller_who_has_more_to_say_is_not_put_through() -> None:
    pair = dialled(carrier_continues=True)
    caller = pair.caller
    caller.model_says(1_500, "I am connecting you.")
    pair.advance(500)
    caller.feed(ToolAsked("t2", "findTimes", {}))
    pair.advance(5_000)
    assert caller.all(HangUp) == []


# --- the grid ----------------------------------------------------------------------------------------------------------------

STAGES: dict[Stage, Callable[[], tuple[Pair, Leg | None]]] = {
    Stage.NONE: lambda: (Pair(), None),
    Stage.CALLING: lambda: (calling(), None),
    Stage.BRIEFING: briefing,
    Stage.JOINED: joined,
}
EVENTS = {
    **{f"told_{state or 'nothing'}": HandoffTold(Asked.STATUS, state, DECLINED if state in ("declined", "busy") else None)
       for state in ("", "placing", "ringing", "briefing", "accepted", "declined", "busy", "joined", "ended", "what")},
    **{f"said_{word}": PeerSaid(word) for word in PeerWord},
    "connected": PeerConnected(),
    "hung_up": SwitchClosed(1000),
    "broken": SwitchClosed(1006, by_us=True),
    "drained": DrainExpired(),
    "key": DtmfPressed("1", 100),
    "another": ToolReturned("t1", CONNECTING, handoff=HandoffBegun("hf-2", False, RING_S)),
    "model_lost": ModelLost(1, 1011, "", Loss.REFUSED),
}  # fmt: skip


def after_any(stage: Stage, event: str, side: str, wait_ms: float) -> Pair:
    """The event comes on that leg, and then nothing more but time."""
    pair, person = STAGES[stage]()
    leg = pair.caller if side == "caller" or person is None else person
    was_joined = leg.session.handoff.is_joined
    leg.feed(EVENTS[event])
    if leg.session.handoff.is_joined and not was_joined:
        assert event in ("told_accepted", "told_joined", "said_accepted", "key")
    pair.advance(wait_ms)
    for one in pair.legs:
        assert (one.ended is not None) == one.session.ended
        assert len(one.all(HangUp)) <= 1
        assert len(one.all(JoinPeer)) <= 1
        if one.ended is not None and one.all(JoinPeer):
            assert one.ended.handoff_asked is Asked.ENDED
    return pair


@pytest.mark.parametrize("side", ["caller", pytest.param("person", marks=pytest.mark.faults)])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("stage", STAGES)
def test_any_event_in_any_stage_joins_only_by_acceptance_and_leaves_a_wait_that_has_an_end(
    stage: Stage, event: str, side: str
) -> None:
    pair = after_any(stage, event, side, 700)
    caller = pair.caller.session
    if not caller.ended and caller.handoff.table.is_calling:
        assert caller.handoff.table.deadline_ms(None) <= caller_limit(pair)


def caller_limit(pair: Pair) -> float:
    return pair.now + RING_S * 1_000 + 60_000


@pytest.mark.faults
@pytest.mark.parametrize("side", ["caller", "person"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("stage", [Stage.CALLING, Stage.BRIEFING])
def test_nobody_waits_for_ever_whatever_happens(stage: Stage, event: str, side: str) -> None:
    pair = after_any(stage, event, side, RING_S * 1_000 + 70_000)
    assert not any(leg.session.handoff.table.is_calling for leg in pair.legs if not leg.session.ended)


def test_the_two_kinds_of_leg_have_the_tools_of_the_grid() -> None:
    assert "handOver" in CALLER_TOOLS
    assert "acceptCall" in PERSON_TOOLS
    assert declared(PERSON_TOOLS)["effects"]
    assert AskHandoff(HANDOFF, Asked.STATUS).asked is Asked.STATUS
