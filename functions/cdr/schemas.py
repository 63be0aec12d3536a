"""Requests and responses of the routes under /cdr. Amounts are decimal text; null and "" mean unknown, never 0."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pokea.adapters.api_answers import described
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.rate_deck import amount
from pokea.billing.usage import Meter
from pokea.errors import RejectedInput
from pokea.money import Money

MAX_DAYS = 31
CallId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}$")]


class Wanted(BaseModel):
    """A call, a UTC day, or the days from `from` to `to`, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    call: CallId | None = None
    day: date | None = None
    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Wanted:
        given = [self.call is not None, self.day is not None, self.first is not None or self.last is not None]
        if sum(given) != 1:
            raise ValueError("give call, or day, or from and to")
        if (self.first is None) != (self.last is None):
            raise ValueError("from and to go together")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("to is before from")
        return self


class Finding(BaseModel):
    kind: str
    evidence: str


class Usage(BaseModel):
    engine: str
    model: str
    meters: dict[Meter, int]
    turns: int
    silent_turns: int


class Shares(BaseModel):
    """How the time of the call on the bridge was spent, in milliseconds."""

    total_ms: int
    agent_ms: int
    caller_ms: int
    tools_ms: int
    hold_ms: int
    silence_ms: int


class Leg(BaseModel):
    """One leg, in its latest version."""

    session: str
    leg: str
    call: str
    version: int
    versions: int
    state: CdrState
    made_at: datetime
    reason: str
    direction: str
    agent: str
    outcome: str
    a_number: str
    b_number: str
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    status: str
    talk_seconds: int | None
    billable_seconds: int | None
    charge: str | None
    currency: str
    deck: str
    deck_row: int | None
    prefix: str
    rule: str
    unrated: str
    doubt: str
    carrier_record: str
    carrier_status: str
    carrier_seconds: int | None
    carrier_charge: str | None
    carrier_currency: str
    witnesses: list[str]
    findings: list[Finding]
    unknowns: list[str]
    usage: list[Usage]
    shares: Shares | None
    model_cost_usd: str | None
    model_cost: str | None
    model_prices: str
    exchange: str
    model_unpriced: str


class CallLegs(BaseModel):
    """Every leg of a call. `settled`: none of them will change by itself any more."""

    call: str
    settled: bool
    legs: list[Leg]


class Queued(BaseModel):
    """`days`: how many are being looked through, each of whose calls is looked at again."""

    days: int


ERRORS = described(400, 401, 403, 404, 503)


def leg_of(cdr: Cdr) -> Leg:
    return Leg(
        session=cdr.session_id,
        leg=cdr.leg,
        call=cdr.call_id,
        version=cdr.version,
        versions=cdr.version,  # they count from 1 without a gap
        state=cdr.state,
        made_at=cdr.made_at,
        reason=cdr.reason,
        direction=cdr.direction.value,
        agent=cdr.agent,
        outcome=cdr.outcome,
        a_number=cdr.a_number,
        b_number=cdr.b_number,
        began_at=cdr.began_at,
        answered_at=cdr.answered_at,
        ended_at=cdr.ended_at,
        status=cdr.status,
        talk_seconds=cdr.talk_s,
        witnesses=[witness.value for witness in cdr.witnesses],
        **_rated(cdr),
        **_billed(cdr),
        **_modelled(cdr),
    )


def _rated(cdr: Cdr) -> dict[str, Any]:
    return {
        "billable_seconds": cdr.billable_s,
        "charge": _decimal(cdr.charge_micros),
        "currency": cdr.currency,
        "deck": cdr.deck_id,
        "deck_row": cdr.deck_row,
        "prefix": cdr.rate_prefix,
        "rule": cdr.rule,
        "unrated": cdr.unrated,
        "doubt": cdr.doubt,
    }


def _billed(cdr: Cdr) -> dict[str, Any]:
    return {
        "carrier_record": cdr.carrier_id,
        "carrier_status": cdr.carrier_status,
        "carrier_seconds": cdr.carrier_s,
        "carrier_charge": _minor(cdr.carrier_minor, cdr.carrier_currency),
        "carrier_currency": cdr.carrier_currency,
        "findings": [Finding(kind=found.kind.value, evidence=found.evidence) for found in cdr.findings],
        "unknowns": list(cdr.unknowns),
    }


def _modelled(cdr: Cdr) -> dict[str, Any]:
    shares = cdr.shares
    return {
        "usage": [
            Usage(
                engine=used.engine,
                model=used.model,
                meters=dict(used.meters),
                turns=used.turns,
                silent_turns=used.silent_turns,
            )
            for used in cdr.usage
        ],
        "shares": None
        if shares is None
        else Shares(
            total_ms=shares.total_ms,
            agent_ms=shares.agent_ms,
            caller_ms=shares.caller_ms,
            tools_ms=shares.tools_ms,
            hold_ms=shares.hold_ms,
            silence_ms=shares.silence_ms,
        ),
        "model_cost_usd": _decimal(cdr.model_micros),
        "model_cost": _decimal(cdr.model_charge_micros),
        "model_prices": cdr.model_prices,
        "exchange": cdr.exchange,
        "model_unpriced": cdr.model_unpriced,
    }


def _decimal(micros: int | None) -> str | None:
    return None if micros is None else amount(micros)


def _minor(minor: int | None, currency: str) -> str | None:
    """The carrier's amount as decimal text; of a currency that we do not know, so neither do we know its minor unit, none."""
    if minor is None:
        return None
    try:
        return amount(Money.from_minor(minor, currency).micros)
    except RejectedInput:
        return None
