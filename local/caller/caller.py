"""The scripted caller: a Party of the simulated carrier that holds a conversation by rules.

It hears only audio. What the agent said in words comes from a tap (the bridge's call record), because a rule over words needs no
recogniser and shares none with the engine under test; the tap never decides when to speak, the ear does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from local.caller.hearing import Hearing
from local.caller.mouth import RATE_HZ, LineNoise, Speaker, with_noise
from local.caller.rules import AGAIN, Aside, Interruption, Persona, Rule, RuleBook

LEAD_SILENCE_MS = 200
WORDS_WAIT_MS = 1500
WORDS_POLL_MS = 100
FOLLOW_POLL_MS = 400
KEY_EVERY_MS = 200
GREETED_AFTER_MS = 500


@dataclass(slots=True)
class Spoken:
    """One line of the caller, from its first to its last sample of speech; end_ms is None if the call ended in it."""

    text: str
    start_ms: int
    end_ms: int | None = None
    interrupts: bool = False
    aside: bool = False


class State(Enum):
    LISTENING = "listening"  # for the agent to begin or to go on
    AWAITING_WORDS = "awaiting words"  # the agent has stopped; what it said is not known yet
    THINKING = "thinking"  # the answer is chosen
    SPEAKING = "speaking"
    LEAVING = "leaving"  # nothing more to say
    GONE = "gone"


class ScriptedCaller:
    """`await prepare()` before dialling. Times are milliseconds since the call was answered.

    words: every utterance of the agent so far, oldest first; may be set after dialling, when the session id is known.
    may_follow: whether it is time for what follows a line; asked now and then.
    greeting: said on picking up, without waiting for anybody.
    stay_silent: never says a word and never gives up; the agent must end the call.
    patience_ms: after this much silence on both sides the last line is repeated, `repeats` times, then the caller hangs up.
    max_puzzled: as many turns in a row without a matching rule make the caller hang up.
    hang_up_after_ms: hang up then, whatever happens.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        voice: Speaker,
        persona: Persona,
        words: Callable[[], list[str]] = list,
        *,
        may_follow: Callable[[], bool] = lambda: True,
        interruptions: Sequence[Interruption] = (),
        asides: Sequence[Aside] = (),
        greeting: str = "",
        stay_silent: bool = False,
        hang_up_after_ms: int | None = None,
        patience_ms: int = 12_000,
        repeats: int = 2,
        max_puzzled: int = 4,
        limit_ms: int = 180_000,
        seed: int = 1,
    ) -> None:
        self.persona = persona
        self.hung_up = False
        self.gave_up = False
        self.state = State.LISTENING
        self.is_answered = False
        self.spoken: list[Spoken] = []
        self.turns: list[str] = []
        """The agent's words as they were put to the rules, one entry per turn."""
        self._rules, self._book = list(rules), RuleBook(rules)
        self._voice = voice
        self.words = words
        self.press: Callable[[str], None] = lambda key: None
        """Where keys go; may be set after dialling, when there is a call."""
        self._may_follow = may_follow
        self._is_following = False
        self._interruptions = sorted(interruptions, key=lambda one: one.turn)
        self._asides = sorted(asides, key=lambda one: (one.turn, one.after_ms))
        self._stay_silent = stay_silent
        self._greeting = greeting
        self._hang_up_at_ms = min(limit_ms, limit_ms if hang_up_after_ms is None else hang_up_after_ms)
        self._patience_ms, self._repeats_left, self._max_puzzled = patience_ms, repeats, max_puzzled
        self._seed = seed
        self._hearing = Hearing()
        self._line = LineNoise(seed)
        self._clips: dict[str, bytes] = {}
        self._is_prepared = False
        self._playing: memoryview | None = None
        self._now_ms = 0
        self._due_ms = 0
        self._keys: list[str] = []
        self._next_key_ms = 0
        self._chosen: Rule | None = None
        self._words_used = 0
        self._cut_short = 0  # utterances of the agent that this caller talked over and that the tap has yet to show
        self._turns_closed = 0
        self._puzzled = 0
        self._quiet_since_ms = 0

    async def prepare(self) -> None:
        """Synthesises every line. Raises what the voice raises."""
        lines = {rule.say: rule.language for rule in self._rules}
        lines |= {rule.follow[0]: rule.language for rule in self._rules if rule.follow}
        sounds = [one.say for one in self._interruptions] + [one.say for one in self._asides]
        lines |= dict.fromkeys([self._greeting, *sounds], "")
        for text, language in sorted(lines.items()):
            if text in ("", AGAIN):
                continue
            persona = self.persona
            pcm = await self._voice.say(
                text, language=language or persona.language, wpm=persona.wpm, voice=persona.voice, rate_hz=RATE_HZ
            )
            self._clips[text] = with_noise(pcm, self._seed)
        self._is_prepared = True

    @property
    def heard(self) -> list[tuple[int, int | None]]:
        """The agent's turns as the ear found them: (start_ms, end_ms)."""
        return [(turn.start_ms, turn.end_ms) for turn in self._hearing.turns]

    # --- Party --------------------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        if not self._is_prepared:
            raise RuntimeError("await prepare() before dialling: the lines are not synthesised")
        self.is_answered = True
        if self._greeting:
            self._chosen, self.state, self._due_ms = Rule("", self._greeting), State.THINKING, GREETED_AFTER_MS

    def speak(self, samples: int) -> bytes:
        """Advances the caller's own clock: the decisions of the last frame take effect here."""
        if self._playing is None:
            self._act()
        self._now_ms += 1000 * samples // RATE_HZ
        if self._playing is None:
            return self._line.quiet(samples)
        frame, self._playing = bytes(self._playing[: 2 * samples]), self._playing[2 * samples :]
        if not self._playing:
            self._line_finished()
        return frame + self._line.quiet(samples - len(frame) // 2)

    def hear(self, pcm: bytes) -> None:
        self._hearing.hear(pcm)
        if self._hearing.is_speaking or self._playing is not None:
            self._quiet_since_ms = self._now_ms

    def ended(self) -> None:
        self.state = State.GONE

    # --- decisions, once per 20 ms ------------------------------------------------------------------------------------------

    def _act(self) -> None:
        self._press_keys()
        if self._now_ms >= self._hang_up_at_ms:
            self._hang_up()
        elif self.state is State.LEAVING:
            if self._now_ms >= self._due_ms:
                self._hang_up()
        elif not self._stay_silent and not self._interrupted() and not self._made_an_aside():
            self._take_turn()

    def _press_keys(self) -> None:
        if self._keys and self._now_ms >= self._next_key_ms:
            self.press(self._keys.pop(0))
            self._next_key_ms = self._now_ms + KEY_EVERY_MS
            self._quiet_since_ms = self._now_ms

    def _take_turn(self) -> None:
        match self.state:
            case State.LISTENING:
                self._listen()
            case State.AWAITING_WORDS:
                self._await_words()
            case State.THINKING if self._is_following:
                self._wait_to_follow()
            case State.THINKING:
                if self._hearing.is_speaking:
                    self.state = State.LISTENING  # the agent went on: what was chosen is out of date
                elif self._now_ms >= self._due_ms and self._chosen is not None:
                    self._speak(self._line_of(self._chosen))

    def _wait_to_follow(self) -> None:
        if self._now_ms < self._due_ms or self._chosen is None:
            return
        if self._hearing.is_speaking or not self._may_follow():
            self._due_ms = self._now_ms + FOLLOW_POLL_MS
            return
        self._turns_closed, self._words_used = len(self._hearing.turns), len(self.words())
        self._is_following = False
        self._speak(self._chosen.say)

    def _line_of(self, rule: Rule) -> str:
        lines = [one.text for one in self.spoken if not one.aside]
        return lines[-1] if rule.say == AGAIN else rule.say

    def _interrupted(self) -> bool:
        """Talks over the agent if it is time to."""
        due = self._interruptions[0] if self._interruptions else None
        if due is None or len(self._hearing.turns) < due.turn or self._hearing.speech_ms < due.after_ms:
            return False
        self._interruptions.pop(0)
        self._turns_closed = len(self._hearing.turns)
        self._words_used = len(self.words())
        self._cut_short = 1
        self._speak(due.say, interrupts=True)
        return True

    def _made_an_aside(self) -> bool:
        """Makes a sound into the agent's words if it is time to, and goes on listening."""
        due = self._asides[0] if self._asides else None
        if due is None or len(self._hearing.turns) < due.turn or self._hearing.speech_ms < due.after_ms:
            return False
        self._asides.pop(0)
        self._playing = memoryview(due.sound or self._clips[due.say])
        self.spoken.append(Spoken(due.say, self._now_ms, aside=True))
        return True

    def _listen(self) -> None:
        if not self._hearing.is_speaking and len(self._hearing.turns) > self._turns_closed:
            self.state = State.AWAITING_WORDS
            self._due_ms = self._now_ms
        else:
            self._repeat_if_nothing_happens()

    def _await_words(self) -> None:
        """The agent's words are written when it has finished; the file may be a moment behind the sound.

        The utterance that this caller cut short is not part of the answer to it. Words that never come are put to the rules as "",
        so that a rule for anything still works; without such a rule the caller waits on.
        """
        if self._hearing.is_speaking:
            self.state = State.LISTENING
            return
        waited_ms = self._now_ms - self._due_ms
        if waited_ms % WORDS_POLL_MS:
            return
        words = self.words()
        fresh = words[self._words_used :]
        if len(fresh) <= self._cut_short and waited_ms < WORDS_WAIT_MS:
            return
        said = " ".join(fresh[self._cut_short :] or fresh)
        rule = self._book.answer(said)
        if not said and rule is None:
            self._repeat_if_nothing_happens()
            return
        self._words_used, self._cut_short = len(words), 0
        self._turns_closed = len(self._hearing.turns)
        self.turns.append(said)
        self.state = State.LISTENING
        if rule is None:
            self._be_puzzled()
        else:
            self._follow(rule)

    def _be_puzzled(self) -> None:
        self._puzzled += 1
        if self._puzzled >= self._max_puzzled:
            self._give_up()

    def _follow(self, rule: Rule) -> None:
        self._puzzled = 0
        self._chosen = rule
        self._due_ms = self._now_ms + rule.wait_ms
        if rule.say == AGAIN and not any(not one.aside for one in self.spoken):
            return  # nothing to repeat yet: the agent will go on
        if rule.keys:
            self._keys, self._next_key_ms = list(rule.keys), self._due_ms + KEY_EVERY_MS
        if rule.say:
            self.state = State.THINKING
        elif rule.hang_up_after_ms is not None:
            self._leave(rule.hang_up_after_ms)

    def _repeat_if_nothing_happens(self) -> None:
        if self._now_ms - self._quiet_since_ms < self._patience_ms:
            return
        self._quiet_since_ms = self._now_ms
        if any(not one.aside for one in self.spoken) and self._repeats_left > 0:
            self._repeats_left -= 1
            self._speak(next((one.text for one in reversed(self.spoken) if not one.aside), ""))
        elif self._repeats_left > 0:
            self._repeats_left -= 1  # nothing said yet and nobody greets: wait a little longer
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.gave_up = True
        self._hang_up()

    def _leave(self, after_ms: int) -> None:
        self.state = State.LEAVING
        self._due_ms = self._now_ms + after_ms

    def _hang_up(self) -> None:
        self.state = State.GONE
        self.hung_up = True

    # --- mouth --------------------------------------------------------------------------------------------------------------

    def _speak(self, text: str, *, interrupts: bool = False) -> None:
        """An interruption starts with its first word; anything else after a breath of line noise."""
        lead = b"" if interrupts else self._line.quiet(RATE_HZ * LEAD_SILENCE_MS // 1000)
        self._playing = memoryview(lead + self._clips[text])
        self.spoken.append(Spoken(text, self._now_ms + 1000 * len(lead) // 2 // RATE_HZ, interrupts=interrupts))
        self.state = State.SPEAKING

    def _line_finished(self) -> None:
        self._playing = None
        self._quiet_since_ms = self._now_ms
        self.spoken[-1].end_ms = self._now_ms
        if self.spoken[-1].aside:
            return
        self.state = State.LISTENING
        chosen, self._chosen = self._chosen, None
        if chosen is not None and chosen.follow is not None:
            words, after_ms = chosen.follow
            self._chosen = Rule("", words, hang_up_after_ms=chosen.hang_up_after_ms)
            self._due_ms = self._now_ms + after_ms
            self.state, self._is_following = State.THINKING, True
        elif chosen is not None and chosen.hang_up_after_ms is not None:
            self._leave(chosen.hang_up_after_ms)
