"""Looks at one campaign after the other: settles what was lost, sweeps what is over, and queues whom it is the turn of.

Everything is written over the version that was read, so two planners at once, or one that dies half-way, queue nobody twice: a contact is
claimed first, and only whoever claimed it sends its message. A message that got lost is noticed by the age of its claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from functions.campaigns.lost_calls import LostCalls
from pokea.adapters.observability import Log
from pokea.billing.wallet import Standing, may_ring_unasked
from pokea.campaigns import finishing, health, moves, planning, steering
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.claims import claim_of
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.planning import Sight, Turn
from pokea.campaigns.ports import STALE, CampaignStore, Counts
from pokea.campaigns.seeking import Search
from pokea.clock import Clock
from pokea.errors import Conflict
from pokea.ids import BusinessId, SessionId
from pokea.ports import Records

PAGE = 500  # contacts that are read at once
LEAST_READ = 50
NEVER_HEARD = "never_heard"
WRITERS = 16  # writes under way at once, where each of them waits for the network
Message = Mapping[str, object]


class DialQueue(Protocol):
    def send_spread(self, messages: Sequence[tuple[Message, int]]) -> None: ...
    def depth(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Shelves:
    campaigns: CampaignStore
    records: Records


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the planner asks and tells. `call_micros`: what one call of a campaign is reckoned with. `ended`: told of calls whose end is to
    be looked at again. `sought`: when each campaign's lost ones were last looked for, as far as this process knows; one that knows nothing
    looks."""

    shelves: Callable[[], Shelves]
    queue: Callable[[], DialQueue]
    ended: Callable[[SessionId, BusinessId], None]
    emit: finishing.Emit
    standing: Callable[[], Standing]
    call_micros: Callable[[Campaign, datetime], int | None]
    policies: Policies
    lost_calls: LostCalls
    businesses: Sequence[BusinessId] = field(default=())
    sought: dict[tuple[BusinessId, str], datetime] = field(default_factory=dict)


class Planner:
    """`ahead_s`: how far one plan reaches. `is_over`: whether too little time is left to begin anything more. `writers`: writes that may
    be under way at once."""

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        log: Log,
        ahead_s: float,
        is_over: Callable[[], bool],
        writers: int = WRITERS,
    ) -> None:
        self._world = world
        self._clock = clock
        self._log = log
        self._ahead_s = ahead_s
        self._is_over = is_over
        self._writers = writers

    def campaigns(self) -> list[Campaign]:
        """Those that anything is to be done about, first the ones whose contacts go first."""
        store = self._world.shelves().campaigns
        every = (campaign for business_id in self._world.businesses for campaign in store.campaigns_of(business_id))
        return planning.in_order(campaign for campaign in every if wants_a_look(campaign))

    def queue_room(self) -> int:
        """Messages that may be sent now: none while the carrier's wallet is short of money."""
        if not may_ring_unasked(self._world.standing()):
            return 0
        return max(0, planning.MAX_QUEUED - self._world.queue().depth())

    def look(self, campaign: Campaign, queue_room: int) -> int:
        """Returns how many contacts were queued. Raises what the store and the queue raise."""
        store, now = self._world.shelves().campaigns, self._clock.now()
        if campaign.state is CampaignState.FINISHED:
            finishing.finish(store, self._world.emit, campaign)
            return 0
        counts = store.counts(campaign.business_id, campaign.campaign_id)
        self._seek_lost(campaign, counts, now)
        if campaign.state is CampaignState.CANCELLED:
            self._sweep_cancelled(campaign, counts)
            return 0
        known = self._world.shelves().records.record(health.CAMPAIGN_HEALTH, campaign.business_id, campaign.campaign_id)
        campaign = self._resumed(campaign, known, now)
        if campaign.state is not CampaignState.RUNNING:
            return 0
        if planning.has_ended(campaign, now):
            self._sweep(campaign, "campaign_over")
        sight = self._sight(campaign, counts, known, queue_room, now)
        turn = planning.turn_of(sight)
        if turn is Turn.FINISH:
            finishing.finish(store, self._world.emit, campaign)
        elif turn is Turn.PAUSE_FOR_BUDGET:
            self._steer(campaign, lambda fresh: steering.paused(fresh, steering.BUDGET_SPENT))
        return self._queue(sight, planning.places(sight), now) if turn is Turn.GO_ON else 0

    # --- the campaign as a whole ------------------------------------------------------------------------------------------------------
    def _resumed(self, campaign: Campaign, known: health.Health | None, now: datetime) -> Campaign:
        """A campaign that a rule has paused goes on as soon as the rule lets it."""
        if health.may_resume(campaign, known, now):
            return self._steer(campaign, lambda fresh: steering.resumed(fresh, health.FAILURES))
        is_short = not may_ring_unasked(self._world.standing())
        if (campaign.state, campaign.reason) == (CampaignState.PAUSED, steering.WALLET_EMPTY) and not is_short:
            return self._steer(campaign, lambda fresh: steering.resumed(fresh, steering.WALLET_EMPTY))
        return campaign

    def _steer(self, campaign: Campaign, step: Callable[[Campaign], Campaign]) -> Campaign:
        store = self._world.shelves().campaigns
        after = steering.steer(store, campaign.business_id, campaign.campaign_id, step)
        if (after.state, after.reason) != (campaign.state, campaign.reason):
            self._log.info("campaign steered", business_id=campaign.business_id, state=after.state, reason=after.reason)
        return after

    def _sight(
        self, campaign: Campaign, counts: Counts, known: health.Health | None, queue_room: int, now: datetime
    ) -> Sight:
        store = self._world.shelves().campaigns
        name = campaign.business_id, campaign.campaign_id
        live = len(store.live(*name))
        has_budget = campaign.budget_micros is not None
        hot, settled = counts.dispositions[Disposition.HOT], sum(counts.dispositions.values())
        return Sight(
            campaign=campaign,
            counts=counts,
            live=live,
            queue_room=queue_room,
            spent_micros=store.spent(*name) if has_budget else 0,
            call_micros=self._world.call_micros(campaign, now) if has_budget else None,
            room=health.room(known, live, now),
            in_air=health.in_the_air(campaign, 0, hot, settled),
            ahead_s=self._ahead_s,
        )

    # --- queueing ----------------------------------------------------------------------------------------------------------------------
    def _queue(self, sight: Sight, most: int, now: datetime) -> int:
        """Claims and sends at most `most`. Whoever may not be rung now is put off on the way, and takes no place."""
        store, campaign = self._world.shelves().campaigns, sight.campaign
        queued, seen = 0, _Seen()
        while queued < most and not self._is_over():
            limit = min(PAGE, max(most - queued, LEAST_READ)) + seen.in_the_way
            due = store.due(campaign.business_id, campaign.campaign_id, now, limit)
            fresh = seen.fresh(due, most - queued)
            if not fresh:
                break
            claimed = self._claimed(fresh, campaign, now)
            self._send(claimed, queued, sight)
            queued += len(claimed)
        return queued

    def _send(self, claimed: Sequence[Contact], before: int, sight: Sight) -> None:
        messages = [(claim_of(one), planning.delay_s(number, sight)) for number, one in enumerate(claimed, before)]
        if messages:
            self._world.queue().send_spread(messages)

    def _claimed(self, contacts: Sequence[Contact], campaign: Campaign, now: datetime) -> list[Contact]:
        """Those of `contacts` that this planner has claimed; the others were put off, excluded, or moved by somebody else."""
        policies = self._world.policies

        def claim(contact: Contact) -> Contact | None:
            after = planning.screened(contact, campaign, policies, now)
            stored = self._put(moves.claimed(contact, now) if after is None else after)
            return stored if after is None else None

        return [contact for contact in self._each(claim, contacts) if contact is not None]

    # --- what was lost, and what is over -------------------------------------------------------------------------------------------------
    def _seek_lost(self, campaign: Campaign, counts: Counts, now: datetime) -> None:
        name = campaign.business_id, campaign.campaign_id
        if planning.is_time_to_seek(self._world.sought.get(name), now, self._ahead_s):
            self._settle_lost(campaign, counts, now)
            self._world.sought[name] = now  # not before it is done: what failed is tried again by the next plan

    def _settle_lost(self, campaign: Campaign, counts: Counts, now: datetime) -> None:
        """Claims whose message is gone, requests that the carrier never answered, and calls whose end nobody told of."""
        if counts.states[ContactState.CLAIMED]:
            lapsed = [one for one in self._in_state(campaign, ContactState.CLAIMED) if planning.is_claim_lost(one, now)]
            self._each(lambda contact: self._put(moves.unclaimed(contact, now)), lapsed)
            self._count("ClaimLapsed", len(lapsed))
        if counts.states[ContactState.ASKED]:
            asked = self._in_state(campaign, ContactState.ASKED)
            self._settle_asked(campaign, asked, now)
        if counts.states[ContactState.RINGING]:
            self._ask_after_calls(self._in_state(campaign, ContactState.RINGING), now)

    def _settle_asked(self, campaign: Campaign, asked: Sequence[Contact], now: datetime) -> None:
        store, name = self._world.shelves().campaigns, (campaign.business_id, campaign.campaign_id)
        looked = self._world.lost_calls.settled(asked, store.search(*name), now)
        self._each(self._put_settled, looked.contacts)
        if looked.search is not None:
            # Behind those who were found: a plan that dies in between reads the same part of the list again.
            self._noted(looked.search, *name)

    def _noted(self, search: Search, business_id: BusinessId, campaign_id: str) -> None:
        try:
            self._world.shelves().campaigns.put_search(business_id, campaign_id, search)
        except Conflict:
            return  # another planner has read the list as well, and noted how far

    def _ask_after_calls(self, ringing: Sequence[Contact], now: datetime) -> None:
        """Calls that should long be over: the settler looks at them again, and of those that are as old as no call can be, nobody will
        ever tell anything."""
        gone = [contact for contact in ringing if planning.is_ringing_since(contact, planning.RINGING_LOST, now)]
        self._each(lambda contact: self._put(moves.done(contact, Disposition.UNKNOWN, NEVER_HEARD)), gone)
        self._count("CallNeverHeardOf", len(gone))
        for contact in ringing:
            if contact.session_id is not None and planning.is_to_be_asked_after(contact, now):
                self._world.ended(contact.session_id, contact.business_id)

    def _sweep_cancelled(self, campaign: Campaign, counts: Counts) -> None:
        if any(counts.states[state] for state in finishing.OPEN):
            self._sweep(campaign, CampaignState.CANCELLED.value)
        else:
            self._steer(campaign, steering.swept)

    def _sweep(self, campaign: Campaign, reason: str) -> None:
        """Nobody of the list is rung any more; whoever is being rung is left to the end of that call."""
        for state in (ContactState.WAITING, ContactState.CLAIMED):
            seen = _Seen()
            while not self._is_over():
                fresh = seen.fresh(self._in_state(campaign, state, PAGE + seen.in_the_way), PAGE)
                if not fresh:
                    break
                self._each(lambda contact: self._put(moves.excluded(contact, reason)), fresh)

    def _in_state(self, campaign: Campaign, state: ContactState, limit: int = 1_000) -> tuple[Contact, ...]:
        return self._world.shelves().campaigns.in_state(campaign.business_id, campaign.campaign_id, state, limit)

    def _put(self, contact: Contact) -> Contact | None:
        return self._fenced(lambda store: store.put_contact(contact))

    def _fenced(self, write: Callable[[CampaignStore], Contact]) -> Contact | None:
        """The contact as stored; None if it was moved by somebody else since it was read."""
        try:
            return write(self._world.shelves().campaigns)
        except Conflict as lost:
            if lost.code != STALE:
                raise
            return None

    def _put_settled(self, contact: Contact) -> Contact | None:
        """One who was not rung after all has not been rung by any law's count either."""
        if contact.state is not ContactState.WAITING:
            return self._put(contact)
        return self._fenced(lambda store: store.take_back(contact, contact.label))

    def _each(self, work: Callable[[Contact], Contact | None], contacts: Iterable[Contact]) -> list[Contact | None]:
        found = list(contacts)
        if min(self._writers, len(found)) < 2:
            return [work(contact) for contact in found]
        with ThreadPoolExecutor(min(self._writers, len(found))) as writers:
            return list(writers.map(work, found))

    def _count(self, metric: str, value: int) -> None:
        if value:
            self._log.count(metric, value)


class _Seen:
    """Contacts that were moved a moment ago. The index may still show them, and they must not hide the others behind them.

    `in_the_way`: so many more have to be read for that.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self.in_the_way = 0

    def fresh(self, found: Sequence[Contact], most: int) -> list[Contact]:
        new = [contact for contact in found if contact.contact_id not in self._ids]
        taken = new[:most]
        self._ids.update(contact.contact_id for contact in taken)
        self.in_the_way = len(found) - len(new) + len(taken)
        return taken


def wants_a_look(campaign: Campaign) -> bool:
    """All but those that were never started, and those of which nothing is left to be heard."""
    if campaign.state is CampaignState.FINISHED:
        return finishing.is_untold(campaign)
    is_swept = campaign.state is CampaignState.CANCELLED and campaign.reason == steering.SWEPT
    return campaign.state is not CampaignState.DRAFT and not is_swept
