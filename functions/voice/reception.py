"""What the voice webhook does with one request: admit, read, enter into the register, answer with a document.

Who is sent to a bridge is decided at the door, once per call; who is not hears the line's words for that at once (docs/deploy.md, Full).

The caller hears ringing for as long as this takes, and a failed answer is a lost call. So the store gets a fixed time; when it needs
longer or fails, a new call is invited to the bridge without it: the token in the stream URL says who is calling whom, and the call is
entered when the bridge opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pokea.adapters.deadline import Deadline
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.http_events import HookRequest
from pokea.adapters.observability import Log
from pokea.adapters.tokens import TokenSigner
from pokea.adapters.tracing import OpenSpan, Traces
from pokea.admission import Admission
from pokea.calls import Call, CallStatus, is_over, is_turned_away
from pokea.clock import Clock
from pokea.errors import CallError, Indeterminate, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.lines import INTERNAL_AGENTS, Line
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CLOSE_COMES_WITHIN_S
from pokea.sautikit.document import (
    Dialling,
    Speech,
    busy_document,
    dial_document,
    empty_document,
    goodbye_document,
)
from pokea.sautikit.hook_names import TERMINAL_STATES
from pokea.sautikit.hooks import Hook, parse_hook
from pokea.sautikit.invitation import Endpoints, fallback_of, invitation
from pokea.sautikit.register import CallRegister, Entry, line_of
from pokea.sautikit.replies import Reply, sets_up

NOTE_S = 0.4  # that somebody was turned away is written down by then, or not now
STORE_DEADLINE_S = 1.2  # together with everything else a document is out in less than two seconds
NOT_IN_SERVICE = Speech(text="Sorry, this number is not in service. Goodbye.")
APOLOGY = Speech(text="Sorry, we cannot take your call right now. Please try again in a few minutes. Goodbye.")
NOBODY_CAME = {
    "en-KE": Speech(text="Sorry, nobody could take your call. Please call again later. Goodbye."),
    "sw-KE": Speech(
        text="Samahani, hakuna aliyeweza kupokea simu yako. Tafadhali piga tena baadaye. Kwaheri.", language="sw-KE"
    ),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """What stands in a Stream document besides the call's own data. `stream_status_url` holds a secret, so it is asked for each time."""

    bridge_url: str
    release: str
    token_ttl_s: int
    stream_status_url: Callable[[], str]


@dataclass(frozen=True, slots=True)
class CarrierWays:
    """What was found out about the carrier. `continues`: it goes on after a stream. `nested_dial`: how it takes the number of a Dial."""

    continues: bool = False
    nested_dial: bool = True


class Reception:
    def __init__(
        self,
        *,
        gate: HookGate,
        register: Callable[[], CallRegister],
        lines: Mapping[E164, Line],
        signer: Callable[[], TokenSigner],
        addresses: Addresses,
        clock: Clock,
        log: Log,
        deadline: Deadline | None = None,
        ways: CarrierWays | None = None,
        ended: Callable[[SessionId, BusinessId, int], None] = lambda session_id, business_id, delay_s: None,
        traces: Traces | None = None,
        note: Callable[[Call, datetime], bool] = lambda call, now: False,
    ) -> None:
        """`ended` tells that a call is over, to be heard after so many seconds: by then a bridge that lives has told how it ended. `note`
        leaves a task for a call that was turned away."""
        self._gate = gate
        self._register = register
        self._lines = lines
        self._signer = signer
        self._addresses = addresses
        self._clock = clock
        self._log = log
        self._deadline = deadline or Deadline(STORE_DEADLINE_S)
        self._ways = ways or CarrierWays()
        self._ended = ended
        self._note = note
        self._traces = traces or Traces()

    def answer(self, request: HookRequest) -> bytes:
        """The voice document for a hook. Raises Unauthorized and RejectedInput; a failing store still yields a document."""
        with self._traces.span("hook") as span:
            return self._answer(request, span)

    def _answer(self, request: HookRequest, span: OpenSpan) -> bytes:
        now = self._clock.now()
        proof = self._gate.admit(request, now)
        hook = parse_hook(request.body, request.headers, request.query)
        span.of(hook.session_id, state=hook.state)
        try:
            entry = self._deadline.run(lambda: self._register().enter(hook, now, is_asked=True))
        except (Unavailable, Indeterminate) as error:
            self._log.error("call not entered", error, session_id=hook.session_id, state=hook.state)
            self._log.count("VoiceStoreFailed", state=hook.state)
            span.of(hook.session_id, error=type(error).__name__, code=error.code)
            return self._without_store(hook, now)
        if hook.state in TERMINAL_STATES and entry.call is not None and is_over(entry.call):
            self._tell(entry.call)
        span.of(hook.session_id, reply=entry.reply, business_id=entry.call.business_id if entry.call else None)
        if entry.reply is Reply.AWAY and entry.call is not None:
            self._turned_away(entry, entry.call, now)
        self._log.info("hook answered", session_id=hook.session_id, state=hook.state, reply=entry.reply, proof=proof)
        return self._document(entry)

    def warm(self) -> None:
        """Make the store's client and read the secrets, so that no caller waits for it."""
        self._register()
        self._gate.check()

    def _tell(self, call: Call) -> None:
        """Best effort: the carrier gets its document whether or not the queue takes this."""
        try:
            self._deadline.run(lambda: self._ended(call.session_id, call.business_id, CLOSE_COMES_WITHIN_S))
        except Unavailable as error:
            self._log.error("end not told", error, session_id=call.session_id)
            self._log.count("EndNotTold")

    def _turned_away(self, entry: Entry, call: Call, now: datetime) -> None:
        """Best effort as well; where the carrier asks again, it is made up for."""
        if entry.decided:
            self._log.count("TurnedAway", reason=call.admission or "")
        try:
            self._deadline.run(lambda: self._note(call, now), NOTE_S)
        except CallError as error:
            self._log.error("turned away without a task", error, session_id=call.session_id)
            self._log.count("CallbackNotKept")

    def _document(self, entry: Entry) -> bytes:
        if entry.reply is Reply.UNKNOWN_NUMBER:
            self._log.count("UnknownNumber")
            return goodbye_document(NOT_IN_SERVICE)
        if entry.reply is Reply.AWAY and entry.call is not None:
            return _busy(entry.call, _heard_by(entry.call, entry.line))
        if entry.reply is Reply.EMPTY or entry.call is None:
            return empty_document()
        line, issued_at = _heard_by(entry.call, entry.line), entry.call.stream_issued_at
        if entry.reply is Reply.FALLBACK:  # also for who was invited without the store: the row has no time of that
            return self._after_stream(entry.reply, entry.call, line)
        if issued_at is None:
            return empty_document()
        if entry.reply is not Reply.STREAM:
            return self._after_stream(entry.reply, entry.call, line)
        if line is None:  # the number was given up after the call had begun
            return goodbye_document(NOT_IN_SERVICE)
        return self._invite_call(entry.call, line, issued_at)

    def _after_stream(self, reply: Reply, call: Call, line: Line | None) -> bytes:
        """For a carrier that asks what comes behind a stream. Words and number are those that were stored when they were allowed."""
        onward = call.onward
        if line is None or not self._is_asked_later(line):
            return empty_document()
        if reply is Reply.FALLBACK:
            return _busy(call, line) if is_turned_away(call) else _instead(line)
        if onward is None:
            return empty_document()
        if reply is Reply.APOLOGY:
            is_lost = onward.outcome not in (None, CallStatus.COMPLETED)
            return goodbye_document(NOBODY_CAME.get(onward.language, APOLOGY)) if is_lost else empty_document()
        self._log.count("HandedToCarrier")
        dialling = Dialling(
            number=onward.number, caller_id=line.number, ring_s=onward.ring_s, nested=self._ways.nested_dial
        )
        return dial_document(Speech(text=onward.words, language=onward.language), dialling)

    def _is_asked_later(self, line: Line) -> bool:
        return line.dials and self._ways.continues

    def _without_store(self, hook: Hook, now: datetime) -> bytes:
        """The best answer from the hook alone. Only what starts a call is invited; nothing that ends one ever is."""
        if hook.session_id is None or not sets_up(hook.state):
            return empty_document()
        line = line_of(hook, self._lines)
        if line is None:
            return goodbye_document(NOT_IN_SERVICE if hook.client_request_id is None else APOLOGY)
        return self._invite(hook.session_id, line.business_id, "", line, now)

    def _invite_call(self, call: Call, line: Line, issued_at: datetime) -> bytes:
        return self._invite(call.session_id, call.business_id, call.open_metadata, line, issued_at)

    def _invite(
        self, session_id: SessionId, business_id: BusinessId, open_metadata: str, line: Line, issued_at: datetime
    ) -> bytes:
        addresses = self._addresses
        token = self._signer().stream_token(
            session_id, business_id, issued_at=issued_at, release=addresses.release, ttl_s=addresses.token_ttl_s
        )
        endpoints = Endpoints(
            bridge_url=addresses.bridge_url,
            release=addresses.release,
            stream_status_url=addresses.stream_status_url(),
        )
        is_last = self._is_asked_later(line)
        return invitation(session_id, open_metadata, line, endpoints, token, is_last=is_last)


def _busy(call: Call, line: Line | None) -> bytes:
    """Nobody is rung for whoever rings too often, nor for a flood."""
    if line is None:
        return goodbye_document(APOLOGY)
    return _instead(line if call.admission is Admission.FULL else replace(line, fallback_number=None))


def _instead(line: Line) -> bytes:
    """What the line has for callers whom no bridge takes."""
    fallback = fallback_of(line)
    say = fallback.say if fallback.say and fallback.say.text else APOLOGY
    return busy_document(say, fallback)


def _heard_by(call: Call, line: Line | None) -> Line | None:
    """The line as whoever is on `call` hears it: what it says to customers, and whom it rings for them, is nothing for our own people."""
    if line is None or call.agent not in INTERNAL_AGENTS:
        return line
    return replace(line, say_first="", fallback_say="", fallback_number=None, dials=False)
