"""Call detail records as a business's month leaves them, drawn from a numbered source of chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState, Statement, Witness
from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.ids import BusinessId, SessionId

CLINIC = BusinessId("whitedent")
LINE, CALLER = "+254711000001", "+254722000111"
BEGAN = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
OUTCOMES = (
    "booked",
    "booked",
    "booked",
    "moved",
    "answered",
    "answered",
    "message",
    "handed_over",
    "abandoned",
    "silent",
)


def leg(**changes: Any) -> Cdr:
    """The caller's leg of a call of 90 s that came in, free of charge."""
    known: dict[str, Any] = {
        "business_id": CLINIC,
        "session_id": SessionId("HD_000000000001"),
        "leg": "caller",
        "direction": Direction.INBOUND,
        "agent": "booking",
        "a_number": CALLER,
        "b_number": LINE,
        "began_at": BEGAN,
        "answered_at": BEGAN + timedelta(seconds=2),
        "ended_at": BEGAN + timedelta(seconds=92),
        "talk_s": 90,
        "status": "completed",
        "state": CdrState.FINAL,
        "witnesses": (Witness.BRIDGE, Witness.CARRIER),
        "made_at": BEGAN + timedelta(minutes=5),
        "reason": "the carrier's record was taken in",
        "outcome": "booked",
        "version": 1,
        "deck_id": "sautikit-kes-2026-06-27",
        "deck_row": 1,
        "rule": "per_second",
        "billable_s": 90,
        "charge_micros": 0,
        "currency": "KES",
        "carrier_id": "c-1",
        "carrier_status": "completed",
        "carrier_s": 90,
        "carrier_minor": 0,
        "carrier_currency": "KES",
        **changes,
    }
    known.setdefault("call_id", known["session_id"])
    return Cdr(**known)


def stream(of: Cdr, **changes: Any) -> Cdr:
    """The media stream of a leg, with what its model used."""
    talk = of.talk_s or 0
    shares = CallShares(
        total_ms=talk * 1_000,
        agent_ms=talk * 400,
        caller_ms=talk * 300,
        tools_ms=talk * 50,
        hold_ms=0,
        silence_ms=talk * 250,
    )
    known: dict[str, Any] = {
        "leg": "stream",
        "direction": Direction.STREAM,
        "charge_micros": (2 * 500_000 * talk + 60) // 120,
        "carrier_minor": None,
        "carrier_id": "",
        "findings": (),
        "doubt": "second-hand, and about",
        "usage": (
            ModelUsage("gemini", "gemini-live", {Meter.AUDIO_IN: talk * 25, Meter.AUDIO_OUT: talk * 10}, turns=5),
        ),
        "shares": shares,
        "model_micros": talk * 311,
        "model_charge_micros": talk * 40_119,
        "model_prices": "gemini-2026-11-01",
        "exchange": "usd-kes-2026-11-02",
        **changes,
    }
    return replace(of, **known)


def month_of_calls(day: date = date(2026, 11, 1), *, number: int = 1, per_day: int = 12) -> list[Cdr]:
    """Calls of 30 days from `day`: booked, moved, lost; some placed, some put through, some in dispute."""
    chance = random.Random(number)
    made: list[Cdr] = []
    for ahead in range(30):
        weekend = (day + timedelta(days=ahead)).weekday() >= 5
        for _ in range(chance.randint(per_day // 2, per_day) // (3 if weekend else 1)):
            began = datetime(day.year, day.month, day.day, 4, 0, tzinfo=UTC) + timedelta(
                days=ahead, seconds=chance.randint(0, 12 * 3_600)
            )
            made += _call(chance, SessionId(f"HD_{len(made):012x}"), began)
    return made


def _call(chance: random.Random, session: SessionId, began: datetime) -> Iterator[Cdr]:
    outcome, talk = chance.choice(OUTCOMES), chance.randint(15, 240)
    placed = chance.random() < 0.3
    micros = (2 * 3_000_000 * talk + 60) // 120 if placed else 0
    call = leg(
        session_id=session,
        leg="callee" if placed else "caller",
        direction=Direction.OUTBOUND if placed else Direction.INBOUND,
        agent="dispatch" if placed else chance.choice(("booking", "booking", "receptionist")),
        a_number=LINE if placed else CALLER,
        b_number=CALLER if placed else LINE,
        began_at=began,
        answered_at=began + timedelta(seconds=3),
        ended_at=began + timedelta(seconds=3 + talk),
        talk_s=talk,
        outcome=outcome,
        billable_s=talk,
        charge_micros=micros,
        carrier_s=talk,
        carrier_minor=(micros + 5_000) // 10_000,
        made_at=began + timedelta(minutes=9),
    )
    if placed and chance.random() < 0.15:
        yield _unanswered(call)
        return
    if placed and chance.random() < 0.06:
        minutes = -(-talk // 60)
        call = replace(
            call,
            carrier_minor=minutes * 300,
            findings=(CdrFinding(Difference.WRONG_ROUNDING, dispute(call, minutes * 300)),),
        )
    yield call
    doubtful = chance.random() < 0.03
    yield stream(
        call,
        **(
            {"model_micros": None, "model_charge_micros": None, "model_unpriced": "no usage was reported", "usage": ()}
            if doubtful
            else {}
        ),
    )
    if outcome == "handed_over":
        yield _put_through(chance, call)


def _unanswered(call: Cdr) -> Cdr:
    nothing = {
        "answered_at": None,
        "talk_s": None,
        "billable_s": 0,
        "charge_micros": 0,
        "carrier_s": 0,
        "carrier_minor": 0,
    }
    return replace(call, status="no_answer", outcome="", **nothing)


def _put_through(chance: random.Random, call: Cdr) -> Cdr:
    talk = chance.randint(20, 300)
    open_yet = chance.random() < 0.1
    return replace(
        call,
        session_id=SessionId(call.session_id.replace("HD_", "HE_")),
        leg="transfer",
        direction=Direction.TRANSFER,
        agent="whisper",
        began_at=call.began_at + timedelta(seconds=30),
        talk_s=talk,
        charge_micros=None if open_yet else (2 * 3_000_000 * talk + 60) // 120,
        currency="" if open_yet else "KES",
        unrated="the leg has not ended" if open_yet else "",
        carrier_minor=None,
        state=CdrState.PROVISIONAL if open_yet else CdrState.FINAL,
        findings=(),
    )


def dispute(call: Cdr, charged_minor: int) -> str:
    return "; ".join(
        (
            f"call {call.session_id}, leg {call.leg} (outbound): wrong_rounding",
            f"we measured {call.talk_s} s, the carrier {call.talk_s} s",
            f"expected KES {(call.charge_micros or 0) / 1e6:.6f} (per_second), charged KES {charged_minor / 100:.2f}",
            "the charge fits per_started_minute",
            "deck sautikit-kes-2026-06-27, row 2 (outbound +254, 3.00 a minute, per_second)",
            "source: the carrier's page",
        )
    )


class Shelf:
    """A store of call detail records that only reads them by the UTC day, as the table's index does."""

    def __init__(self, cdrs: list[Cdr]) -> None:
        self.cdrs_kept = cdrs
        self.asked: list[date] = []

    def cdrs_of_day(self, business_id: BusinessId, day: date) -> Iterator[Cdr]:
        self.asked.append(day)
        for cdr in self.cdrs_kept:
            if cdr.business_id == business_id and cdr.began_at.astimezone(UTC).date() == day:
                yield cdr

    def keep(self, statement: Statement) -> bool:
        raise NotImplementedError

    def statements(self, session_id: SessionId) -> tuple[Statement, ...]:
        raise NotImplementedError

    def cdrs(self, session_id: SessionId) -> tuple[Cdr, ...]:
        return tuple(cdr for cdr in self.cdrs_kept if cdr.session_id == session_id)

    def versions(self, session_id: SessionId, leg: str) -> tuple[Cdr, ...]:
        raise NotImplementedError

    def put_cdrs(self, cdrs: Any) -> tuple[Cdr, ...]:
        raise NotImplementedError
