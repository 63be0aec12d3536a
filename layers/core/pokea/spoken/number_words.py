"""Numbers from 0 to 99 as people say them, in English and Swahili, and back."""

from __future__ import annotations

from collections.abc import Sequence

EN_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
EN_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
EN_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
EN_TENTHS = {"twentieth": 20, "thirtieth": 30}
SW_UNITS = ["sifuri", "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa"]
SW_TENS = ["kumi", "ishirini", "thelathini", "arobaini", "hamsini", "sitini", "sabini", "themanini", "tisini"]

_EN_UNIT = {word: number for number, word in enumerate(EN_UNITS)}
_EN_TEN = {word: 10 * number for number, word in enumerate(EN_TENS, start=2)} | {"fourty": 40}
_EN_ORDINAL = {word: number for number, word in enumerate(EN_ORDINALS, start=1)}
_SW_UNIT = {word: number for number, word in enumerate(SW_UNITS)} | {"mosi": 1, "pili": 2}
_SW_TEN = {word: 10 * number for number, word in enumerate(SW_TENS, start=1)} | {"arubaini": 40}

Read = tuple[int, int]  # the number, and the index of the word after it


def english(words: Sequence[str], at: int) -> Read | None:
    """The number said in words or digits from `words[at]`: "thirty", "twenty five", "26"."""
    word = words[at] if at < len(words) else ""
    if word.isascii() and word.isdigit() and len(word) <= 2:
        return int(word), at + 1
    if word in _EN_UNIT:
        return _EN_UNIT[word], at + 1
    if word not in _EN_TEN:
        return None
    unit = _EN_UNIT.get(words[at + 1], 0) if at + 1 < len(words) else 0
    return (_EN_TEN[word] + unit, at + 2) if 1 <= unit <= 9 else (_EN_TEN[word], at + 1)


def english_ordinal(words: Sequence[str], at: int) -> Read | None:
    """An ordinal from `words[at]`: "26th", "first", "twenty sixth"."""
    word = words[at] if at < len(words) else ""
    if word[-2:] in ("st", "nd", "rd", "th") and word[:-2].isascii() and word[:-2].isdigit() and len(word) <= 4:
        return int(word[:-2]), at + 1
    if word in _EN_ORDINAL:
        return _EN_ORDINAL[word], at + 1
    if word in EN_TENTHS:
        return EN_TENTHS[word], at + 1
    unit = _EN_ORDINAL.get(words[at + 1], 0) if at + 1 < len(words) else 0
    return (_EN_TEN[word] + unit, at + 2) if word in _EN_TEN and 1 <= unit <= 9 else None


def swahili(words: Sequence[str], at: int) -> Read | None:
    """The number said in words or digits from `words[at]`: "tatu", "kumi na moja", "26"."""
    word = words[at] if at < len(words) else ""
    if word.isascii() and word.isdigit() and len(word) <= 2:
        return int(word), at + 1
    if word in _SW_UNIT:
        return _SW_UNIT[word], at + 1
    if word not in _SW_TEN:
        return None
    if at + 2 < len(words) and words[at + 1] == "na" and 1 <= _SW_UNIT.get(words[at + 2], 0) <= 9:
        return _SW_TEN[word] + _SW_UNIT[words[at + 2]], at + 3
    return _SW_TEN[word], at + 1


def in_swahili(number: int) -> str:
    """0 to 99 in Swahili words."""
    tens, unit = divmod(number, 10)
    if not tens:
        return SW_UNITS[unit]
    return SW_TENS[tens - 1] + (f" na {SW_UNITS[unit]}" if unit else "")


def english_ordinal_of(number: int) -> str:
    """1 to 31 as digits with their ending: "26th"."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
