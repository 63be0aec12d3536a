"""What the cells of a list mean: names, zones, languages, consent, further fields. What cannot be used says what to do about it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pokea.billing.cdr_file import YEARS, unguarded
from pokea.campaigns.contact import Consent
from pokea.campaigns.lists.columns import CONSENT_AT, CONSENT_SOURCE, CONSENT_WORDING, LANGUAGE, NAME, TIMEZONE
from pokea.campaigns.whereabouts import zone_named
from pokea.clock import as_utc

MAX_NAME_CHARS = 80
MAX_SOURCE_CHARS = 200
MAX_WORDING_CHARS = 2_000
MAX_FIELD_CHARS = 1_000
MAX_FIELDS_CHARS = 8_000  # of all fields of a contact
CONSENT_MISSING = "consent_missing"
_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)  # a formula that is only there to keep a spreadsheet from changing a text
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?) ?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_LANGUAGE_NAMES = {"english": "en", "kiingereza": "en", "swahili": "sw", "kiswahili": "sw"}


class Unusable(Exception):
    """Why a row is no contact. `code` is for programs; `column`: the documented one that is to blame, "" for the row as a whole; `says`
    goes on after the column's name and also says what to do."""

    def __init__(self, code: str, column: str, says: str) -> None:
        super().__init__(f"{column}: {says}" if column else says)
        self.code = code
        self.column = column
        self.says = says


def plain(cell: str) -> str:
    """A cell without the marks that keep a spreadsheet from running or changing it, and without invisible characters."""
    text = unguarded(cell.strip())
    if text.isascii() and text.isprintable() and text[:1] != "=" and "  " not in text:
        return text
    if found := _AS_TEXT.fullmatch(text):
        text = found[1].replace('""', '"')
    text = unicodedata.normalize("NFC", text)
    text = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) not in _UNSEEN)
    return " ".join(text.split())


def name_of(cell: str) -> str:
    _must_be_one_line(cell, NAME)
    return _short(cell, NAME, MAX_NAME_CHARS)


def zone_of(cell: str) -> str:
    """The IANA name of a zone; "" where the list does not say."""
    text = plain(cell)
    if not text or zone_named(text):
        return text
    if name := _zones_by_folded_name().get(text.casefold().replace(" ", "_")):
        return name
    raise Unusable(
        "timezone_unknown",
        TIMEZONE,
        "is no time zone: write one such as Africa/Nairobi, or nothing for the number's own",
    )


def language_of(cell: str, languages: Sequence[str]) -> str:
    """One of `languages`; "" where the list does not say."""
    text = plain(cell).casefold()
    short = _LANGUAGE_NAMES.get(text, re.split("[-_]", text)[0])
    if short and short not in languages:
        says = f"is not one of {', '.join(languages)}: write one of them, or nothing for {languages[0]}"
        raise Unusable("language_unknown", LANGUAGE, says)
    return short


def consent_of(source: str, wording: str, at: str, tz: ZoneInfo) -> Consent:
    """`tz`: the zone of a time without an offset. Raises Unusable: without its whole proof there is no consent."""
    for column, cell in ((CONSENT_SOURCE, source), (CONSENT_WORDING, wording), (CONSENT_AT, at)):
        if not plain(cell):
            says = "is empty: nobody is rung without proof of where, in which words and when they agreed"
            raise Unusable(CONSENT_MISSING, column, says)
    return Consent(
        _short(source, CONSENT_SOURCE, MAX_SOURCE_CHARS),
        _short(wording, CONSENT_WORDING, MAX_WORDING_CHARS),
        moment_of(plain(at).lstrip("'"), tz),  # as a spreadsheet marks text
    )


def moment_of(text: str, tz: ZoneInfo) -> datetime:
    """In UTC. A day without a time is its first instant, because then consent looks older and never younger."""
    found = _MOMENT.fullmatch(text)
    if not found:
        raise Unusable(
            "consent_time",
            CONSENT_AT,
            "is no time that has one meaning: write it as 2026-05-31 or 2026-05-31T14:30:00+03:00",
        )
    day, clock, offset = found.groups(default="")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset.upper()}")
        utc = as_utc(moment if offset else moment.replace(tzinfo=tz))
    except (ValueError, OverflowError):
        raise Unusable("consent_time", CONSENT_AT, "is no time that ever was: check the day and the hour") from None
    if utc.year not in YEARS:
        raise Unusable("consent_time", CONSENT_AT, f"is not in the years {YEARS.start} to {YEARS.stop - 1}")
    return utc


def fields_of(cells: Mapping[str, str]) -> dict[str, str]:
    """Those that are not empty."""
    fields = {name: text for name, cell in cells.items() if (text := _short(cell, name, MAX_FIELD_CHARS))}
    if sum(map(len, fields.values())) > MAX_FIELDS_CHARS:
        raise Unusable(
            "too_long",
            "",
            f"its further columns hold more than {MAX_FIELDS_CHARS:,} characters: keep what the agent needs",
        )
    return fields


def _short(cell: str, column: str, most: int) -> str:
    text = plain(cell)
    if len(text) > most:
        raise Unusable("too_long", column, f"is longer than {most:,} characters: shorten it")
    return text


def _must_be_one_line(cell: str, column: str) -> None:
    if "\n" in cell.strip() or "\r" in cell.strip():
        raise Unusable("line_break", column, "has a line break in it: remove it, or close the quote that was left open")


@lru_cache(maxsize=1)
def _zones_by_folded_name() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones() if zone_named(name)}
