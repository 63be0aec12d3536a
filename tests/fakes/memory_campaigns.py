"""Campaigns that live in memory, for tests: `pokea.campaigns.ports.CampaignStore`, checked by the same contract as the real one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.ports import (
    CHANNELS_FULL,
    LIVE,
    Added,
    Attempts,
    Counts,
    contact_id_of,
    counts_of,
    cursor_of,
    next_turn,
    place_of,
    renewed,
    shard_of,
    tally_of,
    with_attempt,
    without_attempt,
)
from pokea.campaigns.seeking import Search
from pokea.errors import Conflict
from pokea.ids import BusinessId
from pokea.phone_numbers import E164

_Name = tuple[BusinessId, str]
_Who = tuple[BusinessId, str, str]


class MemoryCampaigns:
    """Atomic between threads: one lock around every operation."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._campaigns: dict[_Name, Campaign] = {}
        self._contacts: dict[_Who, Contact] = {}
        self._of_campaign: dict[_Name, set[_Who]] = {}
        self._channels: dict[_Name, dict[str, str]] = {}  # whose call holds one
        self._attempts: dict[tuple[BusinessId, str], Attempts] = {}
        self._labels: dict[str, _Who] = {}
        self._charges: dict[str, int] = {}
        self._spent: Counter[_Name] = Counter()
        self._pace: dict[_Name, datetime] = {}
        self._searches: dict[_Name, Search] = {}
        self.writes = 0  # moves of contacts, for tests that must see none

    def campaign(self, business_id: BusinessId, campaign_id: str) -> Campaign | None:
        with self._lock:
            return self._campaigns.get((business_id, campaign_id))

    def put_campaign(self, campaign: Campaign) -> Campaign:
        name = campaign.business_id, campaign.campaign_id
        with self._lock:
            _fence("campaign", campaign.version, self._campaigns.get(name))
            self._campaigns[name] = replace(campaign, version=campaign.version + 1)
            return self._campaigns[name]

    def campaigns_of(self, business_id: BusinessId) -> tuple[Campaign, ...]:
        with self._lock:
            return tuple(self._campaigns[name] for name in sorted(self._campaigns) if name[0] == business_id)

    def add_contacts(self, contacts: Sequence[Contact]) -> Added:
        added = Added()
        with self._lock:
            for contact in contacts:
                stored = self._contacts.get(_who(contact))
                after = contact if stored is None else renewed(stored, contact)
                if after is not None:
                    self._write(after)
                is_new, is_changed = stored is None, after is not None
                added += Added(int(is_new), int(not is_new and is_changed), int(not is_changed))
        return added

    def contact(self, business_id: BusinessId, campaign_id: str, contact_id: str) -> Contact | None:
        with self._lock:
            return self._contacts.get((business_id, campaign_id, contact_id))

    def contacts(self, business_id: BusinessId, campaign_id: str) -> Iterator[Contact]:
        yield from self._own(business_id, campaign_id)

    def page(
        self, business_id: BusinessId, campaign_id: str, cursor: str, limit: int
    ) -> tuple[tuple[Contact, ...], str]:
        behind = place_of(cursor)
        own = sorted((shard_of(one.contact_id), one.contact_id, one) for one in self._own(business_id, campaign_id))
        found = [one for shard, contact_id, one in own if (shard, contact_id) > behind][:limit]
        return tuple(found), cursor_of(found[-1]) if len(found) == limit else ""

    def contacts_of_number(self, business_id: BusinessId, number: E164) -> tuple[Contact, ...]:
        contact_id = contact_id_of(business_id, number)
        found = (
            self.contact(business_id, campaign.campaign_id, contact_id) for campaign in self.campaigns_of(business_id)
        )
        return tuple(contact for contact in found if contact is not None)

    def contact_of_label(self, label: str) -> Contact | None:
        with self._lock:
            who = self._labels.get(label)
            return self._contacts[who] if who is not None else None

    def put_contact(self, contact: Contact) -> Contact:
        with self._lock:
            self._check(contact)
            return self._write(contact)

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        with self._lock:
            self._check(contact)
            rung = contact.business_id, contact.contact_id
            _fence("attempts", attempts.version, self._attempts.get(rung))
            held = self._channels.setdefault((contact.business_id, contact.campaign_id), {})
            if len(held) >= channels:
                raise Conflict(CHANNELS_FULL, "every channel of the campaign is in use")
            held[contact.contact_id] = contact.label
            self._attempts[rung] = _next(with_attempt(attempts, contact))
            self._labels[contact.label] = _who(contact)
            return self._write(contact)

    def take_back(self, contact: Contact, label: str) -> Contact:
        with self._lock:
            self._check(contact)
            rung = contact.business_id, contact.contact_id
            self._attempts[rung] = _next(without_attempt(self._attempts.get(rung, Attempts()), label))
            return self._write(contact)

    def attempts(self, business_id: BusinessId, number: E164) -> Attempts:
        with self._lock:
            return self._attempts.get((business_id, contact_id_of(business_id, number)), Attempts())

    def due(self, business_id: BusinessId, campaign_id: str, now: datetime, limit: int) -> tuple[Contact, ...]:
        waiting = self.in_state(business_id, campaign_id, ContactState.WAITING, 1_000_000)
        return tuple(contact for contact in waiting if contact.due_at <= now)[:limit]

    def in_state(
        self, business_id: BusinessId, campaign_id: str, state: ContactState, limit: int = 1_000
    ) -> tuple[Contact, ...]:
        own = [contact for contact in self._own(business_id, campaign_id) if contact.state is state]
        return tuple(sorted(own, key=lambda contact: (contact.due_at, contact.contact_id)))[:limit]

    def live(self, business_id: BusinessId, campaign_id: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._channels.get((business_id, campaign_id), ()))

    def counts(self, business_id: BusinessId, campaign_id: str) -> Counts:
        return counts_of(Counter(map(tally_of, self._own(business_id, campaign_id))))

    def search(self, business_id: BusinessId, campaign_id: str) -> Search | None:
        with self._lock:
            return self._searches.get((business_id, campaign_id))

    def put_search(self, business_id: BusinessId, campaign_id: str, search: Search) -> None:
        with self._lock:
            _fence("search", search.version, self._searches.get((business_id, campaign_id)))
            self._searches[business_id, campaign_id] = replace(search, version=search.version + 1)

    def take_turn(
        self, business_id: BusinessId, campaign_id: str, now: datetime, gap_s: float, patience_s: float
    ) -> datetime:
        with self._lock:
            turn = next_turn(self._pace.get((business_id, campaign_id)), now, gap_s)
            if turn <= now + timedelta(seconds=patience_s):
                self._pace[business_id, campaign_id] = turn
            return turn

    def hold_pace(self, business_id: BusinessId, campaign_id: str, until: datetime) -> None:
        with self._lock:
            last = self._pace.get((business_id, campaign_id), until)
            self._pace[business_id, campaign_id] = max(last, until)

    def charge(self, business_id: BusinessId, campaign_id: str, label: str, micros: int) -> int:
        with self._lock:
            self._spent[business_id, campaign_id] += micros - self._charges.get(label, 0)
            self._charges[label] = micros
            return self._spent[business_id, campaign_id]

    def spent(self, business_id: BusinessId, campaign_id: str) -> int:
        with self._lock:
            return self._spent[business_id, campaign_id]

    def _own(self, business_id: BusinessId, campaign_id: str) -> list[Contact]:
        with self._lock:
            return [self._contacts[who] for who in self._of_campaign.get((business_id, campaign_id), ())]

    def _check(self, contact: Contact) -> None:
        _fence("contact", contact.version, self._contacts.get(_who(contact)))

    def _write(self, contact: Contact) -> Contact:
        name = contact.business_id, contact.campaign_id
        if contact.state not in LIVE:
            self._channels.get(name, {}).pop(contact.contact_id, None)
        written = replace(contact, version=contact.version + 1)
        self._contacts[_who(contact)] = written
        self._of_campaign.setdefault(name, set()).add(_who(contact))
        self.writes += 1
        return written


def _who(contact: Contact) -> _Who:
    return contact.business_id, contact.campaign_id, contact.contact_id


def _next(attempts: Attempts) -> Attempts:
    return replace(attempts, version=attempts.version + 1)


def _fence(what: str, read: int, stored: Campaign | Contact | Attempts | Search | None) -> None:
    if read != (stored.version if stored is not None else 0):
        raise Conflict("stale", "what was read has changed since", facts={"changed": [what]})
