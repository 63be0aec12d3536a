"""Which numbers the house may ring on somebody's behalf: an allow-list of countries and of kinds of number, nothing else.

A number that its national plan calls valid may still be premium, satellite or a revenue-share range: +252, +257, +1 876 and +881 all
pass as valid mobile numbers. So a number must lie in a country that the business allows, and be an ordinary fixed or mobile one there.
Countries are told apart by region and not by calling code, because twenty of them share +1 and some of those are expensive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from pokea.errors import RejectedInput
from pokea.phone_numbers import E164


class NotAllowed(StrEnum):
    """Why a number may not be rung."""

    INVALID = "invalid"  # no such number in any national plan
    COUNTRY = "country"
    KIND = "kind"  # premium, shared cost, personal, satellite, toll-free, voice mail …


@dataclass(frozen=True, slots=True)
class DialPolicy:
    """`countries`: ISO 3166 alpha-2. An empty policy allows nothing."""

    countries: frozenset[str] = frozenset()

    def problem_with(self, number: str) -> NotAllowed | None:
        """Why `number` may not be rung; None if it may."""
        # Imported here because its tables take longer to load than the rest of the layer.
        import phonenumbers

        try:
            parsed = phonenumbers.parse(E164(number), None)
        except (phonenumbers.NumberParseException, RejectedInput):
            return NotAllowed.INVALID
        if parsed.extension or not phonenumbers.is_valid_number(parsed):
            return NotAllowed.INVALID
        if phonenumbers.region_code_for_number(parsed) not in self.countries:
            return NotAllowed.COUNTRY
        return None if phonenumbers.number_type(parsed) in ordinary_kinds() else NotAllowed.KIND


@cache
def ordinary_kinds() -> tuple[int, ...]:
    """The kinds of number, as phonenumbers names them, that may be rung at all."""
    from phonenumbers import PhoneNumberType

    return PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE
