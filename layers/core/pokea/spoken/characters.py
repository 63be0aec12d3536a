"""Letters and digits as they are said over a telephone, in English and Swahili: every string that the words can stand for.

    "K L four seven oh two", "kilo lima double four", "K for Kenya", "ka eli nne saba sifuri mbili", "KL4702"

Nothing is decided here. Words that sound like a character but are more often something else ("to", "for", "are"), words that nobody
knows, and letters where a figure should be give readings that are marked as doubtful; the caller is asked before one of those is used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pokea.spoken.number_readings import readings
from pokea.spoken.number_words import EN_UNITS, SW_UNITS

MAX_PHRASE_CHARS = 200
MAX_WORDS = 40
MAX_STATES = 256  # strings that are followed at once; a phrase with more readings says nothing

NATO = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima", "mike",
    "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
)  # fmt: skip
_LETTER_WORDS: Mapping[str, str] = {
    **{word: word[0] for word in NATO},
    "alfa": "a", "juliett": "j", "whisky": "w", "fox": "f",
    # English names of letters, as recognisers write them where they are no other word
    "bee": "b", "cee": "c", "dee": "d", "ef": "f", "eff": "f", "gee": "g", "aitch": "h", "haitch": "h", "jay": "j", "kay": "k",
    "el": "l", "ell": "l", "em": "m", "en": "n", "pee": "p", "cue": "q", "queue": "q", "kyu": "q", "ar": "r", "ess": "s",
    "tee": "t", "vee": "v", "ex": "x", "wye": "y", "zed": "z", "zee": "z",
    # as they are said in Swahili
    "ei": "a", "bii": "b", "sii": "c", "dii": "d", "efu": "f", "jii": "g", "echi": "h", "hechi": "h", "ai": "i", "jei": "j",
    "ka": "k", "kei": "k", "eli": "l", "emu": "m", "eni": "n", "oo": "o", "pii": "p", "kyuu": "q", "ara": "r", "ari": "r",
    "esi": "s", "tii": "t", "yuu": "u", "vii": "v", "dabliu": "w", "dablyu": "w", "eksi": "x", "wai": "y", "zedi": "z",
}  # fmt: skip
# Ordinary words that also sound like a character: understood, and asked about.
_SOUNDS_LIKE: Mapping[str, str] = {
    "be": "b", "sea": "c", "see": "c", "are": "r", "tea": "t", "you": "u", "why": "y", "pea": "p", "eye": "i", "aye": "i",
    "won": "1", "to": "2", "too": "2", "tree": "3", "for": "4", "fore": "4", "fife": "5", "ate": "8",
    "me": "m", "we": "w", "ne": "n", "te": "t", "de": "d", "pe": "p", "ke": "k", "le": "l", "si": "c",
}  # fmt: skip
_DIGIT_WORDS: Mapping[str, str] = {
    **{word: str(number) for number, word in enumerate(EN_UNITS[:10])},
    **{word: str(number) for number, word in enumerate(SW_UNITS)},
    "nought": "0", "naught": "0", "nil": "0", "niner": "9", "mosi": "1", "pili": "2", "ziro": "0",
}  # fmt: skip
_TIMES: Mapping[str, int] = {"double": 2, "triple": 3, "treble": 3, "dabo": 2, "tripo": 3}
_TIMES_AFTER: Mapping[str, int] = {"mara mbili": 2, "mara tatu": 3}
_SPELLED_BY = (("for",), ("as", "in"), ("like",), ("kama",), ("kwa",), ("ya",))
_FILLER_WORDS = """
and dash hyphen slash space dot point then is its it my the number numbers tracking id code order parcel package shipment reference
letter letters digit digits please um uh er ah so okay ok well yes this that capital
na halafu kisha ni yangu namba nambari mzigo kifurushi wangu changu herufi tarakimu tafadhali alama msimbo oda ya ndio ndiyo sawa
"""
FILLERS = frozenset(_FILLER_WORDS.split())
_FILLER_PHRASES = (("is", "a"), ("its", "a"), ("i", "think"), ("i", "have"), ("i", "am"), ("i", "want"), ("i", "got"))


@dataclass(frozen=True, slots=True)
class Piece:
    """What the next words stand for: `text` in lower case, up to the word `end`."""

    text: str
    end: int
    sure: bool = True


def words_of(phrase: str) -> list[str] | None:
    """The words of a phrase, letters in their case; None for more than anybody says at once."""
    if len(phrase) > MAX_PHRASE_CHARS:
        return None
    text = unicodedata.normalize("NFKC", phrase).replace("’", "").replace("'", "")
    text = re.sub(r"(?i)\bx[ -]ray\b", "xray", text).replace("+", " plus ")
    words = re.sub(r"[^0-9A-Za-z]+", " ", text).split()
    return words if len(words) <= MAX_WORDS else None


def strings(words: Sequence[str], language: str, may_begin: Callable[[str], bool]) -> Mapping[str, bool] | None:
    """Every string that all of `words` can stand for together, and whether one way to it has nothing doubtful.

    may_begin: whether a string that begins so could be what is looked for. None when there are too many ways to read the words.
    """
    reached: list[dict[str, bool]] = [{} for _ in range(len(words) + 1)]
    reached[0][""] = True
    for at, here in enumerate(reached[:-1]):
        if len(here) > MAX_STATES:
            return None
        if not here:
            continue
        for piece in pieces(words, at, language):
            for text, sure in here.items():
                longer = text + piece.text
                if may_begin(longer):
                    there = reached[piece.end]
                    there[longer] = there.get(longer, False) or (sure and piece.sure)
    return reached[-1]


def pieces(words: Sequence[str], at: int, language: str) -> list[Piece]:
    """Everything that the words from `at` can be."""
    lower = [word.lower() for word in words[at : at + 12]]
    whole = _spelled(lower) or _repeated_after(lower)
    found = whole or [*_repeated(lower), *_single(words[at], lower), *_numbers(lower, language)]
    for phrase in _FILLER_PHRASES:
        if tuple(lower[: len(phrase)]) == phrase:
            found = [Piece("", len(phrase))]
    if lower[0] in FILLERS:
        found.append(Piece("", 1))
    if not found:
        found = _unknown(words[at])
    return [Piece(piece.text, at + piece.end, piece.sure) for piece in found]


def _single(word: str, lower: Sequence[str]) -> list[Piece]:
    """One word that is one character or several."""
    first = lower[0]
    if first in ("oh", "o"):
        return [Piece("0", 1), Piece("o", 1)]
    if len(first) == 1 or first == "plus":
        return [Piece(first.replace("plus", "+"), 1)]
    if first in _DIGIT_WORDS:
        return [Piece(_DIGIT_WORDS[first], 1)]
    if first in _LETTER_WORDS:
        return [Piece(_LETTER_WORDS[first], 1)]
    if first in _SOUNDS_LIKE and not word.isupper():
        return [Piece(_SOUNDS_LIKE[first], 1, sure=False), Piece("", 1, sure=False)]
    return _written(word, first) if first not in _TIMES else []


def _written(word: str, lower: str) -> list[Piece]:
    """Characters that were written as such: "4702", "KL4702", "KL". A written O may be a zero."""
    if any(char.isdigit() for char in lower):
        swapped = lower.replace("o", "0")
        return [Piece(lower, 1), *([Piece(swapped, 1, sure=False)] if swapped != lower else [])]
    is_letters = (word.isupper() and len(word) <= 4) or (len(word) <= 3 and not set(lower) & set("aeiou"))
    return [Piece(lower, 1)] if is_letters else []


def _repeated(lower: Sequence[str]) -> list[Piece]:
    """ "double four", "triple seven"; "double you" is a W."""
    found: list[Piece] = []
    if times := _TIMES.get(lower[0]):
        character = _character(lower, 1)
        if character:
            found.append(Piece(character * times, 2))
        if lower[0] == "double" and lower[1:2] in (["u"], ["you"]):
            found.append(Piece("w", 2))
    return found


def _repeated_after(lower: Sequence[str]) -> list[Piece]:
    """ "nne mara mbili"."""
    character, after = _character(lower, 0), " ".join(lower[1:3])
    return [Piece(character * _TIMES_AFTER[after], 3)] if character and after in _TIMES_AFTER else []


def _spelled(lower: Sequence[str]) -> list[Piece]:
    """ "K for Kenya", "K as in kilo", "K kama Kenya": the word only says which letter."""
    letter = lower[0] if len(lower[0]) == 1 else _LETTER_WORDS.get(lower[0], "")
    if not letter.isalpha():
        return []
    for joint in _SPELLED_BY:
        size = len(joint)
        example = lower[1 + size] if len(lower) > 1 + size else ""
        if tuple(lower[1 : 1 + size]) == joint and len(example) > 1 and example.startswith(letter):
            return [Piece(letter, 2 + size)]
    return []


def _numbers(lower: Sequence[str], language: str) -> list[Piece]:
    """Numbers from ten up, written out in figures: "forty seven", "four hundred", "kumi na moja"."""
    return [
        Piece(str(number), end)
        for number, end in readings(lower, 0, language)
        if number >= 10 and not lower[0].isdigit()
    ]


def _unknown(word: str) -> list[Piece]:
    """Nobody knows this word. It may be nothing, or letters run together: either way the caller is asked."""
    found = [Piece("", 1, sure=False)]
    return [*found, Piece(word.lower(), 1, sure=False)] if len(word) <= 4 and word.isalpha() else found


def _character(lower: Sequence[str], at: int) -> str:
    if at >= len(lower):
        return ""
    word = lower[at]
    if word in ("oh", "o"):
        return "0"
    return word if len(word) == 1 else _DIGIT_WORDS.get(word) or _LETTER_WORDS.get(word, "")
