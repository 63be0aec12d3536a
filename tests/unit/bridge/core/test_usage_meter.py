"""Sums over turns, and turns that nobody reported."""

from __future__ import annotations

import pytest

from bridge.core.engines import GEMINI, OPENAI, Engine
from bridge.core.frames import (
    EndCall,
    GoingAway,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelLost,
    ModelReady,
    OpenModel,
    ServiceUsed,
    SwitchClosed,
    ToolAsked,
    ToolReturned,
    TurnComplete,
    UsageReported,
    UsageUnknown,
)
from bridge.core.session import SessionSettings
from bridge.core.usage_meter import UsageMeter
from pokea.billing.usage import Meter, ModelUsage
from tests.unit.bridge.virtual_call import VirtualCall, context, voice_ms


def report(text_in: int, audio_out: int = 10) -> UsageReported:
    return UsageReported(
        text_in, audio_out, 0, text_in + audio_out, {Meter.TEXT_IN: text_in, Meter.AUDIO_OUT: audio_out}
    )


SPEAKS = ModelAudio(voice_ms(100))
ASKS = ToolAsked("1", "f", {})
OVER = TurnComplete()


def metered(*events: ModelEvent, engine: Engine = GEMINI) -> ModelUsage:
    meter = UsageMeter()
    meter.connected(engine)
    feed(meter, *events)
    (usage,) = meter.usages()
    return usage


def feed(meter: UsageMeter, *events: ModelEvent) -> None:
    for event in events:
        match event:
            case ModelAudio() | ToolAsked():
                meter.acted()
            case TurnComplete(asked):
                meter.turn_over(asked=asked)
            case UsageReported():
                meter.reported(event)
            case UsageUnknown():
                meter.unknown()


def test_turns_are_summed_because_each_bills_the_context_again() -> None:
    usage = metered(SPEAKS, OVER, report(100), SPEAKS, OVER, report(150), SPEAKS, OVER, report(200))
    assert usage == ModelUsage("gemini", "gemini-3.8-live", {Meter.TEXT_IN: 450, Meter.AUDIO_OUT: 30}, 3, 0)


@pytest.mark.parametrize(
    "turn",
    [
        (SPEAKS, OVER, report(1)),
        (SPEAKS, report(1), OVER),
        (report(1), OVER),
        (OVER, report(1)),
        (ASKS, report(1), SPEAKS, OVER),
    ],
    ids=["after", "before", "empty, before", "empty, after", "with the question"],
)
def test_a_report_around_the_turns_end_is_that_turns(turn: tuple[ModelEvent, ...]) -> None:
    usage = metered(*turn * 5)
    assert (usage.turns, usage.silent_turns) == (5, 0)


@pytest.mark.parametrize(
    ("events", "silent"),
    [
        ((SPEAKS, OVER), 1),
        ((SPEAKS, OVER, SPEAKS, OVER), 2),
        ((SPEAKS, OVER, SPEAKS, OVER, report(1)), 1),
        ((SPEAKS, OVER, report(1), SPEAKS, OVER), 1),
        ((OVER, OVER), 2),
        ((SPEAKS,), 1),  # let go in mid-sentence
        ((), 0),
        ((TurnComplete(asked=False),), 0),
        ((SPEAKS, TurnComplete(asked=False)), 1),
        ((SPEAKS, UsageUnknown(), SPEAKS, OVER), 1),
        ((SPEAKS, OVER, UsageReported(0, 0, 0, 7)), 1),  # which counts nothing that has a price
    ],
)
def test_turns_without_a_report_are_counted(events: tuple[ModelEvent, ...], silent: int) -> None:
    assert metered(*events).silent_turns == silent


def test_what_follows_a_tools_answer_has_a_report_of_its_own() -> None:
    meter = UsageMeter()
    meter.connected(GEMINI)
    feed(meter, ASKS, report(100))
    meter.goes_on()
    feed(meter, SPEAKS, OVER)
    (usage,) = meter.usages()
    assert (usage.turns, usage.silent_turns) == (1, 1)


def test_sentences_that_are_spoken_after_the_report_are_of_the_same_turn() -> None:
    assert metered(SPEAKS, report(10), SPEAKS, SPEAKS, OVER).silent_turns == 0


def test_each_engine_has_its_own_sum_and_one_that_comes_back_goes_on_with_it() -> None:
    meter = UsageMeter()
    for engine, tokens in ((GEMINI, 100), (OPENAI, 40), (GEMINI, 200)):
        meter.connected(engine)
        feed(meter, SPEAKS, OVER, report(tokens))
    first, second = meter.usages()
    assert (first.engine, first.meters[Meter.TEXT_IN], first.turns) == ("gemini", 300, 2)
    assert (second.engine, second.model, second.meters[Meter.TEXT_IN]) == ("openai", "gpt-realtime-2.1", 40)


def test_a_turn_that_the_lost_connection_had_begun_is_not_the_next_ones() -> None:
    meter = UsageMeter()
    meter.connected(GEMINI)
    feed(meter, SPEAKS)
    meter.connected(OPENAI)
    feed(meter, SPEAKS, OVER, report(5))
    assert [(usage.engine, usage.turns, usage.silent_turns) for usage in meter.usages()] == [
        ("gemini", 0, 1),
        ("openai", 1, 0),
    ]


def test_services_beside_the_model_have_their_own_names_and_no_turns() -> None:
    meter = UsageMeter()
    meter.connected(Engine("cascade", "llm"))
    meter.used(ServiceUsed("hears", {Meter.HEARD_MS: 400}))
    meter.used(ServiceUsed("speaks", {Meter.SPOKEN_CHARS: 12}))
    meter.used(ServiceUsed("hears", {Meter.HEARD_MS: 600}))
    feed(meter, report(9))
    assert meter.usages() == (
        ModelUsage("cascade", "llm", {Meter.TEXT_IN: 9, Meter.AUDIO_OUT: 10}, 1),
        ModelUsage("cascade", "hears", {Meter.HEARD_MS: 1_000}),
        ModelUsage("cascade", "speaks", {Meter.SPOKEN_CHARS: 12}),
    )


@pytest.mark.parametrize(
    ("model", "billed_as"),
    [
        ("models/gemini-3.8-live", "gemini-3.8-live"),
        ("projects/p/locations/l/publishers/google/models/gemini-3.8-live", "gemini-3.8-live"),
        ("Qwen/Qwen3-Omni", "Qwen/Qwen3-Omni"),
    ],
)
def test_a_model_is_billed_under_its_plain_name(model: str, billed_as: str) -> None:
    assert metered(engine=Engine("gemini", model)).model == billed_as


# --- in a call -------------------------------------------------------------------------------------------------------------


def ended(call: VirtualCall) -> EndCall:
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    return call.ended


def turn(call: VirtualCall, tokens: int) -> None:
    call.model_says(600, "Sure.")
    call.feed(TurnComplete(), report(tokens))
    call.advance(1_500)


def test_a_call_sums_across_reconnects_hand_overs_and_another_engine() -> None:
    call = VirtualCall(context(greeting=""), settings=SessionSettings(engines=(GEMINI, OPENAI)))
    call.model_ready()
    turn(call, 100)
    call.feed(ModelLost(1, 1006, "", Loss.NETWORK))
    call.model_ready()
    turn(call, 150)
    call.feed(GoingAway(10_000))  # a planned hand-over, at the next turn boundary
    assert call.last(OpenModel).link == 3
    call.model_ready()
    turn(call, 200)
    call.model_says(2_000, "And", complete=False)
    call.feed(ModelLost(call.last(OpenModel).link, 1013, "", Loss.OVERLOADED))
    assert call.last(OpenModel).engine == "openai"
    call.model_ready()
    turn(call, 40)
    first, second = ended(call).usage
    assert (first.engine, first.meters[Meter.TEXT_IN], first.turns, first.silent_turns) == ("gemini", 450, 3, 1)
    assert (second.engine, second.meters[Meter.TEXT_IN], second.turns, second.silent_turns) == ("openai", 40, 1, 0)


def test_a_call_whose_model_never_answered_used_nothing() -> None:
    assert ended(VirtualCall(context(greeting=""))).usage == ()
    call = VirtualCall(context(greeting=""))
    call.feed(ModelReady(1))
    assert ended(call).usage == (ModelUsage("gemini", "gemini-3.8-live"),)


def test_a_tool_round_is_reported_twice_and_silent_never() -> None:
    call = VirtualCall(context(greeting=""))
    call.model_ready()
    call.feed(ToolAsked("a", "findTimes", {}), report(100))
    call.advance(300)
    call.feed(ToolReturned("a", {"status": "ok"}))
    turn(call, 130)
    (usage,) = ended(call).usage
    assert (usage.turns, usage.silent_turns, usage.meters[Meter.TEXT_IN]) == (2, 0, 230)
