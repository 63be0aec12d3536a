"""`pokea campaign preview`: for every contact of a list now, later or never, and why. Nothing is stored and nobody is rung."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from local.cli.rate import PROGRESS_ROWS, writing
from pokea.billing.cdr_file import instant
from pokea.billing.statements.rows_file import one_line
from pokea.billing.statements.words import plural
from pokea.campaigns.country_policy import policies_for
from pokea.campaigns.definition import Definition, load_definition
from pokea.campaigns.law import When
from pokea.campaigns.listing import ZERO_LOST, ContactList, Rejected
from pokea.campaigns.lists.rows import BadList, ListFile, list_file
from pokea.campaigns.preview import Foreseen, Summary, foreseen
from pokea.campaigns.rejected_rows import RejectsWriter
from pokea.errors import RejectedInput
from pokea.lines import PACKAGED
from pokea.profile import load_profiles

NOT_ALL = 3
_NOTES = {ZERO_LOST: "numbers that had lost their leading 0 and were completed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOptions:
    """`at`: RFC 3339, None for now. `rejected`: where the rows that are no contacts go, None for nowhere."""

    file: Path
    campaign: Path
    at: str | None = None
    rejected: Path | None = None
    profiles: Path | None = None
    as_json: bool = False


def run_preview(options: PreviewOptions, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """0 if every row is or joins a contact who may be rung, now or later; else 3. Raises CallError for a file that cannot be used."""
    moment = _moment(options.at) or now()
    folder = options.profiles or Path(os.environ.get("POKEA_PROFILES_DIR", "") or PACKAGED)
    definition = load_definition(options.campaign, load_profiles(folder))
    file = list_file(lambda: _opened(options.file), options.file.name)
    contacts = ContactList(file, definition, _progress)
    show: _Show = _Json(definition, moment) if options.as_json else _Lines(definition, contacts, moment)
    summary = Summary()
    with _rejects(options.rejected, file) as rejects:
        for entry, one in foreseen(contacts.entries(moment), contacts.campaign, policies_for(folder), moment):
            summary.add(one, is_rejected=isinstance(entry, Rejected))
            if rejects and isinstance(entry, Rejected):
                rejects.write(entry)
            show.row(one)
    show.end(summary, options.rejected)
    return NOT_ALL if summary.never else 0


def _moment(text: str | None) -> datetime | None:
    try:
        return instant(text or "", "--at")
    except ValueError as problem:
        raise RejectedInput("bad_time", str(problem)) from None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as problem:
        raise BadList(str(path), f"cannot be read ({problem.strerror})") from None


def _progress(rows: int, is_last: bool) -> None:
    if rows % PROGRESS_ROWS == 0:
        print(f"{rows:,} rows {'previewed' if is_last else 'looked through'}", file=sys.stderr, flush=True)


@contextmanager
def _rejects(out: Path | None, file: ListFile) -> Iterator[RejectsWriter | None]:
    if out is None:
        yield None
        return
    with writing(out) as sink:
        sink.write("\ufeff")  # without it Excel takes UTF-8 for something else
        yield RejectsWriter(csv.writer(sink, lineterminator="\n"), file.header, file.unit)


class _Show:
    def row(self, one: Foreseen) -> None:
        raise NotImplementedError

    def end(self, summary: Summary, rejected: Path | None) -> None:
        raise NotImplementedError


class _Lines(_Show):
    """For a reader. Nothing that stands in a list steers the terminal: every line goes through `one_line`."""

    def __init__(self, definition: Definition, contacts: ContactList, now: datetime) -> None:
        campaign = definition.campaign
        self._unit = contacts.file.unit
        self._say(f"{campaign.name} ({campaign.campaign_id}) for {campaign.business_id}, as of {now.isoformat()}")
        named = {**contacts.columns.known, **contacts.columns.fields}
        titles = {column: contacts.columns.titles[place] for column, place in named.items()}
        self._say(f"columns: {', '.join(f'{column} ({title})' for column, title in titles.items())}")
        if missing := contacts.columns.missing_consent:
            self._say(f"the list has no column {', '.join(missing)}: without proof of consent nobody is rung")
        self._say("")

    def row(self, one: Foreseen) -> None:
        when = f"{one.when.value:<5}"
        at = f"{one.at:%a %Y-%m-%d %H:%M} " if one.at else ""
        who = f"{one.number or '-':<16} {one.name}".rstrip()
        self._say(f"{when}  {self._unit} {one.line}  {who}  {at}{one.reason}: {one.says}")
        for merged in one.merged:
            self._say(f"       {self._unit} {merged.line}: {merged.says}")

    def end(self, summary: Summary, rejected: Path | None) -> None:
        self._say("")
        self._say(
            f"{plural(summary.rows, 'row')}: {summary.now:,} now, {summary.later:,} later, {summary.never:,} never, "
            f"{summary.merged:,} merged"
        )
        for when in (When.LATER, When.NEVER):
            for reason, count in summary.reasons[when].most_common():
                self._say(f"  {when.value}  {count:>9,}  {reason}")
        for note, count in summary.notes.items():
            self._say(f"{_NOTES.get(note, note)}: {count:,}")
        if summary.rejected:
            where = f"stand in {rejected}" if rejected else "can be written to a file: --rejected OUT.csv"
            self._say(f"{plural(summary.rejected, 'row is no contact', 'rows are no contacts')} and {where}")

    def _say(self, text: str) -> None:
        print(one_line(text))


class _Json(_Show):
    """One JSON object, a row of it a line, so that a list of any length is written as it is read."""

    def __init__(self, definition: Definition, now: datetime) -> None:
        campaign = definition.campaign
        about = {"campaign": campaign.campaign_id, "business": campaign.business_id, "at": _rfc_3339(now)}
        print(json.dumps(about)[:-1] + ', "rows": [', end="")
        self._between = "\n"

    def row(self, one: Foreseen) -> None:
        print(self._between + json.dumps(_described(one)), end="")
        self._between = ",\n"

    def end(self, summary: Summary, rejected: Path | None) -> None:
        found = {
            "rows": summary.rows,
            "now": summary.now,
            "later": summary.later,
            "never": summary.never,
            "merged": summary.merged,
            "rejected": summary.rejected,
            "reasons": {when.value: dict(counts) for when, counts in summary.reasons.items()},
            "notes": dict(summary.notes),
        }
        print(f'\n], "summary": {json.dumps(found)}}}')


def _described(one: Foreseen) -> Mapping[str, object]:
    return {
        "line": one.line,
        "when": one.when.value,
        "at": one.at and _rfc_3339(one.at.astimezone(UTC)),
        "local": one.at and one.at.isoformat(),
        "reason": one.reason,
        "says": one.says,
        "number": one.number,
        "name": one.name,
        "column": one.column,
        "merged": [{"line": merged.line, "says": merged.says} for merged in one.merged],
        "notes": list(one.notes),
        "packs": list(one.packs),
    }


def _rfc_3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
