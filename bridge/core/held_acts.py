"""What a model wants to say or do while the line is not its own: it waits, in order, and is bounded."""

from __future__ import annotations

from collections import Counter

from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    Event,
    GenerationComplete,
    HeardItem,
    ModelAudio,
    ModelInterrupted,
    StopModel,
    ToolAsked,
    ToolsCancelled,
    TurnComplete,
)

SPEECH = (ModelAudio, AgentTranscribed, GenerationComplete, TurnComplete)
ACTS = (*SPEECH, ToolAsked, ToolsCancelled)
_TOO_EARLY = {
    "status": "refused",
    "code": "nobody_was_heard",
    "message": "You have heard nobody yet. Say what you were asked to say.",
}
_BYTES_AT_MOST = 60 * 48_000  # a minute of a model's speech
_EVENTS_AT_MOST = 4_000


def breaks_off(event: Event) -> bool:
    """Whether what the model was saying ends in mid-sentence."""
    return isinstance(event, ModelInterrupted) or (isinstance(event, GenerationComplete) and event.broken)


def refusal(event: ToolAsked) -> AnswerTool:
    """For a model that has heard nobody, so that nobody can have asked for it. Some wait for the answer before they speak."""
    return AnswerTool(event.tool_call_id, event.name, _TOO_EARLY)


class HeldActs:
    def __init__(self) -> None:
        self._events: list[Event] = []
        self._sound_bytes = 0

    def keep(self, event: Event) -> None:
        if isinstance(event, ToolsCancelled):
            gone = event.tool_call_ids
            self._events = [
                one for one in self._events if not (isinstance(one, ToolAsked) and one.tool_call_id in gone)
            ]
        elif isinstance(event, ModelAudio):
            if self._sound_bytes + len(event.pcm) > _BYTES_AT_MOST:
                return
            self._sound_bytes += len(event.pcm)
        if len(self._events) < _EVENTS_AT_MOST:
            self._events.append(event)

    def void(self, *, by_model: bool) -> StopModel | None:
        """The caller spoke on: what the model was about to say is not said. What it must be told about that; nothing, if it stopped by
        itself and has no names for what it says."""
        generated: Counter[str] = Counter()
        for event in self._events:
            if isinstance(event, ModelAudio):
                generated[event.item] += len(event.pcm) * 500 // event.rate_hz
        self._events = [event for event in self._events if not isinstance(event, SPEECH)]
        self._sound_bytes = 0
        heard = tuple(HeardItem(item, 0, length_ms) for item, length_ms in generated.items() if item)
        return StopModel(heard) if generated and (heard or not by_model) else None

    def take(self) -> list[Event]:
        """All of it, once."""
        events, self._events, self._sound_bytes = self._events, [], 0
        return events
