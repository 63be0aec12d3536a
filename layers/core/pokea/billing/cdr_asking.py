"""When to look at a call again whose detail records are not final: the carrier closes its books a while after the call.

An ended call is asked about after 8, 30, 90, 300 and 900 seconds, each counted from the look before; what is open then waits for the
nightly look. A call that is still going on is looked at every quarter of an hour, so that one whose end nobody tells is noticed too. One
that is settled is looked at once more if its outcome was not written yet. A look that was to ask the carrier all the same, and could not,
is put off for a while, and not for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from pokea.billing.call_leg import IN_PROGRESS
from pokea.billing.cdr import CarrierLeg, Cdr, CdrState

AFTER_S = (8, 30, 90, 300, 900)
OUTCOME_AFTER_S = 330  # a call that no bridge closed has its record written after five minutes
LIVE_AFTER_S = 900
LIVE_LOOKS = 24  # six hours: no call of ours is longer
NO_MORE = len(AFTER_S) + LIVE_LOOKS
PUT_OFF_S = 900  # where the carrier could not be asked, and nobody else would ask it
PUT_OFF_TIMES = 8


def is_live(cdrs: Sequence[Cdr]) -> bool:
    """Whether somebody may still be talking, as far as anybody told."""
    return any(cdr.ended_at is None and cdr.status in IN_PROGRESS for cdr in cdrs)


def wants_outcome(cdrs: Sequence[Cdr]) -> bool:
    """Whether what came of the call is not known yet: its record is written on its own time."""
    return not any(cdr.outcome for cdr in cdrs)


def is_settled(cdrs: Sequence[Cdr]) -> bool:
    """Whether every leg has its last word: there is a record of the carrier, or nobody waits for one any longer."""
    return bool(cdrs) and all(cdr.state is not CdrState.PROVISIONAL for cdr in cdrs)


def is_told_otherwise(record: CarrierLeg, cdrs: Sequence[Cdr]) -> bool:
    """Whether the carrier's list says something that these records of the session do not: a leg more, an end, a correction."""
    known = next((cdr for cdr in cdrs if cdr.carrier_id == record.record_id), None)
    if known is None or any(cdr.state is not CdrState.FINAL for cdr in cdrs):
        return True
    said = record.cost_minor, record.currency, record.duration_s, record.status
    return said != (known.carrier_minor, known.carrier_currency, known.carrier_s, known.carrier_status)


def next_look(attempt: int, cdrs: Sequence[Cdr]) -> tuple[int, int] | None:
    """The number of the next look and the seconds until then; None if there is to be none. `attempt`: how many looks there were that
    found nothing final, negative while the call went on."""
    if is_live(cdrs):
        lived = min(attempt, 0) - 1
        return (lived, LIVE_AFTER_S) if -lived <= LIVE_LOOKS and attempt < NO_MORE else None
    ended = max(attempt, 0)
    if is_settled(cdrs):
        return (len(AFTER_S), OUTCOME_AFTER_S) if wants_outcome(cdrs) and ended < len(AFTER_S) else None
    return (ended + 1, AFTER_S[ended]) if ended < len(AFTER_S) else None


def put_off(attempt: int) -> tuple[int, int] | None:
    """The number of a look that is put off, and the seconds until then; None if it was put off often enough. No other look follows it."""
    put = max(attempt, NO_MORE) + 1
    return (put, PUT_OFF_S) if put <= NO_MORE + PUT_OFF_TIMES else None
