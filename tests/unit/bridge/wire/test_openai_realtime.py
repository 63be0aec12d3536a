"""The OpenAI Realtime codec by itself; tests/contract holds it against the official SDK."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core import g711
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
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
    ToolDeclaration,
    TurnComplete,
    TurnDetection,
    UsageReported,
    WireError,
)
from bridge.wire.openai_realtime import DIALECTS, OPENAI_DIALECT, Dialect, OpenAIRealtime, realtime_url
from pokea.billing.usage import Meter

TOOL = ToolDeclaration("findTimes", "Finds times.", {"type": "object", "properties": {"day": {"type": "string"}}})
SETUP = ModelSetup("gpt-realtime-2.1", "Kore", "Be brief.", (TOOL,), input_hz=24_000, language="en")
MS = bytes(48)  # one millisecond at 24 kHz


class Peer:
    """The codec and what a server says to it. `sent` is what the codec queued since the last look."""

    def __init__(self, setup: ModelSetup = SETUP, dialect: Dialect = OPENAI_DIALECT) -> None:
        self.codec = OpenAIRealtime(dialect)
        self.codec.open(setup)
        self.session = self.sent()[0]["session"]

    def sent(self) -> list[dict[str, Any]]:
        messages = [json.loads(message) for message in self.codec.outbox]
        self.codec.outbox.clear()
        return messages

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent()]

    def says(self, kind: str, **fields: Any) -> list[ModelEvent]:
        return self.codec.receive(json.dumps({"type": kind, "event_id": "e", **fields}).encode())

    def obey(self, command: LegCommand) -> list[dict[str, Any]]:
        self.codec.obey(command)
        return self.sent()

    def created(self, response_id: str = "r1") -> list[ModelEvent]:
        return self.says("response.created", response={"id": response_id})

    def done(self, response_id: str = "r1", status: str = "completed", **fields: Any) -> list[ModelEvent]:
        return self.says("response.done", response={"id": response_id, "status": status, **fields})

    def audio(self, milliseconds: int, item: str = "i1", response_id: str = "r1") -> list[ModelEvent]:
        delta = base64.b64encode(MS * milliseconds).decode()
        return self.says("response.output_audio.delta", response_id=response_id, item_id=item, delta=delta)

    def audio_done(self, item: str = "i1", response_id: str = "r1") -> list[ModelEvent]:
        return self.says("response.output_audio.done", response_id=response_id, item_id=item)

    def error(self, code: str, event_id: str | None = None, message: str = "", kind: str = "x") -> list[ModelEvent]:
        return self.says("error", error={"type": kind, "code": code, "message": message, "event_id": event_id})

    def call(self, call_id: str = "c1", arguments: str = '{"day":"monday"}', response_id: str = "r1") -> None:
        self.says(
            "response.function_call_arguments.done",
            response_id=response_id, call_id=call_id, name="findTimes", arguments=arguments,
        )  # fmt: skip


def ready(setup: ModelSetup = SETUP, dialect: Dialect = OPENAI_DIALECT) -> Peer:
    peer = Peer(setup, dialect)
    peer.says("session.created", session={})
    peer.says("session.updated", session=peer.session)
    return peer


# --- the session -----------------------------------------------------------------------------------------------------------


def test_the_session_is_asked_for_in_the_ga_shape_with_explicit_rates() -> None:
    session = Peer().session
    assert session["type"] == "realtime"
    assert session["output_modalities"] == ["audio"]
    assert (
        session["audio"]["input"]["format"]
        == session["audio"]["output"]["format"]
        == {"type": "audio/pcm", "rate": 24_000}
    )
    assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    assert session["audio"]["input"]["turn_detection"]["create_response"] is True
    assert session["audio"]["input"]["transcription"]["language"] == "en"
    assert session["audio"]["output"]["voice"] == "marin"  # "Kore" is another provider's
    (tool,) = session["tools"]
    assert tool == {
        "type": "function",
        "name": TOOL.name,
        "description": TOOL.description,
        "parameters": TOOL.parameters,
    }


def test_at_8_khz_telephone_audio_goes_through_without_resampling() -> None:
    peer = ready(ModelSetup("m", "cedar", "", input_hz=8_000))
    assert (
        peer.session["audio"]["input"]["format"] == peer.session["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    )
    assert peer.session["audio"]["output"]["voice"] == "cedar"
    pcm = bytes(range(160)) * 2
    message = json.loads(peer.codec.audio(memoryview(pcm)))
    assert base64.b64decode(message["audio"]) == g711.encode(pcm)
    (event,) = peer.says("response.output_audio.delta", item_id="i", delta=base64.b64encode(bytes(range(256))).decode())
    assert event == ModelAudio(g711.decode(bytes(range(256))), 8_000, "i")


def test_with_own_turn_detection_the_service_detects_nothing() -> None:
    session = Peer(ModelSetup("m", "", "", input_hz=24_000, turn_detection=TurnDetection.OWN)).session
    assert session["audio"]["input"]["turn_detection"] is None


def test_a_beta_server_is_asked_in_the_beta_shape_and_not_told_formats_it_refuses() -> None:
    session = Peer(dialect=DIALECTS["speaches"]).session
    assert "audio" not in session and "type" not in session
    assert session["modalities"] == ["text", "audio"]
    assert session["turn_detection"]["interrupt_response"] is False
    assert "input_audio_format" not in session


def test_the_model_is_ready_when_the_echo_is_what_was_asked_for() -> None:
    peer = Peer()
    assert peer.says("session.created", session={}) == []
    assert peer.says("session.updated", session=peer.session) == [ModelReady()]
    assert peer.says("session.updated", session={}) == []


def changed(session: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(session))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return copy


@pytest.mark.parametrize(
    ("path", "to", "what"),
    [
        (("audio", "input", "format"), {"type": "audio/pcmu"}, "audio.input.format"),
        (("audio", "output", "format"), {"type": "audio/pcm", "rate": 16_000}, "audio.output.format"),
        (("instructions",), "You are a helpful assistant.", "instructions"),
        (("tools",), [], "tools"),
        (("audio", "input", "turn_detection"), None, "audio.input.turn_detection"),
    ],
)
def test_an_echo_of_something_else_ends_the_leg_with_the_reason(path: tuple[str, ...], to: Any, what: str) -> None:
    peer = Peer()
    with pytest.raises(LegLost, match=what) as lost:
        peer.says("session.updated", session=changed(peer.session, *path, to=to))
    assert lost.value.loss is Loss.REFUSED
    assert peer.codec.loss(0, "no answer in time") is Loss.REFUSED


def test_a_server_that_never_confirms_is_ready_when_it_is_there() -> None:
    peer = Peer(ModelSetup("m", "", "", input_hz=16_000), DIALECTS["hf-s2s"])
    assert peer.says("session.created", session={}) == [ModelReady()]


def test_a_refused_session_ends_the_leg() -> None:
    with pytest.raises(LegLost, match="invalid_value"):
        Peer().error("invalid_value", "setup")


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("wss://api.openai.com/v1/realtime", "wss://api.openai.com/v1/realtime?model=m%2F1"),
        ("http://127.0.0.1:8080/v1", "ws://127.0.0.1:8080/v1/realtime?model=m%2F1"),
        ("https://box", "wss://box/v1/realtime?model=m%2F1"),
        ("http://box/v1/realtime?x=1", "ws://box/v1/realtime?x=1&model=m%2F1"),
    ],
)
def test_the_address_is_made_from_any_form_of_the_base(base: str, url: str) -> None:
    assert realtime_url(base, "m/1") == url


# --- speech ----------------------------------------------------------------------------------------------------------------


def test_a_response_becomes_audio_words_and_a_complete_turn() -> None:
    peer = ready()
    peer.created()
    words = peer.says("response.output_audio_transcript.delta", response_id="r1", item_id="i1", delta="Hello")
    assert words == [AgentTranscribed("Hello")]
    assert peer.audio(5) == [ModelAudio(MS * 5, 24_000, "i1")]
    assert peer.audio_done() == [GenerationComplete()]
    assert peer.audio_done() == []
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    counted = UsageReported(3, 4, 0, 7, {Meter.TEXT_IN: 3, Meter.AUDIO_OUT: 4})
    assert peer.done(usage=usage) == [counted, TurnComplete()]


def test_every_item_of_a_response_is_completed_by_itself() -> None:
    peer = ready()
    peer.created()
    assert peer.audio(5, "preamble")[0].item == "preamble"  # type: ignore[union-attr]
    assert peer.audio_done("preamble") == [GenerationComplete()]
    assert peer.audio(5, "answer")[0].item == "answer"  # type: ignore[union-attr]
    assert peer.done() == [GenerationComplete(), TurnComplete()]


@pytest.mark.parametrize("name", ["response.audio.delta", "response.output_audio.delta"])
def test_old_and_new_names_mean_the_same(name: str) -> None:
    peer = ready()
    assert peer.says(name, item_id="i", delta=base64.b64encode(MS).decode()) == [ModelAudio(MS, 24_000, "i")]


def test_the_callers_speech_and_words_are_reported() -> None:
    peer = ready()
    assert peer.says("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u") == [CallerSpeech(True)]
    assert peer.says("input_audio_buffer.speech_stopped", audio_end_ms=9, item_id="u") == [CallerSpeech(False)]
    kind = "conversation.item.input_audio_transcription"
    assert peer.says(f"{kind}.delta", item_id="u", delta="to") == [CallerTranscribed("to")]
    assert peer.says(f"{kind}.completed", item_id="u", transcript="tomorrow") == [CallerTranscribed("morrow", True)]
    assert peer.says(f"{kind}.completed", item_id="v", transcript="yes") == [CallerTranscribed("yes", True)]


# --- one response at a time ------------------------------------------------------------------------------------------------


def test_words_are_added_at_once_and_answered_when_the_response_before_is_done() -> None:
    peer = ready()
    first = peer.obey(SayToModel("Hello?"))
    assert [m["type"] for m in first] == ["conversation.item.create", "response.create"]
    assert first[0]["item"]["role"] == "user"
    assert [m["type"] for m in peer.obey(SayToModel("[Note]"))] == ["conversation.item.create"]
    peer.created()
    assert peer.sent() == []
    peer.done()
    assert peer.kinds() == ["response.create"]


def test_what_the_model_shall_only_know_asks_for_no_answer() -> None:
    (message,) = ready().obey(TellModel("[A fact.]"))
    assert (message["type"], message["item"]["role"]) == ("conversation.item.create", "system")


def test_a_second_response_is_asked_for_again_after_the_one_that_was_in_its_way() -> None:
    peer = ready()
    create = peer.obey(SayToModel("Hello?"))[-1]
    assert peer.error("conversation_already_has_active_response", create["event_id"]) == []
    assert peer.sent() == []
    peer.created("theirs")
    peer.done("theirs")
    assert peer.kinds() == ["response.create"]


def test_a_response_that_the_service_began_by_itself_answers_what_it_has_seen() -> None:
    peer = ready()
    peer.created("r0")
    peer.call("c1", response_id="r0")
    peer.done("r0")
    peer.says("input_audio_buffer.speech_started")
    (answer,) = peer.obey(AnswerTool("c1", "findTimes", {"status": "ok"}))
    assert answer["type"] == "conversation.item.create"  # the caller speaks, and is answered by the service
    peer.says("conversation.item.added", item=answer["item"])
    peer.says("input_audio_buffer.speech_stopped")
    peer.created("r1")
    peer.done("r1")
    assert peer.sent() == []


def test_a_response_that_began_before_it_saw_the_answer_does_not_count_as_one() -> None:
    peer = ready()
    peer.created("r0")
    peer.call("c1", response_id="r0")
    peer.done("r0")
    peer.says("input_audio_buffer.speech_started")
    peer.obey(AnswerTool("c1", "findTimes", {"status": "ok"}))
    peer.created("r1")  # on its way before our answer was there
    peer.done("r1")
    assert peer.kinds() == ["response.create"]


def test_what_the_caller_said_into_a_running_response_is_answered_after_it() -> None:
    peer = ready()
    peer.created()
    peer.says("input_audio_buffer.speech_started")
    peer.says("input_audio_buffer.speech_stopped")
    peer.error("conversation_already_has_active_response")  # the service's own response was refused by itself
    assert peer.sent() == []
    peer.done()
    assert peer.kinds() == ["response.create"]


def test_a_word_into_a_response_that_calls_a_tool_does_not_hold_the_tools_answer_back() -> None:
    peer = ready()
    peer.created()
    peer.says("input_audio_buffer.speech_started")
    peer.says("input_audio_buffer.speech_stopped")
    peer.call("c1")
    peer.done()
    assert [m["type"] for m in peer.obey(AnswerTool("c1", "findTimes", {}))][-1] == "response.create"


def test_with_own_turn_detection_the_turn_is_committed_and_answered_once() -> None:
    peer = ready(ModelSetup("m", "", "", input_hz=24_000, turn_detection=TurnDetection.OWN))
    assert peer.obey(BeginCallerTurn()) == []
    for _ in range(10):
        peer.codec.audio(MS * 20)
    assert [m["type"] for m in peer.obey(EndCallerTurn())] == ["input_audio_buffer.commit", "response.create"]
    assert peer.obey(EndCallerTurn()) == []  # nothing was said


# --- tools -----------------------------------------------------------------------------------------------------------------


def test_calls_are_acted_on_when_their_response_is_complete_and_answered_by_one_response() -> None:
    peer = ready()
    peer.created()
    peer.call("c1")
    output = [{"type": "function_call", "call_id": "c2", "name": "findTimes", "arguments": "{}"}]
    assert peer.sent() == []
    asked = peer.done(output=output)
    assert asked == [ToolAsked("c1", "findTimes", {"day": "monday"}), ToolAsked("c2", "findTimes", {})]
    (first,) = peer.obey(AnswerTool("c2", "findTimes", {"status": "ok"}))
    assert json.loads(first["item"]["output"]) == {"status": "ok"}
    second = peer.obey(AnswerTool("c1", "findTimes", {"status": "ok"}))
    assert [message["type"] for message in second] == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_calls_of_a_response_that_was_not_completed_are_not_acted_on(status: str) -> None:
    peer = ready()
    peer.created()
    peer.call()
    assert not [event for event in peer.done(status=status) if isinstance(event, ToolAsked)]


def test_calls_of_a_response_that_was_stopped_too_late_are_answered_without_being_carried_out() -> None:
    peer = ready()
    peer.created()
    peer.call()
    assert peer.obey(StopModel())[0]["type"] == "response.cancel"
    assert peer.done() == [TurnComplete()]
    (answer,) = peer.sent()
    assert json.loads(answer["item"]["output"])["status"] == "cancelled"


def test_a_call_that_cannot_be_read_is_sent_back_to_the_model() -> None:
    peer = ready()
    peer.created()
    peer.call(arguments="{broken")
    assert peer.done() == [TurnComplete()]
    answer, create = peer.sent()
    assert json.loads(answer["item"]["output"])["status"] == "error"
    assert create["type"] == "response.create"


def test_the_answer_to_a_call_of_an_earlier_connection_is_told_in_words() -> None:
    item, create = ready().obey(AnswerTool("old", "findTimes", {"status": "ok"}))
    assert item["item"]["content"][0]["text"] == '[Result of findTimes: {"status":"ok"}]'
    assert create["type"] == "response.create"


# --- interruption ----------------------------------------------------------------------------------------------------------


def test_a_stopped_response_is_cancelled_and_its_items_cut_to_what_was_heard() -> None:
    peer = ready()
    peer.created()
    peer.audio(900, "i1")
    peer.audio_done("i1")
    peer.audio(500, "i2")
    sent = peer.obey(StopModel((HeardItem("i1", 900, 900), HeardItem("i2", 120, 500), HeardItem("unknown", 5, 5))))
    assert sent[0] == {"type": "response.cancel", "event_id": sent[0]["event_id"], "response_id": "r1"}
    assert [(m["item_id"], m["audio_end_ms"]) for m in sent[1:]] == [("i2", 120)]


def test_an_item_is_never_cut_beyond_what_was_received_and_an_unheard_one_to_nothing() -> None:
    peer = ready()
    peer.created()
    peer.audio(300, "i1")
    peer.audio(300, "i2")
    sent = peer.obey(StopModel((HeardItem("i1", 340, 400), HeardItem("i2", 0, 300))))
    assert [(m["item_id"], m["audio_end_ms"]) for m in sent[1:]] == [("i1", 300), ("i2", 0)]


def test_a_response_that_is_over_is_not_cancelled_any_more() -> None:
    peer = ready()
    peer.created()
    peer.audio(900)
    peer.done()
    sent = peer.obey(StopModel((HeardItem("i1", 100, 900),)))
    assert [m["type"] for m in sent] == ["conversation.item.truncate"]


def test_what_comes_late_of_a_stopped_response_is_dropped_and_cut_away() -> None:
    peer = ready()
    peer.created()
    peer.audio(100)
    assert peer.obey(StopModel((HeardItem("i1", 60, 100),)))[-1]["audio_end_ms"] == 60
    assert peer.audio(100) == []
    assert peer.says("response.output_audio_transcript.delta", response_id="r1", item_id="i1", delta="x") == []
    assert peer.audio(100, "i2") == []
    cuts = [(m["item_id"], m["audio_end_ms"]) for m in peer.sent()]
    assert cuts == [("i2", 0)]  # "i1" keeps its 60 ms
    assert peer.done(status="cancelled") == [TurnComplete()]
    assert peer.audio(100) == []


def test_a_response_is_stopped_before_it_has_a_name() -> None:
    peer = ready()
    peer.obey(SayToModel("Hello?"))
    assert [m["type"] for m in peer.obey(StopModel())] == ["response.cancel"]
    peer.error("response_cancel_not_active")
    peer.created("late")
    (again,) = peer.sent()
    assert (again["type"], again["response_id"]) == ("response.cancel", "late")
    assert peer.audio(20, response_id="late") == []


def test_a_cut_that_is_too_long_is_made_once_more_with_the_services_number() -> None:
    peer = ready()
    peer.created()
    peer.audio(3_760)
    cut = peer.obey(StopModel((HeardItem("i1", 3_760, 3_760),)))[-1]
    message = "Audio content of 3700ms is already shorter than 3760ms"
    assert peer.error("invalid_value", cut["event_id"], message) == []
    (again,) = peer.sent()
    assert again["audio_end_ms"] == 3_700
    peer.error("invalid_value", again["event_id"], message)
    assert peer.sent() == []


def test_a_server_without_truncation_is_not_asked_for_it() -> None:
    peer = ready(ModelSetup("m", "", "", input_hz=16_000), DIALECTS["hf-s2s"])
    peer.created()
    peer.audio(500)
    assert [m["type"] for m in peer.obey(StopModel((HeardItem("i1", 5, 500),)))] == ["response.cancel"]


def test_a_server_that_stops_by_itself_has_interrupted() -> None:
    peer = ready()
    peer.created()
    peer.audio(20)
    assert peer.done(status="cancelled") == [ModelInterrupted(), TurnComplete()]


@pytest.mark.parametrize("status", ["failed", "incomplete"])
@pytest.mark.parametrize("audio_is_done", [False, True])
def test_speech_of_a_response_that_was_not_completed_breaks_off(status: str, audio_is_done: bool) -> None:
    peer = ready()
    peer.created()
    peer.audio(20)
    if audio_is_done:
        assert peer.audio_done() == [GenerationComplete()]
    assert peer.done(status=status) == [GenerationComplete(broken=True), TurnComplete()]
    peer.created("r2")
    assert peer.done("r2", status=status) == [TurnComplete()]


# --- errors and the end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["response_cancel_not_active", "invalid_value", "item_not_found", "server_error"])
def test_an_error_is_not_the_end_of_a_call(code: str) -> None:
    peer = ready()
    assert peer.error(code) == []
    assert peer.codec.loss(1006, "") is Loss.NETWORK


@pytest.mark.parametrize(
    ("code", "loss"),
    [
        ("session_expired", Loss.EXPIRED),
        ("invalid_api_key", Loss.REFUSED),
        ("insufficient_quota", Loss.OVERLOADED),
        ("session_limit_reached", Loss.OVERLOADED),
    ],
)
def test_an_error_that_ends_the_connection_says_what_to_try_next(code: str, loss: Loss) -> None:
    peer = ready()
    with pytest.raises(LegLost) as lost:
        peer.error(code)
    assert lost.value.loss is peer.codec.loss(1000, "") is loss


def test_a_failed_response_is_asked_for_once_more() -> None:
    peer = ready()
    peer.obey(SayToModel("Hello?"))
    peer.created()
    assert peer.done(status="failed", status_details={"error": {"code": "server_error"}}) == [TurnComplete()]
    assert peer.kinds() == ["response.create"]
    peer.created("r2")
    peer.done("r2", status="failed")
    assert peer.sent() == []


@pytest.mark.parametrize(
    ("code", "reason", "loss"),
    [
        (1001, "Your session hit the maximum duration of 60 minutes.", Loss.EXPIRED),
        (1001, "going away", Loss.NETWORK),
        (1006, "", Loss.NETWORK),
        (0, "no answer in time", Loss.NETWORK),
        (401, "", Loss.REFUSED),
        (404, "", Loss.REFUSED),
        (4000, "beta_api_shape_disabled", Loss.REFUSED),
        (429, "", Loss.OVERLOADED),
        (503, "", Loss.OVERLOADED),
        (1008, "You exceeded your current quota", Loss.OVERLOADED),
    ],
)
def test_the_end_of_a_connection_says_what_to_try_next(code: int, reason: str, loss: Loss) -> None:
    assert OpenAIRealtime().loss(code, reason) is loss


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "message_not_json"),
        (b"\x80", "message_not_json"),
        (b"[]", "message_of_unknown_shape"),
        (b"{}", "message_of_unknown_shape"),
        (b'{"type":7}', "message_of_unknown_shape"),
        (b'{"type":"response.done","response":7}', "message_of_unknown_shape"),
        (b'{"type":"response.output_audio.delta","item_id":"i","delta":"!"}', "audio_not_base64"),
        (b'{"type":"response.output_audio.delta","item_id":"i","delta":"AA=="}', "audio_holds_half_a_sample"),
    ],
)
def test_what_is_no_message_is_refused_by_name(payload: bytes, code: str) -> None:
    with pytest.raises(WireError) as refused:
        ready().codec.receive(payload)
    assert refused.value.code == code


def test_events_that_nobody_knows_are_passed_over() -> None:
    peer = ready()
    assert peer.says("response.something_new", response=[1], item="x", delta=3, session=False) == []


# --- laws ------------------------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["r1", "r2", "i1", "i2", "c1", "c2", "setup", "ev-1", "ev-2", "ev-3", ""])
WORDS = st.sampled_from(["", "x", "{}", '{"a":1}', "AAAA", "AA==", "Audio content of 5ms is already shorter than 9ms"])
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["function_call", "message", "x"]), "id": IDS},
    optional={"call_id": IDS, "name": WORDS, "arguments": WORDS},
)
EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from([
            "session.created", "session.updated", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
            "conversation.item.added", "response.created", "response.output_item.done", "response.output_audio.delta",
            "response.output_audio.done", "response.output_audio_transcript.delta", "response.function_call_arguments.done",
            "response.done", "error", "response.audio.delta", "unheard.of",
        ]),
    },
    optional={
        "response_id": IDS, "item_id": IDS, "call_id": IDS, "name": WORDS, "arguments": WORDS, "delta": WORDS,
        "transcript": WORDS, "item": ITEMS,
        "response": st.fixed_dictionaries({}, optional={
            "id": IDS, "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete", None, 3]),
            "output": st.lists(ITEMS, max_size=2), "usage": st.dictionaries(WORDS, st.integers(), max_size=2),
        }),
        "error": st.fixed_dictionaries({}, optional={
            "code": st.sampled_from(["conversation_already_has_active_response", "response_cancel_not_active", "invalid_value"]),
            "event_id": IDS, "message": WORDS,
        }),
    },
)  # fmt: skip
COMMANDS = st.one_of(
    st.builds(SayToModel, WORDS),
    st.builds(TellModel, WORDS),
    st.builds(AnswerTool, IDS, WORDS, st.just({})),
    st.builds(
        StopModel, st.lists(st.builds(HeardItem, IDS, st.integers(0, 99), st.integers(0, 99)), max_size=2).map(tuple)
    ),
    st.just(BeginCallerTurn()),
    st.just(EndCallerTurn()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(EVENTS, COMMANDS, st.just(b"audio")), max_size=30))
def test_no_order_of_events_breaks_the_codec_or_asks_for_two_responses_at_once(
    steps: list[dict[str, Any] | LegCommand | bytes],
) -> None:
    """Between two `response.create` there is the end of a response, or an error that names the first one."""
    peer = ready()
    open_create: str | None = None
    for step in steps:
        if isinstance(step, dict):
            error = step.get("error") if step["type"] == "error" else None
            if step["type"] == "response.done" or (error and error.get("event_id") == open_create):
                open_create = None
            with contextlib.suppress(WireError):
                peer.codec.receive(json.dumps(step).encode())
        elif isinstance(step, bytes):
            peer.codec.audio(MS * 20)
        else:
            peer.codec.obey(step)
        for message in peer.sent():
            if message["type"] == "response.create":
                assert open_create is None
                open_create = message["event_id"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "response", "item", "error", "session", "delta", "id", "code", "output", "usage", "x"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    _json,
    st.sampled_from(["response.done", "response.created", "error", "session.updated", "response.output_item.done"]),
)
def test_any_json_gives_events_or_a_refusal(value: Any, kind: str) -> None:
    message = {**value, "type": kind} if isinstance(value, dict) else value
    with contextlib.suppress(WireError):
        ready().codec.receive(json.dumps(message).encode())


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_a_refusal(payload: bytes) -> None:
    with contextlib.suppress(WireError):
        ready().codec.receive(payload)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=8), st.integers(0, 5_000))
def test_no_cut_lies_beyond_what_was_received(pieces_ms: list[int], heard_ms: int) -> None:
    peer = ready()
    peer.created()
    for piece_ms in pieces_ms:
        peer.audio(piece_ms)
    for message in peer.obey(StopModel((HeardItem("i1", heard_ms, heard_ms),))):
        assert message.get("audio_end_ms", 0) <= sum(pieces_ms)
