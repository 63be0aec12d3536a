"""Amounts of money as callers say them, and as they are said back, in English and Swahili.

    "two thousand five hundred shillings", "elfu mbili mia tano", "KES 1,250", "fifty bob", "shilingi kumi na senti hamsini"

Amounts that are usually meant in two ways ("two fifty", "elfu kumi na tano", "1.250") and those that are only about right ("around two
thousand") are asked back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pokea.money import MICROS, MINOR_DIGITS, Money, divided
from pokea.spoken.number_readings import readings
from pokea.spoken.number_words import EN_TENS, EN_UNITS, in_swahili

MAX_PHRASE_CHARS = 200
MAX_WORDS = 30
MAX_CHOICES = 3
_SHILLINGS = {"KE": "KES", "UG": "UGX", "TZ": "TZS"}
_CURRENCY_WORDS = {
    **{code.lower(): code for code in MINOR_DIGITS},
    "ksh": "KES", "kshs": "KES", "ush": "UGX", "tsh": "TZS", "dollar": "USD", "dollars": "USD", "dola": "USD", "usd": "USD",
    "euro": "EUR", "euros": "EUR", "yuro": "EUR", "pound": "GBP", "pounds": "GBP", "pauni": "GBP", "naira": "NGN", "rand": "ZAR",
    "cedi": "GHS", "cedis": "GHS", "franc": "RWF", "francs": "RWF",
}  # fmt: skip
_SHILLING_WORDS = frozenset({"shilling", "shillings", "shilingi", "sh", "shs", "bob"})
_CENTS = frozenset({"cent", "cents", "senti"})
_FILLER_WORDS = """
it is its was the an amount of sum total price i paid sent want to pay please only exactly just my bill balance um uh
ni kiasi cha jumla bei pesa nilituma nililipa tafadhali tu kamili kabisa ya
"""
_FILLERS = frozenset(_FILLER_WORDS.split())
_JOINTS = frozenset({"and", "na"})
_NAMES = {
    "KES": ("shillings", "shilingi"),
    "UGX": ("Uganda shillings", "shilingi za Uganda"),
    "TZS": ("Tanzania shillings", "shilingi za Tanzania"),
    "USD": ("dollars", "dola"),
    "EUR": ("euros", "yuro"),
    "GBP": ("pounds", "pauni"),
}
_PLAIN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Understood:
    amount: Money


@dataclass(frozen=True, slots=True)
class Doubt:
    """Ask: which of `candidates` (whole amounts, smallest first), or for the amount again."""

    candidates: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class _Figure:
    """What was said of the number: every value it can have, in hundredths."""

    hundredths: frozenset[int]


def understand(phrase: str, country: str, language: str = "en") -> Understood | Doubt:
    """The amount in a caller's words; without a currency word it is in the one of `country` (ISO alpha-2)."""
    words = _words(phrase)
    if words is None:
        return Doubt()
    currencies = {code for word in words if (code := _currency(word, country))}
    said = [word for word in words if not _currency(word, country) and word not in _FILLERS]
    if len(currencies) > 1 or not said:
        return Doubt()
    currency = next(iter(currencies), _SHILLINGS.get(country, "USD"))
    values = _values(words, said, country, language)
    amounts = tuple(sorted(Money(value * MICROS // 100, currency) for value in values))
    if len(amounts) == 1:
        return Understood(amounts[0])
    return Doubt(amounts if len(amounts) <= MAX_CHOICES else ())


def spoken(amount: Money, language: str) -> str:
    """Such as "2,500 shillings and 50 cents" in words; a law: `understand` gives back the very same amount."""
    digits = MINOR_DIGITS[amount.currency]
    hundredths = divided(amount.micros * 100, MICROS) if digits else divided(amount.micros, MICROS) * 100
    whole, part = divmod(abs(hundredths), 100)
    name = _NAMES.get(amount.currency, (amount.currency, amount.currency))[language == "sw"]
    if language == "sw":
        words = f"{name} {_sw_words(whole)}" + (f" na senti {in_swahili(part)}" if part else "")
        return words if hundredths >= 0 else f"kasoro {words}"
    words = f"{_en_words(whole)} {name}" + (f" and {_en_words(part)} cents" if part else "")
    return words if hundredths >= 0 else f"minus {words}"


def _words(phrase: str) -> list[str] | None:
    """Lower case; "1,250" and "2500/=" as one figure. None for more than anybody says."""
    if len(phrase) > MAX_PHRASE_CHARS:
        return None
    text = (
        unicodedata.normalize("NFKC", phrase)
        .casefold()
        .replace("/=", " shillings ")
        .replace("/-", " shillings ")
        .replace("$", " usd ")
    )
    text = re.sub(r"\b(ksh|kshs|sh|kes|usd|ugx|tzs)\.?\s?(?=[0-9])", r"\1 ", text)
    text = re.sub(r"(?<=[0-9])(?=(?:ksh|kshs|sh|kes|usd|bob)\b)", " ", text)
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text)
    text = re.sub(r"\b([0-9]+(?:\.[0-9]+)?)k\b", r"\1 thousand", text)
    words = re.sub(r"[^0-9a-z.]+|\.(?![0-9])", " ", text).split()
    return words if 0 < len(words) <= MAX_WORDS else None


def _currency(word: str, country: str) -> str:
    if word in _SHILLING_WORDS:
        return _SHILLINGS.get(country, "KES")
    return _CURRENCY_WORDS.get(word, "")


def _values(words: Sequence[str], said: Sequence[str], country: str, language: str) -> frozenset[int]:
    """In hundredths. Cents are whatever stands with the word for them; the rest is the number of whole units."""
    cents = [at for at, word in enumerate(words) if word in _CENTS]
    if not cents:
        return _number(said, language)
    whole, part = _around_cents(words, cents[0], country)
    units = _number(whole, language) if whole else frozenset({0})
    parts = _number(part, language)
    return frozenset(
        unit + value // 100 for unit in units for value in parts if value % 100 == 0 and 0 < value < 100 * 100
    )


def _around_cents(words: Sequence[str], at: int, country: str) -> tuple[list[str], list[str]]:
    """ "ten shillings and fifty cents" and "shilingi kumi na senti hamsini": whole units, and cents."""

    def plain(some: Sequence[str]) -> list[str]:
        return [word for word in some if not _currency(word, country) and word not in _FILLERS]

    before, after = list(words[:at]), plain(words[at + 1 :])
    if words[at] == "senti" and after:
        whole = plain(before)
        return (whole[:-1] if whole and whole[-1] in _JOINTS else whole), after
    named = [index for index, word in enumerate(before) if _currency(word, country)]
    cut = named[-1] + 1 if named else 0
    part = plain(before[cut:])
    return plain(before[:cut]), part[1:] if part and part[0] in _JOINTS else part


def _number(said: Sequence[str], language: str) -> frozenset[int]:
    """Every value, in hundredths, that all the words together have; none when a word says no number."""
    if len(said) == 1 and (value := _decimal(said[0])) is not None:
        return value
    halves = _with_half(said, language)
    if halves:
        return halves
    whole = frozenset(value * 100 for value, end in readings(said, 0, language) if end == len(said))
    return whole or _scaled_decimal(said) or _two_figures(said, language)


def _decimal(word: str) -> frozenset[int] | None:
    if not re.fullmatch(r"[0-9.]+", word):
        return None
    if _PLAIN.fullmatch(word):
        whole, _, part = word.partition(".")
        return frozenset({int(whole) * 100 + int(part.ljust(2, "0") or "0")})
    if re.fullmatch(r"[0-9]{1,3}\.[0-9]{3}", word):  # a point between thousands, or three figures after it
        whole, _, part = word.partition(".")
        return frozenset({int(whole + part) * 100, int(whole) * 100 + divided(int(part), 10)})
    return frozenset()


def _scaled_decimal(said: Sequence[str]) -> frozenset[int]:
    """ "2.5 thousand"."""
    scales = {"thousand": 1_000, "million": 1_000_000}
    if len(said) == 2 and said[1] in scales and re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,2}", said[0]):
        whole, _, part = said[0].partition(".")
        return frozenset({(int(whole) * 100 + int(part.ljust(2, "0"))) * scales[said[1]]})
    return frozenset()


def _with_half(said: Sequence[str], language: str) -> frozenset[int]:
    """ "two and a half thousand"; "elfu mbili na nusu", which is 2,500 to most and 2,000.50 to some."""
    text = " ".join(said)
    if found := re.fullmatch(r"(.+) and a half(?: (thousand|million))?", text):
        scale = {"thousand": 1_000, "million": 1_000_000}.get(found[2] or "", 1)
        heads = _number(found[1].split(), language)
        return frozenset(head * scale + 50 * scale for head in heads)
    if text == "half a million":
        return frozenset({50_000_000})
    if found := re.fullmatch(r"(.+) na nusu", text):
        heads = _number(found[1].split(), language)
        scale = {"elfu": 1_000, "laki": 100_000, "milioni": 1_000_000}.get(said[0], 0)
        of_scale = {head + 50 * scale for head in heads} if scale else set()
        return frozenset(of_scale | {head + 50 for head in heads})
    return frozenset()


def _two_figures(said: Sequence[str], language: str) -> frozenset[int]:
    """ "two fifty": 250 or 2.50; "fifteen fifty": 1,550 or 15.50."""
    found: set[int] = set()
    for head, after in readings(said, 0, language):
        for tail, end in readings(said, after, language):
            if end == len(said) and 1 <= head <= 99 and 10 <= tail <= 99:
                found |= {(head * 100 + tail) * 100, head * 100 + tail}
    return frozenset(found)


def _en_words(number: int) -> str:
    if number < 20:
        return EN_UNITS[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return EN_TENS[tens - 2] + (f" {EN_UNITS[unit]}" if unit else "")
    if number < 1_000:
        hundreds, rest = divmod(number, 100)
        return f"{EN_UNITS[hundreds]} hundred" + (f" and {_en_words(rest)}" if rest else "")
    scale, name = (1_000_000, "million") if number >= 1_000_000 else (1_000, "thousand")
    head, rest = divmod(number, scale)
    joint = " and " if 0 < rest < 100 else " "
    return f"{_en_words(head)} {name}" + (f"{joint}{_en_words(rest)}" if rest else "")


def _sw_words(number: int) -> str:
    """Thousands of more than ten go before "elfu": "kumi na tano elfu" can only be fifteen thousand."""
    if number < 100:
        return in_swahili(number)
    if number < 1_000:
        hundreds, rest = divmod(number, 100)
        return f"mia {in_swahili(hundreds)}" + (f" na {in_swahili(rest)}" if rest else "")
    scale, name = (1_000_000, "milioni") if number >= 1_000_000 else (1_000, "elfu")
    head, rest = divmod(number, scale)
    count = f"{name} {_sw_words(head)}" if head <= 9 else f"{_sw_words(head)} {name}"
    return count + (f" na {_sw_words(rest)}" if rest else "")
