"""What campaigns need of a store. `pokea.adapters.dynamo_campaigns` implements it; rules of writing are those of `pokea.ports`.

Every write of a contact or a campaign is fenced by the version that was read. What a campaign's numbers are drawn from is written in the
same transaction as the contact itself: the tallies that `counts` reads, the channels that live calls take, the attempts of a number.
So none of them is a counter that drifts from what happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.seeking import Search
from pokea.errors import Misuse, RejectedInput
from pokea.ids import BusinessId
from pokea.phone_numbers import E164

SHARDS = 8  # of a campaign's contacts
TALLY_SHARDS = 32  # of its tallies: moves that come at one moment seldom write the same one
STALE = "stale"
CHANNELS_FULL = "channels_full"
ATTEMPTS_KEPT = timedelta(days=30)  # no law that is known looks back further than a week or two
LIVE = frozenset({ContactState.ASKED, ContactState.RINGING})


def contact_id_of(business_id: BusinessId, number: E164) -> str:
    """One number of a business has one id in all its campaigns. It tells numbers apart without showing them; whoever has it can try all
    numbers, so it is kept as a contact is."""
    return hashlib.sha256(f"campaign contact\n{business_id}\n{number}".encode()).hexdigest()[:32]


def shard_of(contact_id: str) -> int:
    return hashlib.sha256(contact_id.encode()).digest()[0] % SHARDS


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch: `new`, `renewed` (another content for somebody not begun), `kept` as they were."""

    new: int = 0
    renewed: int = 0
    kept: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(self.new + other.new, self.renewed + other.renewed, self.kept + other.kept)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one campaign. `states` and `dispositions` (of those that are done) have every name, with 0 where there is nobody."""

    states: Mapping[ContactState, int]
    dispositions: Mapping[Disposition, int]

    @property
    def contacts(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """When a business rang one number, whatever the campaign, in the last days; `labels` go with the times, one by one."""

    rung_at: tuple[datetime, ...] = ()
    labels: tuple[str, ...] = ()
    version: int = 0


def cursor_of(contact: Contact) -> str:
    """Behind `contact`, in the order of keys."""
    return f"{shard_of(contact.contact_id)}:{contact.contact_id}"


def place_of(cursor: str) -> tuple[int, str]:
    """The shard, and the id behind which to go on in it. Raises RejectedInput."""
    if not cursor:
        return 0, ""
    shard, colon, contact_id = cursor.partition(":")
    if not (shard.isascii() and shard.isdigit() and colon) or int(shard) >= SHARDS:
        raise RejectedInput("bad_cursor", "no cursor that was given out")
    return int(shard), contact_id


def with_attempt(attempts: Attempts, contact: Contact) -> Attempts:
    """After `contact` was asked for. Those of long ago are left out."""
    if contact.asked_at is None or not contact.label:
        raise Misuse("not_asked", "an attempt has a label and a time")
    since = contact.asked_at - ATTEMPTS_KEPT
    kept = [pair for pair in zip(attempts.rung_at, attempts.labels, strict=True) if pair[0] > since]
    return _attempts([*kept, (contact.asked_at, contact.label)], attempts.version)


def without_attempt(attempts: Attempts, label: str) -> Attempts:
    pairs = zip(attempts.rung_at, attempts.labels, strict=True)
    return _attempts([pair for pair in pairs if pair[1] != label], attempts.version)


def _attempts(pairs: Sequence[tuple[datetime, str]], version: int) -> Attempts:
    return Attempts(rung_at=tuple(at for at, _ in pairs), labels=tuple(label for _, label in pairs), version=version)


def renewed(stored: Contact, wanted: Contact) -> Contact | None:
    """What a list that is read again makes of somebody who is known; None: they stay as they are."""
    if stored.state is not ContactState.WAITING or stored.attempts or stored.label:
        return None
    after = replace(wanted, version=stored.version)
    # When they are due was decided since; the same list read again decides nothing anew.
    return None if replace(after, due_at=stored.due_at, reason=stored.reason) == stored else after


def tally_of(contact: Contact) -> str:
    """Under which name a contact is counted."""
    if contact.state is ContactState.DONE:
        return f"{contact.state}_{contact.disposition or Disposition.UNKNOWN}"
    return contact.state.value


def counts_of(tallies: Mapping[str, int]) -> Counts:
    dispositions = {one: tallies.get(f"{ContactState.DONE}_{one}", 0) for one in Disposition}
    states = {state: tallies.get(state.value, 0) for state in ContactState}
    return Counts({**states, ContactState.DONE: sum(dispositions.values())}, dispositions)


def next_turn(last: datetime | None, now: datetime, gap_s: float) -> datetime:
    return now if last is None else max(now, last + timedelta(seconds=gap_s))


class CampaignStore(Protocol):
    # --- campaigns ----------------------------------------------------------------------------------------------------------------
    def campaign(self, business_id: BusinessId, campaign_id: str) -> Campaign | None:
        """Strongly consistent."""

    def put_campaign(self, campaign: Campaign) -> Campaign:
        """Over the version it was read at; returns it with the next one. Raises Conflict("stale")."""

    def campaigns_of(self, business_id: BusinessId) -> tuple[Campaign, ...]:
        """In the order of their ids."""

    # --- contacts -----------------------------------------------------------------------------------------------------------------
    def add_contacts(self, contacts: Sequence[Contact]) -> Added:
        """Any number of them, all of one campaign, each at version 0. Adding them again changes nothing; somebody who was begun is never
        overwritten, and somebody who was not has the latest content. Interrupted, it can be repeated."""

    def contact(self, business_id: BusinessId, campaign_id: str, contact_id: str) -> Contact | None:
        """Strongly consistent."""

    def contacts(self, business_id: BusinessId, campaign_id: str) -> Iterator[Contact]:
        """All of a campaign, in no order worth mentioning: for exports and for sweeps."""

    def page(
        self, business_id: BusinessId, campaign_id: str, cursor: str, limit: int
    ) -> tuple[tuple[Contact, ...], str]:
        """The same, in the order of their keys: at most `limit` behind `cursor` ("": the first ones), and the next cursor ("": that was
        all)."""

    def contacts_of_number(self, business_id: BusinessId, number: E164) -> tuple[Contact, ...]:
        """The contacts with this number in all campaigns of a business. Strongly consistent."""

    def contact_of_label(self, label: str) -> Contact | None:
        """Whose attempt a client_request_id belongs to; the contact may have a later label by now."""

    def put_contact(self, contact: Contact) -> Contact:
        """Over the version it was read at; returns it with the next one. A contact that is no longer ASKED or RINGING gives its channel
        back. Raises Conflict("stale"). Entering ASKED is `begin`."""

    def begin(self, contact: Contact, channels: int, attempts: Attempts) -> Contact:
        """Put a contact that is ASKED now, with `label` and `asked_at`: takes one of `channels`, notes the label, and adds to the number's
        attempts, which are as read (`attempts`). Raises Conflict("stale") for both fences and Conflict("channels_full")."""

    def take_back(self, contact: Contact, label: str) -> Contact:
        """`put_contact` of one who was not rung under `label` after all: the attempt is taken off those of the number."""

    def attempts(self, business_id: BusinessId, number: E164) -> Attempts: ...

    # --- views --------------------------------------------------------------------------------------------------------------------
    def due(self, business_id: BusinessId, campaign_id: str, now: datetime, limit: int) -> tuple[Contact, ...]:
        """WAITING contacts whose `due_at` has come, at most `limit`, the earliest of every shard. From the index, which lags behind."""

    def in_state(
        self, business_id: BusinessId, campaign_id: str, state: ContactState, limit: int = 1_000
    ) -> tuple[Contact, ...]:
        """At most `limit`. From the index, which lags behind: read a contact again before it is moved."""

    def live(self, business_id: BusinessId, campaign_id: str) -> tuple[str, ...]:
        """Ids of the contacts that hold a channel: ASKED or RINGING. Strongly consistent."""

    def counts(self, business_id: BusinessId, campaign_id: str) -> Counts:
        """Exact as of some instant. A few reads, however many contacts there are."""

    # --- calls that are looked for ------------------------------------------------------------------------------------------------
    def search(self, business_id: BusinessId, campaign_id: str) -> Search | None:
        """How far the carrier's list has been read for the campaign's lost calls. Strongly consistent."""

    def put_search(self, business_id: BusinessId, campaign_id: str, search: Search) -> None:
        """Over the version it was read at. Raises Conflict("stale")."""

    # --- pace and money -----------------------------------------------------------------------------------------------------------
    def take_turn(
        self, business_id: BusinessId, campaign_id: str, now: datetime, gap_s: float, patience_s: float
    ) -> datetime:
        """The instant at which the next call may be asked for: at least `gap_s` after every other one that was given out, not before `now`.
        If it lies later than `now + patience_s` it has not been given out: come again about then."""

    def hold_pace(self, business_id: BusinessId, campaign_id: str, until: datetime) -> None:
        """No turn before `until`."""

    def charge(self, business_id: BusinessId, campaign_id: str, label: str, micros: int) -> int:
        """The attempt `label` costs `micros`, of the currency of the business's deck; told again, the last sum counts. Returns what the
        campaign has cost so far."""

    def spent(self, business_id: BusinessId, campaign_id: str) -> int:
        """Micro-units that were charged so far. Strongly consistent."""
