"""Call detail records: one for each leg, immutable, corrected by a further version and never in place.

A carrier call (a session of the switch) has one leg of the person at its other end, and one of the media stream while that was open. A
caller who was put through to a person by a second carrier call makes that call a leg of the caller's: `call_id` is the caller's session in
both, `session_id` each call's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import BilledLeg, CallLeg, Direction
from pokea.billing.usage import CallShares, ModelUsage
from pokea.ids import BusinessId, SessionId
from pokea.privacy import Pii, classified


class CdrState(StrEnum):
    PROVISIONAL = "provisional"  # some witness has not spoken yet
    FINAL = "final"  # the carrier's own record is closed and taken in
    UNRECONCILED = "unreconciled"  # the carrier's record was waited for as long as anybody waits


class Witness(StrEnum):
    """Who told of a leg."""

    BRIDGE = "bridge"  # the bridge's outbox
    CLOSING = "closing"  # the bridge's report to the tools function
    HOOKS = "hooks"  # the voice URL, stream status and call events
    CARRIER = "carrier"  # the carrier's record, asked for


@dataclass(frozen=True, slots=True)
class CdrFinding:
    """One disagreement with the carrier about this leg. `evidence` is a line fit for a dispute."""

    kind: Difference
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """One leg, in one version. None and "" mean unknown, never 0. Amounts are whole micro-units; times are aware and in UTC.

    leg: "caller", "callee" (of a placed call), "transfer" (a person whom the caller was put through to, by a call of its own or by the
    carrier's own dialling) or "stream". talk_s: begun seconds from answer to end. unrated: why there is no charge. doubt: why the price is
    uncertain. unknowns: what the audit could not judge. currency: the deck's, also of a leg that has no charge. model_micros is in US
    dollars, model_charge_micros the same in `currency` at the rate `exchange` names; both None where anything of it has no price, and
    `model_unpriced` says what.
    """

    business_id: BusinessId
    session_id: SessionId
    leg: str
    call_id: SessionId
    direction: Direction
    agent: str
    a_number: str
    b_number: str
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    talk_s: int | None
    status: str  # one of call_leg.STATUSES
    state: CdrState
    witnesses: tuple[Witness, ...]
    made_at: datetime
    reason: str  # why this version was made
    outcome: str = ""  # what came of the call: a Disposition
    client_request_id: str = ""
    version: int = 0

    deck_id: str = ""
    deck_row: int | None = None
    rule: str = ""
    rate_prefix: str = ""
    billable_s: int | None = None
    charge_micros: int | None = None
    currency: str = ""
    unrated: str = ""
    doubt: str = ""

    carrier_id: str = ""  # the carrier's REST id of its record
    carrier_status: str = ""
    carrier_s: int | None = None
    carrier_minor: int | None = None
    carrier_currency: str = ""
    findings: tuple[CdrFinding, ...] = ()
    unknowns: tuple[str, ...] = ()

    usage: tuple[ModelUsage, ...] = ()  # on the stream's leg: the model ran while it was open
    shares: CallShares | None = None
    model_micros: int | None = None
    model_charge_micros: int | None = None
    model_prices: str = ""
    exchange: str = ""
    model_unpriced: str = ""

    @property
    def key(self) -> tuple[SessionId, str]:
        return self.session_id, self.leg

    @property
    def as_leg(self) -> CallLeg:
        """What rating and the audit see."""
        return CallLeg(
            self.session_id,
            self.leg,
            self.direction,
            self.a_number,
            self.b_number,
            self.answered_at,
            self.ended_at,
            self.status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one witness said about one session, kept as it came: the evidence behind a record. The same words are kept once.

    `content` is the JSON text of the witness's own body. `said_at` is the witness's time where it gave one.
    """

    business_id: BusinessId
    session_id: SessionId
    witness: Witness
    said_at: datetime
    content: str
    index: int = 0  # of the bridge's events: their order, which no clock decides


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLeg:
    """One record of the carrier's REST API. `is_final`: it has ended, and its price is known."""

    record_id: str
    session_id: str
    direction: str  # the carrier's word
    local_number: str
    remote_number: str
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: int | None
    status: str  # one of call_leg.STATUSES
    cost_minor: int | None
    currency: str
    rate_per_minute_minor: int | None = None
    failure_code: str = ""
    client_request_id: str = ""
    is_final: bool = False
    updated_at: datetime | None = None  # by the carrier's own clock: which of two readings is the newer one

    def billed_as(self, leg: CallLeg) -> BilledLeg:
        """This record as the bill for `leg`, in the form that the audit compares."""
        named = CallLeg(
            leg.call_id,
            leg.leg,
            leg.direction,
            leg.a_number,
            leg.b_number,
            self.answered_at,
            self.ended_at,
            self.status,
        )
        return BilledLeg(named, self.duration_s, self.cost_minor, self.currency)


# What each field says about a person; see pokea.privacy.
CDR_PRIVACY = classified(
    Cdr,
    {
        **dict.fromkeys(Cdr.__dataclass_fields__, Pii.NONE),
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "call_id": Pii.ID,
        "client_request_id": Pii.ID,
        "carrier_id": Pii.ID,
        "a_number": Pii.CONTACT,
        "b_number": Pii.CONTACT,
    },
)
