"""A month of calls as we saw them, and the carrier's file of the same calls, clean or with one fault of a known kind in each call.

The carrier's arithmetic here is its own: it knows nothing of the product's rating.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor

from pokea.billing.call_leg import BilledLeg, CallLeg, Direction

START = datetime(2026, 10, 20, tzinfo=UTC)
DECK = "sautikit-kes-2026-06-27"
OURS = "+254711000001"
PRICES = {
    Direction.INBOUND: 0,
    Direction.OUTBOUND: 300,
    Direction.TRANSFER: 300,
    Direction.STREAM: 50,
}  # cents a minute
STEPS = ((1, 1), (60, 60), (60, 1), (60, 30), (30, 30), (30, 6), (6, 6))
DIALLED = (Direction.OUTBOUND, Direction.TRANSFER)
Expected = set[tuple[str, str, str]]  # call id, leg, class


@dataclass(slots=True)
class BookedCall:
    """The legs of one call, and what the carrier books for them."""

    ours: list[CallLeg]
    books: list[BilledLeg]
    expected: Expected = field(default_factory=set)


@dataclass(slots=True)
class Carrier:
    draw: random.Random
    made: int = 0

    def call(self, kind: str | None = None, shortest_s: int = 1) -> BookedCall:
        """A call that both have right: inbound, transferred, outbound or not answered."""
        self.made += 1
        name = f"call{self.made:06d}"
        kind = kind or self.draw.choice(("inbound", "transferred", "outbound", "failed"))
        begins = START + timedelta(seconds=self.draw.randrange(30 * 86_400), milliseconds=self.draw.randrange(1000))
        other = f"+2547{self.draw.randrange(10**8):08d}"
        legs: list[CallLeg] = []
        if kind == "failed":
            status = self.draw.choice(("busy", "no_answer", "failed", "canceled"))
            ends = begins + timedelta(seconds=self.draw.randrange(40))
            legs.append(CallLeg(name, "1", Direction.OUTBOUND, OURS, other, None, ends, status))
            return BookedCall(legs, [self.book(leg) for leg in legs])
        talk_s = shortest_s + self.draw.randrange(900)
        ends = begins + timedelta(seconds=talk_s)
        direction = Direction.OUTBOUND if kind == "outbound" else Direction.INBOUND
        numbers = (OURS, other) if kind == "outbound" else (other, OURS)
        legs.append(CallLeg(name, "1", direction, *numbers, begins, ends, "completed"))
        legs.append(CallLeg(name, "s", Direction.STREAM, *numbers, begins, ends, "completed"))
        if kind == "transferred":
            person = f"+2547{self.draw.randrange(10**8):08d}"
            after = begins + timedelta(seconds=self.draw.randrange(talk_s))
            ended = ends + timedelta(seconds=shortest_s + self.draw.randrange(200))
            legs.append(CallLeg(name, "2", Direction.TRANSFER, OURS, person, after, ended, "completed"))
        is_streamed = self.draw.random() < 0.5  # the fee is in doubt: half of the calls carry it
        books = [self.book(leg) for leg in legs if is_streamed or leg.direction is not Direction.STREAM]
        return BookedCall(legs, books)

    def book(self, leg: CallLeg) -> BilledLeg:
        """What the carrier writes down: its clock reads a second more or less, and cents are rounded either way."""
        if leg.answered_at is None or leg.ended_at is None:
            return BilledLeg(leg, 0, 0, "")
        talk_s = ceil((leg.ended_at - leg.answered_at).total_seconds())
        told_s = max(0, talk_s + self.draw.choice((-1, 0, 0, 0, 1)))
        seen = replace(leg, ended_at=leg.answered_at + timedelta(seconds=told_s))
        return BilledLeg(seen, told_s, self.rounded(charge(PRICES[leg.direction], told_s)), "KES")

    def rounded(self, cents: Fraction) -> int:
        return self.draw.choice((floor, ceil))(cents)


def charge(per_minute_cents: int | Fraction, seconds: int, step: tuple[int, int] = (1, 1)) -> Fraction:
    """In cents, exact."""
    first, then = step
    steps_s = 0 if seconds == 0 else first + ceil(Fraction(max(seconds - first, 0), then)) * then
    return Fraction(per_minute_cents) * steps_s / 60


def explaining(direction: Direction, seconds: tuple[int, ...], cents: int) -> set[tuple[int, int]]:
    """The steps under which the right price gives `cents`. A charge that two causes explain has no right answer."""
    return {
        step
        for step in STEPS
        for talk_s in seconds
        if floor(charge(PRICES[direction], talk_s, step)) <= cents <= ceil(charge(PRICES[direction], talk_s, step))
    }


def talks(call: BookedCall, at: int) -> tuple[int, ...]:
    """Both witnesses' talk times of the leg that is booked at `at`."""
    billed = call.books[at]
    own = next(leg for leg in call.ours if leg.key == billed.key)
    assert own.answered_at is not None and own.ended_at is not None and billed.duration_s is not None
    return billed.duration_s, ceil((own.ended_at - own.answered_at).total_seconds())


def stream_s(call: BookedCall) -> list[int]:
    legs = [leg for leg in call.ours if leg.direction is Direction.STREAM and leg.answered_at and leg.ended_at]
    return [ceil((leg.ended_at - leg.answered_at).total_seconds()) for leg in legs]  # type: ignore[operator]


def place(call: BookedCall, *directions: Direction) -> int:
    return next(at for at, billed in enumerate(call.books) if billed.leg.direction in directions)


def missing(carrier: Carrier) -> BookedCall:
    call = carrier.call(carrier.draw.choice(("inbound", "outbound", "failed", "transferred")))
    at = place(call, Direction.INBOUND, Direction.OUTBOUND)
    return faulty(call, "missing", call.books.pop(at))


def duplicate(carrier: Carrier) -> BookedCall:
    call = carrier.call(carrier.draw.choice(("inbound", "outbound", "transferred")))
    again = carrier.draw.choice(call.books)
    if carrier.draw.random() < 0.5:  # under a name of its own
        again = replace(again, leg=replace(again.leg, call_id=f"again-{again.leg.call_id}"))
    call.books.insert(carrier.draw.randrange(len(call.books) + 1), again)
    return faulty(call, "duplicate", again)


def wrong_rate(carrier: Carrier) -> BookedCall:
    while True:
        call = carrier.call(carrier.draw.choice(("outbound", "transferred")))
        at = (
            place(call, *DIALLED)
            if carrier.draw.random() < 0.5
            else place(call, Direction.TRANSFER, Direction.OUTBOUND)
        )
        per_minute = carrier.draw.choice((180, 250, 299, 337, 400, 600))
        talk_s = call.books[at].duration_s or 0
        cents = carrier.rounded(charge(per_minute, talk_s))
        over = cents - charge(300, talk_s)
        is_fee = any(abs(over - charge(50, one_s)) <= 1 for one_s in (talk_s, *stream_s(call)))
        if not explaining(call.books[at].leg.direction, talks(call, at), cents) and not is_fee:
            call.books[at] = replace(call.books[at], cost_minor=cents)
            return faulty(call, "wrong_rate", call.books[at])


def wrong_rounding(carrier: Carrier) -> BookedCall:
    while True:
        call = carrier.call(carrier.draw.choice(("outbound", "transferred")))
        at = place(call, *DIALLED)
        step = carrier.draw.choice(STEPS[1:])
        cents = carrier.rounded(charge(300, call.books[at].duration_s or 0, step))
        if (1, 1) not in explaining(call.books[at].leg.direction, talks(call, at), cents):
            call.books[at] = replace(call.books[at], cost_minor=cents)
            return faulty(call, "wrong_rounding", call.books[at])


def stuck(carrier: Carrier) -> BookedCall:
    call = carrier.call()
    at = carrier.draw.randrange(len(call.books))
    billed = call.books[at]
    open_leg = replace(billed.leg, ended_at=None, status="ringing" if billed.leg.answered_at is None else "answered")
    cost = carrier.draw.choice((None, 0))
    call.books[at] = replace(billed, leg=open_leg, duration_s=None, cost_minor=cost, currency="")
    return faulty(call, "stuck", call.books[at])


def failed_leg_billed(carrier: Carrier) -> BookedCall:
    call = carrier.call("failed")
    ring_s = 1 + carrier.draw.randrange(40)
    billed = replace(call.books[0], cost_minor=ceil(charge(300, ring_s)), currency="KES")
    if carrier.draw.random() < 0.3:  # its record says that somebody answered
        answered = (billed.leg.ended_at or START) - timedelta(seconds=ring_s)
        billed = replace(billed, leg=replace(billed.leg, answered_at=answered, status="completed"), duration_s=ring_s)
    call.books[0] = billed
    return faulty(call, "failed_leg_billed", billed)


def transfer_leg_unpaired(carrier: Carrier) -> BookedCall:
    call = carrier.call("transferred")
    at = place(call, Direction.TRANSFER)
    billed = call.books[at]
    if carrier.draw.random() < 0.5:
        return faulty(call, "transfer_leg_unpaired", call.books.pop(at))
    call.books[at] = replace(billed, leg=replace(billed.leg, call_id=f"lost-{billed.leg.call_id}"))
    # A clock that is a second off on both ends is still the same leg; one that is further off is another one.
    return faulty(call, "transfer_leg_unpaired", call.books[at])


def stream_fee(carrier: Carrier) -> BookedCall:
    how = carrier.draw.choice(("bundled", "dearer", "unseen"))
    if how == "bundled":
        call = carrier.call("inbound", shortest_s=60)
        call.books = call.books[:1]
        call.books[0] = replace(call.books[0], cost_minor=ceil(charge(50, call.books[0].duration_s or 0)))
        return faulty(call, "stream_fee", call.books[0])
    if how == "unseen":
        call = carrier.call("inbound", shortest_s=60)
        stream = carrier.book(call.ours.pop(1))
        call.books[1:] = [stream]
        return faulty(call, "stream_fee", stream)
    while True:
        call = carrier.call("inbound", shortest_s=60)
        stream = carrier.book(call.ours[1])
        call.books[1:] = [stream]
        cents = carrier.rounded(charge(80, stream.duration_s or 0))
        if not explaining(Direction.STREAM, talks(call, 1), cents):
            call.books[1] = replace(stream, cost_minor=cents)
            return faulty(call, "stream_fee", stream)


def duration_differs(carrier: Carrier) -> BookedCall:
    call = carrier.call(carrier.draw.choice(("inbound", "outbound", "transferred")), shortest_s=10)
    at = carrier.draw.randrange(len(call.books))
    own_s = talks(call, at)[1]
    told_s = max(0, own_s + carrier.draw.choice((-8, -2, 2, 3, 20, 60, 300)))
    leg = call.books[at].leg
    assert leg.answered_at is not None
    seen = replace(leg, ended_at=leg.answered_at + timedelta(seconds=told_s))
    call.books[at] = BilledLeg(seen, told_s, carrier.rounded(charge(PRICES[leg.direction], told_s)), "KES")
    return faulty(call, "duration_differs", call.books[at])


def currency(carrier: Carrier) -> BookedCall:
    call = carrier.call(carrier.draw.choice(("inbound", "outbound", "transferred")))
    at = carrier.draw.randrange(len(call.books))
    call.books[at] = replace(call.books[at], currency=carrier.draw.choice(("USD", "UGX", "TZS")))
    return faulty(call, "currency", call.books[at])


def faulty(call: BookedCall, kind: str, billed: BilledLeg) -> BookedCall:
    call.expected.add((*billed.key, kind))
    return call


FAULTS: Mapping[str, Callable[[Carrier], BookedCall]] = {
    fault.__name__: fault
    for fault in (
        missing,
        duplicate,
        wrong_rate,
        wrong_rounding,
        stuck,
        failed_leg_billed,
        transfer_leg_unpaired,
        stream_fee,
        duration_differs,
        currency,
    )
}


def shuffled(draw: random.Random, calls: list[BookedCall]) -> tuple[list[CallLeg], list[BilledLeg], Expected]:
    ours = [leg for call in calls for leg in call.ours]
    books = [billed for call in calls for billed in call.books]
    draw.shuffle(ours)
    draw.shuffle(books)
    return ours, books, {one for call in calls for one in call.expected}
