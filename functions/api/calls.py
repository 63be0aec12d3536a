"""POST /calls: ring somebody on behalf of a business."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header

from functions.api.doorman import CALLS_WRITE, holder
from functions.api.schemas import ERRORS, MAX_IDEMPOTENCY_KEY_CHARS, CallAccepted, NewCall
from pokea import agents
from pokea.billing.spend import SpendGuard
from pokea.billing.wallet import Standing, may_ring
from pokea.clock import Clock
from pokea.consent import is_suppressed
from pokea.errors import Denied, RejectedInput
from pokea.ids import BusinessId
from pokea.lines import Line
from pokea.phone_numbers import E164
from pokea.ports import CallStore, Records
from pokea.profile import Profile
from pokea.sautikit.attempts import OutboundRequest, Progress, Telephony, place

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.post("/calls", status_code=202, responses=ERRORS)
    def place_call(
        wanted: NewCall,
        business_id: Annotated[BusinessId, Depends(holder(CALLS_WRITE))],
        idempotency_key: Annotated[str, Header()] = "",
    ) -> CallAccepted:
        accepted = provide().calls.place(wanted, business_id, idempotency_key)
        log.info("call placed", client_request_id=accepted.request_id, status=accepted.status)
        return accepted

    return routes


@dataclass(frozen=True, slots=True)
class Exchange:
    """What placing a call needs. `guard` minds the business's money, `standing` the carrier's wallet."""

    calls: CallStore
    telephony: Telephony
    records: Records  # who must not be called
    guard: SpendGuard | None = None
    standing: Callable[[], Standing] = lambda: Standing.UNKNOWN


class CallDesk:
    def __init__(
        self,
        *,
        exchange: Callable[[], Exchange],
        lines: Mapping[E164, Line],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        voice_callback_url: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._exchange = exchange
        self._lines = lines
        self._profiles = profiles
        self._voice_callback_url = voice_callback_url
        self._clock = clock

    def place(self, wanted: NewCall, business_id: BusinessId, idempotency_key: str) -> CallAccepted:
        """Raises what `pokea.errors` names; Indeterminate never escapes: an unknown outcome is an answer of its own."""
        request = self._request(wanted, business_id, idempotency_key)
        exchange = self._exchange()
        if is_suppressed(exchange.records, business_id, request.to_number):
            raise Denied("suppressed", "this number has asked not to be called again")
        if problem := agents.get(request.agent).problem(self._profiles()[business_id]):
            raise RejectedInput("agent_not_set_up", problem)
        if not may_ring(exchange.standing()):
            raise Denied("wallet_empty", "the carrier's wallet is empty: top it up, then repeat the same request")
        outcome = place(
            request,
            store=exchange.calls,
            telephony=exchange.telephony,
            voice_callback_url=self._voice_callback_url(),
            now=self._clock.now(),
            guard=exchange.guard,
        )
        if outcome.progress is Progress.FAILED:
            raise Denied("call_refused", "the carrier refused this call; use a new Idempotency-Key to try again")
        return CallAccepted(
            request_id=outcome.client_request_id,
            session_id=outcome.session_id,
            call_id=outcome.call_id,
            status=outcome.progress.value,
        )

    def warm(self) -> None:
        self._voice_callback_url()

    def _request(self, wanted: NewCall, business_id: BusinessId, idempotency_key: str) -> OutboundRequest:
        if len(idempotency_key) > MAX_IDEMPOTENCY_KEY_CHARS or not idempotency_key.isprintable():
            raise RejectedInput(
                "bad_idempotency_key", f"an Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY_CHARS} characters"
            )
        line = self._line(wanted.from_number, business_id)
        to_number = E164(wanted.to)
        if to_number in self._lines:
            raise RejectedInput("own_number", "this number is one of our own lines")
        agent = wanted.agent or line.agent
        if agent not in agents.NAMES:
            raise RejectedInput("no_such_agent", f"the agents are: {', '.join(agents.NAMES)}")
        return OutboundRequest(
            line=line,
            to_number=to_number,
            agent=agent,
            context=wanted.context,
            idempotency_key=idempotency_key or uuid.uuid4().hex,
        )

    def _line(self, from_number: str | None, business_id: BusinessId) -> Line:
        own = [line for line in self._lines.values() if line.business_id == business_id]
        if from_number is not None:
            own = [line for line in own if line.number == E164(from_number)]
        if len(own) != 1:
            raise Denied("not_your_line", "`from` must be one of the business's own numbers")
        return own[0]
