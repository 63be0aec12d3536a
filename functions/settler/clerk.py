"""Settles the attempt of a campaign that a call was, from everything the stores hold by then. Any message may come any number of times.

In this order: whoever must not be rung is taken off every list of the business; the attempt gets its disposition, and the contact its next
attempt or none; the campaign hears what it cost and how healthy it is; and the world is told. A step that fails has the message come back,
and every step finds out for itself what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from functions.settler.messages import Look, body_of, parse
from functions.settler.news import Newsroom
from pokea.adapters.observability import Log
from pokea.adapters.tracing import Traces
from pokea.billing.cdr import Cdr
from pokea.billing.cdr_news import placed_charges
from pokea.calls import Call, Direction, is_over
from pokea.campaigns import finishing, health
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, Disposition
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.reps import CAMPAIGN_REPS, released
from pokea.campaigns.settling import Known, NotYet, Settled, after, settle
from pokea.campaigns.suppressing import SUPPRESSED, TRIES, RecordStore, block, take_off
from pokea.clock import Clock
from pokea.consent import Suppression, suppression_of
from pokea.errors import Conflict, NotFound, Unavailable
from pokea.leads import LEAD
from pokea.ports import CallStore, CdrStore, Change
from pokea.sautikit.closings import Closings
from pokea.tracing import Kind

MOST_LOOKS = 4  # that come too early; patience has ended long before


class Later(Protocol):
    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelves:
    calls: CallStore
    closings: Closings
    store: RecordStore
    cdrs: CdrStore
    campaigns: CampaignStore


class Clerk:
    def __init__(
        self,
        *,
        shelves: Callable[[], Shelves],
        policies: Policies,
        newsroom: Newsroom,
        later: Callable[[], Later],
        clock: Clock,
        log: Log,
        traces: Traces | None = None,
    ) -> None:
        self._shelves = shelves
        self._policies = policies
        self._newsroom = newsroom
        self._later = later
        self._clock = clock
        self._log = log
        self._traces = traces or Traces()

    def take(self, body: str, message_id: str) -> None:
        """One message. Returning takes it from the queue. Raises CallError for what must come back."""
        look = parse(body)
        shelves = self._shelves()
        call = shelves.calls.call(look.session_id)
        if call is None or call.business_id != look.business_id:
            if look.is_news:
                return  # the carrier's list has calls that were never ours
            raise NotFound("no_such_call", "the business has no such call")
        number = call.b_number if call.direction is Direction.OUTBOUND else call.a_number
        suppression = None if number is None else suppression_of(shelves.store, call.business_id, number)
        if suppression is not None and number is not None:
            off = take_off(shelves.campaigns, call.business_id, number, SUPPRESSED)
            self._log.info("taken off the lists", business_id=call.business_id, count=off)
        contact = shelves.campaigns.contact_of_label(call.client_request_id) if call.client_request_id else None
        if contact is not None:
            with self._traces.span("settle", Kind.CONSUMER) as span:
                span.of(call.session_id, business_id=call.business_id, count=look.attempt)
                self._settle(shelves, call, contact, suppression, look)

    def warm(self) -> None:
        self._shelves()

    def _settle(
        self, shelves: Shelves, call: Call, contact: Contact, suppression: Suppression | None, look: Look
    ) -> None:
        now, cdrs = self._clock.now(), shelves.cdrs.cdrs(call.session_id)
        known = Known(
            call=call,
            closing=shelves.closings.closing(call.session_id),
            lead=shelves.store.record(LEAD, call.business_id, call.session_id),
            carrier_status=_carrier_status(cdrs),
            opted_out=suppression is not None and suppression.session_id == call.session_id,
            suppressed=suppression is not None,
        )
        contact, campaign, settled = self._moved(shelves, contact, known, now)
        if isinstance(settled, NotYet):
            self._release(shelves, campaign, call, now)
            self._look_again(call, settled, look, now)
            return
        if settled is not None:
            self._told_of(contact, settled)
            self._mind_health(shelves, campaign, contact, call, settled, now)
        self._release(shelves, campaign, call, now)
        self._charge(shelves, campaign, call, cdrs)
        if contact.label == call.client_request_id:
            if contact.disposition is Disposition.BLOCKED:
                block(shelves.store, shelves.campaigns, contact, now)
            self._newsroom.tell_of_lead(contact, now)
        if contact.state not in finishing.OPEN:
            self._finish(shelves, campaign)

    def _moved(
        self, shelves: Shelves, found: Contact | None, known: Known, now: datetime
    ) -> tuple[Contact, Campaign, Settled | NotYet | None]:
        """The contact as it is now, and what was settled just now. `found`: as it was read before."""
        label = known.call.client_request_id or ""
        for _ in range(TRIES):
            contact, found = found or shelves.campaigns.contact_of_label(label), None
            if contact is None or contact.business_id != known.call.business_id:
                raise NotFound("no_such_contact", "the attempt belongs to no contact of the business")
            campaign = shelves.campaigns.campaign(contact.business_id, contact.campaign_id)
            if campaign is None:
                raise NotFound("no_such_campaign", "the business has no such campaign")
            rung_at = shelves.campaigns.attempts(contact.business_id, contact.number).rung_at
            settled = settle(contact, campaign, known, self._policies, rung_at, now)
            if not isinstance(settled, Settled):
                return contact, campaign, settled
            try:
                moved = shelves.campaigns.put_contact(after(contact, settled, known.call.session_id))
            except Conflict:
                continue
            return moved, campaign, settled
        raise Unavailable("busy", "the contact is being written by many at once", retry_after_s=1)

    def _look_again(self, call: Call, settled: NotYet, look: Look, now: datetime) -> None:
        """Of a call that goes on there will be more word; of one that is over perhaps not."""
        if not is_over(call):
            return
        if look.attempt >= MOST_LOOKS:
            raise Unavailable("not_settled", "the call has no end that anybody tells of", retry_after_s=60)
        self._later().send(body_of(look), max(1, round((settled.at - now).total_seconds()) + 1))

    def _charge(self, shelves: Shelves, campaign: Campaign, call: Call, cdrs: tuple[Cdr, ...]) -> None:
        label = call.client_request_id or ""
        micros = placed_charges(call, cdrs).get(label)
        if micros is not None:
            shelves.campaigns.charge(campaign.business_id, campaign.campaign_id, label, micros)

    def _mind_health(
        self, shelves: Shelves, campaign: Campaign, contact: Contact, call: Call, settled: Settled, now: datetime
    ) -> None:
        seen = health.Seen(
            label=contact.label,
            begun_at=contact.asked_at or call.created_at,
            ended_at=call.ended_at or now,
            failed=settled.disposition in health.FAILED,
        )
        for _ in range(TRIES):
            before = shelves.store.record(health.CAMPAIGN_HEALTH, campaign.business_id, campaign.campaign_id)
            known = before or health.healthy(campaign.business_id, campaign.campaign_id, now)
            changed = health.after_call(known, seen, now)
            if changed is known:
                return
            try:
                shelves.store.apply(Change(records=(health.CAMPAIGN_HEALTH.of(changed),)))
            except Conflict:
                continue
            if health.has_tripped(before, changed):
                self._pause(shelves, campaign)
            return
        self._log.count("CampaignHealthNotKept")  # one call less in a window of many: no reason to settle again

    def _release(self, shelves: Shelves, campaign: Campaign, call: Call, now: datetime) -> None:
        """Whoever talked to this lead is free once the call is over, though its bridge's last word is still waited for. Lost races cost
        nothing: the next hand-off looks for itself who is."""
        if not campaign.reps or not is_over(call):
            return
        for _ in range(TRIES):
            record = shelves.store.record(CAMPAIGN_REPS, campaign.business_id, campaign.campaign_id)
            freed = None if record is None else released(record, call.session_id, now)
            if freed is None:
                return
            with suppress(Conflict):
                shelves.store.apply(Change(records=(CAMPAIGN_REPS.of(freed),)))
                return

    def _pause(self, shelves: Shelves, campaign: Campaign) -> None:
        latest: Campaign | None = campaign
        for _ in range(TRIES):
            latest = shelves.campaigns.campaign(campaign.business_id, campaign.campaign_id)
            stopped = None if latest is None else health.paused(latest)
            if stopped is None:
                return
            try:
                shelves.campaigns.put_campaign(stopped)
            except Conflict:
                continue
            self._log.warning("campaign paused", business_id=campaign.business_id, reason=health.FAILURES)
            self._log.count("CampaignPaused", reason=health.FAILURES)
            return

    def _finish(self, shelves: Shelves, campaign: Campaign) -> None:
        """`campaign` may have been changed since: then whoever changed it finishes it, or the planner does."""
        if finishing.finish(shelves.campaigns, self._newsroom.emit, campaign):
            self._log.info("campaign finished", business_id=campaign.business_id)

    def _told_of(self, contact: Contact, settled: Settled) -> None:
        self._log.info("attempt settled", business_id=contact.business_id, outcome=settled.disposition.value)
        self._log.count("AttemptSettled", outcome=settled.disposition.value)
        if settled.disposition is Disposition.UNKNOWN:
            self._log.count("AttemptUnknown")


def _carrier_status(cdrs: tuple[Cdr, ...]) -> str:
    return next((cdr.carrier_status for cdr in cdrs if cdr.leg == "callee"), "")
