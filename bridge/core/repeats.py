"""Speech that the caller has heard already is not played a second time.

After a change of connection some services say again what they had said before, and a model that was reminded while it was about to answer
answers twice. So after either, what it says is held back until its words tell: a sentence that the caller has heard whole since anything
new came up is dropped. Where nothing is owed at all, whatever comes at once after the change is a repetition, whatever its words.
"""

from __future__ import annotations

import re
from collections import deque

from bridge.core.frames import ModelAudio
from bridge.core.playout import Utterance

_TELLING_WORDS = 3
_HELD_MS = 700.0  # how long speech waits for its words, where they come behind it
_UNASKED_MS = 2_500.0  # repetitions come at once
_SENTENCES_KEPT = 8
_EVENTS_HELD = 2_000


class Repeats:
    """Everything it holds back is either given back, in order, or a repetition."""

    def __init__(self) -> None:
        self.muted = 0  # utterances dropped so far
        self._said: deque[Utterance] = deque(maxlen=_SENTENCES_KEPT)  # since anything new came up
        self._armed = False
        self._unasked_until_ms = float("-inf")
        self._held: list[ModelAudio] = []
        self._held_since_ms = 0.0
        self._words = ""
        self._mutes = False

    def began(self, utterance: Utterance) -> None:
        """The model's own words, on their way to the caller."""
        self._said.append(utterance)

    def watch(self) -> None:
        """From now on, until anything new comes up, the model may say something twice."""
        self._armed = True

    def nothing_is_owed(self, now_ms: float) -> None:
        """The new connection was asked for nothing: what it says within the next moments, it says again."""
        self._armed, self._unasked_until_ms = True, now_ms + _UNASKED_MS

    def asked(self) -> None:
        """We asked the model to speak."""
        self._unasked_until_ms = float("-inf")

    def moved_on(self) -> None:
        """The caller spoke, or a tool answered: what is said from now on may well be in the same words. What is held back is old."""
        self._said.clear()
        self._armed = False
        self.asked()
        self._let_go()

    @property
    def takes(self) -> bool:
        """The model's next audio is for us to judge."""
        return self._armed

    @property
    def is_holding(self) -> bool:
        """The words that come belong to what is held back or muted."""
        return bool(self._held) or self._mutes

    def audio(self, event: ModelAudio, now_ms: float) -> list[ModelAudio]:
        """What of the model's speech is to be played now, oldest first."""
        if not self._mutes and not self._held:
            if now_ms < self._unasked_until_ms:
                self._mute()
            self._held_since_ms = now_ms
        if self._mutes:
            return []
        self._held.append(event)
        waited = now_ms - self._held_since_ms >= _HELD_MS and len(_words(self._words)) < _TELLING_WORDS
        return self._release() if waited or len(self._held) >= _EVENTS_HELD else self._judge()

    def words(self, text: str) -> list[ModelAudio]:
        """More of what the model says, as text. They may run ahead of its audio."""
        self._words += text
        return [] if self._mutes else self._judge()

    def ended(self) -> list[ModelAudio]:
        """All of it is there: what was held back and is not a repetition."""
        words = _words(self._words)
        if self._held and words and words in self._heard():
            self._mute()
        held, self._mutes = self._release(), False
        if not held:
            self._words = ""
        return held

    def take_words(self) -> str:
        """The words of what was given back, once."""
        words, self._words = self._words, ""
        return words

    def _heard(self) -> list[list[str]]:
        return [_words(said.text) for said in self._said if said.complete and not said.broken and said.cut_ms is None]

    def _judge(self) -> list[ModelAudio]:
        """Play what is not the beginning of anything said before; mute what is all of something."""
        words, heard = _words(self._words), self._heard()
        if not heard:
            return self._release()
        if words and not any(said[: len(words)] == words for said in heard):
            return self._release()
        if len(words) >= _TELLING_WORDS and words in heard:
            self._mute()
        return []

    def _mute(self) -> None:
        self._mutes = True
        self.muted += 1
        self._held.clear()

    def _release(self) -> list[ModelAudio]:
        held, self._held = self._held, []
        return held

    def _let_go(self) -> None:
        self._held.clear()
        self._words, self._mutes = "", False


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
