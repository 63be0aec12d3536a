"""Executes voice documents: one verb after another, and what the carrier does when they run out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING
from wave import Error as WaveError
from wave import open as open_wave

import httpx
import numpy as np

from local.carrier.documents import Dial, Document, Hangup, Play, Redirect, Reject, Say, Stream, Verb
from local.carrier.hooks import stream_fields
from local.carrier.ledger import billed_seconds
from local.carrier.party import RATE_HZ
from local.carrier.resample import Resampler
from local.carrier.switch import StreamLeg
from local.carrier.wire import StreamFailed

if TYPE_CHECKING:
    from local.carrier.call import Call

DOWNTIME_MESSAGE = "The number you have called cannot be reached at the moment. Please try again later."
UNHELD_LEG_S = 1.0
"""How long a leg lives after a Stream without connect: the document has simply ended."""
_MS_PER_CHARACTER = 60
_MAX_DOCUMENTS = 20


@dataclass(slots=True)
class DialLeg:
    """The second leg that a Dial makes: an outbound leg with a record and a charge of its own, in the session of the caller's."""

    number: str
    caller_id: str
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    status: str = "ringing"
    cost_minor: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def duration_s(self) -> int:
        return billed_seconds(self.answered_at, self.ended_at or datetime.now(UTC))


class Script:
    """Runs inside the call's task and is cancelled when the leg is released."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._documents_run = 0
        self._stopped_told: set[str] = set()

    async def run(self, document: Document) -> None:
        """Returns when there is nothing left to do; the carrier then hangs up."""
        following: Document | None = document
        while following:
            self._documents_run += 1
            if self._documents_run > _MAX_DOCUMENTS:
                self._call.note("document_loop", f"stopped after {_MAX_DOCUMENTS} documents")
                return
            following = await self._run_one(following)

    async def play_downtime_message(self) -> None:
        """No usable answer from the voice URL: the carrier speaks itself."""
        self._call.note("downtime_message")
        self._call.answer()
        await self._call.line.play(await self._spoken(DOWNTIME_MESSAGE, "en"))

    def tell_stopped(self, stream: StreamLeg) -> None:
        """The stream-stopped callback, once per stream that had opened."""
        if stream.record.opened_at_ms is not None and stream.record.stream_id not in self._stopped_told:
            self._stopped_told.add(stream.record.stream_id)
            self._tell_status(stream, "stream-stopped")

    async def _run_one(self, document: Document) -> Document | None:
        """Executes one document; returns the next one if some verb led to another."""
        for position, verb in enumerate(document):
            self._call.note("verb", type(verb).__name__)
            is_last = position == len(document) - 1
            match verb:
                case Hangup():
                    return None
                case Reject():
                    self._reject(verb)
                    return None
                case Redirect():
                    return await self._call.ask_document("Redirected", verb.url)
                case Dial():
                    following = await self._dial(verb)
                    if following:
                        return following
                case Stream():
                    if not await self._stream(verb):
                        return None
                    if is_last:
                        return await self._call.ask_document("StreamStopped")
                case _:
                    await self._sound(verb)
        return None

    # --- sounds -------------------------------------------------------------------------------------------------------------

    async def _sound(self, verb: Verb) -> None:
        self._call.answer()
        match verb:
            case Say():
                clip = await self._spoken(verb.text, verb.language)
            case Play():
                clip = await self._fetched(verb.url)
            case _:
                raise TypeError(f"{verb!r} makes no sound")
        for _ in range(max(1, verb.loop)):
            await self._call.line.play(clip)

    async def _spoken(self, text: str, language: str) -> bytes:
        """Real speech if the carrier was given a voice, else silence of about the length the text would take."""
        voice = self._call.services.say_voice
        if voice is not None:
            return await voice(text, language)
        return bytes(2 * RATE_HZ * _MS_PER_CHARACTER * len(text) // 1000)

    async def _fetched(self, url: str) -> bytes:
        """A clip that cannot be fetched or read is skipped: this platform does not report that."""
        try:
            response = await self._call.services.http.get(url)
            response.raise_for_status()
            return wav_to_pcm(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, WaveError, EOFError, ValueError) as error:
            self._call.note("play_failed", str(error))
            return b""

    def _reject(self, verb: Reject) -> None:
        if self._call.answered_at is None:
            self._call.status = "busy" if verb.reason == "busy" else "failed"
            self._call.failure_code = verb.reason

    # --- stream -------------------------------------------------------------------------------------------------------------

    async def _stream(self, verb: Stream) -> bool:
        """True when the document goes on behind it."""
        call = self._call
        stream = StreamLeg(
            verb,
            call.facts,
            call.behaviour,
            call.quirks,
            leg_rate_hz=call.plan.leg_rate_hz,
            at_ms=call.at_ms,
            trust=call.services.trust,
        )
        call.streams.append(stream.record)
        call.open_stream = stream
        if not verb.connect:
            await self._unheld_stream(stream)
            return False
        call.answer()
        call.line.stream = stream
        await asyncio.sleep(call.behaviour.stream_open_delay_ms / 1000)
        try:
            await stream.open()
        except StreamFailed as error:
            stream.record.error = str(error)
            call.note("stream_failed", str(error))
            self._tell_status(stream, "stream-error", str(error))
        else:
            self._tell_status(stream, "stream-started")
            await stream.closed.wait()
            self.tell_stopped(stream)
        call.line.stream = call.open_stream = None
        if not call.behaviour.continues_after_stream:
            call.note("dead_air")
            await asyncio.Event().wait()  # nothing more happens on this leg until somebody hangs up
        return True

    async def _unheld_stream(self, stream: StreamLeg) -> None:
        """Without connect nothing holds the leg: the socket opens, carries no audio and is torn down with the leg a second later."""
        try:
            async with asyncio.timeout(UNHELD_LEG_S):
                await stream.open()
                await asyncio.Event().wait()
        except TimeoutError:
            stream.drop()
        except StreamFailed as error:
            stream.record.error = str(error)
        self._call.open_stream = None
        self._call.failure_code = "document_ended"
        self.tell_stopped(stream)

    def _tell_status(self, stream: StreamLeg, event: str, reason: str = "") -> None:
        call, verb = self._call, stream.record.verb
        fields = stream_fields(call.facts, event, stream_id=stream.record.stream_id, name=verb.name, reason=reason)
        wanted = not verb.status_events or event in verb.status_events
        if call.behaviour.stream_status_callbacks and verb.status_callback and wanted:
            call.post_stream_status(verb.status_callback, event, fields)
        if call.quirks.stream_states_on_voice_url:
            call.in_background(_ask_and_ignore(call, fields["callSessionState"]))

    # --- dial ---------------------------------------------------------------------------------------------------------------

    async def _dial(self, verb: Dial) -> Document | None:
        """Rings the numbers one after another until one answers; returns what the voice URL says afterwards, where it is asked."""
        call = self._call
        call.answer()
        for number in verb.numbers:
            leg = DialLeg(number, verb.caller_id or call.facts.b_number, datetime.now(UTC))
            call.dial_began(leg)
            if await self._ring_and_talk(leg, verb.timeout_s):
                break
        if call.behaviour.dial_completed_hook:
            return await call.ask_document("DialCompleted")
        return None

    async def _ring_and_talk(self, leg: DialLeg, timeout_s: float) -> bool:
        call = self._call
        subscriber = call.services.directory.find(leg.number)
        await asyncio.sleep(min(subscriber.ring_s, timeout_s))
        if isinstance(subscriber.answer, str) or subscriber.ring_s > timeout_s:
            call.dial_ended(leg, subscriber.answer if isinstance(subscriber.answer, str) else "no_answer")
            call.note("dial", f"{leg.number} {leg.status}")
            return False
        human = subscriber.answer()
        leg.answered_at, leg.status = datetime.now(UTC), "answered"
        call.note("dial", f"{leg.number} answered")
        human.answered()
        try:
            await call.line.bridge(human)
        finally:
            call.dial_ended(leg, "completed")
            human.ended()
        return True


async def _ask_and_ignore(call: Call, state: str) -> None:
    await call.ask(state)


def wav_to_pcm(content: bytes) -> bytes:
    """A WAV file (PCM16, any rate, its first channel) as 16 kHz mono PCM16LE. Raises wave.Error, EOFError or ValueError."""
    with open_wave(BytesIO(content), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"16-bit samples expected, got {8 * file.getsampwidth()}-bit")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")[:: file.getnchannels()]
        return _joined([Resampler(file.getframerate(), RATE_HZ).process(samples)])


def _joined(parts: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]) -> bytes:
    return b"".join(part.astype("<i2").tobytes() for part in parts)
