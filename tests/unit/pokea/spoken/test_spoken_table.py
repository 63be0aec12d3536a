"""Spoken dates and times, amounts, telephone numbers and tracking ids in English and Swahili, from a table that people can read.

`expected` is what the words mean, or "ask" where a caller has to be asked: because they mean several things, or nothing that can be
relied on. It is Saturday 21 November 2026, ten o'clock in Nairobi.
"""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pokea import tracking_ids
from pokea.hours import Opening, OpeningHours, local
from pokea.money import Money
from pokea.spoken import amounts as said_amounts
from pokea.spoken import numbers as said_numbers
from pokea.spoken.times import Ambiguous, DaysOnly, NotUnderstood, Resolved, resolve
from pokea.tracking_ids import Pattern

NAIROBI = ZoneInfo("Africa/Nairobi")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=NAIROBI)
_DAY = (Opening.parse("08:00-17:00"),)
HOURS = OpeningHours({**dict.fromkeys(range(5), _DAY), 5: (Opening.parse("09:00-13:00"),)})
PATTERN = Pattern("aadddc")
ASK = "ask"

with Path(__file__).with_name("spoken_table.csv").open(encoding="utf-8", newline="") as _file:
    TABLE = [(row["kind"], row["language"], row["said"], row["expected"]) for row in csv.DictReader(_file)]


def when(said: str, language: str) -> str:
    found = resolve(said, NOW, NAIROBI, HOURS, language)
    match found:
        case Resolved(start):
            return local(start, NAIROBI).strftime("%Y-%m-%dT%H:%M")
        case DaysOnly(first, last, None) if first == last:
            return first.isoformat()
        case Ambiguous() | NotUnderstood():
            return ASK
    return repr(found)


def amount(said: str, language: str) -> str:
    found = said_amounts.understand(said, "KE", language)
    return ASK if isinstance(found, said_amounts.Doubt) else str(found.amount)


def phone(said: str, language: str) -> str:
    found = said_numbers.understand(said, "KE", language)
    return ASK if isinstance(found, said_numbers.Doubt) else found.number


def tracking(said: str, language: str) -> str:
    found = tracking_ids.understand(said, PATTERN, language)
    return ASK if isinstance(found, tracking_ids.Doubt) else found.tracking_id


UNDERSTOOD = {"when": when, "amount": amount, "phone": phone, "tracking": tracking}


@pytest.mark.parametrize(("kind", "language", "said", "expected"), TABLE)
def test_words_mean_what_the_table_says(kind: str, language: str, said: str, expected: str) -> None:
    if kind == "amount" and expected != ASK:
        currency, _, figures = expected.partition(" ")
        expected = str(Money.parse(figures, currency))
    assert UNDERSTOOD[kind](said, language) == expected


def test_the_table_has_five_hundred_distinct_rows_of_every_kind_in_both_languages() -> None:
    distinct = {(kind, language, " ".join(said.lower().split())) for kind, language, said, _ in TABLE}
    assert len(distinct) == len(TABLE) >= 500
    per_kind = Counter((kind, language) for kind, language, _, _ in TABLE)
    assert set(per_kind) == {(kind, language) for kind in UNDERSTOOD for language in ("en", "sw")}
    assert min(per_kind.values()) >= 30
    asked = Counter(kind for kind, _, _, expected in TABLE if expected == ASK)
    assert min(asked[kind] for kind in UNDERSTOOD) >= 15
