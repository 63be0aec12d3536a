"""What the stream-status function does with one request: admit, read, enter into the register, follow up.

Deliveries come at least once. Entering twice changes nothing, and a callback task is kept once per call by its key; only the metrics
need telling apart, so the sighting is noted last: an event that failed half way is taken in full when it is delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pokea.adapters.hook_gate import HookGate
from pokea.adapters.http_events import HookRequest
from pokea.adapters.observability import Log
from pokea.adapters.tracing import OpenSpan, Traces
from pokea.calls import Call, is_over
from pokea.clock import Clock
from pokea.ids import BusinessId, SessionId
from pokea.ports import CallStore
from pokea.sautikit.callbacks import CallbackTasks, callback_owed
from pokea.sautikit.closings import CLOSE_COMES_WITHIN_S
from pokea.sautikit.hook_names import TERMINAL_STATES, HookState
from pokea.sautikit.hooks import Hook, parse_hook
from pokea.sautikit.register import CallRegister

_ENDS = TERMINAL_STATES | {HookState.STREAM_ERROR}


@dataclass(frozen=True, slots=True)
class Books:
    """Where events leave their traces. `ended` tells that a call is over, to be heard after so many seconds: by then a bridge that lives
    has told how it ended, and for any other call this is the only word there will be."""

    calls: CallStore
    register: CallRegister
    callbacks: CallbackTasks
    ended: Callable[[SessionId, BusinessId, int], None] = lambda session_id, business_id, delay_s: None


class EventDesk:
    def __init__(
        self, *, gate: HookGate, books: Callable[[], Books], clock: Clock, log: Log, traces: Traces | None = None
    ) -> None:
        self._gate = gate
        self._books = books
        self._clock = clock
        self._log = log
        self._traces = traces or Traces()

    def take(self, request: HookRequest) -> None:
        """Raises Unauthorized, RejectedInput, and Unavailable or Indeterminate: the carrier then delivers again."""
        with self._traces.span("hook") as span:
            self._take(request, span)

    def _take(self, request: HookRequest, span: OpenSpan) -> None:
        now = self._clock.now()
        self._gate.admit(request, now)
        hook = parse_hook(request.body, request.headers, request.query)
        span.of(hook.session_id, state=hook.state)
        books = self._books()
        call = books.register.enter(hook, now).call
        if call is None or hook.session_id is None:
            self._log.info("event without a call", state=hook.state, session_id=hook.session_id, call_id=hook.call_id)
            self._log.count("EventWithoutCall", state=hook.state)
            return
        span.of(call.session_id, business_id=call.business_id)
        owed = callback_owed(call, now) if hook.state is HookState.STREAM_ERROR else None
        if owed is not None:
            books.callbacks.add(owed)
        if hook.state in _ENDS and is_over(call):
            books.ended(call.session_id, call.business_id, CLOSE_COMES_WITHIN_S)
        if books.calls.first_sight(hook.session_id, hook.event_id, now):
            self._report(hook, call)

    def warm(self) -> None:
        self._books()
        self._gate.check()

    def _report(self, hook: Hook, call: Call) -> None:
        self._log.info("event taken", session_id=call.session_id, business_id=call.business_id, state=hook.state)
        if hook.state is HookState.STREAM_ERROR:
            moment = "mid_call" if call.opened_at is not None else "never_connected"
            self._log.count("StreamFailed", moment=moment)
