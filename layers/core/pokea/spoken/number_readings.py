"""Every whole number that words can be read as, in English and Swahili.

"elfu kumi na tano" is fifteen thousand to one speaker and ten thousand and five to another: both readings come back, and whoever asked
decides whether the caller has to. A reading is (number, index of the word after it); readings may end before the words do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pokea.spoken import number_words
from pokea.spoken.number_words import Read

MAX_DIGITS = 9  # longer figures are no amount and no count; they are read digit by digit or not at all
MAX_READINGS = 64

_EN_SCALES = {"thousand": 1_000, "million": 1_000_000}
_SW_SCALES = {"milioni": 1_000_000, "laki": 100_000, "elfu": 1_000}


def readings(words: Sequence[str], at: int, language: str) -> list[Read]:
    """Those of either language; the call's own comes first."""
    both = (english, swahili) if language != "sw" else (swahili, english)
    return list(dict.fromkeys(found for read in both for found in read(words, at)))


def english(words: Sequence[str], at: int) -> list[Read]:
    """ "two thousand five hundred and six", "twenty five hundred", "a thousand", "2500"."""
    found: list[Read] = []
    for head, after in _en_below_thousand(words, at):
        found.append((head, after))
        scale = _EN_SCALES.get(_word(words, after), 0)
        if not scale or not head:
            continue
        found.append((head * scale, after + 1))
        found += [
            (head * scale + rest, end)
            for rest, end in english(words, _over(words, after + 1, "and"))
            if 0 < rest < scale
        ]
    return found[:MAX_READINGS]


def _en_below_thousand(words: Sequence[str], at: int) -> list[Read]:
    if _word(words, at) in ("a", "one") and _word(words, at + 1) in ("hundred", *_EN_SCALES):
        small: list[Read] = [(1, at + 1)]
    elif _word(words, at) == "hundred" or _word(words, at) in _EN_SCALES:
        small = [(1, at)]  # "hundred shillings"
    else:
        small = _figures(words, at) + _small(number_words.english, words, at)
    found: list[Read] = []
    for head, after in small:
        found.append((head, after))
        if _word(words, after) != "hundred" or not 1 <= head <= 99:
            continue
        found.append((head * 100, after + 1))
        rests = _small(number_words.english, words, _over(words, after + 1, "and"))
        found += [(head * 100 + rest, end) for rest, end in rests if 0 < rest < 100]
    return found


def swahili(words: Sequence[str], at: int, below: int = 1_000_000_000) -> list[Read]:
    """ "elfu mbili mia tano", "mia tatu na hamsini", "laki moja", "kumi na tano elfu"; only numbers under `below`."""
    word = _word(words, at)
    if (scale := _SW_SCALES.get(word, 0)) and scale < below:
        return _sw_scaled(words, at + 1, scale)[:MAX_READINGS]
    found = [read for read in _sw_below_thousand(words, at) if read[0] < below]
    for head, after in tuple(found):
        if (scale := _SW_SCALES.get(_word(words, after), 0)) and scale < below and 0 < head < 1_000:
            found += _sw_more(words, head * scale, after + 1, scale)
    return found[:MAX_READINGS]


def _sw_scaled(words: Sequence[str], at: int, scale: int) -> list[Read]:
    """After "elfu" and its like: how many of them, and what is left over."""
    found = [
        read
        for count, end in _sw_below_thousand(words, at)
        if count
        for read in _sw_more(words, count * scale, end, scale)
    ]
    if found and _word(words, at) != "mia":
        return found
    return found + _sw_more(words, scale, at, scale)  # "elfu mia tano" may be a thousand and five hundred


def _sw_more(words: Sequence[str], head: int, after: int, scale: int) -> list[Read]:
    rests = swahili(words, _over(words, after, "na"), below=scale)
    return [(head, after), *((head + rest, end) for rest, end in rests if rest)]


def _sw_below_thousand(words: Sequence[str], at: int) -> list[Read]:
    if _word(words, at) != "mia":
        return _figures(words, at) + _small(number_words.swahili, words, at)
    found: list[Read] = []
    hundreds = [(count, end) for count, end in _small(number_words.swahili, words, at + 1) if 1 <= count <= 9]
    for count, after in hundreds or [(1, at + 1)]:
        found.append((count * 100, after))
        rests = _small(number_words.swahili, words, _over(words, after, "na"))
        found += [(count * 100 + rest, end) for rest, end in rests if 0 < rest < 100]
    return found


def _small(read: Callable[[Sequence[str], int], Read | None], words: Sequence[str], at: int) -> list[Read]:
    """0 to 99; "twenty five" also as its first word alone, because what follows may belong elsewhere."""
    found = read(words, at)
    if found is None:
        return []
    alone = read(words[at : at + 1], 0)
    return [found] if found[1] == at + 1 or alone is None else [found, (alone[0], at + 1)]


def _figures(words: Sequence[str], at: int) -> list[Read]:
    word = _word(words, at)
    return [(int(word), at + 1)] if word.isascii() and word.isdigit() and 2 < len(word) <= MAX_DIGITS else []


def _over(words: Sequence[str], at: int, joint: str) -> int:
    return at + 1 if _word(words, at) == joint else at


def _word(words: Sequence[str], at: int) -> str:
    return words[at] if at < len(words) else ""
