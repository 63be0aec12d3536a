"""Has the model speak a text word for word, for greetings and prompts that are kept as clips."""

from __future__ import annotations

import asyncio

from bridge.core.frames import (
    MODEL_OUT_HZ,
    GenerationComplete,
    ModelAudio,
    ModelEvent,
    ModelLost,
    ModelReady,
    ModelSetup,
    OpenModel,
    SayToModel,
    TurnComplete,
)
from bridge.core.resample import Resampler
from bridge.shell import engines
from bridge.shell.model_link import MakeLink, ModelLink
from pokea.errors import Unavailable

_CONNECT_MS = 10_000
_SPEAK_WITHIN_S = 60.0
_LONGEST_S = 60
_ROLE = "You are a voice that reads aloud. Read every text you are given exactly as it stands, word for word, and say nothing else."
_READ = 'Read this aloud exactly as it stands, word for word, and nothing else: "{}"'


async def render_clip(gemini_url: str, api_key: str, model: str, voice: str, text: str, ca: str | None = None) -> bytes:
    """`text` as 24 kHz mono PCM16, spoken by Gemini. Raises Unavailable if the model does not speak it, OSError for an unreadable `ca`."""
    return await read_aloud(engines.over_socket(engines.gemini(gemini_url, api_key, ca or "")), model, voice, text)


async def read_aloud(make: MakeLink, model: str, voice: str, text: str) -> bytes:
    """`text` as 24 kHz mono PCM16, spoken by any engine. Raises Unavailable if the model does not speak it."""
    reading = _Reading()
    link = make(1, reading.heard, reading.lost)
    # It is sent no audio, but the rate must be one that every engine takes.
    order = OpenModel(1, ModelSetup(model, voice, _ROLE, input_hz=MODEL_OUT_HZ), _CONNECT_MS)
    try:
        await link.open(order)
        if reading.failure is None:
            link.obey(SayToModel(_READ.format(text)))
            async with asyncio.timeout(_SPEAK_WITHIN_S):
                await reading.done
    except TimeoutError:
        reading.failure = "it did not finish in time"
    finally:
        link.close()
    if reading.failure is not None or not reading.pcm:
        raise Unavailable("clip_not_rendered", f"the model did not read the text: {reading.failure or 'no audio came'}")
    return bytes(reading.pcm)


class _Reading:
    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pcm = bytearray()
        self.failure: str | None = None
        self._resampler: Resampler | None = None

    def heard(self, link: ModelLink, events: object) -> None:
        assert isinstance(events, list)  # as the codec makes them
        for event in events:
            self._take(event)

    def _take(self, event: ModelEvent) -> None:
        match event:
            case ModelAudio(pcm, rate_hz) if len(self.pcm) < _LONGEST_S * MODEL_OUT_HZ * 2:
                if self._resampler is None:
                    self._resampler = Resampler(rate_hz, MODEL_OUT_HZ)
                self.pcm += self._resampler.push(pcm)
            case GenerationComplete() | TurnComplete():
                self._finish(None)
            case ModelReady() | _:
                pass

    def lost(self, event: ModelLost) -> None:
        self._finish(f"connection lost ({event.code} {event.reason})".strip())

    def _finish(self, failure: str | None) -> None:
        if not self.done.done():
            self.failure = failure
            self.done.set_result(None)
