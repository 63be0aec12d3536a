"""Takes orders for campaigns from the business that they belong to: defines them, takes their lists, starts and stops them, tells how
they stand. Every order can be repeated. A campaign of another business is one that does not exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from functions.campaigns.schemas import ListedContact, NextCall, NotTaken, StandingBody, Taken, standing_of
from pokea.adapters.observability import Log
from pokea.campaigns import steering
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.definition import definition_of
from pokea.campaigns.listed import ListReader, with_times
from pokea.campaigns.lists.cells import Unusable
from pokea.campaigns.ports import CampaignStore, Counts
from pokea.campaigns.steering import Order
from pokea.clock import Clock
from pokea.errors import Conflict, Denied, NotFound
from pokea.ids import BusinessId
from pokea.profile import Profile

UNDER_WAY = (ContactState.CLAIMED, ContactState.ASKED, ContactState.RINGING)
SOURCE = "campaign"  # what errors about a definition begin with


class Schedules(Protocol):
    def put(self, business_id: BusinessId, campaign_id: str, expression: str, zone: str) -> None: ...
    def delete(self, business_id: BusinessId, campaign_id: str) -> None: ...


class CampaignDesk:
    """`currency_of`: of a business's price list. `schedules`: raises CallError where none are set up."""

    def __init__(
        self,
        *,
        store: Callable[[], CampaignStore],
        profiles: Mapping[BusinessId, Profile],
        schedules: Callable[[], Schedules],
        currency_of: Callable[[BusinessId], str],
        clock: Clock,
        log: Log,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._schedules = schedules
        self._currency_of = currency_of
        self._clock = clock
        self._log = log

    def define(self, business_id: BusinessId, tables: Mapping[str, object]) -> Campaign:
        """A new campaign, or other rules for one that is not being rung. `tables`: the keys of CAMPAIGN.toml. Raises BadCampaign, Denied
        for another business's, and Conflict."""
        if tables.get("business", business_id) != business_id:
            raise Denied("not_your_business", "this key belongs to another business")
        read = {"business": business_id, **with_times(tables)}
        wanted = definition_of(read, SOURCE, self._profiles).campaign
        known = self._store().campaign(business_id, wanted.campaign_id)
        after = steering.redefined(known, wanted)
        if after is known:
            return after
        stored = self._store().put_campaign(after)
        if stored.state is not CampaignState.DRAFT:
            self._set_schedule(stored)
        self._log.info("campaign defined", business_id=business_id, state=stored.state.value)
        return stored

    def add(self, business_id: BusinessId, campaign_id: str, rows: Sequence[ListedContact]) -> Taken:
        """Raises NotFound, and Conflict for a campaign that was cancelled."""
        campaign = self.campaign(business_id, campaign_id)
        if campaign.state is CampaignState.CANCELLED:
            raise Conflict("campaign_cancelled", "a cancelled campaign takes nobody any more")
        reader = ListReader(campaign, self._profiles[business_id], self._clock.now())
        contacts: dict[str, Contact] = {}
        rejected: list[NotTaken] = []
        for place, row in enumerate(rows):
            try:
                contact = _read(reader, row)
                contacts[contact.contact_id] = contact
            except Unusable as problem:
                said = NotTaken(place=place, code=problem.code, column=problem.column, says=problem.says)
                rejected.append(said)
        added = self._store().add_contacts(list(contacts.values()))
        self._log.info("contacts taken", business_id=business_id, count=added.new, failed=len(rejected))
        return Taken(new=added.new, renewed=added.renewed, kept=added.kept, rejected=rejected)

    def all(self, business_id: BusinessId) -> tuple[Campaign, ...]:
        return self._store().campaigns_of(business_id)

    def campaign(self, business_id: BusinessId, campaign_id: str) -> Campaign:
        found = self._store().campaign(business_id, campaign_id)
        if found is None or business_id not in self._profiles:
            raise NotFound("no_such_campaign", "there is no such campaign")
        return found

    def questions(self, business_id: BusinessId) -> tuple[str, ...]:
        """Every question that somebody may have answered, in the order of asking."""
        leads = self._profiles[business_id].leads
        return leads.keys if leads is not None else ()

    def standing(self, business_id: BusinessId, campaign_id: str) -> StandingBody:
        campaign, store, now = self.campaign(business_id, campaign_id), self._store(), self._clock.now()
        counts = store.counts(business_id, campaign_id)
        return standing_of(
            campaign,
            counts,
            live=len(store.live(business_id, campaign_id)),
            spent_micros=store.spent(business_id, campaign_id),
            currency=self._currency_of(business_id),
            following=self._following(campaign, counts, now),
            at=now,
        )

    def _following(self, campaign: Campaign, counts: Counts, now: datetime) -> NextCall | None:
        """The first of those who wait, if none of them may be rung yet and nobody is being rung."""
        is_idle = counts.states[ContactState.WAITING] and not any(counts.states[state] for state in UNDER_WAY)
        if campaign.state is not CampaignState.RUNNING or not is_idle:
            return None
        first = self._store().in_state(campaign.business_id, campaign.campaign_id, ContactState.WAITING, 1)
        return next((NextCall(at=one.due_at, reason=one.reason) for one in first if one.due_at > now), None)

    def order(self, business_id: BusinessId, campaign_id: str, order: Order) -> Campaign:
        """The schedule is set before the campaign waits for it: a campaign that waits for nothing would wait for ever. Raises NotFound,
        Conflict and Unavailable."""
        before = self.campaign(business_id, campaign_id)
        if order is Order.START and before.schedule and steering.ordered(before, order) is not before:
            self._set_schedule(before)
        after = steering.steer(
            self._store(), business_id, campaign_id, lambda campaign: steering.ordered(campaign, order)
        )
        if order is Order.CANCEL and after.schedule:
            self._schedules().delete(business_id, campaign_id)
        self._log.info("campaign ordered", business_id=business_id, operation=order.value, state=after.state.value)
        return after

    def due(self, business_id: BusinessId, campaign_id: str) -> Campaign:
        """Its schedule has come. Raises NotFound."""
        return steering.steer(self._store(), business_id, campaign_id, steering.due)

    def _set_schedule(self, campaign: Campaign) -> None:
        name = campaign.business_id, campaign.campaign_id
        if campaign.schedule:
            self._schedules().put(*name, campaign.schedule, self._profiles[campaign.business_id].zone)
        else:
            self._forget_schedule(campaign)

    def _forget_schedule(self, campaign: Campaign) -> None:
        """Of a campaign that has none any more. Where no schedules are set up there is nothing to forget."""
        try:
            self._schedules().delete(campaign.business_id, campaign.campaign_id)
        except NotFound:
            return


def _read(reader: ListReader, row: ListedContact) -> Contact:
    return reader.contact(
        phone=row.phone,
        name=row.name,
        timezone=row.timezone,
        language=row.language,
        consent=(row.consent_source, row.consent_wording, row.consent_at),
        fields=row.fields,
    )
