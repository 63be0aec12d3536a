"""What the model says, from its connection to the caller's ear: repetitions left out, words and audio brought together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.core.frames import ModelAudio
from bridge.core.legs import Legs
from bridge.core.mouth import Mouth
from bridge.core.voice import Cut


class ModelSpeech:
    """`make_room` is called before the model begins an utterance."""

    def __init__(self, mouth: Mouth, legs: Legs, make_room: Callable[[float], None]) -> None:
        self._mouth = mouth
        self._legs = legs
        self._repeats = legs.repeats
        self._make_room = make_room

    def audio(self, event: ModelAudio, now_ms: float) -> None:
        if self._repeats.takes and not self._mouth.voice.is_mid_utterance:
            self._say_all(self._repeats.audio(event, now_ms), now_ms)
        else:
            self._say(event, now_ms)

    def words(self, text: str, now_ms: float) -> None:
        voice = self._mouth.voice
        if self._repeats.takes and (self._repeats.is_holding or not voice.is_mid_utterance):
            self._say_all(self._repeats.words(text), now_ms)
        else:
            voice.words(text)

    def generated(self, now_ms: float) -> None:
        """Every sample of the utterance is there."""
        self._say_all(self._repeats.ended(), now_ms)
        self._mouth.voice.finish()
        self._legs.generated()

    def turn_over(self, now_ms: float) -> None:
        """The model waits for the caller again."""
        self._say_all(self._repeats.ended(), now_ms)
        self._mouth.voice.end_turn()
        self._legs.turn_over(now_ms)

    def cut(self, now_ms: float, *, new_turn: bool = False) -> Cut:
        """Stop everything that is being said, for good."""
        cut = self._mouth.cut(now_ms, new_turn=new_turn)
        self._legs.stopped()
        if not new_turn:
            self._repeats.moved_on()  # what was held back belongs to what was stopped
        return cut

    def _say_all(self, events: Sequence[ModelAudio], now_ms: float) -> None:
        """What turned out to be no repetition, with its words."""
        if events:
            self._mouth.voice.words(self._repeats.take_words())
        for event in events:
            self._say(event, now_ms)

    def _say(self, event: ModelAudio, now_ms: float) -> None:
        voice = self._mouth.voice
        if not voice.is_mid_utterance or event.item != voice.item:
            self._make_room(now_ms)
        self._legs.speaks(self._mouth.say(event, now_ms))
