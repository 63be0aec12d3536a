"""Laws of the cascade, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.cascade_frames import (
    Complete,
    CompletionDone,
    Delta,
    Message,
    Role,
    Speak,
    SpeechChunk,
    SpeechDone,
    ToolDelta,
    Transcribe,
    Transcribed,
)
from bridge.core.frames import AnswerTool, ModelAudio, SayToModel, StopModel, ToolAsked, TurnComplete
from tests.support.sizes import examples
from tests.unit.bridge.virtual_cascade import SECOND, VirtualCascade, failed, heard


class AnyCall(VirtualCascade):
    """A call in which anything may happen next."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: set[str] = set()
        self.acts: Mapping[str, Callable[[], None]] = {
            "speak": self.caller_speaks,
            "words": lambda: self.transcribe("Yes."),
            "noise": lambda: self.transcribe(""),
            "delta": lambda: self.result(*(Delta(order.request, "One is. Two") for order in self.pending(Complete))),
            "done": lambda: self.result(*(CompletionDone(order.request) for order in self.pending(Complete))),
            "tool": self.call_tool,
            "answer": self.answer_tools,
            "chunk": lambda: self.result(*(SpeechChunk(order.request, SECOND) for order in self.pending(Speak))),
            "spoken": lambda: self.result(*(SpeechDone(order.request) for order in self.pending(Speak))),
            "stop": self.stop,
            "say": lambda: self.obey(SayToModel("[Go on.]")),
            "wait": lambda: self.advance(5_000),
            "late": self.late_results,
        }

    def transcribe(self, words: str) -> None:
        self.result(*(Transcribed(order.request, words) for order in self.pending(Transcribe)))

    def call_tool(self) -> None:
        self.result(*(ToolDelta(order.request, 0, "", "findTimes", "{}") for order in self.pending(Complete)))

    def answer_tools(self) -> None:
        for ask in self.all(ToolAsked):
            if ask.tool_call_id not in self.answered:
                self.answered.add(ask.tool_call_id)
                self.obey(AnswerTool(ask.tool_call_id, ask.name, {}))

    def stop(self) -> None:
        items = list(dict.fromkeys(event.item for event in self.all(ModelAudio)))
        self.obey(StopModel(tuple(heard(item, 500) for item in items[-2:])))

    def late_results(self) -> None:
        """Of requests that were aborted: they change nothing."""
        for request in self.aborted:
            before = len(self.events), len(self.orders)
            self.result(Transcribed(request, "x"), Delta(request, "x. y"), CompletionDone(request))
            self.result(SpeechChunk(request, SECOND), SpeechDone(request), failed(request))
            assert (len(self.events), len(self.orders)) == before


ACTS = tuple(AnyCall().acts)


@settings(max_examples=examples(30, 750), deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=50))
def test_speech_is_never_stale_messages_are_well_formed_and_everything_comes_to_rest(acts: list[str]) -> None:
    call = AnyCall()
    for act in acts:
        call.acts[act]()
    for _ in range(20):
        for act in ("noise", "answer", "done", "chunk", "spoken", "wait"):
            call.acts[act]()
    items = [int(event.item[1:]) for event in call.all(ModelAudio)]
    assert items == sorted(items)  # what was stopped never comes back
    for order in call.all(Complete):
        check_form(order.messages)
    assert not any(call.pending(kind) for kind in (Transcribe, Complete, Speak))
    if call.all(ModelAudio) and "stop" not in acts and "say" not in acts:
        spoken = max(index for index, event in enumerate(call.events) if isinstance(event, ModelAudio))
        assert any(isinstance(event, TurnComplete) for event in call.events[spoken:])


@settings(max_examples=examples(20, 500), deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=50))
def test_words_are_answered_whatever_came_before_them(acts: list[str]) -> None:
    """The caller says something in silence: a completion with those words as its last is asked for."""
    call = AnyCall()
    for act in acts:
        call.acts[act]()
    for act in ("words", "answer", "done", "chunk", "spoken") * 12:
        call.acts[act]()
    call.advance(600_000)
    call.acts["speak"]()
    call.transcribe("Last words.")
    assert call.last(Complete).messages[-1] == Message(Role.USER, "Last words.")


def check_form(messages: Sequence[Message]) -> None:
    """Each message with calls is followed by exactly their results."""
    open_calls: list[str] = []
    for message in messages:
        if message.role is Role.TOOL:
            assert open_calls.pop(0) == message.answers
        else:
            assert not open_calls
            open_calls = [call.tool_call_id for call in message.tool_calls]
    assert not open_calls
    assert messages[0].role is Role.SYSTEM
