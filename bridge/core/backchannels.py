"""What people say to show that they listen. It asks for nothing and stops nobody. English and Swahili, as transcriptions spell it."""

from __future__ import annotations

import re
from enum import StrEnum

PHRASES = (
    # English
    "m", "mm", "mhm", "mm hm", "mm hmm", "mmhm", "mmhmm", "hm", "hmm", "uh huh", "uhuh", "uhhuh", "huh", "uh", "um", "ah", "aha", "oh",
    "ok", "okay", "okey", "yeah", "yah", "yep", "yup", "yes", "right", "all right", "alright", "sure", "i see", "got it", "go on", "fine",
    "good", "great",
    # Swahili
    "ndio", "ndiyo", "naam", "sawa", "sawasawa", "haya", "e", "ee", "eeh", "ehe", "eh", "mmh", "mh", "ahaa", "poa", "vizuri", "endelea",
    "okei",
)  # fmt: skip
_LONGEST_FIRST = sorted(PHRASES, key=len, reverse=True)
_TAGS = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)")  # "<noise>", "[laughter]": sounds, not words
_NO_WORD = re.compile(r"[^\w]+|_")
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")  # "mmmmm", "yeaaah"


class Said(StrEnum):
    NOTHING = "nothing"  # no words at all
    BACKCHANNEL = "backchannel"
    UNSURE = "unsure"  # the beginning of one, perhaps: more may follow
    WORDS = "words"


def judge(text: str) -> Said:
    """What a transcription amounts to that may not be finished."""
    plain = _NO_WORD.sub(" ", _TAGS.sub(" ", text.lower()))
    rest = _DRAWN_OUT.sub(r"\1", plain).strip()
    if not rest:
        return Said.NOTHING
    while rest:
        found = next((phrase for phrase in _LONGEST_FIRST if rest == phrase or rest.startswith(phrase + " ")), None)
        if found is None:
            return Said.UNSURE if any(phrase.startswith(rest) for phrase in PHRASES) else Said.WORDS
        rest = rest[len(found) :].lstrip()
    return Said.BACKCHANNEL
