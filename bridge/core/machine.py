"""Who answered a placed call: a person, a machine, a fax, or nobody; and when a machine begins to record. Pure: sound and time come in.

The sound alone decides, by `RULES`, of which the first that holds is the verdict. What tells a greeting from a person is mostly that
it goes on: a person says a short thing and waits. Where both are possible the verdict is PERSON. The transcript, where there is one, is a
second witness (`machine_words`).

A verdict is given once, and revised only upwards in certainty, as `MAY_BECOME` says: silence ends with a voice; what seemed a person
and then beeps like a mailbox was none.

    hear, settle, words   True when `finding` or `beep` has changed
    is_done               nothing can change any more: whoever feeds it may stop
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from bridge.core.first_sounds import FirstSounds, Phrase
from bridge.core.frames import Buffer
from bridge.core.line_tones import (
    CALLING_AGAIN_MS,
    Signal,
    Tone,
    is_calling_tone,
    is_of_exchange,
    may_be_fax,
    signal_in,
)
from bridge.core.machine_words import PROOF, Witness, witness_of

_WORDS_CHARS = 2_000


class Answerer(StrEnum):
    UNDECIDED = "undecided"
    PERSON = "person"
    MACHINE = "machine"
    FAX = "fax"
    SILENCE = "silence"


class Cue(StrEnum):
    """What the verdict rests on."""

    NONE = "none"
    FAX_TONE = "fax_tone"
    INFORMATION_TONE = "information_tone"
    BUSY_TONE = "busy_tone"
    WORDS = "words"
    BEEP = "beep"
    BARE_BEEP = "bare_beep"  # and nobody had spoken before it
    FURTHER_AWAY = "further_away"  # spoke, and what went on came from behind them
    GOES_ON = "goes_on"  # too long without a turn's pause
    NEVER_WAITS = "never_waits"  # pauses, and none of them long enough for an answer
    WAITS = "waits"  # spoke, and waits for an answer
    IN_PIECES = "in_pieces"  # more pauses than talk: somebody, and a room behind them that is not quiet
    IN_DOUBT = "in_doubt"
    NOTHING_HEARD = "nothing_heard"


class Beep(StrEnum):
    """After MACHINE: whether a message may be spoken."""

    NOT_ASKED = "not_asked"  # no machine
    AWAITED = "awaited"
    HEARD = "heard"  # from `message_from_ms` on the machine records
    NONE = "none"  # none came, or none will


MAY_BECOME: Mapping[Answerer, frozenset[Answerer]] = {
    Answerer.UNDECIDED: frozenset((Answerer.PERSON, Answerer.MACHINE, Answerer.FAX, Answerer.SILENCE)),
    Answerer.SILENCE: frozenset((Answerer.PERSON, Answerer.MACHINE, Answerer.FAX)),
    Answerer.PERSON: frozenset((Answerer.MACHINE, Answerer.FAX)),
    Answerer.MACHINE: frozenset((Answerer.FAX,)),
    Answerer.FAX: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All in milliseconds. A run is what was said without a pause of `turn_gap`."""

    # How long whoever spoke must be quiet to have given us the floor: (for talk up to, so long). A short word wants its answer within
    # 1.2 s, of which up to 0.24 s are ours; a longer one may only be taking breath, or its beep is due.
    waits: tuple[tuple[float, float], ...] = ((900, 720), (2_000, 960), (3_500, 1_360), (inf, 1_600))
    hinted_wait: float = 2_200  # the words sound like a greeting's: its beep comes within two seconds
    turn_gap: float = 700  # within a recorded greeting pauses are rarely longer
    overdue: float = 2_000  # a frame that has not come for so long was never sent; before, it may only be late
    goes_on: float = 8_000  # a receptionist's longest sentence is shorter
    asked_back_goes_on: float = 12_000  # the words are a person's
    never_waits: float = 11_000  # of talk in all
    further_away: float = 2_000  # since whoever was loudest was heard
    in_pieces: tuple[float, float] = (4_000, 0.5)  # talk of so long, of which less than this share was speech
    beep: float = 160  # four whole windows of a beep of 200 ms
    speech_before_beep: float = 1_000  # a telephone may beep into somebody's "hello"
    beep_after_speech: float = 4_000
    exchange_beep: tuple[float, float] = (
        160,
        640,
    )  # at the pitch of ringing and busy tones, which are longer or come again
    bare_beep_quiet: float = 2_000
    nothing_heard: float = 4_000
    longest: float = 30_000  # then it is a person if there was a voice
    second_look: float = 8_000  # after PERSON: a short greeting's beep has come by then
    silence_look: float = 20_000  # after that SILENCE is final
    beep_follows: float = 3_000  # of quiet after a greeting: then none comes
    beep_over: float = 240  # a second beep follows the first by less
    announced: float = 8_000  # after an announcement: some offer a mailbox then
    longest_greeting: float = 30_000


THRESHOLDS = Thresholds()
_TAIL_MS = 160.0  # of a phrase may be an echo of the beep
_BEEP_HZ = (520.0, 2_200.0)
_EXCHANGE_BEEP_HZ = (400.0, 520.0)


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything the rules look at. run_ms: length of the latest run; talk_ms: from the first phrase to the end of the last one;
    quiet_ms: since then; far_ms: since whoever was loudest was heard; still_ms: since any sound, tones included; age_ms: since the
    answer."""

    run_ms: float
    talk_ms: float
    quiet_ms: float
    far_ms: float
    still_ms: float
    age_ms: float
    tones: Sequence[Tone]
    signal: Signal | None
    phrases: Sequence[Phrase]
    witness: Witness

    @property
    def has_voice(self) -> bool:
        return bool(self.phrases)

    def phrases_after(self, tone: Tone) -> bool:
        """Whether somebody spoke on after it: then it was part of the greeting."""
        return bool(self.phrases) and self.phrases[-1].ended_ms > tone.until_ms + _TAIL_MS

    def beep(self, limits: Thresholds) -> Tone | None:
        """The tone after which a mailbox records: after speech, and soon after it."""
        if not self.phrases:
            return None
        for tone in reversed(self.tones):
            spoken = [phrase for phrase in self.phrases if phrase.began_ms < tone.began_ms]
            spoken_ms = sum(phrase.lasts_ms for phrase in spoken)
            if spoken_ms < limits.speech_before_beep:
                return None
            if tone.began_ms - spoken[-1].ended_ms <= limits.beep_after_speech and is_beep(tone, limits):
                return tone
        return None

    def bare_beep(self, limits: Thresholds) -> Tone | None:
        """A beep before anybody spoke."""
        last = self.tones[-1] if self.tones and not self.phrases else None
        return last if last is not None and last.lies(*_BEEP_HZ) and last.lasts_ms >= limits.beep else None


def is_beep(tone: Tone, limits: Thresholds = THRESHOLDS) -> bool:
    if may_be_fax(tone):
        return tone.is_over and tone.lasts_ms >= limits.beep
    if tone.lies(*_BEEP_HZ):
        return tone.lasts_ms >= limits.beep
    shortest, longest = limits.exchange_beep
    return tone.lies(*_EXCHANGE_BEEP_HZ) and tone.is_over and shortest <= tone.lasts_ms <= longest


# --- the rules -------------------------------------------------------------------------------------------------------------


def _goes_on(heard: Heard, limits: Thresholds) -> bool:
    longest = limits.asked_back_goes_on if heard.witness is Witness.PERSON else limits.goes_on
    return heard.run_ms >= longest


def _further_away(heard: Heard, limits: Thresholds) -> bool:
    wait = limits.hinted_wait if heard.witness is Witness.HINT else limits.further_away
    return heard.has_voice and heard.far_ms >= wait


def _waits(heard: Heard, limits: Thresholds) -> bool:
    if not heard.has_voice:
        return False
    if heard.witness is Witness.HINT:
        return heard.quiet_ms >= limits.hinted_wait
    return heard.quiet_ms >= next(wait for talk, wait in limits.waits if heard.talk_ms <= talk)


def _in_pieces(heard: Heard, limits: Thresholds) -> bool:
    least, share = limits.in_pieces
    return heard.talk_ms >= least and sum(phrase.lasts_ms for phrase in heard.phrases) < share * heard.talk_ms


def _bare_beep(heard: Heard, limits: Thresholds) -> bool:
    tone = heard.bare_beep(limits)
    return tone is not None and heard.still_ms >= (
        CALLING_AGAIN_MS - tone.lasts_ms if is_calling_tone(tone) else limits.bare_beep_quiet
    )


def _nothing_heard(heard: Heard, limits: Thresholds) -> bool:
    last = heard.tones[-1] if heard.tones else None
    wait = CALLING_AGAIN_MS if last is not None and is_calling_tone(last) else limits.nothing_heard
    ringing = last is not None and is_of_exchange(last)  # it still rings: somebody may come
    return not heard.has_voice and not ringing and heard.still_ms >= wait


@dataclass(frozen=True, slots=True)
class Rule:
    """`second_look`: it may overrule PERSON."""

    cue: Cue
    says: Answerer
    holds: Callable[[Heard, Thresholds], bool]
    second_look: bool = False


RULES: tuple[Rule, ...] = (
    Rule(
        Cue.FAX_TONE,
        Answerer.FAX,
        lambda heard, _: heard.signal in (Signal.FAX_ANSWERS, Signal.FAX_CALLS, Signal.FAX_SENDS),
        second_look=True,
    ),
    Rule(
        Cue.INFORMATION_TONE,
        Answerer.MACHINE,
        lambda heard, _: heard.signal is Signal.INFORMATION,
        second_look=True,
    ),
    Rule(Cue.WORDS, Answerer.MACHINE, lambda heard, _: heard.witness in PROOF, second_look=True),
    Rule(Cue.BEEP, Answerer.MACHINE, lambda heard, limits: heard.beep(limits) is not None, second_look=True),
    Rule(Cue.BUSY_TONE, Answerer.MACHINE, lambda heard, _: heard.signal is Signal.BUSY),
    Rule(Cue.FURTHER_AWAY, Answerer.PERSON, _further_away),
    Rule(Cue.GOES_ON, Answerer.MACHINE, _goes_on),
    Rule(Cue.WAITS, Answerer.PERSON, _waits),
    Rule(Cue.IN_PIECES, Answerer.PERSON, _in_pieces),
    Rule(Cue.NEVER_WAITS, Answerer.MACHINE, lambda heard, limits: heard.talk_ms >= limits.never_waits),
    Rule(Cue.BARE_BEEP, Answerer.MACHINE, _bare_beep),
    Rule(Cue.NOTHING_HEARD, Answerer.SILENCE, _nothing_heard),
    Rule(Cue.IN_DOUBT, Answerer.PERSON, lambda heard, limits: heard.has_voice and heard.age_ms >= limits.longest),
    Rule(Cue.NOTHING_HEARD, Answerer.SILENCE, lambda heard, limits: heard.age_ms >= limits.longest),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict and what it rests on; `at_ms`: when it was given. Holds no words of anybody."""

    answerer: Answerer = Answerer.UNDECIDED
    cue: Cue = Cue.NONE
    at_ms: float = 0.0
    run_ms: float = 0.0
    quiet_ms: float = 0.0
    tone_hz: float = 0.0
    witness: Witness = Witness.NOTHING

    def evidence(self) -> dict[str, object]:
        """For a note of the call."""
        said = {"run_ms": round(self.run_ms), "quiet_ms": round(self.quiet_ms), "tone_hz": round(self.tone_hz)}
        return {
            "answered_by": str(self.answerer),
            "cue": str(self.cue),
            **{name: value for name, value in said.items() if value},
            **({} if self.witness is Witness.NOTHING else {"witness": str(self.witness)}),
        }


def judged(heard: Heard, limits: Thresholds, before: Answerer, rules: Sequence[Rule] = RULES) -> Rule | None:
    """The first rule that holds and may say so after `before`."""
    for rule in rules:
        if before is Answerer.PERSON and not rule.second_look:
            continue
        if rule.says in MAY_BECOME[before] and rule.holds(heard, limits):
            return rule
    return None


class AnswerDetector:
    """Feed it from the answer, at `began_ms`, on, before anything is said to whoever answered."""

    def __init__(
        self,
        rate_hz: int,
        began_ms: float = 0.0,
        limits: Thresholds = THRESHOLDS,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self.finding = Finding()
        self.beep = Beep.NOT_ASKED
        self.message_from_ms: float | None = None  # the end of the beep
        self.is_done = False
        self._began_ms = began_ms
        self._limits = limits
        self._rules = rules
        self._sounds = FirstSounds(rate_hz)
        self._said = ""
        self._witness = Witness.NOTHING
        self._done_at_ms = inf

    @property
    def witness(self) -> Witness:
        """What all words so far say; later ones may say more than those that a finding rests on."""
        return self._witness

    def hear(self, frames: Buffer, at_ms: float) -> bool:
        """Whole 20 ms frames of whoever answered, the first of which began at `at_ms`."""
        if self.is_done or not self._sounds.hear(frames, at_ms):
            return False
        return self._judge(self._sounds.until_ms)

    def settle(self, now_ms: float) -> bool:
        """Time passed, perhaps without a frame: a line that sends nothing is silent."""
        if self.is_done or now_ms - max(self._began_ms, self._sounds.until_ms) < self._limits.overdue:
            return False
        return self._judge(now_ms)

    def words(self, text: str, now_ms: float) -> bool:
        """More of what was said, as a model wrote it down."""
        if self.is_done:
            return False
        self._said = (self._said + text)[-_WORDS_CHARS:]
        self._witness = witness_of(self._said)
        return self._judge(max(now_ms, self._sounds.until_ms))

    def _judge(self, now_ms: float) -> bool:
        self.is_done = now_ms >= self._done_at_ms
        if self.finding.answerer is Answerer.PERSON and not self._sounds.tones and self._witness not in PROOF:
            return False  # nothing else could change it
        heard = self._heard(now_ms)
        rule = judged(heard, self._limits, self.finding.answerer, self._rules)
        changed = rule is not None
        if rule is not None:
            self._decide(rule, heard, now_ms)
        if self.finding.answerer is Answerer.MACHINE and self._listen_for_beep(heard, now_ms):
            self.is_done = changed = True
        return changed

    def _decide(self, rule: Rule, heard: Heard, now_ms: float) -> None:
        tone_hz = heard.tones[-1].hz if heard.tones and rule.cue in _OF_TONES else 0.0
        self.finding = Finding(
            rule.says, rule.cue, now_ms, heard.run_ms, min(heard.quiet_ms, heard.age_ms), tone_hz, heard.witness
        )
        self.beep = Beep.AWAITED if rule.says is Answerer.MACHINE else Beep.NOT_ASKED
        age_ms, limits = heard.age_ms, self._limits
        self._done_at_ms = now_ms + {
            Answerer.PERSON: limits.second_look,
            Answerer.SILENCE: max(0.0, limits.silence_look - age_ms),
            Answerer.FAX: 0.0,
        }.get(rule.says, inf)
        self.is_done = now_ms >= self._done_at_ms
        self._sounds.seeks_voices = rule.says is not Answerer.PERSON

    def _listen_for_beep(self, heard: Heard, now_ms: float) -> bool:
        if self.beep is not Beep.AWAITED:
            return False
        limits = self._limits
        tone = heard.bare_beep(limits) or heard.beep(limits)
        if self.finding.cue in _TAKES_NO_MESSAGE:
            self.beep = Beep.NONE
        elif tone is not None and not heard.phrases_after(tone):
            if not tone.is_over or heard.still_ms < limits.beep_over:
                return False
            self.beep, self.message_from_ms = Beep.HEARD, tone.until_ms
        elif heard.still_ms >= limits.beep_follows or now_ms - self.finding.at_ms >= self._longest_wait_ms:
            self.beep = Beep.NONE
        return self.beep is not Beep.AWAITED

    @property
    def _longest_wait_ms(self) -> float:
        announced = self._witness in (Witness.ANNOUNCEMENT, Witness.SCREENING)
        return self._limits.announced if announced else self._limits.longest_greeting

    def _heard(self, now_ms: float) -> Heard:
        phrases = self._sounds.phrases()
        tones = self._sounds.tones
        ended_ms = phrases[-1].ended_ms if phrases else -inf
        sound_ms = max(ended_ms, tones[-1].until_ms if tones else -inf, self._began_ms)
        return Heard(
            _run_ms(phrases, self._limits.turn_gap),
            ended_ms - phrases[0].began_ms if phrases else 0.0,
            max(0.0, now_ms - ended_ms),
            max(0.0, now_ms - self._sounds.near_until_ms),
            max(0.0, now_ms - sound_ms),
            now_ms - self._began_ms,
            tones,
            signal_in(tones, self._sounds.data_ms) if tones or self._sounds.data_ms else None,
            phrases,
            self._witness,
        )


_OF_TONES = (Cue.FAX_TONE, Cue.INFORMATION_TONE, Cue.BUSY_TONE, Cue.BEEP, Cue.BARE_BEEP)
_TAKES_NO_MESSAGE = (Cue.INFORMATION_TONE, Cue.BUSY_TONE)


def _run_ms(phrases: Sequence[Phrase], turn_gap_ms: float) -> float:
    """From the first phrase after the last long pause to the end."""
    if not phrases:
        return 0.0
    began_ms = phrases[-1].began_ms
    for phrase in reversed(phrases[:-1]):
        if began_ms - phrase.ended_ms >= turn_gap_ms:
            break
        began_ms = phrase.began_ms
    return phrases[-1].ended_ms - began_ms
