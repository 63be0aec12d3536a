"""The oracle itself, on sums that a person can do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.oracles.rating_oracle import RatingOracle

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DECK = {
    "row": [
        {"direction": "outbound", "prefix": "+254", "per_minute": "3.00", "rounding": "per_second", "to": NOON},
        {"direction": "outbound", "prefix": "+254", "per_minute": "6.00", "rounding": "per_second", "from": NOON},
        {"direction": "outbound", "prefix": "255", "per_minute": "3.00", "pulse": "60/60", "connect_fee": "0.50"},
    ]
}


@pytest.mark.parametrize(
    ("number", "begins_s", "talk_s", "lines"),
    [
        ("+254722000111", -100, 40, [("span", 40, 2_000_000)]),
        ("+254722000111", -30, 90, [("span", 30, 1_500_000), ("span", 60, 6_000_000)]),
        ("+255722000111", 0, 61, [("setup", 0, 500_000), ("span", 120, 6_000_000)]),
        ("+255722000111", 0, 0, [("setup", 0, 500_000), ("span", 0, 0)]),
        ("+256722000111", 0, 61, None),
    ],
)
def test_sums_of_a_person(number: str, begins_s: int, talk_s: int, lines: object) -> None:
    answered = NOON + timedelta(seconds=begins_s)
    leg = {
        "direction": "outbound",
        "b_number": number,
        "answered_at": answered,
        "ended_at": answered + timedelta(seconds=talk_s),
        "status": "completed",
    }
    assert RatingOracle(DECK).lines(leg) == lines


def test_nobody_answered_costs_nothing_and_no_end_is_unknown() -> None:
    leg = {
        "direction": "outbound",
        "b_number": "+254722000111",
        "answered_at": None,
        "ended_at": NOON,
        "status": "busy",
    }
    assert RatingOracle(DECK).total(leg) == 0
    assert RatingOracle(DECK).total({**leg, "answered_at": NOON, "ended_at": None, "status": "answered"}) is None
