"""F6.2: every edge of a duration under every rule, with fees, minimums, free seconds, price changes, midnight and a clock put back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.rate_deck import deck_of
from pokea.billing.rating import Charge, Rater
from tests.faults.broken import money
from tests.oracles.rating_oracle import RatingOracle
from tests.support.rating_samples import as_lines, as_mapping

EDGES_S = (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 90, 3599, 3600, 3601)
PULSES = ("1/1", "60/60", "30/6", "60/1")
EXTRAS: tuple[dict[str, Any], ...] = (
    {},
    {"connect_fee": "0.50"},
    {"minimum_s": 30},
    {"free_s": 6},
    {"connect_fee": "0.333333", "minimum_s": 45, "free_s": 29},
)
MIDNIGHT = datetime(2027, 1, 1, tzinfo=ZoneInfo("Africa/Nairobi")).astimezone(UTC)
CLOCK_BACK = datetime(2026, 11, 1, 6, tzinfo=UTC)  # New York: 2:00 becomes 1:00
BEFORE_S = (0, 1, 5, 29, 30, 31, 60, 100)
Row = tuple[dict[str, Any], CallLeg]


def leg_of(direction: Direction, answered: datetime, talk_s: int, zone: ZoneInfo | None = None) -> CallLeg:
    ended = answered + timedelta(seconds=talk_s)
    if zone is not None:
        answered, ended = answered.astimezone(zone), ended.astimezone(zone)
    return CallLeg("c", "1", direction, "", "+254722000111", answered, ended, "completed")


def edge_rows() -> Iterator[Row]:
    """Each direction at one price, at a price that changes at midnight, and across a clock that is put back."""
    for pulse, extra, talk_s in itertools.product(PULSES, EXTRAS, EDGES_S):
        row = {"prefix": "", "pulse": pulse, **extra}
        steady = {"row": [{**row, "direction": name.value, "per_minute": "3.141593"} for name in Direction]}
        for direction in Direction:
            yield steady, leg_of(direction, MIDNIGHT + timedelta(hours=9), talk_s)
        yield (
            steady,
            leg_of(Direction.OUTBOUND, CLOCK_BACK - timedelta(seconds=90), talk_s, ZoneInfo("America/New_York")),
        )
        before = {**row, "direction": "outbound", "per_minute": "3.00", "to": MIDNIGHT}
        after = {**before, "per_minute": "3.600001", "from": MIDNIGHT, "pulse": "7/13"}
        changing = {"row": [before, {name: value for name, value in after.items() if name != "to"}]}
        for before_s in BEFORE_S:
            for late in (timedelta(0), timedelta(milliseconds=500)):
                yield (
                    changing,
                    leg_of(Direction.OUTBOUND, MIDNIGHT - timedelta(seconds=before_s) + late, talk_s),
                )


def check_edges() -> int:
    count = 0
    last: dict[str, Any] = {}
    for tables, leg in edge_rows():
        if tables is not last:
            rater = Rater(deck_of({"id": "edges", "currency": "KES", **tables}, "edges"))
            oracle, last = RatingOracle(tables), tables
        rated = rater.rate(leg)
        assert isinstance(rated, Charge)
        assert as_lines(rated) == oracle.lines(as_mapping(leg)), (tables, leg)
        count += 1
    return count


def test_every_edge_is_exact() -> None:
    assert check_edges() >= 5_000


@pytest.mark.parametrize("broken", [money.float_money, money.half_to_even, money.price_of_the_answer])
def test_a_broken_rater_is_caught(broken: money.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        check_edges()
