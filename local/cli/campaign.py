"""`pokea campaign import|start|pause|resume|cancel`: a list and its rules to the running stack, and orders for them.

Contacts go in batches, each of which may be sent again: whoever is there already stays as they are, so an import that broke off is
simply run again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from local.cli.campaign_api import CampaignApi
from local.cli.campaign_preview import _opened, _rejects
from local.cli.rate import PROGRESS_ROWS
from pokea.campaigns.definition import MAX_CAMPAIGN_BYTES, BadCampaign, load_definition
from pokea.campaigns.listing import ContactList, Imported, Rejected
from pokea.campaigns.lists.rows import list_file
from pokea.campaigns.rejected_rows import RejectsWriter
from pokea.lines import PACKAGED
from pokea.profile import load_profiles
from pokea.toml_tables import read_tables

BATCH = 500  # contacts of one request, as many as the API takes
NOT_ALL = 3
SHOW_EVERY_S = 2.0
FOLLOWED = ("start", "resume")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """`rejected`: where the rows that are no contacts go, None for nowhere."""

    file: Path
    campaign: Path
    rejected: Path | None = None
    profiles: Path | None = None
    as_json: bool = False


@dataclass(slots=True)
class Sum:
    new: int = 0
    renewed: int = 0
    kept: int = 0
    merged: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return self.new + self.renewed + self.kept


def run_import(options: ImportOptions, api_of: Callable[[str], CampaignApi]) -> int:
    """`api_of`: the API of a business. 0 once every row is or joins a contact; 3 if some are none. Raises CallError and Unreachable."""
    folder = options.profiles or Path(os.environ.get("POKEA_PROFILES_DIR", "") or PACKAGED)
    definition = load_definition(options.campaign, load_profiles(folder))
    contacts = ContactList(list_file(lambda: _opened(options.file), options.file.name), definition, looked_through)
    campaign = contacts.campaign
    api = api_of(campaign.business_id)
    tables = read_tables(options.campaign, MAX_CAMPAIGN_BYTES, BadCampaign)
    api.define(tables_of(tables, campaign.fields))
    total, started_s = Sum(), time.monotonic()
    shown_s = started_s
    with _rejects(options.rejected, contacts.file) as rejects:
        for batch in _batches(_sound(contacts, total, rejects)):
            _add(api, campaign.campaign_id, batch, total)
            shown_s = _show_progress(total, started_s, shown_s)
    _print(campaign.campaign_id, campaign.name, total, options)
    return NOT_ALL if total.rejected else 0


def tables_of(tables: Mapping[str, object], fields: Sequence[str]) -> dict[str, Any]:
    """The tables of CAMPAIGN.toml as the API takes them: with the fields that the list has, and without what only reads a list."""
    kept = {key: value for key, value in tables.items() if key != "columns"}
    plain: dict[str, Any] = json.loads(json.dumps({**kept, "fields": list(fields)}, default=_written))
    return plain


def _written(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _sound(contacts: ContactList, total: Sum, rejects: RejectsWriter | None) -> Iterator[dict[str, Any]]:
    for entry in contacts.entries(datetime.now(UTC)):
        if isinstance(entry, Rejected):
            total.rejected += 1
            if rejects is not None:
                rejects.write(entry)
            continue
        total.merged += len(entry.merged)
        yield row_of(entry)


def row_of(entry: Imported) -> dict[str, Any]:
    contact = entry.contact
    return {
        "phone": contact.number,
        "name": contact.name,
        "timezone": contact.zone,
        "language": contact.language,
        "consent_source": contact.consent.source,
        "consent_wording": contact.consent.wording,
        "consent_at": contact.consent.at.isoformat(),
        "fields": dict(contact.fields),
    }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    found = iter(rows)
    while batch := list(islice(found, BATCH)):
        yield batch


def _add(api: CampaignApi, campaign_id: str, batch: list[dict[str, Any]], total: Sum) -> None:
    answer = api.add(campaign_id, batch)
    total.new += answer["new"]
    total.renewed += answer["renewed"]
    total.kept += answer["kept"]
    total.rejected += len(answer["rejected"])
    total.problems += [
        f"{batch[one['place']]['phone'][:6]}…: {one['column'] or 'the row'} {one['says']}" for one in answer["rejected"]
    ]


def looked_through(rows: int, is_last: bool) -> None:
    """Of the first reading: the second one shows itself by what it imports."""
    if rows % PROGRESS_ROWS == 0 and not is_last:
        print(f"{rows:,} rows looked through", file=sys.stderr, flush=True)


def _show_progress(total: Sum, started_s: float, shown_s: float) -> float:
    """A line every few seconds; when the latest one was shown."""
    now_s = time.monotonic()
    if now_s - shown_s < SHOW_EVERY_S:
        return shown_s
    speed = f"{total.taken / (now_s - started_s):,.0f} a second"
    print(f"{total.taken:,} contacts imported ({speed})", file=sys.stderr, flush=True)
    return now_s


def _print(campaign_id: str, name: str, total: Sum, options: ImportOptions) -> None:
    if options.as_json:
        known = {"new": total.new, "renewed": total.renewed, "kept": total.kept}
        about = {"campaign": campaign_id, **known, "merged": total.merged, "rejected": total.rejected}
        print(json.dumps({**about, "problems": total.problems}, ensure_ascii=False))
        return
    print(
        f"{name} ({campaign_id}): {total.new:,} new contacts, {total.renewed:,} renewed, {total.kept:,} kept, "
        f"{total.merged:,} rows merged, {total.rejected:,} rejected"
    )
    for problem in total.problems:
        print(f"  not taken: {problem}", file=sys.stderr)
    if total.rejected and options.rejected is None:
        print("the rows that are no contacts can be written to a file: --rejected OUT.csv", file=sys.stderr)
    if total.taken:
        print(f"start it with: pokea campaign start {campaign_id}")
    else:
        print("nobody can be rung: no row of the list is a contact")


def run_order(api: CampaignApi, campaign_id: str, order: str, as_json: bool) -> int:
    """Raises Unreachable and Refused."""
    campaign = api.order(campaign_id, order)
    if as_json:
        print(json.dumps(campaign))
        return 0
    print(f"{campaign['name']} ({campaign_id}): {told(campaign)}")
    if order in FOLLOWED:
        print(f"how it goes: pokea campaign status {campaign_id} --watch")
    return 0


def told(campaign: Mapping[str, Any]) -> str:
    """Its state, and why."""
    return f"{campaign['state']} ({campaign['reason']})" if campaign["reason"] else str(campaign["state"])
