"""Reads the messages of the dial queue (`pokea.campaigns.claims`). They hold ids and a version, never a number or a name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pokea.errors import RejectedInput
from pokea.ids import BusinessId

MAX_ID_CHARS = 200


@dataclass(frozen=True, slots=True)
class Ticket:
    """To ring one contact once, if nothing has moved them since `contact_version`."""

    business_id: BusinessId
    campaign_id: str
    contact_id: str
    contact_version: int


def ticket_of(body: str) -> Ticket:
    """Raises RejectedInput: the message ends where somebody will look at it."""
    try:
        said = json.loads(body)
        names = [said["business"], said["campaign"], said["contact"]]
        version, contact_version = said["version"], said["contact_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RejectedInput("bad_message", "not a message of the dial queue") from None
    if version != 1 or type(contact_version) is not int or contact_version < 1:
        raise RejectedInput("bad_message", "a message of the dial queue has version 1 and a contact_version")
    if not all(isinstance(name, str) and 0 < len(name) <= MAX_ID_CHARS for name in names):
        raise RejectedInput("bad_message", "a message of the dial queue names a business, a campaign and a contact")
    business, campaign, contact = names
    return Ticket(BusinessId(business), campaign, contact, contact_version)
