"""How many: the whole numbers in a caller's words, English and Swahili mixed as people do."""

from __future__ import annotations

import re
import unicodedata

from pokea.spoken.number_readings import readings

# Swahili numerals agree with the noun's class: "watu wawili", "viti vitatu", "magari matano".
_AGREEING = {
    f"{prefix}{stem}": word
    for prefix in ("wa", "vi", "ma", "mi")
    for stem, word in {"wili": "mbili", "tatu": "tatu", "nne": "nne", "tano": "tano", "nane": "nane"}.items()
} | {"mmoja": "moja", "kimoja": "moja", "limoja": "moja"}
_DOZENS = ("dozen", "dazeni")
MAX_CHARS = 256


def whole_numbers(text: str, language: str = "en") -> tuple[int, ...]:
    """Every whole number said, in order: "two hundred and fifty", "mia mbili na hamsini", "1,200", "a dozen". Words that are no part
    of one are passed over. None at all where words are one number to one speaker and another to the next ("elfu kumi na tano")."""
    words = _words(text)
    found: list[int] = []
    at = 0
    while at < len(words):
        said = readings(words, at, language)
        end = max((after for _, after in said), default=at)
        whole = {number for number, after in said if after == end}
        if len(whole) > 1:
            return ()
        if words[min(end, len(words) - 1)] in _DOZENS:
            found.append(12 * max(whole, default=1))
            end += 1
        elif whole:
            found += whole
        at = max(end, at + 1)
    return tuple(found)


def names_numbers(text: str) -> bool:
    """Whether any word of `text` is a number or begins one."""
    words = _words(text)
    return any(readings(words, at, "en") for at in range(len(words)))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", re.sub(r"(?<=\d),(?=\d{3}\b)", "", text[:MAX_CHARS]).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c) and c not in "'’")
    return [_AGREEING.get(word, word) for word in re.sub(r"[^a-z0-9]+", " ", plain).split()]
