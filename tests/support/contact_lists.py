"""Contact lists and campaigns for tests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import BinaryIO

from pokea.campaigns.definition import Definition, definition_of
from pokea.campaigns.listing import ContactList, Entry, Imported, Rejected
from pokea.campaigns.lists.rows import list_file
from pokea.ids import BusinessId
from pokea.lines import PACKAGED
from pokea.profile import Profile, load_profiles

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Nairobi
TITLES = ("phone", "name", "timezone", "consent_source", "consent_wording", "consent_at", "language")
WORDING = "I agree to be called"
GIVEN_AT = "2026-10-02T09:14:00+03:00"


@cache
def profiles() -> Mapping[BusinessId, Profile]:
    return load_profiles(PACKAGED)


def definition(**keys: object) -> Definition:
    return definition_of({"id": "c1", "business": "mizani", "name": "Test", **keys}, "campaign.toml", profiles())


def person(
    phone: str, name: str = "", *, source: str = "web form", at: str = GIVEN_AT, zone: str = "", language: str = ""
) -> list[str]:
    """Cells in the order of TITLES."""
    return [phone, name, zone, source, WORDING, at, language]


def csv_of(rows: Sequence[Sequence[str]], titles: Sequence[str] = TITLES, delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([titles, *rows])
    return out.getvalue().encode()


def json_of(rows: Sequence[Sequence[str]], titles: Sequence[str] = TITLES) -> bytes:
    return json.dumps([dict(zip(titles, row, strict=True)) for row in rows]).encode()


def xlsx_of(rows: Sequence[Sequence[object]], titles: Sequence[str] = TITLES) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("people")
    for row in (titles, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def opened(content: bytes) -> BinaryIO:
    return io.BytesIO(content)


def contact_list(content: bytes, wanted: Definition | None = None) -> ContactList:
    return ContactList(list_file(lambda: opened(content), "people"), wanted or definition())


def entries_of(content: bytes, wanted: Definition | None = None) -> list[Entry]:
    return list(contact_list(content, wanted).entries(NOW))


def imported(entries: Sequence[Entry]) -> list[Imported]:
    return [one for one in entries if isinstance(one, Imported)]


def rejected(entries: Sequence[Entry]) -> list[Rejected]:
    return [one for one in entries if isinstance(one, Rejected)]
