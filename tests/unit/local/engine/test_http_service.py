"""The offline HTTP services' own rules: a dialogue that is replayed, a grammar that is chosen, a call that is cut off."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bridge.wire import transcription
from local.engine.dialogue import CallTool, Say
from local.engine.expectation import Expectation
from local.engine.http_dialogue import replayed
from local.engine.http_kills import HttpKills
from local.engine.http_service import OfflineServices, audible_ms, guessed_language, services_of_profiles
from local.engine.http_wire import BadRequest, Request
from local.engine.phrases import ENGLISH
from local.engine.subject import Subject
from local.speech.voice import Voice
from tests.contract.test_cascade_sdk import TOOLS

SYSTEM = {"role": "system", "content": "You speak English."}
BOOK = {"role": "user", "content": "I would like to book a cleaning tomorrow at nine"}
NAME = {"role": "user", "content": "My name is Amina."}
ASKED = {"role": "assistant", "content": "May I…"}
WISH = {"service": "cleaning", "when": "tomorrow at nine", "name": "Amina"}


def call(identifier: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": identifier, "type": "function", "function": function}],
    }


def result(identifier: str, **payload: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": json.dumps(payload)}


PROPOSED = [SYSTEM, BOOK, ASKED, NAME, call("a", "proposeBooking", WISH), result("a", say="Shall I?", nonce="n")]


def acts(*messages: Mapping[str, Any]) -> Sequence[object]:
    return replayed(messages, TOOLS)[1]


def test_the_last_message_is_answered_in_the_light_of_all_before_it() -> None:
    assert acts(SYSTEM, BOOK) == [Say(ENGLISH.name)]
    assert acts(SYSTEM, BOOK, ASKED, NAME) == [CallTool("proposeBooking", WISH)]
    assert acts(*PROPOSED) == [Say("Shall I?")]
    (commit,) = acts(*PROPOSED, {"role": "assistant", "content": "Shall I?"}, {"role": "user", "content": "yes"})
    assert isinstance(commit, CallTool)
    assert commit.arguments["nonce"] == "n"


def test_a_murmur_that_nobody_answered_changes_nothing() -> None:
    assert acts(SYSTEM, BOOK, ASKED, {"role": "user", "content": "Mm"}, NAME) == [CallTool("proposeBooking", WISH)]


def test_a_note_about_the_connection_is_no_word_of_the_callers() -> None:
    assert acts(SYSTEM, BOOK, ASKED, {"role": "user", "content": "[Go on.]"}) == [Say(ENGLISH.name)]


def test_words_to_be_said_exactly_are_said_exactly() -> None:
    order = 'Say exactly this to the caller now, and nothing else: "Good day."'
    assert acts(SYSTEM, {"role": "user", "content": order}) == [Say("Good day.")]


def test_a_conversation_that_another_engine_began_is_gone_on_with() -> None:
    brief = {
        "language": "en",
        "turns": [
            {"who": "caller", "text": BOOK["content"]},
            {"who": "agent", "text": ENGLISH.name},
            {"who": "caller", "text": NAME["content"]},
        ],
        "facts": [],
        "open_confirmation": None,
        "answer_owed": True,
    }
    system = {"role": "system", "content": f"<call-so-far>\n{json.dumps(brief)}\n</call-so-far>"}
    assert acts(system, {"role": "user", "content": "[The connection was interrupted.]"}) == [
        CallTool("proposeBooking", WISH)
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, {"role": "robot", "content": "x"}],
        [SYSTEM, result("nobody-asked")],
        [SYSTEM, BOOK, call("a", "proposeBooking", WISH)],
    ],
)
def test_a_conversation_out_of_form_is_refused_as_a_strict_server_does(messages: list[Mapping[str, Any]]) -> None:
    with pytest.raises(BadRequest):
        acts(*messages)


class Recorder:
    """A recogniser that understands one expectation, and keeps what it was asked."""

    def __init__(self, understands: Expectation) -> None:
        self.understands = understands
        self.asked: list[Expectation] = []
        self.vocabulary: tuple[list[str], str] = ([], "")

    def __call__(self, subject: Subject, language: str) -> Recorder:
        self.vocabulary = (list(subject.services), language)
        return self

    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None:
        self.asked.append(expectation)
        return "words" if expectation is self.understands else None


def services(recorder: Recorder) -> OfflineServices:
    return OfflineServices(Voice("agent"), recorder)


LOUD = transcription.wav(b"\x00\x20\x00\xe0" * 8_000, 16_000)


async def test_the_grammar_is_the_one_for_what_the_agent_said_last() -> None:
    recorder = Recorder(Expectation.NAME)
    offline = services(recorder)
    await offline.complete([SYSTEM, BOOK], TOOLS)
    assert await offline.transcribe(LOUD, f"Good. {ENGLISH.name}", "en") == "words"
    assert recorder.asked == [Expectation.NAME]
    assert recorder.vocabulary == (["cleaning", "checkup"], "en")


async def test_without_such_words_the_grammars_are_tried_in_order() -> None:
    recorder = Recorder(Expectation.WHEN)
    assert await services(recorder).transcribe(LOUD, "", "sw") == "words"
    assert recorder.asked == [Expectation.OPEN, Expectation.YES_NO, Expectation.WHEN]
    assert recorder.vocabulary == (list(services_of_profiles()), "sw")


async def test_speech_that_no_grammar_has_is_words_and_silence_is_none() -> None:
    offline = services(Recorder(Expectation.SERVICE))
    assert await offline.transcribe(LOUD, "", "en") == "mumbling"
    assert await offline.transcribe(transcription.wav(bytes(32_000), 16_000), "", "en") == ""


def test_what_is_audible_is_measured() -> None:
    assert audible_ms(bytes(32_000)) == 0
    assert audible_ms(b"\x00\x20" * 1_600 + bytes(3_200)) == 100


@pytest.mark.parametrize(
    ("text", "language"), [("Ungependa huduma gani?", "sw"), ("What would you like?", "en"), ("Hello", "en")]
)
def test_a_sentence_shows_its_language(text: str, language: str) -> None:
    assert guessed_language(text) == language


def test_a_form_is_read_part_by_part() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x\r\n'
    file = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    body = head + file + b"\x00\r\n\xff\n\r\n--x--\r\n"
    request = Request("POST", "/", {"content-type": "multipart/form-data; boundary=x"}, body)
    assert request.form() == {"model": b"m", "file": b"\x00\r\n\xff\n"}


# --- dying on purpose ------------------------------------------------------------------------------------------------------


def test_the_nth_fresh_call_is_cut_in_the_nth_state_twice_and_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    kills = HttpKills(["understanding", "speaking"])
    assert not kills.is_due("1.first-1", "hearing")
    assert kills.is_due("1.first-2", "understanding")
    assert kills.is_due("1.first-3", "understanding")
    assert not kills.is_due("1.first-4", "understanding")
    assert not kills.is_due("1.second-1", "understanding")
    assert kills.is_due("1.second-2", "speaking")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"event": "killed", "state": "understanding"}, {"event": "killed", "state": "speaking"}]


def test_a_call_that_was_taken_over_is_left_alone() -> None:
    kills = HttpKills(["understanding"])
    assert not kills.is_due("2.other-1", "understanding")
    assert not kills.is_due("1.third-1", "understanding", is_takeover=True)


def test_an_engine_that_is_down_refuses_new_calls_and_serves_the_old_ones() -> None:
    kills = HttpKills(["speaking"], down_after=1)
    assert not kills.is_due("1.old-1", "understanding")
    assert not kills.refuses("1.new-1")
    assert kills.is_due("1.old-2", "speaking")
    assert kills.refuses("1.new-1")
    assert not kills.refuses("1.old-3")
