"""The scripted caller against an agent made of tones, in virtual time: `speak` and `hear` are driven without any clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from local.caller import AGAIN, Aside, Interruption, Persona, Rule, RuleBook, ScriptedCaller, cough

RATE_HZ = 16_000
FRAME = 640
AMINA = Persona(name="Amina", number="+254711000001")


def tone(duration_ms: int) -> bytes:
    at = np.arange(RATE_HZ * duration_ms // 1000)
    return bytes(np.rint(6000 * np.sin(2 * np.pi * 440 * at / RATE_HZ)).astype("<i2"))


class ToneVoice:
    """A second of tone per line; remembers what it was asked to say."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def say(
        self, text: str, *, language: str = "", wpm: int = 0, voice: str = "", rate_hz: int = RATE_HZ
    ) -> bytes:
        self.asked.append((text, language))
        return tone(1000)


class Agent:
    """The other side: `say` queues speech, whose words appear on the tap `words_late_ms` after its last sample."""

    def __init__(self, words_late_ms: int = 100) -> None:
        self.said: list[str] = []
        self._words_late_ms = words_late_ms
        self._sound = bytearray()
        self._due: list[tuple[int, str]] = []
        self.now_ms = 0

    def words(self) -> list[str]:
        self.said += [text for due_ms, text in self._due if due_ms <= self.now_ms]
        self._due = [(due_ms, text) for due_ms, text in self._due if due_ms > self.now_ms]
        return list(self.said)

    def say(self, text: str, duration_ms: int = 1000) -> None:
        self._sound += tone(duration_ms)
        self._due.append((self.now_ms + duration_ms + self._words_late_ms, text))

    def frame(self) -> bytes:
        self.now_ms += 20
        frame = bytes(self._sound[:FRAME])
        del self._sound[:FRAME]
        return frame.ljust(FRAME, b"\0")

    def stop(self) -> None:
        self._sound.clear()


class Conversation:
    def __init__(self, agent: Agent, caller: ScriptedCaller) -> None:
        self.agent, self.caller = agent, caller
        self.said = bytearray()
        asyncio.run(caller.prepare())
        caller.answered()

    def run_until_another_line_was_said(self, at_most_ms: int) -> None:
        lines_before = len(self.lines)
        for _ in range(at_most_ms // 20):
            self.run(20)
            if len(self.lines) > lines_before and self.caller.spoken[-1].end_ms is not None:
                return

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // 20):
            if self.caller.hung_up:
                return
            self.said += self.caller.speak(FRAME // 2)
            self.caller.hear(self.agent.frame())

    @property
    def lines(self) -> list[str]:
        return [one.text for one in self.caller.spoken]


def converse(rules: Sequence[Rule], agent: Agent | None = None, **settings: object) -> Conversation:
    agent = agent or Agent()
    caller = ScriptedCaller(rules, ToneVoice(), AMINA, agent.words, **settings)  # type: ignore[arg-type]
    return Conversation(agent, caller)


def test_the_caller_answers_after_the_agent_has_been_silent_for_700_ms() -> None:
    call = converse([Rule("help you", "A cleaning please")])
    call.agent.say("Hello, how may I help you?", 2000)
    call.run(6000)
    (line,) = call.caller.spoken
    assert line.text == "A cleaning please"
    assert 2000 + 700 + 200 <= line.start_ms <= 2000 + 700 + 200 + 150, (
        "end of speech, silence, breath, and a few frames"
    )
    assert line.end_ms == line.start_ms + 1000
    assert call.caller.turns == ["Hello, how may I help you?"]
    assert call.caller.heard == [(0, 2000)]


def test_a_pause_within_the_agents_sentence_is_not_its_end() -> None:
    call = converse([Rule("help", "Yes")])
    call.agent.say("Welcome.", 800)
    call.agent._sound += bytes(32 * 600)
    call.agent.say("How may I help?", 1000)
    call.run(2400)
    assert call.lines == []
    call.run(3000)
    assert call.lines == ["Yes"]
    assert len(call.caller.heard) == 1


def test_the_first_matching_rule_that_is_not_used_up_decides() -> None:
    book = RuleBook([Rule("time", "At two", times=1), Rule("TIME|day", "Whenever")])
    assert [
        getattr(book.answer(words), "say", None) for words in ("what time?", "what time?", "which day?", "name?")
    ] == [
        "At two",
        "Whenever",
        "Whenever",
        None,
    ]


def test_words_that_come_late_are_waited_for() -> None:
    call = converse([Rule("how may", "A cleaning")], Agent(words_late_ms=1900))
    call.agent.say("How may I help?", 1000)
    call.run(8000)
    assert call.lines == ["A cleaning"]
    assert call.caller.spoken[0].start_ms >= 2900


def test_words_that_never_come_fall_to_a_rule_for_anything_after_a_second_and_a_half() -> None:
    call = converse([Rule("how may", "A cleaning"), Rule("", "Sorry?")], Agent(words_late_ms=10**9))
    call.agent.say("(unheard)", 1000)
    call.run(8000)
    assert call.lines[0] == "Sorry?"
    assert call.caller.spoken[0].start_ms == pytest.approx(1000 + 700 + 1500 + 200, abs=140)


def test_a_whole_conversation_ends_with_the_callers_goodbye_and_hang_up() -> None:
    call = converse(
        [
            Rule("help you", "A cleaning on Thursday"),
            Rule("is that right", "Yes"),
            Rule("booked", "Thank you, goodbye", hang_up_after_ms=400),
        ]
    )
    for words in ("How may I help you?", "Thursday at two. Is that right?", "You are booked."):
        call.agent.say(words)
        call.run_until_another_line_was_said(6000)
    call.run(2000)
    assert call.lines == ["A cleaning on Thursday", "Yes", "Thank you, goodbye"]
    assert call.caller.hung_up
    assert not call.caller.gave_up
    ended_ms = call.caller.spoken[-1].end_ms
    assert ended_ms is not None
    assert len(call.said) // 32 == pytest.approx(ended_ms + 400, abs=40)


def test_an_interruption_starts_in_the_middle_of_the_agents_sentence_without_a_breath() -> None:
    call = converse([Rule("sure", "Thank you")], interruptions=[Interruption(after_ms=1500, say="Wait")])
    call.agent.say("A very long greeting", 8000)
    call.run(3000)
    (line,) = call.caller.spoken
    assert line.interrupts
    assert line.start_ms == pytest.approx(1500, abs=40)
    samples = np.frombuffer(bytes(call.said), "<i2")[16 * line.start_ms :][:320]
    assert np.abs(samples).max() > 2000, "the first frame of the interruption is already speech"


def test_what_the_agent_said_before_it_was_interrupted_is_not_taken_for_its_answer() -> None:
    call = converse([Rule("greeting", "WRONG"), Rule("sure", "Thank you")], interruptions=[Interruption(1500, "Wait")])
    call.agent.say("A very long greeting", 8000)
    call.run(2000)
    call.agent.stop()
    call.agent._due = []
    call.agent.said.append("A very long gree")
    call.run(1500)
    call.agent.say("Sure, go on")
    call.run(4000)
    assert call.lines == ["Wait", "Thank you"]


def test_a_silent_caller_never_says_a_word_but_its_line_is_never_digitally_silent() -> None:
    call = converse([Rule("", "never said")], stay_silent=True)
    for _ in range(3):
        call.agent.say("Are you still there?")
        call.run(8000)
    assert call.lines == []
    assert not call.caller.hung_up
    samples = np.frombuffer(bytes(call.said), "<i2")
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    assert frames.any(axis=1).all()
    assert 2 < float(samples.std()) < 4


def test_a_caller_who_is_not_understood_gives_up_after_four_puzzling_turns() -> None:
    call = converse([Rule("how may", "A cleaning", times=1)])
    call.agent.say("How may I help?")
    call.run(4000)
    for _ in range(10):
        call.agent.say("I did not get that")
        call.run(3000)
    assert call.lines == ["A cleaning"]
    assert call.caller.gave_up
    assert call.caller.hung_up
    assert len(call.caller.turns) == 5


def test_a_caller_who_gets_no_reply_repeats_twice_and_leaves() -> None:
    call = converse([Rule("how may", "A cleaning")], patience_ms=3000)
    call.agent.say("How may I help?")
    call.run(60_000)
    assert call.lines == ["A cleaning"] * 3
    assert call.caller.gave_up


def test_nobody_speaks_at_all_and_the_caller_leaves() -> None:
    call = converse([Rule("how may", "A cleaning")], patience_ms=3000)
    call.run(60_000)
    assert call.lines == []
    assert call.caller.gave_up
    assert len(call.said) // 32 == pytest.approx(9000, abs=100)


def test_hanging_up_at_a_given_moment_happens_whatever_is_going_on() -> None:
    call = converse([Rule("", "x")], hang_up_after_ms=1000)
    call.agent.say("A long sentence", 5000)
    call.run(5000)
    assert call.caller.hung_up
    assert len(call.said) // 32 == 1000 + 20


def test_a_rule_may_think_before_it_speaks_or_only_hang_up() -> None:
    call = converse([Rule("name", "Amina", wait_ms=2000), Rule("bye", "", hang_up_after_ms=100)])
    call.agent.say("Your name?")
    call.run(6000)
    assert call.caller.spoken[0].start_ms >= 1000 + 700 + 2000
    call.agent.say("Goodbye")
    call.run(4000)
    assert call.caller.hung_up
    assert call.lines == ["Amina"]


def test_every_line_is_synthesised_once_before_the_call_in_the_personas_language() -> None:
    voice = ToneVoice()
    persona = Persona(name="Juma", number="+254711000002", language="sw")
    caller = ScriptedCaller([Rule("a", "ndio"), Rule("b", "ndio"), Rule("c", "")], voice, persona, list)
    with pytest.raises(RuntimeError, match="prepare"):
        caller.answered()
    asyncio.run(caller.prepare())
    assert voice.asked == [("ndio", "sw")]


def test_every_frame_is_whole_even_where_a_line_ends_inside_one() -> None:
    class OddVoice(ToneVoice):
        async def say(self, text: str, **_settings: object) -> bytes:
            return tone(1000)[: 2 * 12_345]

    agent = Agent()
    caller = ScriptedCaller([Rule("", "x")], OddVoice(), AMINA, agent.words)
    asyncio.run(caller.prepare())
    caller.answered()
    agent.say("Hello")
    for _ in range(300):
        assert len(caller.speak(320)) == 640
        caller.hear(agent.frame())
    assert len(caller.spoken) == 1


def test_a_murmur_into_the_agents_words_is_no_turn() -> None:
    call = converse([Rule("anything", "yes please")], asides=[Aside(300, 2, "mm")])
    call.agent.say("hello", 1000)
    call.run(4000)
    call.agent.say("is there anything else", 2500)
    call.run(7000)
    murmur, answer = call.caller.spoken
    assert (murmur.text, murmur.aside, answer.text, answer.aside) == ("mm", True, "yes please", False)
    assert murmur.end_ms is not None and murmur.end_ms < answer.start_ms
    assert call.caller.turns == ["hello", "is there anything else"]


def test_a_cough_is_a_sound_and_not_a_line() -> None:
    call = converse([], asides=[Aside(300, 1, sound=cough())])
    call.agent.say("hello there", 2000)
    call.run(3000)
    (sound,) = call.caller.spoken
    assert sound.aside and sound.text == ""
    assert sound.end_ms is not None and 400 <= sound.end_ms - sound.start_ms <= 600
    assert np.abs(np.frombuffer(call.said, "<i2").astype(int)).max() > 4000
    assert cough(3) == cough(3) != cough(4)


def test_a_caller_who_is_asked_to_repeat_says_the_last_line_again() -> None:
    call = converse([Rule("help", "a cleaning", times=1), Rule("again", AGAIN)])
    call.agent.say("say it again")
    call.run(4000)
    assert call.lines == []
    call.agent.say("how can i help")
    call.run(5000)
    call.agent.say("please say it again")
    call.run(5000)
    assert call.lines == ["a cleaning", "a cleaning"]


def test_keys_are_pressed_one_after_another_once_the_agent_has_finished() -> None:
    pressed: list[tuple[int, str]] = []
    call = converse([Rule("key in", "", keys="4711"), Rule("thank", "Goodbye")])
    call.caller.press = lambda key: pressed.append((call.agent.now_ms, key))
    call.agent.say("Please key in your code.", 1000)
    call.run(4000)
    assert [key for _, key in pressed] == list("4711")
    assert pressed[0][0] >= 1700
    assert all(150 <= later - earlier <= 250 for (earlier, _), (later, _) in itertools.pairwise(pressed))
    assert call.lines == []
    call.agent.say("Thank you.", 500)
    call.run(3000)
    assert call.lines == ["Goodbye"]


def test_a_line_is_followed_by_another_though_nobody_answers_and_only_then_the_caller_leaves() -> None:
    call = converse([Rule("take the call", "Yes", follow=("Hello there", 1000), hang_up_after_ms=300)])
    call.agent.say("Do you take the call?", 1000)
    call.run(8000)
    assert call.lines == ["Yes", "Hello there"]
    yes, hello = call.caller.spoken
    assert yes.end_ms is not None and hello.start_ms == pytest.approx(yes.end_ms + 1200, abs=60)
    assert call.caller.hung_up


def test_what_follows_a_line_waits_until_the_caller_may_and_until_nobody_speaks() -> None:
    may: list[bool] = []
    rules = [
        Rule("take the call", "Yes", times=1, follow=("Hello there", 1000)),
        Rule("", "Goodbye", times=1, hang_up_after_ms=0),
    ]
    call = converse(rules, may_follow=lambda: bool(may))
    call.agent.say("Do you take the call?", 1000)
    call.run(6000)
    assert call.lines == ["Yes"]
    call.agent.say("One moment.", 1500)
    call.run(400)
    may.append(True)
    call.run(1000)
    assert call.lines == ["Yes"], "the agent was still speaking"
    call.run(3000)
    assert call.lines == ["Yes", "Hello there"], "what the agent said in between needs no answer"
    call.agent.say("Hello.", 800)
    call.run(4000)
    assert call.lines[2:] == ["Goodbye"]


def test_who_is_rung_may_speak_first() -> None:
    call = converse([Rule("^$", "Goodbye", times=1)], greeting="Front desk")
    call.run(3000)
    assert call.lines == ["Front desk"]
    assert call.caller.spoken[0].start_ms < 1000
