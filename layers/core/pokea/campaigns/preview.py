"""What would become of a list if the campaign were started now: for every row now, later or never, and why.

Nothing is stored and nobody is asked. What only a running system knows comes on top at the moment of dialling: who has asked not to be
called, how often a number was rung, the wallet, and the pace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.law import When, facts_of, verdict, zones_of
from pokea.campaigns.listing import Entry, Imported, Merged, Rejected
from pokea.campaigns.whereabouts import whereabouts
from pokea.hours import local

UNIT_ROW = "the row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would become of one contact, or of one rejected row. `at`: of a later one, on the contact's own clock. `number` is "" for a
    row whose number could not be read. `column`: as the list calls the one that is to blame, "" for none. `packs`: whose rules decided."""

    line: int
    when: When
    at: datetime | None
    reason: str
    says: str
    number: str = ""
    name: str = ""
    column: str = ""
    merged: tuple[Merged, ...] = ()
    notes: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()


@dataclass(slots=True)
class Summary:
    """`rows` = now + later + never + merged. `reasons`: of those that are never or later."""

    rows: int = 0
    now: int = 0
    later: int = 0
    never: int = 0
    merged: int = 0
    rejected: int = 0  # of never: rows that are no contacts
    reasons: dict[When, Counter[str]] = field(default_factory=lambda: {when: Counter() for when in When})
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, one: Foreseen, *, is_rejected: bool) -> None:
        self.rows += 1 + len(one.merged)
        self.merged += len(one.merged)
        self.now += one.when is When.NOW
        self.later += one.when is When.LATER
        self.never += one.when is When.NEVER
        self.rejected += is_rejected
        self.reasons[one.when][one.reason] += 1
        self.notes.update(one.notes)


def foreseen(
    entries: Iterable[Entry], campaign: Campaign, policies: Policies, now: datetime
) -> Iterator[tuple[Entry, Foreseen]]:
    for entry in entries:
        yield entry, _rejected(entry) if isinstance(entry, Rejected) else _contact(entry, campaign, policies, now)


def _rejected(entry: Rejected) -> Foreseen:
    says = f"{entry.column or UNIT_ROW} {entry.says}"
    return Foreseen(line=entry.line, when=When.NEVER, at=None, reason=entry.code, says=says, column=entry.column)


def _contact(entry: Imported, campaign: Campaign, policies: Policies, now: datetime) -> Foreseen:
    contact = entry.contact
    facts = facts_of(contact, ())
    found = verdict(facts, campaign, policies, now)
    clocks = zones_of(facts, whereabouts(contact.number)) if found.at else ()
    return Foreseen(
        line=entry.line,
        when=found.when,
        at=local(found.at, clocks[0]) if found.at else None,
        reason=found.reason,
        says=found.says,
        number=contact.number,
        name=contact.name,
        merged=entry.merged,
        notes=entry.notes,
        packs=found.packs,
    )
