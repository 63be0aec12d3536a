"""What a business's own system is told of a campaign: the body of a webhook, its id, and how it proves itself.

    POST <the campaign's webhook>
    X-Pokea-Event: lead.qualified
    X-Pokea-Event-Id: <the same for every delivery of one event>
    X-Pokea-Signature: t=<unix seconds>,v1=<64 lower-case hex digits>      v1 = HMAC-SHA256(secret, raw body + "." + t)

An event is delivered at least once, so whoever takes it keeps the ids that were seen. While a secret is being replaced there is one
`v1` for each that holds. An unsigned webhook is never sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, Disposition
from pokea.campaigns.ports import Counts
from pokea.campaigns.results import lead_json
from pokea.campaigns.settling import QUALIFIED, Told
from pokea.ids import BusinessId
from pokea.leads import Lead
from pokea.money import divided
from pokea.sautikit.closings import RecordingPointer
from pokea.sautikit.signature import sign

EVENT_HEADER, ID_HEADER, SIGNATURE_HEADER = "x-pokea-event", "x-pokea-event-id", "x-pokea-signature"
MIN_SECRET_CHARS = 16


def event_id(business_id: BusinessId, kind: str, subject: str) -> str:
    """Names one event for whoever hears of it more than once. Letters and digits."""
    return "ev" + hashlib.sha256(json.dumps([business_id, kind, subject]).encode()).hexdigest()[:38]


def secret_name(business_id: BusinessId) -> str:
    """Under which name a business's secret stands in the store of secrets; several, separated by commas, while one is being replaced."""
    return f"CAMPAIGN_WEBHOOK_SECRET_{business_id.upper().replace('-', '_')}"


def headers(kind: str, name: str, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Of one delivery at `at`. `secrets`: at least one."""
    signatures = [sign(body, secret, at).partition(",")[::2] for secret in secrets]
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "pokea",
        EVENT_HEADER: kind,
        ID_HEADER: name,
        SIGNATURE_HEADER: ",".join([signatures[0][0], *(given for _, given in signatures)]),
    }


def detail_of_lead(contact: Contact, disposition: Disposition) -> dict[str, str | int]:
    """The event of the bus about a lead worth a call: ids, so that who wants more asks for it. A lead that turns out better than it was
    told of is told of again."""
    kind = Told.LEAD_QUALIFIED.value
    return {
        "version": 1,
        "business": contact.business_id,
        "campaign": contact.campaign_id,
        "attempt": contact.label,
        "call": contact.session_id or "",
        "disposition": disposition.value,
        "idempotency_key": event_id(contact.business_id, kind, f"{contact.label}/{disposition.value}"),
    }


def lead_body(
    name: str, campaign: Campaign, contact: Contact, lead: Lead | None, recording: RecordingPointer | None
) -> bytes:
    """The webhook about one lead, with what a salesman needs to know."""
    told = {} if lead is None else lead_json(lead.score, lead.reasons, lead.answers, lead.call_again)
    return _body(
        name,
        Told.LEAD_QUALIFIED,
        campaign,
        {
            "number": contact.number,
            "name": contact.name,
            "language": (lead.language if lead is not None else "") or contact.language,
            "disposition": contact.disposition.value if contact.disposition is not None else None,
            **told,
            "attempts": contact.attempts,
            "rung_at": _instant(contact.asked_at),
            "call": contact.session_id or "",
            "recording": recording.key if recording is not None else "",
            "consent": {
                "source": contact.consent.source,
                "wording": contact.consent.wording,
                "at": _instant(contact.consent.at),
            },
            "fields": dict(contact.fields),
        },
    )


def finished_body(name: str, campaign: Campaign, counts: Counts, spent_micros: int, currency: str) -> bytes:
    """The webhook about the end of a campaign. `spent_micros`: what the carrier charged for its calls, as far as it is known by now."""
    qualified = sum(counts.dispositions.get(one, 0) for one in QUALIFIED)
    return _body(
        name,
        Told.CAMPAIGN_FINISHED,
        campaign,
        {
            "contacts": counts.contacts,
            "states": {state.value: count for state, count in counts.states.items()},
            "dispositions": {one.value: count for one, count in counts.dispositions.items()},
            "qualified": qualified,
            "spent_micros": spent_micros,
            "spent_micros_per_qualified": divided(spent_micros, qualified) if qualified else None,
            "currency": currency,
        },
    )


def _body(name: str, kind: Told, campaign: Campaign, data: Mapping[str, Any]) -> bytes:
    document = {
        "id": name,
        "type": kind.value,
        "version": 1,
        "business": campaign.business_id,
        "campaign": campaign.campaign_id,
        "campaign_name": campaign.name,
        "data": data,
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="replace")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
