"""A contact list read as a whole: each number once, each row that cannot be used with its reason, and nothing else lost.

    rows of the file = contacts + rows merged into another contact + rejected rows

The file is read twice. The first time only its numbers are, to know which come more than once; that takes sixteen bytes a row. The
second time a row becomes a contact at once, unless its number comes again: then it waits for the last one.

Rows with the same number are one contact. The consent with the latest date holds. Of everything else the first row that says something
holds: name, time zone, language, and each field by itself. A row that cannot be used is rejected for itself and adds nothing.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TypeAlias

from pokea.campaigns.contact import Consent, Contact, ContactState
from pokea.campaigns.definition import Definition
from pokea.campaigns.lists import cells as cell
from pokea.campaigns.lists.cells import Unusable
from pokea.campaigns.lists.columns import (
    CONSENT_AT,
    CONSENT_SOURCE,
    CONSENT_WORDING,
    LANGUAGE,
    NAME,
    PHONE,
    TIMEZONE,
    columns_of,
)
from pokea.campaigns.lists.numbers import NumberReader, lost_its_zero
from pokea.campaigns.lists.rows import BadList, ListFile, Row
from pokea.campaigns.ports import contact_id_of
from pokea.phone_numbers import E164

MAX_WAITING_BYTES = 256 * 1024 * 1024  # of rows whose number comes again later: about a million of them
_SHARES = 16  # the numbers are sorted in so many portions, because a sorted copy takes five times their room
_NO_NUMBER = 0
ZERO_LOST = "zero_lost"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no contact. `column`: as the list calls it, "" for the row as a whole. `cells`: all of the row, as in the file."""

    line: int
    code: str
    column: str
    says: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """A further row of a contact. `says`: what became of it."""

    line: int
    says: str


@dataclass(frozen=True, slots=True)
class Imported:
    """`line`: of the contact's first row. `notes`: codes of what was put right."""

    line: int
    contact: Contact
    merged: tuple[Merged, ...] = ()
    notes: tuple[str, ...] = ()


Entry: TypeAlias = Imported | Rejected


@dataclass(frozen=True, slots=True)
class _Facts:
    """What one row says."""

    line: int
    number: E164
    name: str
    zone: str
    language: str
    consent: Consent
    fields: Mapping[str, str]
    notes: tuple[str, ...]


class ContactList:
    """`on_row` is told after each row that was read, with how many they are in this reading and whether it is the last one.

    Raises BadList.
    """

    def __init__(
        self, file: ListFile, definition: Definition, on_row: Callable[[int, bool], None] = lambda rows, is_last: None
    ) -> None:
        self.file = file
        self.columns = columns_of(file.header, definition.columns, definition.fields, file.source)
        self.campaign = replace(definition.campaign, fields=tuple(self.columns.fields))
        self._definition = definition
        self._tz = definition.tz
        self._numbers = NumberReader(definition.country, definition.campaign.countries)
        self._on_row = on_row

    def entries(self, due_at: datetime) -> Iterator[Entry]:
        """Contacts that may be rung from `due_at` on, and rejected rows, each where its last row stands. Raises BadList."""
        numbers, prints = array("q"), array("q")
        for row in self.file.rows():
            numbers.append(self._number_or_none(row))
            prints.append(hash(row))
            self._on_row(len(numbers), False)
        awaited = repeated(numbers)
        waiting = _Waiting(self.file.source)
        count = 0
        for count, row in enumerate(self.file.rows(), 1):
            if count > len(numbers) or hash(row) != prints[count - 1]:
                raise BadList(self.file.source, "changed while it was read")
            number = numbers[count - 1]
            if number in awaited:
                yield from self._entries_of(number, waiting.rows_once_all(number, row, awaited[number]), due_at)
            else:
                yield from self._entries_of(number, [row], due_at)
            self._on_row(count, True)
        if count != len(numbers):
            raise BadList(self.file.source, "changed while it was read")

    def _number_or_none(self, row: Row) -> int:
        try:
            return int(self._number_of(row))
        except Unusable:
            return _NO_NUMBER

    def _number_of(self, row: Row) -> E164:
        if row.problem:
            raise Unusable("row", "", row.problem)
        if "\0" in "".join(row.cells):
            raise Unusable("not_text", "", "has a NUL in it, which no text has: export the list again")
        if any(extra.strip() for extra in row.cells[len(self.columns.titles) :]):
            says = f"has {len(row.cells)} cells and the header {len(self.columns.titles)}: put quotes around a cell with a delimiter in it"
            raise Unusable("row", "", says)
        return self._numbers.read(self._cell(row, PHONE))

    def _entries_of(self, number: int, rows: Sequence[Row], due_at: datetime) -> Iterator[Entry]:
        """Of all rows with one number, or of a row without one."""
        sound: list[_Facts] = []
        for row in rows:
            try:
                sound.append(self._facts_of(row, E164(f"+{number}") if number else self._number_of(row)))
            except Unusable as problem:
                column = self.columns.title_of(problem.column) if problem.column else ""
                yield Rejected(row.line, problem.code, column, problem.says, row.cells)
        if sound:
            facts, merged = _merged(sound, self.file.unit)
            yield Imported(facts.line, self._contact(facts, due_at), merged, facts.notes)

    def _facts_of(self, row: Row, number: E164) -> _Facts:
        return _Facts(
            line=row.line,
            number=number,
            name=cell.name_of(self._cell(row, NAME)),
            zone=cell.zone_of(self._cell(row, TIMEZONE)),
            language=cell.language_of(self._cell(row, LANGUAGE), self._definition.languages),
            consent=cell.consent_of(
                self._cell(row, CONSENT_SOURCE), self._cell(row, CONSENT_WORDING), self._cell(row, CONSENT_AT), self._tz
            ),
            fields=cell.fields_of(
                {name: row.cells[at] for name, at in self.columns.fields.items() if at < len(row.cells)}
            ),
            notes=(ZERO_LOST,) if lost_its_zero(self._cell(row, PHONE), number) else (),
        )

    def _cell(self, row: Row, column: str) -> str:
        """A row may end before its last columns: spreadsheets leave empty ones out."""
        at = self.columns.known.get(column)
        return row.cells[at] if at is not None and at < len(row.cells) else ""

    def _contact(self, facts: _Facts, due_at: datetime) -> Contact:
        campaign = self.campaign
        return Contact(
            business_id=campaign.business_id,
            campaign_id=campaign.campaign_id,
            contact_id=contact_id_of(campaign.business_id, facts.number),
            number=facts.number,
            name=facts.name,
            language=facts.language or self._definition.languages[0],
            zone=facts.zone,
            consent=facts.consent,
            state=ContactState.WAITING,
            due_at=due_at,
            fields=facts.fields,
        )


def repeated(numbers: array[int]) -> Mapping[int, int]:
    """How often each number comes that comes more than once; rows without a number do not count."""
    found: dict[int, int] = {}
    for share in range(_SHARES):
        portion = sorted(number for number in numbers if number % _SHARES == share and number != _NO_NUMBER)
        for number, group in groupby(portion):
            if (times := sum(1 for _ in group)) > 1:
                found[number] = times
    return found


def _merged(rows: Sequence[_Facts], unit: str) -> tuple[_Facts, tuple[Merged, ...]]:
    """What all rows say together, and what became of each row but the first."""
    whole, told = rows[0], []
    for row in rows[1:]:
        is_newer = row.consent.at > whole.consent.at
        told.append(Merged(row.line, _became(row, whole, is_newer, f"{unit} {rows[0].line}")))
        whole = replace(
            whole,
            name=whole.name or row.name,
            zone=whole.zone or row.zone,
            language=whole.language or row.language,
            consent=row.consent if is_newer else whole.consent,
            fields={**row.fields, **whole.fields},
            notes=whole.notes or row.notes,
        )
    return whole, tuple(told)


def _became(row: _Facts, whole: _Facts, is_newer: bool, first: str) -> str:
    known, said = _by_name(whole), _by_name(row)
    added = [name for name, text in said.items() if text and not known.get(name)]
    passed_over = [name for name, text in said.items() if text and known.get(name) not in (None, "", text)]
    parts = [f"the same number as {first}"]
    if is_newer:
        parts.append("its consent is newer and holds")
    if added:
        parts.append(f"added: {', '.join(added)}")
    if passed_over:
        parts.append(f"not used, because an earlier row says otherwise: {', '.join(passed_over)}")
    return "; ".join(parts)


def _by_name(facts: _Facts) -> Mapping[str, str]:
    return {"name": facts.name, "time zone": facts.zone, "language": facts.language, **facts.fields}


class _Waiting:
    """Rows whose number comes again later, packed, because half of a list may wait at once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._packed: dict[int, list[bytes]] = {}
        self._bytes = 0

    def rows_once_all(self, number: int, row: Row, times: int) -> list[Row]:
        """The rows with this number once there are so many; none before. Raises BadList."""
        packed = self._packed.setdefault(number, [])
        packed.append(json.dumps([row.line, row.cells]).encode())
        self._bytes += len(packed[-1])
        if self._bytes > MAX_WAITING_BYTES:
            raise BadList(self._source, "repeats too many numbers far from one another: sort it by number first")
        if len(packed) < times:
            return []
        del self._packed[number]
        self._bytes -= sum(map(len, packed))
        return [Row(line, tuple(cells)) for line, cells in map(json.loads, packed)]
