from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pokea.hours import OpeningHours
from pokea.spoken.answers import chosen, count, days_until, is_unsure, yes_or_no
from pokea.spoken.counts import names_numbers, whole_numbers
from tests.fakes.conversation import CLINIC

SATURDAY = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((said, True) for said in ("yes", "Yes, go ahead.", "sure", "of course", "I do", "no problem, go ahead", "why not", "that's me")),
        *((said, True) for said in ("ndiyo", "Ndio", "eeh", "sawa, endelea", "naam", "bila shaka", "hakuna shida", "haya")),
        *((said, False) for said in ("no", "No, I am busy", "not now", "not really", "call me later", "it's a bad time", "never")),
        *((said, False) for said in ("No, please do not.", "Please don't record me")),
        *((said, False) for said in ("hapana", "sina", "nina shughuli", "sio sasa", "baadaye", "siwezi", "bado")),
        *((said, None) for said in ("", "purple", "yes but I am busy", "who is this?", "yes no", "ndiyo lakini sio sasa", "labda")),
    ],
)  # fmt: skip
def test_yes_and_no(said: str, meant: bool | None) -> None:
    assert yes_or_no(said) is meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("twelve", 12), ("about twenty five people", 25), ("between ten and twenty", 10), ("10 to 15", 10), ("1,200", 1200),
        ("just me", 1), ("nobody", 0), ("a dozen", 12), ("two hundred and fifty", 250), ("fifty thousand shillings", 50_000),
        ("kumi na wawili", 12), ("watu watano", 5), ("mia mbili na hamsini", 250), ("kumi au ishirini", 10), ("mimi tu", 1), ("hatuna", 0),
        ("purple", None), ("one two three", None), ("", None), ("elfu kumi na tano", None),
    ],
)  # fmt: skip
def test_how_many(said: str, meant: int | None) -> None:
    assert count(said, "en") == meant


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("as soon as possible", 0), ("today", 0), ("right away", 0), ("tomorrow", 1), ("this week", 7), ("next week", 14),
        ("this month", 31), ("next month", 62), ("in three months", 93), ("in two weeks", 14), ("next year", 730), ("in half a year", 182),
        ("a few months", 93),
        ("in January", 71), ("by December", 40), ("in a year", 365), ("on Friday", 6),
        ("mara moja", 0), ("kesho", 1), ("wiki ijayo", 14), ("mwezi huu", 31), ("mwezi ujao", 62), ("baada ya miezi mitatu", 93),
        ("wiki mbili", 14),
        ("mwaka ujao", 730), ("Januari", 71), ("mwaka mmoja", 365),
        ("purple", None), ("", None), ("we may start", None),
    ],
)  # fmt: skip
def test_by_when(said: str, days: int | None) -> None:
    assert days_until(said, SATURDAY, CLINIC.tz, OpeningHours({}), "en") == days


@pytest.mark.parametrize(
    "said", ["I don't know", "not sure", "we are just looking", "sijui", "sina uhakika", "it depends"]
)
def test_not_knowing_is_an_answer(said: str) -> None:
    assert is_unsure(said)


CHOICES = {
    "me": {"en": ("i decide", "i am the owner"), "sw": ("naamua mimi",)},
    "other": {"en": ("my manager", "my manager decides"), "sw": ("meneja wangu",)},
}


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("I am the owner, why?", "me"), ("naamua mimi", "me"), ("my manager decides", "other"), ("meneja wangu", "other"),
        ("I decide with my manager", None), ("nobody", None), ("I am not the owner", None),
    ],
)  # fmt: skip
def test_one_of_several(said: str, key: str | None) -> None:
    assert chosen(said, CHOICES) == key


def test_numbers_among_other_words() -> None:
    assert whole_numbers("three rooms and two hundred chairs") == (3, 200)
    assert whole_numbers("vyumba vitatu na viti mia mbili", "sw") == (3, 200)
    assert whole_numbers("no numbers here") == ()
    assert names_numbers("elfu kumi na tano")
    assert not names_numbers("the number I am calling from")
