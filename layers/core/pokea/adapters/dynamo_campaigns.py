"""Campaigns and their contacts in DynamoDB: `pokea.campaigns.ports.CampaignStore`. The layout is in `campaign_items`."""

from __future__ import annotations

import heapq
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pokea.adapters import campaign_items as items
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Gone, Put, Summed
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.ports import (
    CHANNELS_FULL,
    LIVE,
    SHARDS,
    STALE,
    Added,
    Attempts,
    Counts,
    contact_id_of,
    counts_of,
    cursor_of,
    next_turn,
    place_of,
    renewed,
    tally_of,
    with_attempt,
    without_attempt,
)
from pokea.campaigns.seeking import Search
from pokea.errors import Conflict, Unavailable
from pokea.ids import BusinessId
from pokea.phone_numbers import E164

BATCH = 50  # contacts of one transaction, with at most one tally each
ROUNDS = 12  # of a write that somebody else was faster with


class DynamoCampaigns:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    # --- campaigns ----------------------------------------------------------------------------------------------------------------
    def campaign(self, business_id: BusinessId, campaign_id: str) -> Campaign | None:
        item = self._table.get((items.campaigns_partition(business_id), campaign_id))
        return items.read_campaign(item) if item is not None else None

    def put_campaign(self, campaign: Campaign) -> Campaign:
        self._put(Put(items.campaign_item(campaign), campaign.version, "campaign"))
        return replace(campaign, version=campaign.version + 1)

    def campaigns_of(self, business_id: BusinessId) -> tuple[Campaign, ...]:
        return tuple(map(items.read_campaign, self._table.query(items.campaigns_partition(business_id), "")))

    # --- contacts -----------------------------------------------------------------------------------------------------------------
    def add_contacts(self, contacts: Sequence[Contact]) -> Added:
        added = Added()
        for start in range(0, len(contacts), BATCH):
            added += self._add_batch({contact.contact_id: contact for contact in contacts[start : start + BATCH]})
        return added

    def contact(self, business_id: BusinessId, campaign_id: str, contact_id: str) -> Contact | None:
        item = self._table.get(items.contact_key(business_id, campaign_id, contact_id))
        return items.read_contact(item) if item is not None else None

    def contacts(self, business_id: BusinessId, campaign_id: str) -> Iterator[Contact]:
        for shard in range(SHARDS):
            found = self._table.query(items.contacts_partition(business_id, campaign_id, shard), "")
            yield from map(items.read_contact, found)

    def page(
        self, business_id: BusinessId, campaign_id: str, cursor: str, limit: int
    ) -> tuple[tuple[Contact, ...], str]:
        first, after = place_of(cursor)
        found: list[Contact] = []
        for shard in range(first, SHARDS):
            partition = items.contacts_partition(business_id, campaign_id, shard)
            rows = self._table.query_after(partition, after if shard == first else "", limit - len(found))
            found += [items.read_contact(item) for item in rows]
            if len(found) >= limit:
                return tuple(found), cursor_of(found[-1])
        return tuple(found), ""

    def contacts_of_number(self, business_id: BusinessId, number: E164) -> tuple[Contact, ...]:
        contact_id = contact_id_of(business_id, number)
        campaigns = [campaign.campaign_id for campaign in self.campaigns_of(business_id)]
        keys = [items.contact_key(business_id, campaign_id, contact_id) for campaign_id in campaigns]
        found = self._table.get_many(keys)
        return tuple(items.read_contact(found[key]) for key in keys if key in found)

    def contact_of_label(self, label: str) -> Contact | None:
        item = self._table.get(items.label_key(label))
        if item is None:
            return None
        return self.contact(BusinessId(item["business"]["S"]), item["campaign"]["S"], item["contact"]["S"])

    def put_contact(self, contact: Contact) -> Contact:
        return self._move(contact, ())

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        business_id, campaign_id, contact_id = contact.business_id, contact.campaign_id, contact.contact_id
        now = contact.asked_at or contact.due_at
        rung = items.attempts_item(business_id, contact_id, with_attempt(attempts, contact), now)
        puts = (Put(rung, attempts.version, "attempts"), Put(items.label_item(contact), 0, "label"))
        for number in range(ROUNDS):
            held = {str(item["sk"]["S"]) for item in self._live(business_id, campaign_id)}
            free = [name for name in map(items.channel_name, range(channels)) if name not in held]
            if len(held) >= channels or not free:
                break
            channel = free[(int(contact_id[:8], 16) + number) % len(free)]
            taken = Put(items.channel_item(contact, channel), 0, "channel")
            try:
                return self._move(contact, (*puts, taken), channel)
            except Conflict as lost:
                if lost.facts.get("changed") != ["channel"]:
                    raise
        raise Conflict(CHANNELS_FULL, "every channel of the campaign is in use")

    def take_back(self, contact: Contact, label: str) -> Contact:
        key = items.attempts_key(contact.business_id, contact.contact_id)
        for _ in range(ROUNDS):
            known = items.read_attempts(self._table.get(key))
            after = without_attempt(known, label)
            if after == known:
                return self.put_contact(contact)
            rung = items.attempts_item(contact.business_id, contact.contact_id, after, contact.due_at)
            try:
                return self._move(contact, (Put(rung, known.version, "attempts"),))
            except Conflict as lost:
                if lost.facts.get("changed") != ["attempts"]:
                    raise
        raise Unavailable("busy", "the attempts of one number are being written by many at once", retry_after_s=0.5)

    def attempts(self, business_id: BusinessId, number: E164) -> Attempts:
        key = items.attempts_key(business_id, contact_id_of(business_id, number))
        return items.read_attempts(self._table.get(key))

    # --- views --------------------------------------------------------------------------------------------------------------------
    def due(self, business_id: BusinessId, campaign_id: str, now: datetime, limit: int) -> tuple[Contact, ...]:
        return self._in_state(business_id, campaign_id, ContactState.WAITING, limit, items.due_up_to(now))

    def in_state(
        self, business_id: BusinessId, campaign_id: str, state: ContactState, limit: int = 1_000
    ) -> tuple[Contact, ...]:
        return self._in_state(business_id, campaign_id, state, limit)

    def live(self, business_id: BusinessId, campaign_id: str) -> tuple[str, ...]:
        return tuple(str(item["contact"]["S"]) for item in self._live(business_id, campaign_id))

    def counts(self, business_id: BusinessId, campaign_id: str) -> Counts:
        tallies: Counter[str] = Counter()
        for item in self._table.query(items.tally_partition(business_id, campaign_id), ""):
            tallies.update({name: int(value["N"]) for name, value in item.items() if "N" in value})
        return counts_of(tallies)

    # --- calls that are looked for ------------------------------------------------------------------------------------------------
    def search(self, business_id: BusinessId, campaign_id: str) -> Search | None:
        return items.read_search(self._table.get(items.search_key(business_id, campaign_id)))

    def put_search(self, business_id: BusinessId, campaign_id: str, search: Search) -> None:
        self._put(Put(items.search_item(items.search_key(business_id, campaign_id), search), search.version, "search"))

    # --- pace and money -----------------------------------------------------------------------------------------------------------
    def take_turn(
        self, business_id: BusinessId, campaign_id: str, now: datetime, gap_s: float, patience_s: float
    ) -> datetime:
        key = items.pace_key(business_id, campaign_id)
        latest = now + timedelta(seconds=patience_s)
        for _ in range(ROUNDS):
            item = self._table.get(key)
            turn = next_turn(_at(item), now, gap_s)
            if turn > latest:
                return turn
            if self._sums([_pace(key, turn, item)]):
                return turn
        return latest + timedelta(seconds=gap_s)

    def hold_pace(self, business_id: BusinessId, campaign_id: str, until: datetime) -> None:
        key = items.pace_key(business_id, campaign_id)
        for _ in range(ROUNDS):
            item = self._table.get(key)
            last = _at(item)
            if (last is not None and last >= until) or self._sums([_pace(key, until, item)]):
                return
        raise Unavailable("busy", "the pace of the campaign is being written by many at once", retry_after_s=0.5)

    def charge(self, business_id: BusinessId, campaign_id: str, label: str, micros: int) -> int:
        keys = items.charge_key(label), items.spent_key(business_id, campaign_id)
        for _ in range(ROUNDS):
            known, total = (self._table.get(key) for key in keys)
            after = _micros(total) + micros - _micros(known)
            if known is not None and _micros(known) == micros:
                return after
            if self._sums([_sum(keys[0], micros, known), _sum(keys[1], after, total)]):
                return after
        raise Unavailable("busy", "the costs of a campaign are being written by many at once", retry_after_s=0.5)

    def spent(self, business_id: BusinessId, campaign_id: str) -> int:
        return _micros(self._table.get(items.spent_key(business_id, campaign_id)))

    # --- inside -------------------------------------------------------------------------------------------------------------------
    def _add_batch(self, contacts: Mapping[str, Contact]) -> Added:
        for _ in range(ROUNDS):
            keys = {
                items.contact_key(one.business_id, one.campaign_id, one.contact_id): one for one in contacts.values()
            }
            found = self._table.get_many(list(keys))
            new = [one for key, one in keys.items() if key not in found]
            again = [renewed(items.read_contact(found[key]), one) for key, one in keys.items() if key in found]
            changed = [one for one in again if one is not None]
            added = Added(len(new), len(changed), len(again) - len(changed))
            puts = [Put(items.contact_item(one), one.version, "contact") for one in (*new, *changed)]
            try:
                if puts:
                    self._table.transact(puts, uuid.uuid4().hex, _tallied(new))
            except Conflict:
                continue
            return added
        raise Unavailable("busy", "the same contacts are being written by many at once", retry_after_s=0.5)

    def _move(self, contact: Contact, more: Sequence[Put], channel: str = "") -> Contact:
        """Writes a contact over what stands there, with the tallies and the channel that follow from both."""
        stored = self._table.get(items.contact_key(contact.business_id, contact.campaign_id, contact.contact_id))
        if items.version_of(stored) != contact.version:
            raise Conflict(STALE, "what was read has changed since", facts={"changed": ["contact"]})
        held = items.channel_of(stored) if stored is not None else ""
        kept = channel or (held if contact.state in LIVE else "")
        others: list[Gone | Summed] = []
        if held and not kept:
            others.append(Gone((items.live_partition(contact.business_id, contact.campaign_id), held)))
        before = [items.read_contact(stored)] if stored is not None else []
        others += _tallied([contact], before)
        put = Put(items.contact_item(contact, kept), contact.version, "contact")
        self._table.transact([put, *more], uuid.uuid4().hex, others)
        return replace(contact, version=contact.version + 1)

    def _in_state(
        self, business_id: BusinessId, campaign_id: str, state: ContactState, limit: int, up_to: str = ""
    ) -> tuple[Contact, ...]:
        partitions = [items.state_partition(business_id, campaign_id, state, shard) for shard in range(SHARDS)]
        page = min(limit, 1_000)
        shards = [islice(self._table.query_index(name, up_to=up_to, page=page), limit) for name in partitions]
        merged = heapq.merge(*shards, key=lambda item: str(item["gsi1sk"]["S"]))
        return tuple(items.read_contact(item) for item in islice(merged, limit))

    def _live(self, business_id: BusinessId, campaign_id: str) -> list[Mapping[str, Any]]:
        return list(self._table.query(items.live_partition(business_id, campaign_id), ""))

    def _put(self, put: Put) -> None:
        try:
            self._table.put(put)
        except ConditionFailed as failed:
            raise failed.as_error([put]) from None

    def _sums(self, puts: Sequence[Put]) -> bool:
        """Whether these were written; False: what they stand on has changed."""
        try:
            self._table.transact(puts, uuid.uuid4().hex)
        except Conflict:
            return False
        return True


def _tallied(after: Iterable[Contact], before: Iterable[Contact] = ()) -> list[Gone | Summed]:
    sums: dict[tuple[str, str], Counter[str]] = {}
    for contacts, amount in ((after, 1), (before, -1)):
        for contact in contacts:
            sums.setdefault(items.tally_key(contact), Counter())[tally_of(contact)] += amount
    changed = ((key, {name: amount for name, amount in counter.items() if amount}) for key, counter in sums.items())
    return [Summed(key, amounts) for key, amounts in changed if amounts]


def _at(item: Mapping[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(item["at"]["S"]) if item is not None else None


def _micros(item: Mapping[str, Any] | None) -> int:
    return int(item["micros"]["N"]) if item is not None else 0


def _pace(key: tuple[str, str], at: datetime, item: Mapping[str, Any] | None) -> Put:
    version = items.version_of(item)
    return Put(items.pace_item(key, at, version + 1), version, "pace")


def _sum(key: tuple[str, str], micros: int, item: Mapping[str, Any] | None) -> Put:
    version = items.version_of(item)
    return Put(items.sum_item(key, micros, version + 1), version, "sum")
