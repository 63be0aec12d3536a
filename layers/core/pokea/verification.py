"""How a caller proves whose account may be opened: a claim, then factors that are judged all together.

    claim    the account's reference, or "the number I call from"; it is only a claim, and nothing is said about whether it holds
    factors  those that the business asks for, one question each; no answer is said to be right or wrong before the last one
    verdict  verified, or one attempt less

Answers that are no answers cost no attempt; after `UNCLEAR_IN_A_ROW` of them a person is offered. An attempt that fails counts in the
call (`TRIES_PER_CALL`) and against the account that was claimed (`TRIES_PER_DAY`, over all calls), by the same writes whether or not
there is such an account. Then only a human can help.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from pokea.accounts import Account, Factor
from pokea.identity import is_same_name, name_words
from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.spoken import characters as said_characters
from pokea.spoken import counts as said_counts
from pokea.spoken import number_words

TRIES_PER_CALL = 3
UNCLEAR_IN_A_ROW = 3
TRIES_PER_DAY = 10  # in any 24 hours
DAY = timedelta(days=1)
MAX_REFERENCE = 24
OLDEST_YEAR = 1900


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Failed attempts at one account, whether it exists or not. `target` is a digest, so that no claim is kept as it was said."""

    business_id: BusinessId
    target: str
    failed_at: tuple[datetime, ...] = ()
    version: int = 0

    def within_a_day(self, now: datetime) -> tuple[datetime, ...]:
        return tuple(at for at in self.failed_at if at > now - DAY)

    def is_used_up(self, now: datetime) -> bool:
        return len(self.within_a_day(now)) >= TRIES_PER_DAY

    def failed(self, now: datetime) -> Tries:
        return replace(self, failed_at=(*self.within_a_day(now), now)[-TRIES_PER_DAY:])

    @classmethod
    def none(cls, business_id: BusinessId, target: str) -> Tries:
        return cls(business_id=business_id, target=target)


TRIES: Kind[Tries] = Kind(
    "verification_tries",
    Tries,
    key=lambda tries: tries.target,
    privacy={"business_id": Pii.ID, "target": Pii.ID, "failed_at": Pii.NONE, "version": Pii.NONE},
    kept_until=lambda tries: (tries.failed_at[-1] + 2 * DAY) if tries.failed_at else None,
)


def target_of(claimed: str) -> str:
    return hashlib.sha256(claimed.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the verification of one call has come; lives in the call's memory, where no model can write.

    claimed: the account's id, or a stand-in where a number belongs to no account or to several; "" before the claim.
    """

    claimed: str = ""
    by_number: bool = False
    asked: int = 0  # factors that were answered
    all_right: bool = True
    failures: int = 0  # in this call
    unclear: int = 0  # answers in a row that were none

    @property
    def is_locked(self) -> bool:
        return self.failures >= TRIES_PER_CALL

    @property
    def is_hopeless(self) -> bool:
        return self.unclear >= UNCLEAR_IN_A_ROW

    def claiming(self, claimed: str, *, by_number: bool) -> Progress:
        return Progress(claimed, by_number, failures=self.failures)

    def answered(self, right: bool) -> Progress:
        return replace(self, asked=self.asked + 1, all_right=self.all_right and right, unclear=0)

    def not_understood(self) -> Progress:
        return replace(self, unclear=min(self.unclear + 1, UNCLEAR_IN_A_ROW))

    def failed(self) -> Progress:
        return Progress(failures=self.failures + 1)

    def locked(self) -> Progress:
        return Progress(failures=max(self.failures, TRIES_PER_CALL))

    def to_json(self) -> dict[str, object]:
        return {
            "claimed": self.claimed,
            "by_number": self.by_number,
            "asked": self.asked,
            "all_right": self.all_right,
            "failures": self.failures,
            "unclear": self.unclear,
        }

    @classmethod
    def read(cls, noted: object) -> Progress:
        if not isinstance(noted, Mapping):
            return cls()
        return cls(
            str(noted.get("claimed", "")),
            noted.get("by_number") is True,
            int(noted.get("asked", 0)),
            noted.get("all_right") is True,
            int(noted.get("failures", 0)),
            int(noted.get("unclear", 0)),
        )


# --- what was said ---------------------------------------------------------------------------------------------------------------

_NAMES_OF_CODES = frozenset(["account", "akaunti", "ticket", "tiketi", "pin"])


def code_of(said: str, language: str = "en") -> str:
    """A reference as it was said or written, in capital letters and digits: "account one zero four two", "kn-1042"; "" if none.

    Words that can be read in several ways are no reference: figures go before letters that sound alike, and nothing else is guessed.
    """
    words = [word for word in said_characters.words_of(said) or () if word.casefold() not in _NAMES_OF_CODES]
    found = said_characters.strings(words, language, lambda text: len(text) <= MAX_REFERENCE) or {}
    sure = [text.upper() for text, is_sure in found.items() if is_sure and any(char.isdigit() for char in text)]
    figures = [text for text in sure if text.isdigit()]
    return figures[0] if len(figures) == 1 else sure[0] if len(sure) == 1 else ""


@dataclass(frozen=True, slots=True)
class Understood:
    """`answer` in the one form in which it is compared; None where it was no answer to the question."""

    answer: str | None = field(repr=False)


def understood(factor: Factor, said: str, pin_digits: int, language: str) -> Understood:
    if factor is Factor.PIN:
        pin = code_of(said, language)
        return Understood(pin if len(pin) == pin_digits and pin.isdigit() else None)
    if factor is Factor.BIRTH_DATE:
        day = birth_date_of(said)
        return Understood(day.isoformat() if day else None)
    return Understood(said if name_words(said) else None)


def is_right(account: Account, factor: Factor, answer: str) -> bool:
    """For every factor but the PIN, which is kept as a digest."""
    if factor is Factor.NAME:
        return is_full_name(answer, account.name)
    if factor is Factor.BIRTH_DATE:
        return account.birth_date is not None and account.birth_date.isoformat() == answer
    return False


def is_full_name(said: str, kept: str) -> bool:
    """Nothing differs, and at least two words of the name were said, or all there are: a first name alone proves little."""
    return is_same_name(said, kept) and len(name_words(said) & name_words(kept)) >= min(2, len(name_words(kept)))


_MONTHS = {
    name: number
    for names in (
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        [
            "januari",
            "februari",
            "machi",
            "aprili",
            "mei",
            "juni",
            "julai",
            "agosti",
            "septemba",
            "oktoba",
            "novemba",
            "desemba",
        ],
    )
    for number, name in enumerate(names, 1)
}


def birth_date_of(said: str) -> date | None:
    """Day, month, year, in digits ("14 03 1990", "14031990", "1990-03-14") or with the month's name ("14th of March 1990")."""
    words = re.findall(r"[a-z]+|[0-9]+", said.casefold())
    month = next((_MONTHS[word] for word in words if word in _MONTHS), None)
    numbers = [word for word in words if word.isdigit()]
    if not numbers or (len(numbers) == 1 and len(numbers[0]) < 8):
        numbers = [str(number) for number in _spoken_parts(words)] or numbers
    joined = "".join(numbers)
    if month is None and len(joined) == 8:
        parts = (joined[:4], joined[4:6], joined[6:]) if len(numbers[0]) == 4 else (joined[4:], joined[2:4], joined[:2])
        return _date(*parts)
    if month is None and len(numbers) == 3:
        return _date(numbers[2], numbers[1], numbers[0])
    if month is not None and len(numbers) == 2:
        year, day = sorted(numbers, key=int, reverse=True)
        return _date(year, str(month), day)
    return None


def _spoken_parts(words: list[str]) -> list[int]:
    """ "fourteenth of march nineteen ninety" is 14, 1990."""
    plain, at = [], 0
    while at < len(words):
        ordinal = number_words.english_ordinal(words, at)
        plain.append(words[at] if ordinal is None else str(ordinal[0]))
        at = at + 1 if ordinal is None else ordinal[1]
    found = list(said_counts.whole_numbers(" ".join(plain)))
    if len(found) >= 3 and found[-2] in (19, 20) and found[-1] < 100:
        found[-2:] = [found[-2] * 100 + found[-1]]
    return found


def _date(year: str, month: str, day: str) -> date | None:
    try:
        made = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return made if made.year >= OLDEST_YEAR else None
