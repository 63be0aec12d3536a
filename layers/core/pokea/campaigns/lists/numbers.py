"""Telephone numbers as lists have them: typed by people, stripped by spreadsheets, copied from messages.

A spelling that has one meaning is read; one that has lost digits or could be two numbers is refused, with what to do about it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pokea.campaigns.lists.cells import Unusable, plain
from pokea.campaigns.lists.columns import PHONE
from pokea.dial_policy import ordinary_kinds
from pokea.phone_numbers import E164, MAX_NUMBER_CHARS

_PREFIX = re.compile(r"(tel|callto|phone|mobile|mob|cell|whatsapp)\s*[:.]\s*", re.IGNORECASE)
_AS_TEXT = re.compile(r"=\s*([+0-9][0-9 -]*)")  # a formula that is only there to keep a number whole
_POWER = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
_FRACTION = re.compile(r"(\+?[0-9]{6,15})[.,]0+")
_SEVERAL = re.compile(r"[/,;|&\\]+")
_ALLOWED = re.compile(r"\(?\+?[0-9 ().\-/]*")
_TOO_FEW_DIGITS = 7


@dataclass(frozen=True, slots=True)
class NumberReader:
    """`country`: from where a number without a country code is dialled. `countries`: whose codes may stand there without a plus."""

    country: str
    countries: frozenset[str]

    def read(self, cell: str) -> E164:
        """Raises Unusable."""
        # Imported here because its tables take longer to load than the rest of the layer.
        import phonenumbers

        text = spelled(cell)
        number, kind = self._found(text)
        if number is None:
            raise Unusable("phone_invalid", PHONE, self._why_not(text))
        if kind not in ordinary_kinds():
            raise Unusable(
                "phone_kind", PHONE, "is a premium, shared-cost, free or other special number, which nobody is rung on"
            )
        return E164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    def _found(self, text: str) -> tuple[Any, int]:
        """The first reading that is a number of somebody's national plan, and its kind there."""
        import phonenumbers

        for reading in self._readings(text):
            try:
                number = phonenumbers.parse(reading, self.country)
            except phonenumbers.NumberParseException:
                continue
            kind = phonenumbers.number_type(number)
            if kind == phonenumbers.PhoneNumberType.UNKNOWN:
                continue
            if (
                reading is text
                or text.startswith("00")
                or phonenumbers.region_code_for_number(number) in self.countries
            ):
                return number, kind
        return None, phonenumbers.PhoneNumberType.UNKNOWN

    def _readings(self, text: str) -> list[str]:
        """As dialled from the country; with the 00 of other countries for a plus; with a plus that was left out."""
        if text.startswith("+"):
            return [text]
        return [text, "+" + text.removeprefix("00")]

    def _why_not(self, text: str) -> str:
        import phonenumbers
        from phonenumbers import ValidationResult

        example = f"write it with its country code, such as {_example(self.country)}"
        try:
            result = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(text, self.country))
        except phonenumbers.NumberParseException:
            return f"is not a telephone number: {example}"
        if result == ValidationResult.TOO_SHORT:
            return f"has too few digits: {example}"
        if result == ValidationResult.TOO_LONG:
            return f"has too many digits, one number goes into a row: {example}"
        return f"is no number that a country has given out: {example}"


def spelled(cell: str) -> str:
    """The cell as digits with what people put between them. Raises Unusable."""
    text = _PREFIX.sub("", _as_typed(cell), count=1)
    if found := _AS_TEXT.fullmatch(text):
        text = found[1]
    if not text:
        raise Unusable("phone_missing", PHONE, "is empty")
    if found := _POWER.fullmatch(text):
        text = _written_out(found, text)
    elif found := _FRACTION.fullmatch(text):
        text = found[1]
    if len([part for part in _SEVERAL.split(text) if sum(map(str.isdigit, part)) >= _TOO_FEW_DIGITS]) > 1:
        raise Unusable(
            "phone_several", PHONE, "holds more than one number: keep one, and give the others rows of their own"
        )
    if any(letter.isalpha() for letter in text):
        raise Unusable("phone_letters", PHONE, "has letters in it: write digits only")
    if len(text) > MAX_NUMBER_CHARS:
        raise Unusable("phone_invalid", PHONE, "is longer than any telephone number")
    if not _ALLOWED.fullmatch(text):
        raise Unusable("phone_invalid", PHONE, "has signs in it that no telephone number has: write digits only")
    return text


def lost_its_zero(cell: str, number: E164) -> bool:
    """Whether a spreadsheet took the leading 0 for nothing: the cell has the national digits of `number`, and nothing before them."""
    if cell[:1] in ("0", "+"):
        return False
    text = spelled(cell)
    digits = "".join(filter(str.isdigit, text))
    return not text.startswith(("+", "0")) and number.endswith(digits) and len(digits) < len(number) - 1


def _as_typed(cell: str) -> str:
    """Without guards, invisible characters and the digits of other scripts."""
    text = unicodedata.normalize("NFKC", plain(cell).lstrip("'’`"))
    if not text.isascii():
        text = "".join(str(digit) if (digit := unicodedata.decimal(letter, -1)) >= 0 else letter for letter in text)
        text = re.sub("[‐-―−]", "-", text)
    return text.strip()


def _written_out(power: re.Match[str], text: str) -> str:
    first, rest, exponent = power[1], power[2] or "", int(power[3])
    if len(rest) < exponent or rest[exponent:].strip("0"):
        problem = f"was shortened to {text} by a spreadsheet, and its last digits are lost: format the column as text and export again"
        raise Unusable("phone_digits_lost", PHONE, problem)
    return first + rest[:exponent]


@lru_cache(maxsize=64)
def _example(country: str) -> str:
    import phonenumbers

    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else "+254712123456"
