"""What the agent is told of the person whom a campaign rings: the open context of the call. The carrier never reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact
from pokea.sautikit.attempts import MAX_CONTEXT_CHARS

CONTEXT_KEY = "campaign"
MAX_NAME_CHARS = 100
MAX_FIELD_CHARS = 200


def context_of(contact: Contact, campaign: Campaign) -> dict[str, object]:
    """Never longer than a context may be: columns that do not fit any more are left out, the last ones first."""
    fields: dict[str, str] = {}
    named: dict[str, object] = {
        "id": contact.campaign_id[:MAX_FIELD_CHARS],
        "contact": contact.contact_id[:MAX_FIELD_CHARS],
        "name": contact.name[:MAX_NAME_CHARS],
        "language": contact.language[:MAX_NAME_CHARS],
        "fields": fields,
    }
    context: dict[str, object] = {CONTEXT_KEY: named}
    for name in campaign.fields:
        if not contact.fields.get(name):
            continue
        fields[name] = contact.fields[name][:MAX_FIELD_CHARS]
        if _length(context) > MAX_CONTEXT_CHARS:
            del fields[name]
            break
    return context


def _length(context: Mapping[str, object]) -> int:
    """As it is stored, where a letter of some scripts takes six characters."""
    return len(json.dumps(context, sort_keys=True, separators=(",", ":")))
