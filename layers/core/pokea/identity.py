"""Who is calling. A caller number proves nothing: anybody can present any number.

So a number alone opens nothing that belongs to somebody. To see or change an appointment a caller presents the number it was booked
from and says the name it was booked under (`Verification.NUMBER_AND_NAME`), with at most `MAX_WRONG_NAMES` different wrong names in a
call. Wrong name, no such appointment, number withheld and attempts used up are one answer in the same words, so that nobody learns
from it whether an appointment exists.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.toolkit import Level

MAX_WRONG_NAMES = 3  # a mishearing or two must be forgiven; a list of names must not be tried


class Verification(StrEnum):
    """What a business asks for before it shows or changes an appointment."""

    NUMBER_AND_NAME = "number+name"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a tool acts for, as the signed call token says: never as the model says."""

    session_id: SessionId
    business_id: BusinessId
    a_number: E164 | None
    level: Level
    language: str
    account: str = ""  # whose account two factors have opened in this call; "" for nobody's


def level_of(a_number: E164 | None) -> Level:
    """What a presented number is worth at the start of a call: a claim at best."""
    return Level.ANONYMOUS if a_number is None else Level.CLAIMED


def name_words(name: str) -> frozenset[str]:
    """The words of a name for comparing: no case, no accents, no punctuation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c if c.isalpha() else " " for c in plain if not unicodedata.combining(c) and c not in "'’")
    return frozenset(letters.split())


def name_key(name: str) -> str:
    """One spelling for all spellings of a name that compare equal."""
    return " ".join(sorted(name_words(name)))


def is_same_name(said: str, booked: str) -> bool:
    """Whether a spoken name can be the booked one: one of them may be shorter (a first name alone), nothing may differ."""
    one, other = name_words(said), name_words(booked)
    return (one <= other or other <= one) and any(len(word) > 1 for word in one & other)


def name_digest(name: str) -> str:
    """Stands for a name in records that must not hold names. Equal for spellings that compare equal."""
    return hashlib.sha256(name_key(name).encode()).hexdigest()[:16]


def may_try_name(wrong_names: frozenset[str], said: str) -> bool:
    """Whether the caller may still be checked by name. `wrong_names` are digests; the same wrong name again is no further attempt."""
    return len(wrong_names) < MAX_WRONG_NAMES or name_digest(said) in wrong_names
