from __future__ import annotations

import pytest

from pokea.spoken import number_words as numbers


@pytest.mark.parametrize("number", range(1, 100))
def test_swahili_numbers_read_back(number: int) -> None:
    words = numbers.in_swahili(number).split()
    assert numbers.swahili(words, 0) == (number, len(words))


@pytest.mark.parametrize(
    ("text", "number", "taken"),
    [
        ("thirty", 30, 1),
        ("twenty five to", 25, 2),
        ("twenty thirty", 20, 1),
        ("26 november", 26, 1),
        ("nineteen", 19, 1),
    ],
)
def test_english_numbers_take_as_many_words_as_belong_to_them(text: str, number: int, taken: int) -> None:
    assert numbers.english(text.split(), 0) == (number, taken)


@pytest.mark.parametrize("number", range(1, 32))
def test_english_ordinals_in_figures_read_back(number: int) -> None:
    assert numbers.english_ordinal([numbers.english_ordinal_of(number)], 0) == (number, 1)


@pytest.mark.parametrize(
    ("text", "number"), [("first", 1), ("twentieth", 20), ("twenty first", 21), ("thirty first", 31)]
)
def test_english_ordinals_in_words(text: str, number: int) -> None:
    found = numbers.english_ordinal(text.split(), 0)
    assert found is not None
    assert found[0] == number


@pytest.mark.parametrize("text", ["", "hello", "٣", "²", "100", "th", "twenty hello"])
def test_what_is_no_number_or_ordinal_is_none(text: str) -> None:
    words = text.split()
    assert numbers.english_ordinal(words, 0) is None
    if text != "twenty hello":
        assert numbers.english(words, 0) is None
    assert numbers.swahili(words, 0) is None


def test_kumi_na_nusu_is_ten_and_a_half_not_a_number() -> None:
    assert numbers.swahili(["kumi", "na", "nusu"], 0) == (10, 1)
    assert numbers.swahili(["kumi", "na", "moja"], 0) == (11, 3)
