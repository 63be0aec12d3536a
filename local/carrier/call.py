"""One call of the simulated carrier, from the first hook to its record."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from local.audio.recording import StereoRecorder
from local.carrier.behaviour import Behaviour, Quirks
from local.carrier.documents import Document, DocumentError, parse_document
from local.carrier.hooks import TIMEOUT_S, Hook, HookSender, LegFacts, labelled_url, voice_fields
from local.carrier.ledger import Cdr, Tariff, billed_seconds
from local.carrier.line import Line
from local.carrier.numbers import Directory
from local.carrier.party import FRAME_MS, Party
from local.carrier.record import Books
from local.carrier.records import RecordBook
from local.carrier.script import DialLeg, Script
from local.carrier.switch import StreamEvent, StreamLeg, StreamRecord, close_code_or_abnormal

SayVoice = Callable[[str, str], Awaitable[bytes]]
"""(text, BCP-47 language or "") → 16 kHz mono PCM16LE."""
ReleasedBy = Literal["party", "api", "carrier", "limit"]
_SOCKET_CLOSE_WAIT_S = 6.0


@dataclass(frozen=True, slots=True)
class Services:
    """What every call of one carrier shares."""

    http: httpx.AsyncClient
    webhook_secret: str | None
    directory: Directory
    tariff: Tariff
    records: RecordBook
    say_voice: SayVoice | None
    trust: ssl.SSLContext | None
    hook_timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Moment:
    """at_ms: milliseconds since the call was dialled."""

    at_ms: int
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """Everything that is decided when a call begins."""

    facts: LegFacts
    party: Party | None
    """The caller of an inbound call; None for an outbound one, whose party comes from the directory."""
    voice_url: str
    events_url: str
    behaviour: Behaviour
    signing_secret: str = ""
    """Of the number; "": hooks are signed with the workspace's."""
    quirks: Quirks = field(default_factory=Quirks)
    leg_rate_hz: int = 16_000
    record: Path | None = None
    max_call_s: float = 600.0


class Call:
    """Made and started by the Carrier. Everything public may be read at any time; `await ended()` before judging it."""

    def __init__(self, plan: CallPlan, services: Services) -> None:
        self.plan = plan
        self.services = services
        self.facts = plan.facts
        self.behaviour, self.quirks = plan.behaviour, plan.quirks
        self._born = time.monotonic()
        self.started_at = datetime.now(UTC)
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.status = "ringing"
        self.failure_code: str | None = None
        self.released_by: ReleasedBy | None = None
        self.hangup_cause = ""
        self.timeline: list[Moment] = []
        self.document: bytes | None = None
        """The first voice document as it came."""
        self.dial_legs: list[DialLeg] = []
        self.streams: list[StreamRecord] = []
        self.open_stream: StreamLeg | None = None
        self.recording_expired = False
        self._released = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        secret = plan.signing_secret or services.webhook_secret
        self.sender = HookSender(services.http, secret, self.at_ms, services.hook_timeout_s)
        recorder = None if plan.record is None else self._open_recorder
        self.line = Line(plan.party, leg_rate_hz=plan.leg_rate_hz, recorder=recorder, on_hung_up=self._party_hung_up)
        self._script = Script(self)
        self._books = Books(self)
        self._task: asyncio.Task[None] | None = None

    # --- what a test reads --------------------------------------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        return self.facts.session_id

    @property
    def call_id(self) -> str:
        return self.facts.call_id

    @property
    def hooks(self) -> list[Hook]:
        """Every POST the carrier made for this call, in sending order, with what came back."""
        return self.sender.sent

    @property
    def voice_states(self) -> list[str]:
        return [hook.state for hook in self.hooks if hook.kind == "voice"]

    @property
    def stream(self) -> StreamRecord | None:
        """The call's latest media stream."""
        return self.streams[-1] if self.streams else None

    @property
    def stream_events(self) -> list[StreamEvent]:
        return [event for stream in self.streams for event in stream.events]

    @property
    def socket_close_code(self) -> int | None:
        """What the switch saw on the latest stream; None if it never opened."""
        return None if self.stream is None else close_code_or_abnormal(self.stream)

    @property
    def cdr(self) -> Cdr | None:
        """The record of the caller's leg as it will be once the books have settled; None until the call is over."""
        return self._books.cdr

    @property
    def is_live(self) -> bool:
        """Until somebody hangs up. The last hooks and the socket may take longer: see `is_finished`."""
        return self.ended_at is None and not self.is_finished

    @property
    def is_finished(self) -> bool:
        return self._task is not None and self._task.done()

    @property
    def duration_s(self) -> int:
        return billed_seconds(self.answered_at, self.ended_at or datetime.now(UTC))

    def at_ms(self) -> int:
        return int(1000 * (time.monotonic() - self._born))

    def note(self, what: str, detail: str = "") -> None:
        self.timeline.append(Moment(self.at_ms(), what, detail))

    # --- what a test does ---------------------------------------------------------------------------------------------------

    def hang_up(self, by: ReleasedBy = "api", cause: str = "normal_clearing") -> bool:
        """Ends the leg at once; False if it had been released before."""
        if self._released.is_set():
            return False
        self.released_by, self.hangup_cause = by, cause
        self.note("released", f"{by}: {cause}")
        self._released.set()
        return True

    def press(self, digit: str) -> None:
        """The party presses a key; it travels to the media server if a stream is open."""
        if self.open_stream is not None:
            self.open_stream.press(digit)

    def drop_stream(self) -> None:
        """The media connection is lost without a close frame."""
        if self.open_stream is not None:
            self.open_stream.drop()

    async def ended(self, within_s: float | None = None) -> None:
        """Returns when everything is over: hooks answered, sockets closed, recording written.

        Raises TimeoutError, or what broke the call: a party's own error comes as an ExceptionGroup.
        """
        assert self._task is not None, "the carrier starts every call it returns"
        await asyncio.wait_for(asyncio.shield(self._task), within_s)

    # --- the call's task ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"call {self.session_id}")

    async def _run(self) -> None:
        try:
            self._books.happened("call.started", {"status": "ringing"})
            await self._until_released()
            await self._finish()
        finally:  # also when a party or the script broke: leave no socket and no open file behind
            self.line.end()
            if self.open_stream is not None:
                self.open_stream.drop()

    async def _until_released(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.line.run()), group.create_task(self._follow_documents())]
            try:
                async with asyncio.timeout(self.plan.max_call_s):
                    await self._released.wait()
            except TimeoutError:
                self.hang_up("limit", "max_call_duration")
            for task in tasks:
                task.cancel()

    async def _follow_documents(self) -> None:
        if self.facts.direction == "outbound" and not await self._ring_callee():
            return
        first = "Ringing" if self.facts.direction == "inbound" else self.behaviour.outbound_first_state
        if self.quirks.completed_first:
            await self.ask("Completed")
        document = await self.ask_document(first, keep=True)
        if document is None:
            await self._script.play_downtime_message()
            self.failure_code = "voice_callback_failed"
        else:
            await self._script.run(document)
        self.hang_up("carrier", "document_ended")

    async def _ring_callee(self) -> bool:
        """True when somebody picked up."""
        subscriber = self.services.directory.find(self.facts.b_number)
        await asyncio.sleep(subscriber.ring_s)
        if isinstance(subscriber.answer, str):
            self.status = self.failure_code = subscriber.answer
            self.hang_up("carrier", subscriber.answer)
            return False
        self.line.party = subscriber.answer()
        self.answer()
        return True

    # --- for the script -----------------------------------------------------------------------------------------------------

    def answer(self) -> None:
        if self.answered_at is None:
            self.answered_at = datetime.now(UTC)
            self.status = "answered"
            self.note("answered")
            self.line.answer()
            self._books.happened("call.answered", {"status": "answered"})

    async def ask(self, state: str, url: str | None = None, *, copies: int = 0) -> Hook:
        """Posts one state to the voice URL, as often as the quirks say; the first answer counts."""
        target = url or labelled_url(self.plan.voice_url, self.facts.carried_label)
        is_over = state in ("Completed", *self.behaviour.unanswered_states.values())
        fields = voice_fields(
            self.facts, state, is_active=not is_over, duration_s=self.duration_s if is_over and self.ended_at else None
        )
        as_json = self.quirks.hook_format == "json"
        copies = copies or max(1, self.quirks.copies.get(state, 1))
        posts = [self.sender.post_form("voice", state, target, fields, as_json=as_json) for _ in range(copies)]
        hooks = await asyncio.gather(*posts)
        self.note("hook", f"{state} → {hooks[0].status_code or hooks[0].error}")
        return hooks[0]

    async def ask_document(self, state: str, url: str | None = None, *, keep: bool = False) -> Document | None:
        """The verbs of the answer; None when there is no usable one, for whatever reason."""
        hook = await self.ask(state, url)
        if not hook.ok:
            return None
        if keep:
            self.document = hook.response
        try:
            return parse_document(hook.response, hook.response_type)
        except DocumentError as error:
            self.note("document_error", str(error))
            return None

    def post_stream_status(self, url: str, event: str, fields: dict[str, str]) -> None:
        self.in_background(self._post_quietly(url, event, fields))

    async def _post_quietly(self, url: str, event: str, fields: dict[str, str]) -> None:
        await self.sender.post_form("stream_status", event, url, fields, as_json=self.quirks.hook_format == "json")

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Something the call does not wait for, but its end does."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def dial_began(self, leg: DialLeg) -> None:
        self.dial_legs.append(leg)
        self._books.dial_began(leg)

    def dial_ended(self, leg: DialLeg, status: str) -> None:
        """Whoever comes first decides how it ended."""
        if leg.ended_at is None:
            leg.ended_at, leg.status = datetime.now(UTC), status
            self._books.dial_ended(leg)

    # --- the end ------------------------------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        self.ended_at = datetime.now(UTC)
        was_answered = self.answered_at is not None
        self.line.end()
        if was_answered:
            self.status = "completed"
        elif self.status == "ringing":
            self.status = "canceled" if self.released_by in ("party", "api") else "failed"
            self.failure_code = self.failure_code or ("document_ended" if self.status == "failed" else None)
        state = "Completed"
        if not was_answered and self.facts.direction == "outbound":
            state = self.behaviour.unanswered_states[self.status]
        await self._close_stream_and_tell(state)
        for leg in self.dial_legs:
            self.dial_ended(leg, "canceled")
        self._books.close(self.ended_at)
        self._post_late_copies()
        while self._background:
            await asyncio.gather(*self._background)

    async def _close_stream_and_tell(self, state: str) -> None:
        stream, self.open_stream = self.open_stream, None
        tell = asyncio.create_task(self._tell_end(state))
        if stream is not None:
            if self.behaviour.completed_to_close_ms and stream.record.opened_at_ms is not None:
                await self._carry_silence(stream, self.behaviour.completed_to_close_ms)
            stream.hang_up()
            if stream.record.opened_at_ms is not None:
                try:
                    await asyncio.wait_for(stream.closed.wait(), _SOCKET_CLOSE_WAIT_S)
                except TimeoutError:
                    self.note("stream_stuck", "the server never answered the close")
            self._script.tell_stopped(stream)
        await tell

    async def _tell_end(self, state: str) -> None:
        if self.plan.voice_url:
            await self.ask(state)

    async def _carry_silence(self, stream: StreamLeg, duration_ms: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(duration_ms // FRAME_MS):
            if stream.closed.is_set():
                return
            stream.tick(None)
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _post_late_copies(self) -> None:
        for state, delay_s in self.quirks.late_copies.items():
            self.in_background(self._post_late(state, delay_s))

    async def _post_late(self, state: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self.ask(state, copies=1)

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _open_recorder(self) -> StereoRecorder:
        assert self.plan.record is not None
        return StereoRecorder(self.plan.record)

    def _party_hung_up(self) -> None:
        self.hang_up("party")
