"""Calls that both sides write down: our witnesses through the real parser and register, the carrier in the books of the simulator.

Each call may have one billing fault ordered, and then names what the audit must say of it. What two causes explain has no right answer, so
lengths are drawn until the fault shows in the amount.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from local.carrier import BillingFault, BookedCall, BookedDial
from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr
from pokea.ids import SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164
from tests.support.carrier_books import explaining
from tests.support.told_calls import CALLER, LINE, NOW, Told

PERSON = E164("+254722000111")
KINDS = ("inbound", "outbound", "dialled", "unanswered")
Expected = set[tuple[str, Difference]]  # leg, class
F = BillingFault
WAITED_FOR = timedelta(hours=80)  # after which a record that has not come does not come any more


@dataclass(slots=True)
class Pair:
    """`told` holds what our witnesses said. `expected`: what the audit must find, and `afterwards` once the carrier has put it right."""

    told: Told
    booked: BookedCall
    expected: Expected = field(default_factory=set)
    afterwards: Expected | None = None

    @property
    def session(self) -> SessionId:
        return self.told.session


@dataclass(frozen=True, slots=True)
class Order:
    """One fault on the legs it can befall. `legs`: by kind of call, which leg is booked wrongly; `found`: what that is called."""

    fault: BillingFault
    legs: Mapping[str, str]
    found: Difference
    found_of_dial: Difference | None = None
    is_put_right: bool = False


_CALLED = {"outbound": "callee", "dialled": "transfer"}
_ANSWERED = {"inbound": "caller", **_CALLED}
_ANY = {**_ANSWERED, "unanswered": "callee"}
_FAILED = {"unanswered": "callee"}
_UNPAIRED = Difference.TRANSFER_LEG_UNPAIRED
ORDERS = (
    Order(F.PER_STARTED_MINUTE, _CALLED, Difference.WRONG_ROUNDING),
    Order(F.WRONG_RATE, _ANSWERED, Difference.WRONG_RATE),
    Order(F.MISSING, _ANY, Difference.MISSING, _UNPAIRED),
    Order(F.DUPLICATE, _ANY, Difference.DUPLICATE),
    Order(F.STUCK, _ANY, Difference.STUCK),
    Order(F.FAILED_LEG_BILLED, _FAILED, Difference.FAILED_LEG_BILLED),
    Order(F.UNPAIRED, _ANY, Difference.MISSING, _UNPAIRED),
    Order(F.STREAM_IN_LEG, {"inbound": "caller", "outbound": "callee"}, Difference.STREAM_FEE),
    Order(F.CURRENCY, _ANSWERED, Difference.CURRENCY),
    Order(F.CORRECTED, _CALLED, Difference.WRONG_ROUNDING, is_put_right=True),
    Order(F.REFUNDED, _FAILED, Difference.FAILED_LEG_BILLED, is_put_right=True),
)


class Town:
    """Makes calls. `draw` decides everything about them."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self._made = 0

    def clean(self) -> Pair:
        """A call without a fault; the carrier's clock may be a second off."""
        kind = self.draw.choice(KINDS)
        pair = self._pair(kind, *self._lengths())
        clock = self.draw.choice((None, None, None, F.SECOND_MORE, F.SECOND_LESS))
        pair.booked = replace(pair.booked, billing=clock)
        return pair

    def faulty(self, order: Order) -> Pair:
        kind = self.draw.choice(sorted(order.legs))
        pair = self._pair(kind, *self._telling_lengths(order.fault, kind))
        leg = order.legs[kind]
        if kind == "dialled":
            (dial,) = pair.booked.dialled
            pair.booked = replace(pair.booked, dialled=(replace(dial, billing=order.fault),))
        else:
            pair.booked = replace(pair.booked, billing=order.fault)
        found = order.found_of_dial if kind == "dialled" and order.found_of_dial else order.found
        pair.expected = {(leg, found)}
        pair.afterwards = set() if order.is_put_right else None
        return pair

    def _lengths(self) -> tuple[int, int]:
        """Talk and stream in seconds."""
        talk_s = 2 + self.draw.randrange(900)
        return talk_s, max(1, talk_s - self.draw.randrange(3))

    def _telling_lengths(self, fault: BillingFault, kind: str) -> tuple[int, int]:
        while True:
            talk_s, stream_s = self._lengths()
            if talk_s >= 20 and _shows(fault, kind, talk_s, stream_s):
                return talk_s, stream_s

    def _pair(self, kind: str, talk_s: int, stream_s: int) -> Pair:
        self._made += 1
        session = SessionId(f"HD_{self._made:012x}")
        if kind == "unanswered":
            return self._unanswered(session)
        told = Told(session, talk_s=talk_s, stream_ms=1000 * stream_s, outbound=kind == "outbound")
        told.begun()
        booked = BookedCall(
            direction="outbound" if kind == "outbound" else "inbound",
            a_number=LINE.number if kind == "outbound" else CALLER,
            b_number=CALLER if kind == "outbound" else LINE.number,
            started_at=NOW,
            answered_at=told.answered_at,
            ended_at=told.ended_at,
            session_id=session,
            call_id=f"rec-{session}",
            stream_s=stream_s,
            stream_per_minute_minor=self.draw.choice((0, 50)),
        )
        if kind == "dialled":
            booked = replace(booked, dialled=(self._sent_on(told),))
        for tell in (told.completed, told.closed, told.bridge_closed):
            tell()
        return Pair(told, booked)

    def _sent_on(self, told: Told) -> BookedDial:
        """The carrier was told to dial a person, and did; it talks on for as long as the call was meant to last."""
        given_at = NOW + timedelta(seconds=self.draw.randrange(1, 20))
        onward = Onward(
            handoff_id="h1", number=PERSON, words="", language="en-KE", ring_s=25, given_at=given_at, given_to="d1"
        )
        told.take(lambda call: replace(call, onward=onward))
        told.hook("DialCompleted", dialCallStatus="completed")
        answered = given_at + timedelta(seconds=4)
        return BookedDial(
            number=PERSON, started_at=given_at, answered_at=answered, ended_at=answered + timedelta(seconds=told.talk_s)
        )

    def _unanswered(self, session: SessionId) -> Pair:
        told = Told(session, outbound=True)
        status = self.draw.choice(("busy", "no_answer", "failed", "canceled"))
        told.hook("Ringing")
        told.hook(status)
        booked = BookedCall(
            direction="outbound",
            a_number=LINE.number,
            b_number=CALLER,
            started_at=NOW,
            answered_at=None,
            ended_at=NOW + timedelta(seconds=5 + self.draw.randrange(40)),
            status=status,
            session_id=session,
            call_id=f"rec-{session}",
        )
        return Pair(told, booked)


def _shows(fault: BillingFault, kind: str, talk_s: int, stream_s: int) -> bool:
    """Whether the fault makes an amount that nothing else explains."""
    paid = 0 if kind == "inbound" else 300
    direction = Direction.INBOUND if kind == "inbound" else Direction.OUTBOUND
    match fault:
        case F.PER_STARTED_MINUTE | F.CORRECTED:
            return (1, 1) not in explaining(direction, (talk_s,), -(-talk_s // 60) * paid)
        case F.WRONG_RATE:
            wrong = 100 if kind == "inbound" else 250
            return not explaining(direction, (talk_s,), -(-talk_s * wrong // 60))
        case F.STREAM_IN_LEG:
            cost = -(-talk_s * paid // 60) + -(-stream_s * 50 // 60)
            return not explaining(direction, (talk_s,), cost)
        case _:
            return True


def found_in(cdrs: Iterator[Cdr] | tuple[Cdr, ...]) -> Expected:
    return {(cdr.leg, finding.kind) for cdr in cdrs for finding in cdr.findings}


Read = Callable[[Pair], None]
"""Has the product ask the carrier about a call, and keep the answer as a statement."""
