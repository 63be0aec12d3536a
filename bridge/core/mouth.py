"""The agent's speech on the line: the model's and our own fixed lines, begun, stopped, heard, and entered into the minutes as heard."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from bridge.core.announcer import Announcer
from bridge.core.closing import Closing
from bridge.core.frames import ModelAudio
from bridge.core.ledger import CallLedger
from bridge.core.minutes import Minutes
from bridge.core.playout import Speaker, Utterance
from bridge.core.turns import Signal, Turn, TurnTaking
from bridge.core.voice import Cut, Voice
from bridge.core.watchdog import Line


class Mouth:
    """`closing` is the end of the call once it has begun: it waits for words that begin and are heard here. `is_shut`: nothing may be said.
    `is_protected`: nobody interrupts what is said."""

    def __init__(
        self, voice: Voice, announcer: Announcer, turns: TurnTaking, minutes: Minutes, ledger: CallLedger
    ) -> None:
        self.voice = voice
        self.announcer = announcer
        self.turns = turns
        self.closing: Closing | None = None
        self.is_shut = self.is_protected = False
        self.on_over: Callable[[Utterance, float], None] | None = None  # told of each that was heard or stopped
        self._minutes = minutes
        self._ledger = ledger
        self._begun_ms = 0.0
        self._said_until_ms = -inf

    def say(self, event: ModelAudio, now_ms: float) -> Utterance | None:
        """Queue model speech; returns the utterance if this began one."""
        begun = self.voice.model_audio(event.pcm, event.rate_hz, event.item)
        if begun is not None:
            self._begun_ms = begun.received_ms = now_ms
            self.caller_done()
            self._began(begun)
        return begun

    def play(self, name: str, speaker: Speaker) -> bool:
        """Queue a fixed line, if it was rendered."""
        if self.is_shut:
            return False
        if speaker is Speaker.FILLER:
            self.voice.finish(broken=True)  # whatever the model goes on to say, it is no longer one sentence
        begun = self.announcer.play(name, speaker)
        if begun is not None and speaker not in (Speaker.GREETING, Speaker.FILLER):
            self._began(begun)
        return begun is not None

    def _began(self, utterance: Utterance) -> None:
        self.turns.on(Signal.AGENT_STARTED)
        if self.closing is not None:
            self.closing.began(utterance)

    def cut(self, now_ms: float, *, new_turn: bool = False) -> Cut:
        """Stop everything at once. `new_turn`: the model has begun its next one."""
        self.hear(now_ms)
        cut = self.voice.cut(now_ms, new_turn=new_turn)
        for utterance in cut.utterances:
            self._enter(utterance, now_ms)
        if cut.utterances:
            self._minutes.note("interrupted", heard_ms=cut.utterances[0].heard_ms(now_ms))
        return cut

    def hear(self, now_ms: float) -> None:
        """Account for what the caller has heard by now."""
        for utterance in self.voice.settle(now_ms):
            self._enter(utterance, now_ms)
            if self.closing is not None:
                self.closing.heard(utterance, now_ms)
        if self.voice.is_silent and self.turns.turn is Turn.SPEAKING:
            self.turns.on(Signal.AGENT_HEARD)

    def fall_silent(self, now_ms: float) -> None:
        """The line is gone."""
        self.hear(now_ms)
        for utterance in self.voice.ledger.cut_all(now_ms, wiped=True):
            self._enter(utterance, now_ms)
        self.caller_done()

    def _enter(self, utterance: Utterance, now_ms: float) -> None:
        """An utterance is over: what was heard of it was said."""
        if self.on_over is not None:
            self.on_over(utterance, now_ms)
        text = self._minutes.agent_said(utterance, now_ms)
        if utterance.speaker is not Speaker.FILLER:
            self._said_until_ms = max(self._said_until_ms, utterance.end_ms)
            self._ledger.said("agent", text)

    def caller_done(self) -> None:
        """What the caller says from now on is another line."""
        self._ledger.said("caller", self._minutes.caller_done())

    def line(self, last_audio_ms: float) -> Line:
        """What the caller hears, for the watchdog. `last_audio_ms`: the switch's latest frame."""
        voice = self.voice
        quiet_ms = max(voice.last_end_ms, 0.0) if voice.is_silent else self.runs_dry_ms
        return Line(
            quiet_ms, quiet_ms is None and not voice.is_only(Speaker.FILLER), last_audio_ms, self._said_until_ms
        )

    @property
    def runs_dry_ms(self) -> float | None:
        """When the caller has heard all there is of a sentence that has not ended; None while more of it waits."""
        voice = self.voice
        if not voice.is_mid_utterance or voice.is_held or voice.pacer.queued_ms or not voice.ledger.live:
            return None
        return max(voice.ledger.live[-1].end_ms, self._begun_ms)
