"""What the carrier's refusal of a campaign's call means for the contact, and for the campaign. Pure.

not placed, for certain   the contact waits, the attempt does not count
402                       and the campaign pauses until somebody tops up
401 403                   and the campaign pauses: nobody of it could be rung
429, out of reach         and the whole campaign asks for nothing before the carrier's Retry-After
other 4xx, of the number  it will not be taken: done, blocked, and suppressed
other 4xx                 done, failed, and the campaign pauses: what is wrong with this request may be wrong with every other
409, no answer, 5xx       nobody knows: the contact stays asked for, until the carrier's own list says what became of it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pokea.billing.wallet import FUNDS
from pokea.campaigns.contact import Disposition
from pokea.errors import CallError, Denied, NotFound, RejectedInput, Unavailable

SPEND_CAP = "spend_cap"  # of our own guard
NO_PRICE = "no_price"  # likewise
WALLET_EMPTY = "wallet_empty"
CARRIER_REFUSES = "carrier_refuses"
CARRIER_BUSY = "carrier_busy"
MONEY_WAITS = timedelta(minutes=5)
REFUSED_WAITS = timedelta(minutes=5)
LEAST_WAIT_S = 1.0
_OF_THE_NUMBER = re.compile(r"(?:^|[._])(?:invalid_to|to|destination|recipient|callee|number|blocked)(?:$|[._])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """`at`: from when on the contact waits; None: it does not. `ends`: how it has ended. Neither: it stays asked for.

    `pauses`: why the campaign pauses; "" if it does not. `holds_until`: before which the campaign asks for nothing.
    """

    reason: str
    at: datetime | None = None
    ends: Disposition | None = None
    pauses: str = ""
    holds_until: datetime | None = None


def meaning_of(error: CallError, now: datetime, day_ends: datetime) -> Meaning:
    """`error`: what carrier or guard said, not the store. `day_ends`: when the business's day does, and with it a daily cap."""
    if isinstance(error, Unavailable):
        until = now + timedelta(seconds=max(error.retry_after_s, LEAST_WAIT_S))
        return Meaning(reason=CARRIER_BUSY, at=until, holds_until=until)
    if isinstance(error, Denied):
        return _denied(error, now, day_ends)
    if isinstance(error, (RejectedInput, NotFound)):
        if _OF_THE_NUMBER.search(error.code.casefold()):
            return Meaning(reason=error.code, ends=Disposition.BLOCKED)
        return Meaning(reason=error.code, ends=Disposition.FAILED, pauses=CARRIER_REFUSES)
    return Meaning(reason=error.code)


def _denied(error: Denied, now: datetime, day_ends: datetime) -> Meaning:
    if error.code == FUNDS:
        return Meaning(reason=WALLET_EMPTY, at=now + MONEY_WAITS, pauses=WALLET_EMPTY)
    if error.code == SPEND_CAP:
        return Meaning(reason=SPEND_CAP, at=max(day_ends, now))
    if error.code == NO_PRICE:
        return Meaning(reason=NO_PRICE, ends=Disposition.FAILED)
    return Meaning(reason=error.code, at=now + REFUSED_WAITS, pauses=CARRIER_REFUSES)
