from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.accounts import Factor
from pokea.spoken.number_words import EN_ORDINALS, EN_UNITS, SW_UNITS
from pokea.verification import (
    TRIES_PER_CALL,
    TRIES_PER_DAY,
    Progress,
    Tries,
    birth_date_of,
    code_of,
    is_full_name,
    understood,
)
from tests.fakes.conversation import SATURDAY
from tests.support.customers import BUSINESS


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("1042", "1042"),
        ("account one zero four two", "1042"),
        ("my account number is one oh four two", "1042"),
        ("it is 10 42", "1042"),
        ("akaunti yangu ni moja sifuri nne mbili", "1042"),
        ("KN-1042", "KN1042"),
        ("ticket T 550 218", "T550218"),
        ("double four one two", "4412"),
        ("", ""),
        ("this number", ""),
        ("I do not know", ""),
        ("1" * 40, ""),
    ],
)
def test_references_as_they_are_said(said: str, code: str) -> None:
    assert code_of(said) == code


@given(st.text("0123456789", min_size=4, max_size=6), st.sampled_from([EN_UNITS, SW_UNITS]))
def test_every_figure_said_one_by_one_is_understood(code: str, units: list[str]) -> None:
    language = "en" if units is EN_UNITS else "sw"
    assert code_of("account " + " ".join(units[int(digit)] for digit in code), language) == code


@pytest.mark.parametrize(
    "said",
    [
        "14 03 1990",
        "14031990",
        "1990-03-14",
        "14th of March 1990",
        "the 14 march 1990",
        "march 14 1990",
        "fourteenth of march nineteen ninety",
        "tarehe 14 machi 1990",
        "tarehe 14 mwezi wa 3 1990",
    ],
)
def test_dates_of_birth_as_they_are_said(said: str) -> None:
    assert birth_date_of(said) == date(1990, 3, 14)


TENS = {20: "twenty", 30: "thirty"}


def ordinal(day: int) -> str:
    if day <= len(EN_ORDINALS):
        return EN_ORDINALS[day - 1]
    return {20: "twentieth", 30: "thirtieth"}.get(day) or f"{TENS[day - day % 10]} {EN_ORDINALS[day % 10 - 1]}"


@pytest.mark.parametrize("day", range(1, 32))
def test_every_day_of_a_month_as_it_is_spoken(day: int) -> None:
    spoken = ordinal(day)
    for said in (f"{spoken} of May nineteen eighty five", f"May the {spoken} nineteen eighty five"):
        assert birth_date_of(said) == date(1985, 5, day), said
    assert birth_date_of(f"{spoken} of december nineteen ninety nine") == date(1999, 12, day)


@pytest.mark.parametrize("said", ["", "in march", "yesterday", "31 02 1990", "14 03", "1490-03-14", "99 99 9999"])
def test_what_is_no_date_of_birth_is_asked_again(said: str) -> None:
    assert birth_date_of(said) is None


@given(st.text(max_size=60), st.sampled_from(list(Factor)))
def test_no_answer_is_ever_an_error(said: str, factor: Factor) -> None:
    understood(factor, said, 4, "en")
    code_of(said, "sw")


@pytest.mark.parametrize(
    ("said", "is_it"), [("amina otieno", True), ("Otieno Amina", True), ("amina", False), ("amina njeri", False)]
)
def test_a_name_counts_when_two_words_of_it_fit_and_none_differs(said: str, is_it: bool) -> None:
    assert is_full_name(said, "Amina Otieno") is is_it


def test_a_pin_has_exactly_the_digits_that_the_business_asks_for() -> None:
    assert understood(Factor.PIN, "four seven one one", 4, "en").answer == "4711"
    assert understood(Factor.PIN, "four seven one", 4, "en").answer is None
    assert "4711" not in repr(understood(Factor.PIN, "4711", 4, "en"))


def test_a_call_is_locked_after_three_failures() -> None:
    progress = Progress()
    for number in range(TRIES_PER_CALL):
        assert not progress.is_locked, number
        progress = progress.claiming("1042", by_number=False).answered(False).failed()
    assert progress.is_locked
    assert Progress.read(progress.to_json()) == progress


def test_one_wrong_answer_spoils_the_attempt_however_the_others_are() -> None:
    progress = Progress().claiming("1042", by_number=True).answered(False).answered(True)
    assert not progress.all_right


def test_tries_are_counted_over_any_day_and_forgiven_after_it() -> None:
    tries = Tries.none(BUSINESS, "x")
    for hours in range(TRIES_PER_DAY):
        tries = tries.failed(SATURDAY + timedelta(hours=hours))
    assert tries.is_used_up(SATURDAY + timedelta(hours=TRIES_PER_DAY))
    assert not tries.is_used_up(SATURDAY + timedelta(hours=24))


@pytest.mark.parametrize("noted", [None, 7, "x", {}, {"claimed": 1}, []])
def test_a_memory_without_progress_is_a_beginning(noted: object) -> None:
    assert Progress.read(noted).asked == 0
