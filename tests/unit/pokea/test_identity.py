from __future__ import annotations

import pytest

from pokea.identity import MAX_WRONG_NAMES, is_same_name, level_of, may_try_name, name_digest, name_key
from pokea.phone_numbers import E164
from pokea.toolkit import Level


def test_a_caller_number_is_a_claim_at_best() -> None:
    assert level_of(None) is Level.ANONYMOUS
    assert level_of(E164("+254722000111")) is Level.CLAIMED


@pytest.mark.parametrize(
    ("said", "booked"),
    [
        ("Amina Otieno", "Amina Otieno"),
        ("amina  OTIENO", "Amina Otieno"),
        ("Otieno Amina", "Amina Otieno"),
        ("Amina", "Amina Otieno"),
        ("Amina Wanjiru Otieno", "Amina Otieno"),
        ("Wanjiku", "Wanjikũ"),
        ("O'Neill", "ONeill"),
        ("Jean-Pierre", "Jean Pierre"),
    ],
)
def test_spellings_of_one_name_are_the_same(said: str, booked: str) -> None:
    assert is_same_name(said, booked)


@pytest.mark.parametrize(
    ("said", "booked"),
    [
        ("", "Amina"),
        ("Amina", ""),
        ("   ", "   "),
        ("Brian", "Amina Otieno"),
        ("Amina Kamau", "Amina Otieno"),
        ("A", "A Otieno"),
        ("Ami", "Amina"),
        ("*", "Amina"),
        ("%", "Amina"),
    ],
)
def test_another_name_a_fragment_or_a_wildcard_is_not(said: str, booked: str) -> None:
    assert not is_same_name(said, booked)


def test_keys_and_digests_are_equal_for_equal_names_and_hide_the_name() -> None:
    assert name_key("Otieno, AMINA") == name_key("amina otieno") == "amina otieno"
    assert name_digest("Otieno AMINA") == name_digest("amina otieno") != name_digest("Brian")
    assert "amina" not in name_digest("amina otieno")


def test_wrong_names_are_bounded_and_a_repeated_one_is_not_a_further_try() -> None:
    wrong = frozenset(name_digest(name) for name in ("Ann", "Beth", "Carol"))
    assert len(wrong) == MAX_WRONG_NAMES
    assert not may_try_name(wrong, "Amina")
    assert may_try_name(wrong, "ann")
    assert may_try_name(frozenset(list(wrong)[:2]), "Amina")
