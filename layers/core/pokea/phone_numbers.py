"""Telephone numbers. E.164 is the only form that is stored."""

from __future__ import annotations

import re
from typing import Self

from pokea.errors import RejectedInput

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class E164(str):
    """A number in E.164 form: `+` and 7 to 15 digits. An instance is valid by construction."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _E164.fullmatch(text):
            raise RejectedInput("not_e164", "not a telephone number in E.164 form (+ and 7 to 15 digits)")
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        """Lets pydantic read and write records that hold numbers."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    @property
    def masked(self) -> str:
        """For logs: all but the country's first digits and the last two are hidden."""
        return f"{self[:4]}…{self[-2:]}"


MAX_NUMBER_CHARS = 40  # longer than any way of writing a number down


def parse(text: str, region: str) -> E164:
    """A number as people write it, "0722 000 111" or "+254 722 000111", dialled from `region` (ISO alpha-2). Raises RejectedInput.

    Valid means that the national plan has such a number. It does not mean that calling it is cheap or wise: premium and satellite
    ranges can be valid too.
    """
    # Imported here because its tables take longer to load than the rest of the layer, and the voice webhook needs only E164.
    import phonenumbers

    if len(text) > MAX_NUMBER_CHARS:
        raise RejectedInput("not_a_number", "not a telephone number")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as problem:
        raise RejectedInput("not_a_number", "not a telephone number") from problem
    if number.extension or not phonenumbers.is_valid_number(number):
        raise RejectedInput("not_a_number", "not a valid telephone number")
    return E164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def region_of(number: E164) -> str:
    """The country (ISO alpha-2) whose plan the number belongs to; "" for one that belongs to none."""
    import phonenumbers

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""
