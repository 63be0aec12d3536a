"""How long 1,000,000 records take to rate, in seconds of one core.

    python -m bench.rating [--records 1000000] [--limit-s 5] [--json]

The records are drawn from a fixed seed over a deck of 2,000 prefixes, with fees, minimums, steps and price changes. Making them is not
timed. Best of three runs, each with a fresh rater. Exits with 1 when the best run takes longer than the limit.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.rate_deck import Pulse, RateDeck, RateRow
from pokea.billing.rating import Charge, Rater

RECORDS = 1_000_000
LIMIT_S = 5.0
RUNS = 3
START = datetime(2031, 3, 1, tzinfo=UTC)
PULSES = (Pulse(1, 1), Pulse(60, 60), Pulse(30, 6), Pulse(60, 1))
OUTCOMES = ("completed",) * 8 + ("busy", "no_answer")


def sample_deck(draw: random.Random, prefixes: int = 2_000) -> RateDeck:
    """A deck with long and short prefixes; one price in ten changes in the middle of the month."""
    change = START + timedelta(days=15)
    names = {f"+{draw.randrange(20, 10 ** draw.randint(2, 7))}" for _ in range(prefixes)}
    rows: list[RateRow] = []

    def add(direction: Direction, prefix: str, since: datetime | None, until: datetime | None) -> None:
        rows.append(
            RateRow(
                number=len(rows) + 1,
                direction=direction,
                prefix=prefix,
                per_minute_micros=draw.randrange(10_000, 9_000_000),
                pulse=draw.choice(PULSES),
                connect_fee_micros=draw.choice((0, 0, 250_000)),
                minimum_s=draw.choice((0, 0, 10)),
                free_s=draw.choice((0, 0, 5)),
                valid_from=since,
                valid_to=until,
            )
        )

    for direction in Direction:
        add(direction, "", None, None)
    for name in sorted(names):
        if draw.random() < 0.1:
            add(Direction.OUTBOUND, name, None, change)
            add(Direction.OUTBOUND, name, change, None)
        else:
            add(Direction.OUTBOUND, name, None, None)
    return RateDeck(deck_id="sample", currency="KES", rows=tuple(rows))


def sample_legs(draw: random.Random, records: int) -> list[CallLeg]:
    legs = []
    for number in range(records):
        begins = START + timedelta(seconds=draw.randrange(30 * 86_400))
        status = draw.choice(OUTCOMES)
        answered = begins if status == "completed" else None
        legs.append(
            CallLeg(
                f"c{number}",
                "1",
                draw.choice((Direction.INBOUND, Direction.OUTBOUND, Direction.OUTBOUND, Direction.TRANSFER)),
                "+254700000000",
                f"+{draw.randrange(20, 100)}{draw.randrange(10**9):09d}",
                answered,
                begins
                + timedelta(seconds=min(int(draw.expovariate(1 / 90)), 7_200), milliseconds=draw.randrange(1000)),
                status,
            )
        )
    return legs


def timed_s(deck: RateDeck, legs: Sequence[CallLeg]) -> tuple[float, int]:
    """CPU seconds of one run, and the sum in micro-units."""
    started = time.process_time()
    rate = Rater(deck).rate
    total = 0
    for leg in legs:
        charge = rate(leg)
        if type(charge) is Charge:
            total += charge.micros
    return time.process_time() - started, total


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rating", description="Seconds to rate 1,000,000 records")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--limit-s", type=float, default=LIMIT_S)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    draw = random.Random(1)
    deck = sample_deck(draw)
    legs = sample_legs(draw, options.records)
    gc.freeze()  # the records are no garbage of the rater
    per_million_s = min(timed_s(deck, legs)[0] for _ in range(RUNS)) * 1_000_000 / options.records
    within = per_million_s <= options.limit_s
    if options.json:
        print(json.dumps({"seconds_per_million": round(per_million_s, 2), "limit_s": options.limit_s, "ok": within}))
    else:
        print(
            f"{per_million_s:.2f} s per 1,000,000 records; limit {options.limit_s:g} s: {'kept' if within else 'BROKEN'}"
        )
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
