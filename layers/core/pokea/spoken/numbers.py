"""Telephone numbers as callers say them, and as they are said back: digit by digit, in pairs, "double four", in English and Swahili.

A number is understood when the words leave exactly one that the national plan has; otherwise the caller is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from pokea.errors import RejectedInput
from pokea.phone_numbers import E164, parse
from pokea.spoken.characters import strings, words_of
from pokea.spoken.number_words import EN_UNITS, SW_UNITS

MAX_DIGITS = 15
MAX_CHOICES = 3
_PLUS = {"en": "plus", "sw": "jumlisha"}


@dataclass(frozen=True, slots=True)
class Understood:
    number: E164


@dataclass(frozen=True, slots=True)
class Doubt:
    """Ask: for one of `candidates`, or for the whole number again."""

    candidates: tuple[E164, ...] = ()


def understand(phrase: str, region: str, language: str = "en") -> Understood | Doubt:
    """The number in a caller's words, dialled from `region` (ISO alpha-2)."""
    words = words_of(phrase.replace("jumlisha", "plus"))
    found = strings(words, language, _may_begin) if words else None
    if not found:
        return Doubt()
    numbers: dict[E164, bool] = {}
    for text, is_sure in found.items():
        try:
            number = parse(text, region)
        except RejectedInput:
            continue
        numbers[number] = numbers.get(number, False) or is_sure
    if len(numbers) == 1:
        ((number, is_sure),) = numbers.items()
        return Understood(number) if is_sure else Doubt((number,))
    return Doubt(tuple(sorted(numbers)) if len(numbers) <= MAX_CHOICES else ())


def spoken(number: E164, region: str, language: str) -> str:
    """Figure by figure, in the groups in which people of `region` write it."""
    import phonenumbers  # its tables take longer to load than the rest of the layer

    known = phonenumbers.parse(number, None)
    is_home = phonenumbers.region_code_for_number(known) == region
    kind = phonenumbers.PhoneNumberFormat.NATIONAL if is_home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    text = phonenumbers.format_number(known, kind).replace("-", " ")
    units = SW_UNITS if language == "sw" else EN_UNITS
    groups = [" ".join(_PLUS[language] if c == "+" else units[int(c)] for c in group) for group in text.split()]
    return ", ".join(groups)


def _may_begin(text: str) -> bool:
    figures = text.removeprefix("+")
    return len(figures) <= MAX_DIGITS and (not figures or (figures.isascii() and figures.isdigit()))
