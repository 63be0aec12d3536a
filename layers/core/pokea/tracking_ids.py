"""Tracking ids as callers say them, and as they are said back.

A business's profile writes the pattern of its ids: capital letters and digits stand for themselves, `a` for a letter, `d` for a digit,
`x` for either, and a `c` at the end for a check digit (Luhn over the characters in base 36, as securities are numbered). "KLddddc".

What the words can only mean is understood. Everything else is asked back: with the ids that are possible where there are any, and with
what is wrong where there is none. No id is ever guessed, and none is corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pokea.errors import RejectedInput
from pokea.spoken.characters import strings, words_of
from pokea.spoken.number_words import EN_UNITS, SW_UNITS

MAX_LENGTH = 24
MIN_LENGTH = 4
MAX_CHOICES = 3  # more cannot be kept in mind by ear
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Problem(StrEnum):
    """Why no id was understood."""

    UNCLEAR = "unclear"
    LENGTH = "length"  # too few or too many characters
    CHECK = "check"  # the check digit says that a character is wrong
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Understood:
    tracking_id: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Ask. `candidates`: the ids that it may be, at most `MAX_CHOICES`; none when the whole has to be said again."""

    problem: Problem
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """`text` as the profile writes it; "" stands for any 4 to 24 letters and digits."""

    text: str = ""

    def __post_init__(self) -> None:
        if not self.text:
            return
        body = self.text.removesuffix("c")
        if not MIN_LENGTH <= len(self.text) <= MAX_LENGTH or any(char not in "adx" + _ALPHABET for char in body):
            raise RejectedInput("bad_pattern", "must be 4 to 24 of: capital letters, digits, a, d, x, and c at the end")

    @property
    def has_check(self) -> bool:
        return self.text.endswith("c")

    def may_begin(self, beginning: str) -> bool:
        """Whether an id could begin so, whatever its check digit."""
        if not self.text:
            return len(beginning) <= MAX_LENGTH and "+" not in beginning
        return len(beginning) <= len(self.text) and all(map(_fits, beginning.upper(), self.text))

    def is_whole(self, candidate: str) -> bool:
        if not self.text:
            return MIN_LENGTH <= len(candidate) <= MAX_LENGTH and any(char.isdigit() for char in candidate)
        return len(candidate) == len(self.text) and self.may_begin(candidate)

    def is_valid(self, candidate: str) -> bool:
        return self.is_whole(candidate) and (not self.has_check or check_digit(candidate[:-1]) == candidate[-1])


def understand(phrase: str, pattern: Pattern, language: str = "en") -> Understood | Doubt:
    """The id in a caller's words, or what to ask."""
    words = words_of(phrase)
    if not words:
        return Doubt(Problem.UNCLEAR)
    found = strings(words, language, pattern.may_begin)
    if found is None:
        return Doubt(Problem.UNCLEAR)
    whole = {text.upper(): sure for text, sure in found.items() if pattern.is_whole(text.upper())}
    valid = {text: sure for text, sure in whole.items() if pattern.is_valid(text)}
    if not valid:
        return Doubt(Problem.CHECK if whole else _why_none(words, language, found))
    if len(valid) == 1:
        ((tracking_id, is_sure),) = valid.items()
        return Understood(tracking_id) if is_sure else Doubt(Problem.UNCLEAR, (tracking_id,))
    return Doubt(Problem.SEVERAL, tuple(sorted(valid)) if len(valid) <= MAX_CHOICES else ())


def check_digit(body: str) -> str:
    """Luhn: every character by its place in 0-9A-Z, in decimal figures, every second figure from the right doubled."""
    figures = [int(figure) for char in body.upper() for figure in str(_ALPHABET.index(char))]
    doubled = [figure * 2 if place % 2 == 0 else figure for place, figure in enumerate(reversed(figures))]
    return str(-sum(figure // 10 + figure % 10 for figure in doubled) % 10)


def spoken(tracking_id: str, language: str) -> str:
    """Character by character, in groups of at most four with a pause between: "K L, four seven zero two"."""
    units = SW_UNITS if language == "sw" else EN_UNITS
    said = [units[int(char)] if char.isdigit() else char for char in tracking_id]
    groups: list[list[str]] = []
    for char, word in zip(tracking_id, said, strict=True):
        is_new = not groups or len(groups[-1]) == 4 or char.isdigit() != (groups[-1][-1] in units)
        if is_new:
            groups.append([])
        groups[-1].append(word)
    return ", ".join(" ".join(group) for group in groups)


def _fits(char: str, kind: str) -> bool:
    if kind in "dc":
        return char.isdigit()
    return char.isalpha() if kind == "a" else kind == "x" or char == kind


def _why_none(words: list[str], language: str, found: Mapping[str, bool]) -> Problem:
    """Without the pattern: were there characters at all, only too few or too many of them?"""
    anything = found or strings(words, language, lambda text: len(text) <= 2 * MAX_LENGTH) or {}
    return (
        Problem.LENGTH
        if any(sure and any(c.isdigit() for c in text) for text, sure in anything.items())
        else Problem.UNCLEAR
    )
