"""Writing → words, for what espeak-ng would otherwise read badly."""

from __future__ import annotations

import re

_MONTHS = (
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "Januari",
        "Februari",
        "Machi",
        "Aprili",
        "Mei",
        "Juni",
        "Julai",
        "Agosti",
        "Septemba",
        "Oktoba",
        "Novemba",
        "Desemba",
    ],
)
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::\d{2})?)?\b")
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?!:)")
_PHONE = re.compile(r"\+?\d[\d ]{6,}\d")
_REFERENCE = re.compile(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9-]{3,}\b")


def speakable(text: str, language: str = "en") -> str:
    """The text with dates, clock times, phone numbers and reference codes written so that they are spoken clearly.

    Double square brackets are espeak-ng's phoneme notation and are never passed on.
    """
    text = text.replace("[[", " ").replace("]]", " ")
    text = _ISO_DATE.sub(lambda match: _date(match, language), text)
    if language == "en":
        text = _CLOCK.sub(_clock, text)
    text = _PHONE.sub(lambda match: _one_by_one(match[0]), text)
    return _REFERENCE.sub(lambda match: _one_by_one(match[0]), text)


def _date(match: re.Match[str], language: str) -> str:
    _year, month, day, hour, minute = match.groups()
    if not 1 <= int(month) <= 12:
        return match[0]
    name = _MONTHS[language == "sw"][int(month) - 1]
    spoken = f"{int(day)} {name}"
    return f"{spoken} {hour}:{minute}" if hour else spoken


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return f"{hour} o'clock" if hour else "midnight"
    return f"{hour} {minute}" if minute > 9 else f"{hour} oh {minute}"


def _one_by_one(code: str) -> str:
    """Characters apart, grouped by three so that a listener can follow."""
    characters = [c for c in code if c.isalnum()]
    groups = [" ".join(characters[i : i + 3]) for i in range(0, len(characters), 3)]
    return ("plus " if code.startswith("+") else "") + ", ".join(groups)
