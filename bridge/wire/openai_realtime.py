"""The OpenAI Realtime wire (GA) and its relatives, raw JSON: the official SDK costs 150 µs per 20 ms of audio, this a few.

The service stops nothing by itself: speech over the agent is reported, the session decides, and StopModel becomes a cancelled response
and items cut to what was heard. Unknown events are passed over, because the service grows and its relatives differ; tests/contract holds
both directions against the official SDK.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.core import g711
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
    Buffer,
    CallerSpeech,
    CallerTranscribed,
    EndCallerTurn,
    GenerationComplete,
    HeardItem,
    LegCommand,
    LegLost,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelInterrupted,
    ModelReady,
    ModelSetup,
    SayToModel,
    StopModel,
    TellModel,
    ToolAsked,
    TurnComplete,
    WireError,
)
from bridge.wire import openai_realtime_events as wire
from bridge.wire import openai_realtime_usage as usage
from bridge.wire.openai_realtime_dialects import (
    BETA_NAMES,
    DEFAULT_URL,
    DIALECTS,
    OPENAI_DIALECT,
    Dialect,
    difference,
    is_g711,
    realtime_url,
    session_of,
)
from bridge.wire.openai_realtime_events import ServerEvent
from bridge.wire.openai_realtime_state import Items, Responses

__all__ = ["DEFAULT_URL", "DIALECTS", "OPENAI_DIALECT", "Dialect", "OpenAIRealtime", "realtime_url"]

_SETUP_ID = "setup"
_COMMIT_AT_LEAST_MS = 100  # less than this is refused as an empty buffer
_REMEMBERED = 32
_TOO_SHORT = re.compile(r"([0-9]{1,9})\s*ms is already shorter than")
_BREAKS_OFF = ("failed", "incomplete")
_UNANSWERED = {
    "status": "cancelled",
    "detail": "The caller spoke first. Nothing was done. Ask again if it is still wanted.",
}
_UNREADABLE = {
    "status": "error",
    "detail": "The arguments were not JSON. Nothing was done. Call again with valid arguments.",
}
_FATAL = {
    "session_expired": Loss.EXPIRED,
    "invalid_api_key": Loss.REFUSED,
    "authentication_error": Loss.REFUSED,
    "permission_error": Loss.REFUSED,
    "model_not_found": Loss.REFUSED,
    "beta_api_shape_disabled": Loss.REFUSED,
    "insufficient_quota": Loss.OVERLOADED,
    "session_limit_reached": Loss.OVERLOADED,
}
_BETA_SHAPE_CLOSED = 4000
_HOPELESS = (401, 403, 404, _BETA_SHAPE_CLOSED)
_FULL = (429, 503)

Events = Iterator[ModelEvent]


class OpenAIRealtime:
    """The codec of one connection; see bridge.wire.leg.LegCodec. `receive` also raises LegLost, after which nothing else is of use."""

    def __init__(self, dialect: Dialect = OPENAI_DIALECT) -> None:
        self.outbox: list[bytes] = []
        self._dialect = dialect
        self._ulaw = False
        self._asked: Mapping[str, Any] = {}
        self._ready = False
        self._input_bytes_per_ms = 0.0
        self._output_hz = dialect.output_hz
        self._uncommitted_bytes = 0
        self._ids = 0
        self._responses = Responses()
        self._items = Items(1.0)
        self._calls: dict[str, tuple[str, Any]] = {}  # of the response that runs: call id → name, arguments
        self._pending: set[str] = set()  # calls that the session was asked for and has not answered
        self._cuts: OrderedDict[str, str] = OrderedDict()  # truncations by event id → item id
        self._creates: OrderedDict[str, None] = OrderedDict()  # event ids of our response.create
        self._heard: OrderedDict[str, str] = OrderedDict()  # caller's words so far by item id
        self._spoke = False  # the response under way has been heard by us
        self._billed: OrderedDict[str, None] = OrderedDict()  # responses whose usage was counted
        self._retried = False
        self._fatal: Loss | None = None

    # --- to the service -----------------------------------------------------------------------------------------------------

    def open(self, setup: ModelSetup) -> None:
        self._ulaw = is_g711(setup, self._dialect)
        self._output_hz = g711.ULAW_HZ if self._ulaw else self._dialect.output_hz
        self._items = Items(self._output_hz / 1000 * (1 if self._ulaw else 2))
        self._input_bytes_per_ms = setup.input_hz * 2 / 1000
        self._asked = session_of(setup, self._dialect)
        self.outbox.append(wire.write({"type": "session.update", "event_id": _SETUP_ID, "session": self._asked}))

    def audio(self, frame: Buffer) -> bytes:
        self._uncommitted_bytes += len(frame)
        return wire.append(g711.encode(frame) if self._ulaw else frame)

    def obey(self, command: LegCommand) -> None:
        match command:
            case SayToModel(text):
                # A note of the bridge's own stands in brackets; everything else is said in the caller's place.
                self._responses.want(self._add_message("system" if text.startswith("[") else "user", text))
            case TellModel(text):
                self._add_message("system", text)
            case AnswerTool():
                self._answer_tool(command)
            case StopModel(heard):
                self._stop(heard)
            case BeginCallerTurn():
                self._responses.callers_turn = True
            case EndCallerTurn():
                self._end_callers_turn()
        self._respond()

    def _send(self, kind: str, **fields: Any) -> str:
        """Queue a message; its event id, which an error would name."""
        self._ids += 1
        event_id = f"ev-{self._ids}"
        self.outbox.append(wire.write({"type": kind, "event_id": event_id, **fields}))
        return event_id

    def _new_item_id(self) -> str:
        self._ids += 1
        return f"pokea-{self._ids}"

    def _add_message(self, role: str, words: str) -> str:
        item_id = self._new_item_id()
        self._send("conversation.item.create", item=wire.message_item(item_id, role, words))
        return item_id if self._dialect.acknowledges else ""

    def _answer_tool(self, answer: AnswerTool) -> None:
        if answer.tool_call_id not in self._pending:
            # Asked on a connection that is gone: this one has no such call, and would refuse an answer to it.
            result = wire.write(answer.payload).decode()
            self._responses.want(self._add_message("system", f"[Result of {answer.name}: {result}]"), at_once=False)
            return
        self._pending.discard(answer.tool_call_id)
        item_id = self._add_answer(answer.tool_call_id, answer.payload)
        if not self._pending:
            self._responses.want(item_id, at_once=False)

    def _add_answer(self, call_id: str, payload: Mapping[str, Any]) -> str:
        item_id = self._new_item_id()
        self._send("conversation.item.create", item=wire.answer_item(item_id, call_id, payload))
        return item_id if self._dialect.acknowledges else ""

    def _stop(self, heard: tuple[HeardItem, ...]) -> None:
        response_id = self._responses.stop()
        if response_id is not None:
            self._send("response.cancel", **({"response_id": response_id} if response_id else {}))
        for item in heard:
            self._cut(item.item, item.heard_ms)

    def _cut(self, item_id: str, heard_ms: int) -> None:
        end_ms = self._items.cut(item_id, heard_ms) if self._dialect.truncates else None
        if end_ms is not None:
            _remember(self._cuts, self._truncate(item_id, end_ms), item_id)

    def _truncate(self, item_id: str, end_ms: int) -> str:
        return self._send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=end_ms)

    def _end_callers_turn(self) -> None:
        self._responses.callers_turn = False
        if self._uncommitted_bytes >= _COMMIT_AT_LEAST_MS * self._input_bytes_per_ms:
            self._send("input_audio_buffer.commit")
            self._responses.want()
        self._uncommitted_bytes = 0

    def _respond(self) -> None:
        if self._responses.take():
            _remember(self._creates, self._send("response.create"), None)

    # --- from the service ---------------------------------------------------------------------------------------------------

    def receive(self, payload: Buffer) -> list[ModelEvent]:
        event = wire.read(payload)
        reader = _READERS.get(BETA_NAMES.get(event.type, event.type))
        if reader is None:
            return []
        events = list(reader(self, event))
        self._respond()
        return events

    def _session_created(self, event: ServerEvent) -> Events:
        if not self._dialect.confirms:
            yield from self._get_ready()

    def _session_updated(self, event: ServerEvent) -> Events:
        session = wire.an_object(event.session)
        differs = difference(self._asked, session, self._dialect) if self._dialect.echoes and not self._ready else ""
        if differs:
            raise self._lost(Loss.REFUSED, f"session not as asked for: {differs}")
        yield from self._get_ready()

    def _get_ready(self) -> Events:
        if not self._ready:
            self._ready = True
            yield ModelReady()

    def _speech_started(self, event: ServerEvent) -> Events:
        self._responses.callers_turn = True
        yield CallerSpeech(True)

    def _speech_stopped(self, event: ServerEvent) -> Events:
        self._responses.turn_ended()
        yield CallerSpeech(False)

    def _item_added(self, event: ServerEvent) -> Events:
        self._responses.acknowledged(wire.text(wire.an_object(event.item).get("id")))
        return iter(())

    def _response_created(self, event: ServerEvent) -> Events:
        self._calls.clear()
        response_id = wire.text(wire.an_object(event.response).get("id"))
        self._responses.created(response_id)
        if self._responses.is_void(response_id):
            self._send("response.cancel", response_id=response_id)  # it was stopped before it had a name
        return iter(())

    def _audio_delta(self, event: ServerEvent) -> Events:
        item_id = wire.text(event.item_id)
        audio = wire.audio_of(event.delta)
        if not self._ulaw and len(audio) % 2:
            raise WireError("audio_holds_half_a_sample")
        item = self._items.of(item_id)
        is_new, item.received_bytes = not item.received_bytes, item.received_bytes + len(audio)
        if self._responses.is_void(wire.text(event.response_id)):
            if is_new:
                self._cut(item_id, 0)  # nobody has heard any of it; of items known before, StopModel said how much
        elif audio:
            self._spoke = True
            yield ModelAudio(g711.decode(audio) if self._ulaw else audio, self._output_hz, item_id)

    def _audio_done(self, event: ServerEvent) -> Events:
        item = self._items.get(wire.text(event.item_id))
        if item is not None and not item.is_whole:
            item.is_whole = True
            if not self._responses.is_void(wire.text(event.response_id)):
                yield GenerationComplete()

    def _agent_transcript(self, event: ServerEvent) -> Events:
        words = wire.text(event.delta)
        if words and not self._responses.is_void(wire.text(event.response_id)):
            yield AgentTranscribed(words)

    def _caller_delta(self, event: ServerEvent) -> Events:
        item_id, words = wire.text(event.item_id), wire.text(event.delta)
        if words:
            _remember(self._heard, item_id, self._heard.get(item_id, "") + words)
            yield CallerTranscribed(words)

    def _caller_transcript(self, event: ServerEvent) -> Events:
        whole, known = wire.text(event.transcript), self._heard.pop(wire.text(event.item_id), "")
        yield CallerTranscribed(whole.removeprefix(known) if whole.startswith(known) else "", finished=True)
        used = usage.of_transcription(event.usage, self._dialect.transcription)
        if used is not None:
            yield used

    def _output_item(self, event: ServerEvent) -> Events:
        item = wire.an_object(event.item)
        if item.get("type") == "function_call":
            self._note_call(item.get("call_id"), item.get("name"), item.get("arguments"))
        return iter(())

    def _arguments_done(self, event: ServerEvent) -> Events:
        self._note_call(event.call_id, event.name, event.arguments)
        return iter(())

    def _note_call(self, call_id: Any, name: Any, arguments: Any) -> None:
        """Not acted on yet: the same events come for a call that is interrupted half-way through its arguments."""
        key = wire.text(call_id)
        if key and (key in self._calls or len(self._calls) < _REMEMBERED):
            known_name, known_arguments = self._calls.get(key, ("", None))
            self._calls[key] = wire.text(name) or known_name, arguments or known_arguments

    def _response_done(self, event: ServerEvent) -> Events:
        response = wire.an_object(event.response)
        response_id, status = wire.text(response.get("id")), response.get("status") or "completed"
        is_void = self._responses.is_void(response_id)
        self._responses.done(response_id)
        for item in _objects(response.get("output")):
            if item.get("type") == "function_call":
                self._note_call(item.get("call_id"), item.get("name"), item.get("arguments"))
        calls, self._calls = self._calls, {}
        yield from self._close_items(status, is_void)
        asked = self._act(calls, is_void) if status == "completed" else []
        yield from asked
        if status == "cancelled" and not is_void:
            yield ModelInterrupted()
        yield from self._count_once(response_id, response)
        if status == "failed":
            self._retry(response)
        elif status == "completed":
            self._retried = False
        if not asked:
            yield TurnComplete()

    def _count_once(self, response_id: str, response: Mapping[str, Any]) -> Events:
        """A response that is reported done again is the same one. Without an id that cannot be known."""
        used = usage.of_response(response.get("usage"))
        if used is not None and (not response_id or response_id not in self._billed):
            _remember(self._billed, response_id, None)
            yield used

    def _close_items(self, status: object, is_void: bool) -> Events:
        """The end of what was spoken. The service says that an item's audio is done also where it breaks off; only the status tells."""
        left_open, spoke, self._spoke = self._items.open_items(), self._spoke, False
        for item in left_open:
            item.is_whole = True
        if is_void or status == "cancelled":  # the interruption that follows says it
            return
        if spoke and status in _BREAKS_OFF:
            yield GenerationComplete(broken=True)
        elif left_open:
            yield GenerationComplete()

    def _act(self, calls: Mapping[str, tuple[str, Any]], is_void: bool) -> list[ModelEvent]:
        """Hand the calls of a completed response on. Those of one that the caller stopped too late to cancel are answered here."""
        asked: list[ModelEvent] = []
        for call_id, (name, arguments) in calls.items():
            if is_void:
                self._add_answer(call_id, _UNANSWERED)
                continue
            try:
                asked.append(ToolAsked(call_id, name, wire.arguments_of(arguments)))
            except WireError:
                self._responses.want(self._add_answer(call_id, _UNREADABLE), at_once=False)
                continue
            self._pending.add(call_id)
        return asked

    def _retry(self, response: Mapping[str, Any]) -> None:
        """A response that failed is asked for once more; failing twice in a row is the watchdog's business. Raises LegLost."""
        details = response.get("status_details")
        error = details.get("error") if isinstance(details, dict) else None
        codes = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
        for code in codes:
            if isinstance(code, str) and code in _FATAL:
                raise self._lost(_FATAL[code], code)
        if not self._retried:
            self._retried = True
            self._responses.want(at_once=False)

    def _error(self, event: ServerEvent) -> Events:
        """Only what ends the connection is fatal; everything else is an answer to one message of ours."""
        error = wire.an_object(event.error)
        code, kind = wire.text(error.get("code")), wire.text(error.get("type"))
        event_id = wire.text(error.get("event_id"))
        for name in (code, kind):
            if name in _FATAL:
                raise self._lost(_FATAL[name], name)
        if event_id == _SETUP_ID:
            raise self._lost(Loss.REFUSED, f"session refused: {code or kind}")
        if code == "conversation_already_has_active_response":
            self._responses.refused_as_second(event_id in self._creates or (not event_id and self._responses.requested))
        elif event_id in self._creates:
            self._responses.refused()
        elif event_id in self._cuts:
            self._cut_again(self._cuts.pop(event_id), wire.text(error.get("message")))
        return iter(())

    def _cut_again(self, item_id: str, message: str) -> None:
        """The service's item was shorter than ours. Once, with its own number; not again."""
        said = _TOO_SHORT.search(message)
        if said is not None:
            self._truncate(item_id, int(said[1]))

    # --- the end ------------------------------------------------------------------------------------------------------------

    def _lost(self, loss: Loss, reason: str) -> LegLost:
        self._fatal = loss
        return LegLost(loss, reason)

    def loss(self, code: int, reason: str) -> Loss:
        words = reason.lower()
        if self._fatal is not None:
            return self._fatal
        if code in _HOPELESS:
            return Loss.REFUSED
        if "session_expired" in words or (code == 1001 and "maximum duration" in words):
            return Loss.EXPIRED
        if code in _FULL or "quota" in words or "session_limit_reached" in words:
            return Loss.OVERLOADED
        return Loss.NETWORK


def _remember(known: OrderedDict[str, Any], key: str, value: Any) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


_READERS: Mapping[str, Callable[[OpenAIRealtime, ServerEvent], Events]] = {
    "session.created": OpenAIRealtime._session_created,
    "session.updated": OpenAIRealtime._session_updated,
    "input_audio_buffer.speech_started": OpenAIRealtime._speech_started,
    "input_audio_buffer.speech_stopped": OpenAIRealtime._speech_stopped,
    "conversation.item.added": OpenAIRealtime._item_added,
    "conversation.item.input_audio_transcription.delta": OpenAIRealtime._caller_delta,
    "conversation.item.input_audio_transcription.completed": OpenAIRealtime._caller_transcript,
    "response.created": OpenAIRealtime._response_created,
    "response.output_item.added": OpenAIRealtime._output_item,
    "response.output_item.done": OpenAIRealtime._output_item,
    "response.output_audio.delta": OpenAIRealtime._audio_delta,
    "response.output_audio.done": OpenAIRealtime._audio_done,
    "response.output_audio_transcript.delta": OpenAIRealtime._agent_transcript,
    "response.function_call_arguments.done": OpenAIRealtime._arguments_done,
    "response.done": OpenAIRealtime._response_done,
    "error": OpenAIRealtime._error,
}
