"""Tracking ids: patterns, check digits, what is understood, what is asked back and with which choices."""

from __future__ import annotations

import pytest

from pokea.errors import RejectedInput
from pokea.tracking_ids import Doubt, Pattern, Problem, Understood, check_digit, spoken, understand

PLAIN = Pattern("aadddd")
CHECKED = Pattern("aadddc")
ANY = Pattern()


@pytest.mark.parametrize("text", ["aad", "a" * 25, "aacdd", "aa-dd", "kkdd", "aadd!"])
def test_a_pattern_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(RejectedInput):
        Pattern(text)


def test_the_check_digit_is_the_one_of_securities() -> None:
    # ISINs of ISO 6166's own kind: the last figure is the check digit of the rest
    for isin in ("US0378331005", "AU0000XVGZA3", "GB0002634946"):
        assert check_digit(isin[:-1]) == isin[-1]


def test_one_wrong_figure_is_always_noticed() -> None:
    body = "KL470"
    right = body + check_digit(body)
    for place in (2, 3, 4, 5):
        for figure in "0123456789":
            wrong = right[:place] + figure + right[place + 1 :]
            assert CHECKED.is_valid(wrong) == (wrong == right)


@pytest.mark.parametrize(
    ("said", "problem", "candidates"),
    [
        ("K L four seven zero to", Problem.UNCLEAR, ("KL4702",)),  # "two", or nothing
        ("K L for seven zero two", Problem.UNCLEAR, ("KL4702",)),
        ("K L blah four seven zero two", Problem.UNCLEAR, ("KL4702",)),
        ("KL47O2", Problem.UNCLEAR, ("KL4702",)),  # a written O where only a figure can stand
        ("K L four seven zero", Problem.LENGTH, ()),
        ("K L four seven zero two one", Problem.LENGTH, ()),
        ("four seven zero two", Problem.LENGTH, ()),
        ("where is my parcel", Problem.UNCLEAR, ()),
        ("", Problem.UNCLEAR, ()),
        ("x" * 300, Problem.UNCLEAR, ()),
    ],
)
def test_doubt_is_asked_back(said: str, problem: Problem, candidates: tuple[str, ...]) -> None:
    assert understand(said, PLAIN) == Doubt(problem, candidates)


def test_without_a_pattern_two_readings_are_a_choice() -> None:
    assert understand("A B one oh two", ANY) == Doubt(Problem.SEVERAL, ("AB102", "AB1O2"))
    assert understand("forty seven forty", ANY) == Doubt(Problem.SEVERAL, ("40740", "4740"))


def test_letters_and_digits_settle_what_the_pattern_allows() -> None:
    assert understand("oh oh one oh two oh", PLAIN) == Understood("OO1020")
    assert understand("K L forty seven oh two", PLAIN) == Understood("KL4702")
    assert understand("four four", Pattern("44dd")) == Doubt(Problem.LENGTH)
    assert understand("K L one two", Pattern("KLdd")) == Understood("KL12")
    assert understand("K M one two", Pattern("KLdd")) == Doubt(Problem.LENGTH)


def test_double_you_is_a_letter() -> None:
    assert understand("double you L 4702", PLAIN) == Understood("WL4702")
    assert understand("double U 4702", PLAIN) == Understood("UU4702")


def test_a_check_digit_that_is_wrong_is_not_corrected() -> None:
    wrong = "KL470" + str((int(check_digit("KL470")) + 1) % 10)
    assert understand(wrong, CHECKED) == Doubt(Problem.CHECK)


def test_a_flood_of_readings_says_nothing() -> None:
    assert isinstance(understand("oh " * 24, ANY), Doubt)
    assert isinstance(understand("be to for " * 13, ANY), Doubt)


def test_ids_are_spoken_character_by_character() -> None:
    assert spoken("KL4702", "en") == "K L, four seven zero two"
    assert spoken("KL4702", "sw") == "K L, nne saba sifuri mbili"
