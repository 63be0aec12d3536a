"""Sentences on their way to the caller: synthesised in order, a little ahead of what is playing, and handed on in order.

How far ahead is estimated from when audio was handed on and how long it is; the session knows better what was heard, but it need not be
asked for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import inf

from bridge.core.cascade_frames import Speak
from bridge.core.cascade_history import Sentence
from bridge.core.cascade_text import spoken
from bridge.core.frames import AgentTranscribed, GenerationComplete, ModelAudio, ModelEvent

_AT_ONCE = 2  # requests under way: the second one's first sound is there when the first one's last is


@dataclass(slots=True, eq=False)
class _Synthesis:
    sentence: Sentence
    order: Speak
    chunks: deque[bytes] = field(default_factory=deque)  # not handed on yet
    retries: int = 0
    done: bool = False


class SpeechQueue:
    def __init__(self, rate_hz: int, ahead: int) -> None:
        self._rate_hz = rate_hz
        self._ahead = ahead
        self._waiting: deque[Sentence] = deque()
        self._active: deque[_Synthesis] = deque()
        self._ends_ms: deque[float] = deque()  # when each sentence that was handed on will have been played
        self._playhead_ms = 0.0
        self.has_sounded = False  # something of this reply was handed on

    @property
    def is_idle(self) -> bool:
        """Everything there is was handed on."""
        return not self._waiting and not self._active

    @property
    def is_mid_sentence(self) -> bool:
        return bool(self._active) and self._active[0].sentence.begun

    @property
    def wake_ms(self) -> float:
        """When the next sentence may be asked for."""
        return self._ends_ms[0] if self._waiting and self._ends_ms else inf

    def is_playing(self, now_ms: float) -> bool:
        return self.is_mid_sentence or now_ms < self._playhead_ms

    def add(self, sentence: Sentence) -> None:
        self._waiting.append(sentence)

    def start(self, now_ms: float, number: Callable[[], int]) -> Iterator[Speak]:
        """Ask for what may be asked for now."""
        while self._ends_ms and self._ends_ms[0] <= now_ms:
            self._ends_ms.popleft()
        while self._waiting and len(self._active) < _AT_ONCE and len(self._active) + len(self._ends_ms) <= self._ahead:
            sentence = self._waiting.popleft()
            if words := spoken(sentence.text):
                self._active.append(_Synthesis(sentence, Speak(number(), words)))
                yield self._active[-1].order
            else:
                sentence.whole = True  # nothing to say, and so nothing to hear

    def chunk(self, request: int, pcm: bytes) -> None:
        if (synthesis := self._find(request)) is not None and pcm:
            synthesis.chunks.append(pcm)

    def done(self, request: int) -> None:
        if (synthesis := self._find(request)) is not None:
            synthesis.done = True

    def again(self, request: int, number: Callable[[], int], retries: int, after_ms: int) -> Speak | None:
        """The request failed: the same once more, if nothing of it was used and it was not repeated too often."""
        synthesis = self._find(request)
        if synthesis is None or synthesis.sentence.begun or synthesis.retries >= retries:
            return None
        synthesis.retries += 1
        synthesis.chunks.clear()
        synthesis.order = replace(synthesis.order, request=number(), after_ms=after_ms)
        return synthesis.order

    def knows(self, request: int) -> bool:
        return self._find(request) is not None

    def hand_on(self, now_ms: float) -> Iterator[ModelEvent]:
        """What the caller may hear next, in order."""
        while self._active:
            head = self._active[0]
            while head.chunks:
                yield from self._hand_on(head, head.chunks.popleft(), now_ms)
            if not head.done:
                return
            self._active.popleft()
            head.sentence.whole = True
            if head.sentence.begun:
                self._ends_ms.append(self._playhead_ms)
                if self.is_idle:
                    yield GenerationComplete()

    def _hand_on(self, head: _Synthesis, pcm: bytes, now_ms: float) -> Iterator[ModelEvent]:
        self._playhead_ms = max(self._playhead_ms, now_ms) + len(pcm) * 500 / self._rate_hz
        yield ModelAudio(pcm, self._rate_hz, head.sentence.item)
        if not head.sentence.begun:
            head.sentence.begun = self.has_sounded = True
            # After the first sound, because words belong to the utterance that began last.
            yield AgentTranscribed(head.sentence.text.strip())

    def stop(self, now_ms: float) -> tuple[int, ...]:
        """Drop everything that was not handed on; returns the requests under way. What was handed on counts as over."""
        requests = tuple(synthesis.order.request for synthesis in self._active if not synthesis.done)
        self._waiting.clear()
        self._active.clear()
        self._ends_ms.clear()
        self._playhead_ms = min(self._playhead_ms, now_ms)
        self.has_sounded = False
        return requests

    def _find(self, request: int) -> _Synthesis | None:
        return next((one for one in self._active if one.order.request == request and not one.done), None)
