"""What a call may cost, by a business's rate deck, before it is placed."""

from __future__ import annotations

from datetime import datetime, timedelta

from pokea.billing.call_leg import DIALLED, CallLeg, Direction
from pokea.billing.rating import Charge, Rater, Unrated
from pokea.billing.spend import EXPECTED_S, LONGEST_JOINED_S, LONGEST_S, Need, Quote
from pokea.clock import as_utc
from pokea.dial_policy import DialPolicy
from pokea.phone_numbers import E164

_DIRECTIONS = {Need.CALL: Direction.OUTBOUND, Need.PERSON: Direction.TRANSFER}
_LENGTHS = {Need.CALL: LONGEST_S, Need.PERSON: LONGEST_JOINED_S}


def is_unusual(number: E164, country: str) -> bool:
    """Whether `number` is anything but an ordinary fixed or mobile number of `country`: calls to such are what fraud is after."""
    return DialPolicy(frozenset({country})).problem_with(number) is not None


def quote_of(rater: Rater, number: E164, country: str, need: Need, now: datetime) -> Quote | Unrated:
    """Every part is rounded up to a minor unit, as a bill may be. Where the deck lists no fee for streams, none is counted.

    A caller who needs a person is not refused for the want of a price: the dearest of the deck stands in for it.
    """
    longest_s = _LENGTHS[need]
    amounts: list[int] = []
    for seconds in (EXPECTED_S, longest_s):
        dialled = rater.rate(_leg(_DIRECTIONS[need], number, now, seconds))
        if isinstance(dialled, Charge):
            micros = _rounded(rater, dialled.micros)
        elif need is Need.PERSON:
            micros = _rounded(rater, _dearest(rater, seconds))
        else:
            return dialled
        stream = rater.rate(_leg(Direction.STREAM, "", now, seconds))
        amounts.append(micros + (_rounded(rater, stream.micros) if isinstance(stream, Charge) else 0))
    return Quote(
        expected_micros=amounts[0],
        longest_micros=max(amounts),  # a price may fall in mid-call
        longest_s=longest_s,
        is_unusual=is_unusual(number, country),
    )


def minute_micros(rater: Rater, number: E164, now: datetime) -> int | None:
    """What a minute of a placed call to `number` costs with its stream; None if the deck does not say."""
    dialled = rater.rate(_leg(Direction.OUTBOUND, number, now, 60))
    if not isinstance(dialled, Charge):
        return None
    stream = rater.rate(_leg(Direction.STREAM, "", now, 60))
    return dialled.micros + (stream.micros if isinstance(stream, Charge) else 0)


def _leg(direction: Direction, number: str, now: datetime, seconds: int) -> CallLeg:
    answered = as_utc(now)
    return CallLeg("", "", direction, "", number, answered, answered + timedelta(seconds=seconds), "completed")


def _dearest(rater: Rater, seconds: int) -> int:
    rows = [row for row in rater.deck.rows if row.direction in DIALLED]
    return max((row.connect_fee_micros + row.per_minute_micros * -(-seconds // 60) for row in rows), default=0)


def _rounded(rater: Rater, micros: int) -> int:
    unit = rater.deck.minor_micros
    return -(-micros // unit) * unit
