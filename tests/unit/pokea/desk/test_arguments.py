"""What of a model's arguments is refused, and what is only tidied."""

from __future__ import annotations

import pytest

from pokea.desk.arguments import MAX_TEXT, problem_with, without_breaks
from pokea.toolkit import Effect, ToolSpec
from tests.fakes.conversation import Conversation
from tests.unit.pokea.shipment_samples import desk

SPEC = ToolSpec(
    "take", "Take.", {"type": "object", "properties": {"said": {"type": "string"}}, "required": []}, Effect.READ
)
MESSAGE = "Please tell the doctor that the tooth hurts again since Tuesday, and that I can come on any morning. " * 3


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [("a" * MAX_TEXT, True), ("a" * (MAX_TEXT + 1), False), ("a\x00b", False), ("a\u202eb", False)],
)
def test_a_minute_of_speech_is_taken_and_what_cannot_be_spoken_is_not(said: str, is_taken: bool) -> None:
    assert (problem_with(SPEC, {"said": said}) is None) is is_taken


def test_line_breaks_are_spaces() -> None:
    assert without_breaks({"said": "one\r\ntwo\tthree\u2028four", "n": 1}) == {"said": "one  two three four", "n": 1}


@pytest.mark.parametrize("message", [MESSAGE, "The tooth hurts again.\nPlease call me back."])
def test_a_long_message_and_one_in_two_lines_are_read_back(message: str) -> None:
    result = Conversation().tool("proposeMessage", {"message": message, "name": "Amina Otieno"})
    assert result.payload["status"] == "proposed"
    assert " ".join(message.split()).rstrip(".") in str(result.payload["say"])


def test_a_long_answer_does_not_stall_the_desk() -> None:
    assert desk().tool("deliveryAnswer", {"answer": "tomorrow or " * 80}).payload["status"] == "ask"
