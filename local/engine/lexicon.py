"""How words are pronounced, in the phones of the en-us acoustic model.

English comes from the dictionary inside the pocketsphinx package. Swahili is spelled almost as it is spoken, so its letters are mapped to
phones; so are Kenyan names and any other word that the dictionary does not have.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pocketsphinx import get_model_path

MODEL = Path(get_model_path(), "en-us")
_VARIANTS = 6  # of one phrase

# Weak forms and endings that the dictionary lacks, strong form first.
_ENGLISH = {
    "a": ["AH", "EY", "AH N"],  # also "an": nobody's grammar depends on it
    "the": ["DH AH", "DH IY"],
    "to": ["T UW", "T AH"],
    "for": ["F AO R", "F ER"],
    "at": ["AE T"],
    "in": ["IH N"],
    "and": ["AE N D", "AH N D"],
    "i": ["AY"],
    "my": ["M AY"],
    "is": ["IH Z"],
    "thursday": ["TH ER Z D EY", "TH ER Z D IY"],
    "tuesday": ["T UW Z D EY", "T UW Z D IY"],
    "forty": ["F AO R T IY"],
    "xray": ["EH K S R EY"],
    "first": ["F ER S T", "TH ER S T"],  # a telephone leaves little of an f
    "o'clock": ["AH K L AA K", "OW K L AA K"],
}
_LETTERS = (
    ("ng'", "NG"),
    ("ng", "NG G"),
    ("ny", "N Y"),
    ("ch", "CH"),
    ("sh", "SH"),
    ("dh", "DH"),
    ("th", "TH"),
    ("gh", "G"),
    ("ph", "F"),
    *zip(
        "abcdefghijklmnopqrstuvwxyz",
        "AA B K D EH F G HH IY JH K L M N AO P K R S T UW V W K Y Z".split(),  # noqa: SIM905 (one phone under each letter)
        strict=True,
    ),
)
_SPELLING = re.compile("|".join(re.escape(letters) for letters, _ in _LETTERS))
_PHONES = dict(_LETTERS)
_WEAK_A = re.compile(r"^AA|AA$")
_DOUBLED = re.compile(r"([a-z])\1")


@cache
def _english() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in (MODEL / "cmudict-en-us.dict").read_text(encoding="utf-8").splitlines():
        word, _, phones = line.strip().partition(" ")
        found.setdefault(word.partition("(")[0], []).append(phones)
    return {word: tuple(all_phones) for word, all_phones in (found | _ENGLISH).items()}


def is_english(phrase: str) -> bool:
    """Whether the dictionary has every word of the phrase."""
    return all(word in _english() for word in phrase.split())


def spelled(word: str) -> tuple[str, ...]:
    """Phones letter by letter, as Swahili is spoken: doubled letters are one sound, and e and o are heard open or closed."""
    phones = " ".join(_PHONES[match[0]] for match in _SPELLING.finditer(_DOUBLED.sub(r"\1", word.lower())))
    closed = " ".join({"EH": "EY", "AO": "OW"}.get(phone, phone) for phone in phones.split())
    return tuple(dict.fromkeys((phones, closed)))


def in_english_mouth(word: str) -> tuple[str, ...]:
    """An unknown word, mostly a name, also with the weak first and last a of English ("Amina": AH M IY N AH)."""
    ways = spelled(word)
    return tuple(dict.fromkeys((*ways, *(_WEAK_A.sub("AH", way).replace("AA UW", "AW") for way in ways))))


def pronunciations(phrase: str, language: str) -> list[str]:
    """Ways to speak a phrase, at least one, at most six; words the language does not know are spelled."""
    if language == "en":
        ways = [_english().get(word) or in_english_mouth(word) for word in phrase.split()]
    else:
        ways = [spelled(word) for word in phrase.split()]
    return list(dict.fromkeys(" ".join(way) for way in itertools.islice(itertools.product(*ways), _VARIANTS)))
