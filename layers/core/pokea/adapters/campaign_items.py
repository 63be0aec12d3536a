"""Items of the table of campaigns, and what they stand for. Pure: no client, no clock.

    pk                                       sk              what
    CAMP#<business>                          <campaign>      Campaign, fenced
    LEAD#<business>#<campaign>#<shard>       <contact>       Contact, fenced; `channel`: the one that its call holds
    LIVE#<business>#<campaign>               <channel>       whose call holds this channel; there while it does
    TALLY#<business>#<campaign>              <2 digits>      how many contacts are in which state: each moves with its contact
    RUNG#<business>#<contact>                META            Attempts: when this number was rung, whatever the campaign
    LABEL#<client_request_id>                META            whose attempt this label is, written once
    LABEL#<client_request_id>                CHARGE          what it cost
    SPENT#<business>#<campaign>              META            what all of them cost
    PACE#<business>#<campaign>               META            the latest turn that was given out
    SEEK#<business>#<campaign>               META            Search, fenced: how far the carrier's list has been read

The index gsi1 holds contacts only: STATE#<business>#<campaign>#<state>#<shard> / <due_at>#<contact>. Numbers stand in no key; the id of a
contact is drawn from one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pokea.adapters.dynamo_items import META, Item, Key, Value, instant, keyed
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.ports import ATTEMPTS_KEPT, TALLY_SHARDS, Attempts, shard_of
from pokea.campaigns.seeking import Search
from pokea.errors import Misuse
from pokea.ids import BusinessId

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
KEPT = timedelta(days=400)  # after the last time a contact was due: as long as the detail record of a call


def campaigns_partition(business_id: BusinessId) -> str:
    return f"CAMP#{business_id}"


def campaign_item(campaign: Campaign) -> Item:
    """As the next version."""
    written = replace(campaign, version=campaign.version + 1)
    return keyed(_content(Campaign, written), (campaigns_partition(campaign.business_id), campaign.campaign_id))


def read_campaign(item: Mapping[str, Value]) -> Campaign:
    return _read(Campaign, item)


def contacts_partition(business_id: BusinessId, campaign_id: str, shard: int) -> str:
    return f"LEAD#{business_id}#{campaign_id}#{shard}"


def contact_key(business_id: BusinessId, campaign_id: str, contact_id: str) -> Key:
    return contacts_partition(business_id, campaign_id, shard_of(contact_id)), contact_id


def contact_item(contact: Contact, channel: str = "") -> Item:
    """As the next version."""
    written = replace(contact, version=contact.version + 1)
    content = _content(Contact, written)
    if channel:
        content["channel"] = {"S": channel}
    index = state_partition(contact.business_id, contact.campaign_id, contact.state, shard_of(contact.contact_id))
    return keyed(
        content,
        contact_key(contact.business_id, contact.campaign_id, contact.contact_id),
        expires=contact.due_at + KEPT,
        by_day=(index, f"{instant(contact.due_at)}#{contact.contact_id}"),
    )


def read_contact(item: Mapping[str, Value]) -> Contact:
    return _read(Contact, item)


def channel_of(item: Mapping[str, Value]) -> str:
    return str(item["channel"]["S"]) if "channel" in item else ""


def state_partition(business_id: BusinessId, campaign_id: str, state: ContactState, shard: int) -> str:
    return f"STATE#{business_id}#{campaign_id}#{state.value}#{shard}"


def due_up_to(now: datetime) -> str:
    """The last sort key of those who are due at `now`."""
    return f"{instant(now)}#~"


def live_partition(business_id: BusinessId, campaign_id: str) -> str:
    return f"LIVE#{business_id}#{campaign_id}"


def channel_name(number: int) -> str:
    return f"{number:05d}"


def channel_item(contact: Contact, channel: str) -> Item:
    held: Item = {"contact": {"S": contact.contact_id}, "label": {"S": contact.label}}
    return keyed(held, (live_partition(contact.business_id, contact.campaign_id), channel))


def tally_partition(business_id: BusinessId, campaign_id: str) -> str:
    return f"TALLY#{business_id}#{campaign_id}"


def tally_key(contact: Contact) -> Key:
    shard = hashlib.sha256(contact.contact_id.encode()).digest()[1] % TALLY_SHARDS
    return tally_partition(contact.business_id, contact.campaign_id), f"{shard:02d}"


def attempts_key(business_id: BusinessId, contact_id: str) -> Key:
    return f"RUNG#{business_id}#{contact_id}", META


def attempts_item(business_id: BusinessId, contact_id: str, attempts: Attempts, now: datetime) -> Item:
    """As the next version."""
    written = replace(attempts, version=attempts.version + 1)
    return keyed(_content(Attempts, written), attempts_key(business_id, contact_id), expires=now + 2 * ATTEMPTS_KEPT)


def read_attempts(item: Mapping[str, Value] | None) -> Attempts:
    return Attempts() if item is None else _read(Attempts, item)


def label_key(label: str) -> Key:
    return f"LABEL#{label}", META


def label_item(contact: Contact) -> Item:
    names = {"business": contact.business_id, "campaign": contact.campaign_id, "contact": contact.contact_id}
    content: Item = {name: {"S": value} for name, value in names.items()}
    return keyed(content, label_key(contact.label), expires=contact.due_at + KEPT)


def charge_key(label: str) -> Key:
    return f"LABEL#{label}", "CHARGE"


def spent_key(business_id: BusinessId, campaign_id: str) -> Key:
    return f"SPENT#{business_id}#{campaign_id}", META


def sum_item(key: Key, micros: int, version: int) -> Item:
    return keyed({"micros": {"N": str(micros)}, "version": {"N": str(version)}}, key)


def pace_key(business_id: BusinessId, campaign_id: str) -> Key:
    return f"PACE#{business_id}#{campaign_id}", META


def pace_item(key: Key, at: datetime, version: int) -> Item:
    return keyed({"at": {"S": instant(at)}, "version": {"N": str(version)}}, key)


def search_key(business_id: BusinessId, campaign_id: str) -> Key:
    return f"SEEK#{business_id}#{campaign_id}", META


def search_item(key: Key, search: Search) -> Item:
    """As the next version."""
    return keyed(_content(Search, replace(search, version=search.version + 1)), key, expires=search.begun_at + KEPT)


def read_search(item: Mapping[str, Value] | None) -> Search | None:
    return None if item is None else _read(Search, item)


def version_of(item: Mapping[str, Value] | None) -> int:
    return int(item["version"]["N"]) if item is not None else 0


def _content(cls: type[T], value: Any) -> Item:
    return {"content": {"S": _codec(cls).dump_json(value).decode()}, "version": {"N": str(value.version)}}


def _read(cls: type[T], item: Mapping[str, Value]) -> T:
    """Fields that the class no longer has are left behind. Raises Misuse for what is no such item."""
    try:
        value: T = _codec(cls).validate_json(item["content"]["S"])
    except (KeyError, ValueError):
        raise Misuse("corrupt_item", f"a stored {cls.__name__} cannot be read") from None
    return value


_codecs: dict[str, TypeAdapter[Any]] = {}


def _codec(cls: type[Any]) -> TypeAdapter[Any]:
    if cls.__name__ not in _codecs:
        from pydantic import TypeAdapter  # imported on first use: whoever keeps no campaigns does not pay for it

        _codecs[cls.__name__] = TypeAdapter(cls)
    return _codecs[cls.__name__]
