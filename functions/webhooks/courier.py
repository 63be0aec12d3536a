"""Delivers one event of a campaign to the webhook that the campaign names. Whatever is not taken there is delivered again by the queue.

The event holds ids. What is told is read at the moment of telling, so no queue holds a name, a number or a word of anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pokea.adapters.observability import Log
from pokea.adapters.public_http import Reply
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.settling import Told
from pokea.campaigns.webhooks import MIN_SECRET_CHARS, finished_body, headers, lead_body, secret_name
from pokea.clock import Clock
from pokea.errors import Denied, NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD
from pokea.ports import Records
from pokea.sautikit.closings import Closings

MAX_BODY_CHARS = 16_384
TIMEOUT_S = 8.0
TAKEN = range(200, 300)


class Http(Protocol):
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply: ...


class _Detail(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)
    version: Literal[1]
    business: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    campaign: Annotated[str, Field(min_length=1, max_length=128)]
    idempotency_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")]
    attempt: Annotated[str, Field(max_length=128)] = ""


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)
    kind: Annotated[Told, Field(alias="detail-type", strict=False)]
    detail: _Detail


@dataclass(frozen=True, slots=True)
class Shelves:
    campaigns: CampaignStore
    store: Records
    closings: Closings


class Courier:
    """`secrets`: all that hold under a name, the newest first. `currency`: of a business's deck."""

    def __init__(
        self,
        *,
        shelves: Callable[[], Shelves],
        http: Callable[[], Http],
        secrets: Callable[[str], tuple[str, ...]],
        currency: Callable[[BusinessId], str],
        clock: Clock,
        log: Log,
    ) -> None:
        self._shelves = shelves
        self._http = http
        self._secrets = secrets
        self._currency = currency
        self._clock = clock
        self._log = log

    def take(self, body: str, message_id: str) -> None:
        """One event. Returning takes it from the queue. Raises CallError for what must come back, or end where somebody looks at it."""
        event = parse(body)
        business_id, name = BusinessId(event.detail.business), event.detail.idempotency_key
        campaign = self._shelves().campaigns.campaign(business_id, event.detail.campaign)
        if campaign is None:
            raise NotFound("no_such_campaign", "the business has no such campaign")
        if not campaign.webhook:
            return
        secrets = self._secrets(secret_name(business_id))
        if not secrets or any(len(secret) < MIN_SECRET_CHARS for secret in secrets):
            raise Denied("webhook_unsigned", f"{secret_name(business_id)} is not set, or shorter than it must be")
        content = self._content(event, campaign, name)
        reply = self._http().request(
            "POST",
            campaign.webhook,
            headers=headers(event.kind.value, name, content, secrets, self._clock.now()),
            content=content,
            timeout_s=TIMEOUT_S,
        )
        if reply.status not in TAKEN:
            self._log.warning("webhook not taken", business_id=business_id, event_id=name, status=reply.status)
            self._log.count("WebhookNotTaken")
            raise Unavailable("webhook_not_taken", f"the webhook answered {reply.status}", retry_after_s=60)
        self._log.info("webhook taken", business_id=business_id, event_id=name, status=reply.status)
        self._log.count("WebhookTaken")

    def warm(self) -> None:
        self._shelves()
        self._http()

    def _content(self, event: _Event, campaign: Campaign, name: str) -> bytes:
        shelves = self._shelves()
        if event.kind is Told.CAMPAIGN_FINISHED:
            counts = shelves.campaigns.counts(campaign.business_id, campaign.campaign_id)
            spent = shelves.campaigns.spent(campaign.business_id, campaign.campaign_id)
            return finished_body(name, campaign, counts, spent, self._currency(campaign.business_id))
        contact = shelves.campaigns.contact_of_label(event.detail.attempt)
        is_own = contact is not None and (contact.business_id, contact.campaign_id) == (
            campaign.business_id,
            campaign.campaign_id,
        )
        if contact is None or not is_own:
            raise NotFound("no_such_contact", "the attempt belongs to no contact of the campaign")
        session_id = contact.session_id or SessionId("")
        lead = shelves.store.record(LEAD, contact.business_id, session_id) if session_id else None
        closing = shelves.closings.closing(session_id) if session_id else None
        return lead_body(name, campaign, contact, lead, closing.recording if closing is not None else None)


def parse(body: str) -> _Event:
    """Raises RejectedInput, which never quotes the message."""
    if len(body) > MAX_BODY_CHARS:
        raise RejectedInput("bad_event", "the message is too long")
    try:
        return _Event.model_validate_json(body)
    except (ValidationError, RecursionError):
        raise RejectedInput("bad_event", "not an event of a campaign") from None
