"""Telephone numbers. E.164 is the only form that is stored."""

from __future__ import annotations

import re
from typing import Self

from pokea.errors import RejectedInput

_E164 = re.compile(r"\+[1-9]\d{6,14}")


class E164(str):
    """A number in E.164 form: `+` and 7 to 15 digits. An instance is valid by construction."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _E164.fullmatch(text):
            raise RejectedInput("not_e164", "not a telephone number in E.164 form (+ and 7 to 15 digits)")
        return super().__new__(cls, text)

    @property
    def masked(self) -> str:
        """For logs: all but the country's first digits and the last two are hidden."""
        return f"{self[:4]}…{self[-2:]}"
