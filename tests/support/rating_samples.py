"""Drawn rate decks and legs, as tables and values that both the product and the oracle can read."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.rating import Charge, Unrated

START = datetime(2031, 3, 1, tzinfo=UTC)
MONTH_S = 30 * 86_400
PULSES = ("1/1", "60/60", "30/6", "60/1", "6/6", "7/13")
EDGES_S = (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 90, 3599, 3600, 3601)
STATUSES = ("completed",) * 12 + ("answered", "busy", "no_answer", "failed", "canceled", "unknown")


def drawn_rate(draw: random.Random) -> str:
    return f"{draw.randrange(20)}.{draw.randrange(10 ** draw.choice((1, 2, 6))):06d}"


def drawn_row(draw: random.Random, direction: str, prefix: str) -> dict[str, Any]:
    row: dict[str, Any] = {"direction": direction, "prefix": prefix, "per_minute": drawn_rate(draw)}
    if draw.random() < 0.3:
        row["rounding"] = draw.choice(("per_second", "per_started_minute"))
    else:
        row["pulse"] = draw.choice(PULSES)
    if draw.random() < 0.3:
        row["connect_fee"] = drawn_rate(draw)
    if draw.random() < 0.3:
        row["minimum_s"] = draw.choice((1, 10, 45, 90))
    if draw.random() < 0.3:
        row["free_s"] = draw.choice((1, 5, 30, 100))
    return row


def drawn_dates(draw: random.Random) -> list[dict[str, datetime]]:
    """One to three spans of time that do not overlap, some with gaps between; sometimes all of time."""
    if draw.random() < 0.5:
        return [{}]
    cuts = sorted(START + timedelta(seconds=draw.randrange(MONTH_S)) for _ in range(draw.randint(1, 4)))
    spans: list[dict[str, datetime]] = [{"to": cuts[0]}]
    spans += [{"from": one, "to": other} for one, other in pairwise(cuts) if one < other]
    spans.append({"from": cuts[-1]})
    return [span for span in spans if draw.random() < 0.9] or spans[:1]


def drawn_tables(draw: random.Random, prefixes: int = 8) -> dict[str, Any]:
    """The tables of a deck: few digits, so that prefixes lie within one another."""
    names = {f"+{draw.randrange(1, 4)}{''.join(draw.choices('123', k=draw.randrange(4)))}" for _ in range(prefixes)}
    rows: list[dict[str, Any]] = []
    for direction in Direction:
        for prefix in sorted(names) + ([""] if draw.random() < 0.7 else []):
            if direction is Direction.OUTBOUND or draw.random() < 0.3:
                rows += [{**drawn_row(draw, direction.value, prefix), **dates} for dates in drawn_dates(draw)]
    if not rows:
        rows.append(drawn_row(draw, "outbound", ""))
    draw.shuffle(rows)
    return {"id": "drawn", "currency": "KES", "row": rows}


def drawn_leg(draw: random.Random, cuts: list[datetime] | None = None) -> CallLeg:
    """A leg; with `cuts`, often one during which a price changes."""
    begins = START + timedelta(seconds=draw.randrange(MONTH_S), microseconds=draw.choice((0, 0, draw.randrange(10**6))))
    talk_s = draw.choice((draw.choice(EDGES_S), draw.randrange(200), int(draw.expovariate(1 / 120))))
    if cuts and draw.random() < 0.3:
        begins = draw.choice(cuts) - timedelta(seconds=draw.randrange(-3, talk_s + 4))
    ends = begins + timedelta(seconds=talk_s, milliseconds=draw.choice((0, 0, draw.randrange(1000))))
    status = draw.choice(STATUSES)
    number = f"+{''.join(draw.choices('123', k=draw.randrange(7, 13)))}"
    return CallLeg(
        call_id="c",
        leg="1",
        direction=draw.choice((Direction.OUTBOUND, *Direction)),
        a_number="+254700000000",
        b_number=number if draw.random() < 0.98 else draw.choice(("", "anonymous", "0722000111")),
        answered_at=begins if status in ("completed", "answered") else None,
        ended_at=ends if draw.random() < 0.98 else None,
        status=status,
    )


def cuts_of(tables: dict[str, Any]) -> list[datetime]:
    return sorted({row[key] for row in tables["row"] for key in ("from", "to") if key in row})


def as_mapping(leg: CallLeg) -> dict[str, Any]:
    return {
        "direction": leg.direction.value,
        "b_number": leg.b_number,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "status": leg.status,
    }


def as_lines(rated: Charge | Unrated) -> list[tuple[str, int, int]] | None:
    """As the oracle writes a charge."""
    if isinstance(rated, Unrated):
        return None
    return [(line.kind.value, line.seconds, line.micros) for line in rated.lines]
