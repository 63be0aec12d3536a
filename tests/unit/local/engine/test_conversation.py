"""The offline conversation without a wire: when it answers, when it falls silent, and where it dies if it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from local.engine.conversation import (
    KILL_STATES,
    Cancelled,
    Conversation,
    Input,
    Kills,
    Memory,
    Opening,
    Parts,
    Respond,
    SpeechBegan,
    SpeechUnderWay,
    Text,
    ToolAnswered,
    Utterance,
    new_dialogue,
    relevant,
)
from local.engine.expectation import Expectation
from local.engine.subject import Subject

TOOLS = (
    {
        "name": "proposeBooking",
        "parameters": {"properties": {"service": {"enum": ["cleaning"], "description": "cleaning: cleaning"}}},
    },
    {"name": "commitProposal"},
    {"name": "endCall"},
)
GREETING = 'Say exactly this: "Hello, this is a clinic."'
BOOKING = "book a cleaning tomorrow at nine my name is grace"


class Tape:
    """A client that says its inputs in order and keeps what it gets. A string among them waits until it got something of that kind."""

    stops_at_speech = True
    ends_when_heard = False

    def __init__(self, *inputs: Input | str, opening: Opening | None = None) -> None:
        self.opening = opening or Opening("You speak English.", TOOLS)
        self.got: list[tuple[str, Any]] = []
        self.is_cut = False
        self._inputs = inputs
        self._news = asyncio.Event()

    async def inputs(self) -> AsyncIterator[Input]:
        for one in self._inputs:
            if isinstance(one, str):
                await self._until(one)
            elif not self.is_cut:
                yield one

    async def _until(self, kind: str) -> None:
        while kind not in self.kinds() and not self.is_cut:
            self._news.clear()
            await self._news.wait()

    def _get(self, kind: str, value: Any = None) -> None:
        self.got.append((kind, value))
        self._news.set()

    async def understood(self, utterance: Utterance, words: str) -> None:
        self._get("understood", words)

    async def speak(self, words: str, pcm24k: bytes) -> None:
        self._get("said", words)

    async def spoken(self) -> None:
        self._get("spoken")

    async def call_tool(self, call_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        self._get("called", name)

    async def replied(self, tokens: int, *, has_spoken: bool) -> None:
        self._get("replied", has_spoken)

    async def interrupted(self, tokens: int) -> None:
        self._get("interrupted")

    async def offer_handle(self, handle: str) -> None:
        self._get("handle", handle)

    async def go_away(self, seconds: float) -> None:
        self._get("go_away", seconds)

    async def leave(self) -> None:
        self._get("left")

    def abort(self) -> None:
        self.is_cut = True
        self._news.set()

    def said(self) -> str:
        return "".join(words for kind, words in self.got if kind == "said")

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.got]


class Silence:
    """A voice whose sentences are silent and of one length."""

    def __init__(self, milliseconds: int) -> None:
        self._pcm = bytes(48 * milliseconds)

    async def say(self, text: str, **_: Any) -> bytes:
        return self._pcm


class Hears:
    def __init__(self, words: str) -> None:
        self._words = words

    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None:
        return self._words


async def played(tape: Tape, kills: Kills | None = None, heard: str = "", sentence_ms: int = 4) -> Tape:
    voice = Silence(sentence_ms)
    parts = Parts(voice, Memory(), lambda *_: Hears(heard), kills=kills or Kills())  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await Conversation(tape, parts).run()
    return tape


async def test_what_was_said_is_answered_when_an_answer_is_asked_for() -> None:
    tape = await played(Tape(Text("I would like to book a cleaning.")))
    assert tape.got == []
    tape = await played(Tape(Text("I would like to book a cleaning."), Respond(), "replied"))
    assert tape.said() == "On which day and at what time?"
    assert tape.kinds() == ["said", "spoken", "replied"]


async def test_speech_is_understood_first_and_a_tool_is_called_without_words() -> None:
    turn = (Utterance(bytes(640)), Respond(), "said", Text("my name is grace"), Respond(), "called")
    tape = await played(Tape(*turn), heard="book a cleaning tomorrow at nine")
    assert tape.got[0] == ("understood", "book a cleaning tomorrow at nine")
    assert tape.got[-2:] == [("called", "proposeBooking"), ("replied", False)]


async def test_the_answer_of_a_tool_is_spoken_word_for_word() -> None:
    answer = ToolAnswered("c", "proposeBooking", {"say": "Nine is free.", "status": "x"})
    assert (await played(Tape(answer, Respond(), "replied"))).said() == "Nine is free."


async def test_a_cancelled_reply_says_nothing_more_and_the_next_one_does() -> None:
    inputs = (Text(GREETING), Respond(), "said", Cancelled(), Text("goodbye"), Respond(), "called")
    tape = await played(Tape(*inputs), sentence_ms=60_000)
    assert tape.kinds() == ["said", "called", "replied"]


async def test_speech_over_the_reply_interrupts_it_and_speech_before_it_does_not() -> None:
    inputs = (SpeechBegan(), Text(GREETING), Respond(), "said", SpeechBegan(), "interrupted")
    tape = await played(Tape(*inputs), sentence_ms=60_000)
    assert tape.kinds() == ["said", "interrupted"]


async def test_a_murmur_into_the_agents_words_is_not_answered_and_one_after_them_is() -> None:
    murmur = (SpeechBegan(), Utterance(bytes(640)), Respond(), "understood")
    over = await played(Tape(Text(GREETING), Respond(), "said", *murmur, "replied"), heard="okay", sentence_ms=60_000)
    assert over.kinds() == ["said", "interrupted", "understood", "replied"]
    after = await played(Tape(*murmur, "said"), heard="okay")
    assert after.kinds()[:2] == ["understood", "said"]


async def test_keys_that_are_kept_from_the_model_make_it_call_the_tool_that_waits() -> None:
    then = {"tool": "verifyCaller", "arguments": {}, "fill": "answer", "expect": "digits"}
    asked = ToolAnswered("c", "accountStatus", {"say": "Key in your code.", "then": then})
    note = Text("[The caller pressed 4 keys; they are kept from you: call the tool that asked for them now]")
    tape = await played(Tape(asked, Respond(), "replied", note, Respond(), "called"))
    assert tape.got[-2:] == [("called", "verifyCaller"), ("replied", False)]


async def test_another_language_is_heard_with_another_vocabulary() -> None:
    loaded: list[str] = []

    def recogniser(subject: Subject, language: str) -> Hears:
        loaded.append(language)
        return Hears("")

    tools = ({"name": "speakLanguage"}, {"name": "endCall"})
    turn = (Text("do you speak swahili"), Respond(), "called")
    answer = ToolAnswered("", "speakLanguage", {"status": "ok", "say": "Sawa."})
    tape = Tape(*turn, answer, Respond(), "said", opening=Opening("You speak English.", tools))
    parts = Parts(Silence(4), Memory(), recogniser)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await Conversation(tape, parts).run()
    assert loaded == ["en", "sw"]


@pytest.mark.parametrize(
    ("turn", "left"),
    [
        ([Text("[Note.]")], [Text("[Note.]")]),
        ([Text("[Note.]"), Text("hello")], [Text("hello")]),
        ([Text("hello"), Text("[Note.]")], [Text("hello")]),
        ([Text("[One.]"), Text("[Two.]")], [Text("[Two.]")]),
        ([], []),
    ],
)
def test_notes_are_answered_only_where_there_is_nothing_else(turn: list[Any], left: list[Any]) -> None:
    assert relevant(turn) == left


SCENE: tuple[Input | str, ...] = (
    SpeechBegan(),
    SpeechUnderWay(),
    Utterance(bytes(640)),
    Respond(),
    "called",
    "replied",
    ToolAnswered("c", "endCall", {"say": "Goodbye."}),
    Respond(),
    "said",
    "never",
)
SEEN = {  # what the client got before it was cut off
    "hearing": [],
    "understanding": [],
    "tool_asked": ["understood", "called", "replied"],
    "tool_answered": ["understood", "called", "replied"],
    "speaking": ["understood", "called", "replied", "said"],
}


@pytest.mark.parametrize("state", KILL_STATES)
async def test_a_session_that_is_to_die_in_a_state_dies_in_it_and_its_successor_lives(state: str) -> None:
    killed: list[str] = []
    kills = Kills((state,), killed.append)
    tape = await played(Tape(*SCENE), kills, heard="goodbye")
    assert tape.is_cut
    assert tape.kinds() == SEEN[state]
    successor = Tape(*SCENE[:4], "understood", opening=Opening(instructions_with({}), TOOLS))
    assert not (await played(successor, kills, heard="yes")).is_cut
    assert killed == [state]


def instructions_with(brief: Mapping[str, Any]) -> str:
    empty = {"language": "en", "turns": [], "facts": [], "open_confirmation": None, "answer_owed": False}
    return f"You speak English.\n<call-so-far>\n{json.dumps({**empty, **brief})}\n</call-so-far>"


def test_fresh_sessions_die_in_turn_and_in_every_state() -> None:
    kills = Kills(("hearing", "speaking"))
    assert [kills.next_state() for _ in range(3)] == ["hearing", "speaking", "hearing"]
    assert Kills().next_state() == ""


async def test_a_reminder_that_comes_while_an_answer_is_on_its_way_is_answered_by_it() -> None:
    turn = (SpeechBegan(), Utterance(bytes(32_000)), Respond())
    tape = await played(Tape(*turn, Text("[Go on.]"), Respond(), "replied"), Kills(), heard="goodbye")
    assert tape.kinds().count("called") == 1
    assert "said" not in tape.kinds()


def test_a_call_that_another_engine_began_goes_on_where_it_was() -> None:
    turns = [
        {"who": "caller", "text": "book a cleaning tomorrow at nine"},
        {"who": "agent", "text": "May I have your name, please?"},
        {"who": "caller", "text": "my name is grace"},
    ]
    dialogue = new_dialogue(Opening(instructions_with({"turns": turns, "answer_owed": True}), TOOLS))
    assert [type(act).__name__ for act in dialogue.noted()] == ["CallTool"]


def test_a_brief_that_cannot_be_read_is_a_call_that_begins() -> None:
    assert new_dialogue(Opening("<call-so-far>\n{broken\n</call-so-far>", TOOLS)).last_said == ""
