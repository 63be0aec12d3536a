"""What a model wants to say or do while the line is not its own waits in order, and is bounded."""

from __future__ import annotations

from bridge.core.frames import (
    AgentTranscribed,
    GenerationComplete,
    HeardItem,
    ModelAudio,
    StopModel,
    ToolAsked,
    ToolsCancelled,
)
from bridge.core.held_acts import HeldActs
from tests.unit.bridge.virtual_call import voice_ms


def test_everything_comes_back_once_in_order() -> None:
    held = HeldActs()
    events = [AgentTranscribed("Hi"), ModelAudio(voice_ms(20)), GenerationComplete(), ToolAsked("c1", "f", {})]
    for event in events:
        held.keep(event)
    assert held.take() == events
    assert held.take() == []


def test_a_model_that_never_stops_is_kept_for_a_minute_and_no_longer() -> None:
    held = HeldActs()
    for _ in range(100):
        held.keep(ModelAudio(voice_ms(1_000)))
    assert len(held.take()) == 60
    for _ in range(9_000):
        held.keep(AgentTranscribed("x"))
    assert len(held.take()) == 4_000


def test_what_is_void_is_not_said_and_the_model_is_told_that_nobody_heard_it() -> None:
    held = HeldActs()
    asked = ToolAsked("c1", "f", {})
    for event in (ModelAudio(voice_ms(100), item="a"), ModelAudio(voice_ms(60), item="a"), asked):
        held.keep(event)
    assert held.void(by_model=True) == StopModel((HeardItem("a", 0, 160),))
    assert held.take() == [asked]


def test_a_model_that_stopped_by_itself_and_names_nothing_is_told_nothing() -> None:
    held = HeldActs()
    held.keep(ModelAudio(voice_ms(100)))
    assert held.void(by_model=True) is None
    held.keep(ModelAudio(voice_ms(100)))
    assert held.void(by_model=False) == StopModel(())
    assert held.void(by_model=False) is None


def test_a_tool_that_is_cancelled_meanwhile_is_not_kept() -> None:
    held = HeldActs()
    held.keep(ToolAsked("c1", "f", {}))
    held.keep(ToolsCancelled(("c1",)))
    assert held.take() == [ToolsCancelled(("c1",))]
