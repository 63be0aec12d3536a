"""What the agent is told of the person whom a campaign rings: the open context of the call. The carrier never reads it.

The dialer writes it and the tools function reads it back, so that answering such a call takes no look at the campaign's own table. All of
it that a list holds is somebody's free text: see `pokea.desk.campaign_call` for how a model is shown it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pokea.campaigns.campaign import Campaign, Voicemail
from pokea.campaigns.contact import Contact
from pokea.sautikit.attempts import MAX_CONTEXT_CHARS

CONTEXT_KEY = "campaign"
MAX_NAME_CHARS = 100
MAX_FIELD_CHARS = 200
MAX_FIELDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefed:
    """A campaign's call as its context tells of it. `reps`: people who took hot leads when it was placed; 0: nobody is put through."""

    campaign_id: str
    contact_id: str = ""
    name: str = ""
    language: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    voicemail: Voicemail = Voicemail.HANG_UP
    reps: int = 0


def context_of(contact: Contact, campaign: Campaign) -> dict[str, object]:
    """Never longer than a context may be: columns that do not fit any more are left out, the last ones first."""
    fields: dict[str, str] = {}
    named: dict[str, object] = {
        "id": contact.campaign_id[:MAX_FIELD_CHARS],
        "contact": contact.contact_id[:MAX_FIELD_CHARS],
        "name": contact.name[:MAX_NAME_CHARS],
        "language": contact.language[:MAX_NAME_CHARS],
        "voicemail": campaign.voicemail.value,
        "reps": campaign.reps,
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


def briefed_of(context: Mapping[str, object]) -> Briefed | None:
    """What `context_of` wrote; None: the call is of no campaign. Whatever is not as it should be is left out, and the stricter holds."""
    named = context.get(CONTEXT_KEY)
    if not isinstance(named, Mapping):
        return None
    campaign_id = _text(named, "id", MAX_FIELD_CHARS)
    fields, reps = named.get("fields"), named.get("reps")
    if not campaign_id:
        return None
    return Briefed(
        campaign_id=campaign_id,
        contact_id=_text(named, "contact", MAX_FIELD_CHARS),
        name=_text(named, "name", MAX_NAME_CHARS),
        language=_text(named, "language", MAX_NAME_CHARS),
        fields=_fields(fields) if isinstance(fields, Mapping) else {},
        voicemail=Voicemail.MESSAGE if named.get("voicemail") == Voicemail.MESSAGE else Voicemail.HANG_UP,
        reps=reps if isinstance(reps, int) and not isinstance(reps, bool) and reps > 0 else 0,
    )


def _fields(found: Mapping[object, object]) -> dict[str, str]:
    kept = [(name, value) for name, value in found.items() if isinstance(name, str) and isinstance(value, str)]
    return {name[:MAX_FIELD_CHARS]: value[:MAX_FIELD_CHARS] for name, value in kept[:MAX_FIELDS]}


def _text(named: Mapping[object, object], key: str, most: int) -> str:
    found = named.get(key)
    return found[:most] if isinstance(found, str) else ""


def _length(context: Mapping[str, object]) -> int:
    """As it is stored, where a letter of some scripts takes six characters."""
    return len(json.dumps(context, sort_keys=True, separators=(",", ":")))
