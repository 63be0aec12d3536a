"""The agent's voice on the line: model speech and clips, resampled, paced, and accounted for as heard or not."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.frames import MODEL_OUT_HZ, Buffer, FlushSwitch, HeardItem
from bridge.core.pacer import Pacer
from bridge.core.playout import PlayoutLedger, Speaker, Utterance

_QUEUE_LIMIT_MS = 240_000  # four minutes of unheard speech: a model out of control
_TEXT_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Cut:
    """An interruption: what must be sent to the switch, and the utterances that were stopped, oldest first. `heard`: those of them that
    a provider knows by name."""

    flush: FlushSwitch | None
    utterances: list[Utterance]
    heard: tuple[HeardItem, ...] = ()


class Voice:
    def __init__(self, rate_hz: int, lead_ms: int, *, kill_audio: bool) -> None:
        self.ledger = PlayoutLedger()
        self.pacer = Pacer(rate_hz, lead_ms, kill_audio=kill_audio)
        self.next_speaker = Speaker.MODEL  # what the model's next utterance counts as
        self.last_end_ms = float("-inf")  # when the caller last heard the end of an utterance
        self._rate_hz = rate_hz
        self._kill = kill_audio
        self._open: Utterance | None = None  # the model's utterance under way
        self._latest: Utterance | None = None  # the model's last utterance of this turn
        self._early_words = ""

    @property
    def is_silent(self) -> bool:
        """Everything begun was heard (as far as settled)."""
        return not self.ledger.live

    @property
    def is_held(self) -> bool:
        """Stopped for a moment; the rest is kept."""
        return self.pacer.is_held

    @property
    def item(self) -> str:
        """The provider's name for the utterance under way."""
        return self._open.item if self._open is not None else ""

    @property
    def is_mid_utterance(self) -> bool:
        """The model has begun an utterance and not yet sent all of it."""
        return self._open is not None

    def is_only(self, *speakers: Speaker) -> bool:
        """Something is being heard, and nothing but these."""
        live = self.ledger.live
        for utterance in live:
            if utterance.speaker not in speakers:
                return False
        return bool(live)

    def model_audio(self, pcm: Buffer, rate_hz: int, item: str = "") -> Utterance | None:
        """Queue model speech; returns the utterance if this began one. Another `item` is another utterance."""
        begun = None
        if self._open is not None and item != self._open.item:
            self.finish()
        if self._open is None:
            begun = self._begin(self.next_speaker, rate_hz)
            if begun is None:
                return None
            begun.item = item
            begun.text, self._early_words = self._early_words, ""
            self._open = self._latest = begun
            self.next_speaker = Speaker.MODEL
        if self.pacer.queued_ms < _QUEUE_LIMIT_MS:
            self.pacer.push(pcm)
        return begun

    def clip(self, speaker: Speaker, pcm24k: bytes, text: str) -> Utterance | None:
        """Queue a clip as an utterance of its own."""
        self.finish()
        utterance = self._begin(speaker, MODEL_OUT_HZ)
        if utterance is None:
            return None
        utterance.text = text
        self.pacer.push(pcm24k)
        self.pacer.finish()
        return utterance

    def _begin(self, speaker: Speaker, rate_hz: int) -> Utterance | None:
        utterance = Utterance(speaker, self._rate_hz)
        if not self.ledger.begin(utterance):
            return None
        self.pacer.begin(utterance, rate_hz)
        return utterance

    def words(self, text: str) -> None:
        """Transcription of the model's speech, which may run ahead of its audio or behind it."""
        if self._latest is None:
            self._early_words = (self._early_words + text)[:_TEXT_CHARS]
        else:
            self._latest.text = (self._latest.text + text)[:_TEXT_CHARS]

    def finish(self, *, broken: bool = False) -> None:
        """The model's utterance under way is all there (or all there will ever be, if `broken`)."""
        if self._open is None:
            return
        self._open.broken = broken
        self.pacer.finish()
        self._open = None

    def end_turn(self) -> None:
        """What the model says next, and its words, belong to a new turn."""
        self.finish()
        self._latest = None

    def hold(self, now_ms: float, *, recall: bool = True) -> FlushSwitch | None:
        """Stop at once and keep the rest. `recall`: also what the switch was sent and has not played, where it can be taken back; otherwise
        the caller still hears that."""
        zeros = self.pacer.hold(now_ms, recall=recall)
        return None if zeros is None else FlushSwitch(zeros, kill=True)

    def resume(self) -> None:
        """Go on from the first sample that was not heard."""
        self.pacer.resume()

    def cut(self, now_ms: float, *, new_turn: bool = False) -> Cut:
        """Stop at once; nothing queued before this leaves after it. `new_turn`: the model has begun its next one, whose words may have
        come already."""
        self._open = self._latest = None
        if not new_turn:
            self._early_words = ""
        self.next_speaker = Speaker.MODEL
        stopped = self.ledger.cut_all(now_ms, wiped=self._kill)
        zeros = self.pacer.flush(now_ms)
        return Cut(
            None if zeros is None else FlushSwitch(zeros, self._kill),
            stopped,
            tuple(HeardItem(said.item, said.heard_ms(now_ms), said.generated_ms()) for said in stopped if said.item),
        )

    def settle(self, now_ms: float) -> list[Utterance]:
        """The utterances that were heard to their end since the last call."""
        done = self.ledger.settle(now_ms)
        for utterance in done:
            self.last_end_ms = max(self.last_end_ms, utterance.end_ms)
        return done
