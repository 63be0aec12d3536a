"""The words of a statement: plain ones, for somebody who runs a business and not a telephone exchange."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cost_shares import OutcomeGroup
from pokea.billing.period import Period
from pokea.billing.report import NO_ANSWER, Gap
from pokea.call_outcomes import Disposition
from pokea.errors import CallError
from pokea.money import MICROS, Money, divided

NOT_KNOWN = "not known"

OUTCOMES: Mapping[Disposition, str] = {
    Disposition.OPTED_OUT: "asked not to be called",
    Disposition.HANDED_OVER: "put through to a person",
    Disposition.BOOKED: "booked",
    Disposition.MOVED: "booking moved",
    Disposition.CANCELLED: "booking cancelled",
    Disposition.WAITING: "put on the waiting list",
    Disposition.RESCHEDULED: "delivery moved",
    Disposition.CONFIRMED: "confirmed",
    Disposition.TICKET_OPENED: "ticket opened",
    Disposition.TICKET_UPDATED: "ticket updated",
    Disposition.MESSAGE: "message taken",
    Disposition.QUALIFIED_HOT: "lead, hot",
    Disposition.QUALIFIED_WARM: "lead, warm",
    Disposition.QUALIFIED_COLD: "lead, cold",
    Disposition.CALL_AGAIN: "wants a call later",
    Disposition.DELIVERY_AGREED: "delivery agreed",
    Disposition.DELIVERED_INFO: "told where the parcel is",
    Disposition.ANSWERED: "question answered",
    Disposition.UNCERTAIN: "tried, result uncertain",
    Disposition.NOT_DONE: "could not be helped",
    Disposition.TALKED: "only talked",
    Disposition.SILENT: "nobody spoke",
    Disposition.MACHINE: "a machine picked up",
    Disposition.TURNED_AWAY: "not taken",
    Disposition.ABANDONED: "hung up early",
    Disposition.CUT_OFF: "reached the longest call",
    Disposition.FAILED: "broke down on our side",
}
DIRECTIONS: Mapping[Direction, str] = {
    Direction.INBOUND: "calls that came in",
    Direction.OUTBOUND: "calls that were placed",
    Direction.TRANSFER: "calls on to a person",
    Direction.STREAM: "sound to the agent, and its model",
}
DIFFERENCES: Mapping[Difference, str] = {
    Difference.MISSING: "only one side has it",
    Difference.DUPLICATE: "booked twice",
    Difference.WRONG_RATE: "another price than agreed",
    Difference.WRONG_ROUNDING: "rounded otherwise than agreed",
    Difference.STUCK: "still running for the carrier",
    Difference.FAILED_LEG_BILLED: "charged, though nobody answered",
    Difference.TRANSFER_LEG_UNPAIRED: "transfer without its call",
    Difference.STREAM_FEE: "fee for the sound that is not due",
    Difference.DURATION_DIFFERS: "another length than we measured",
    Difference.CURRENCY: "charged in another currency",
}
GAPS: Mapping[Gap, str] = {
    Gap.CHARGE: "No charge could be worked out",
    Gap.MODEL: "The model's cost is not known",
    Gap.VERDICT: "The carrier's charge could not be judged",
    Gap.RECORD: "Not settled with the carrier",
    Gap.OUTCOME: "What came of the call is not known",
}

RESULTS: Mapping[OutcomeGroup, str] = {
    OutcomeGroup.BOOKED: "booking",
    OutcomeGroup.QUALIFIED: "good lead",
    OutcomeGroup.DELIVERED: "delivery agreed",
    OutcomeGroup.DEFLECTED: "question settled without a person",
}


def outcome_words(outcome: str) -> str:
    """An outcome that no table knows stays its own word."""
    if outcome == NO_ANSWER:
        return "nobody answered"
    return OUTCOMES[Disposition(outcome)] if outcome in _DISPOSITIONS else outcome.replace("_", " ") or NOT_KNOWN


def money(micros: int, currency: str) -> str:
    """Such as "KES 1,234.50": rounded to what the currency has coins for; a currency that nobody knows with all of its digits."""
    try:
        return str(Money(micros, currency))
    except CallError:
        return f"{currency or '?'} {exact(micros)}"


def amount(micros: int, currency: str) -> str:
    """The same without the currency's name: "1,234.50"."""
    return money(micros, currency).partition(" ")[2]


def fine_money(micros: int, currency: str) -> str:
    """With four digits after the point, for what costs less than a coin."""
    shown = divided(micros, 100)
    sign, shown = ("-", -shown) if shown < 0 else ("", shown)
    return f"{currency} {sign}{shown // 10_000:,}.{shown % 10_000:04}"


def exact(micros: int) -> str:
    """All six digits: "1,234.500000"."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // MICROS:,}.{micros % MICROS:06}"


def duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes >= 60:
        return f"{minutes // 60:,} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def percent(part: int, whole: int) -> str:
    """Never "0 %" for something and never "100 %" for less than all."""
    if whole <= 0:
        return "–"
    shown = round(Fraction(100 * part, whole))
    if part > 0 and shown == 0:
        return "< 1 %"
    return "> 99 %" if shown == 100 and part < whole else f"{shown} %"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def long_day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def period_words(period: Period) -> str:
    return f"{period.first:%B %Y}" if period.is_month else long_day(period.first)


_DISPOSITIONS = frozenset(Disposition)
