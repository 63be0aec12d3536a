"""The parts of the function that plans campaigns, put together from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from functions.campaigns.desk import CampaignDesk, Schedules
from functions.campaigns.lost_calls import LostCalls
from functions.campaigns.outcomes import Outcomes, ResultShelves
from functions.campaigns.planner import DialQueue, Planner, Shelves, World
from functions.campaigns.settings import CampaignsSettings
from functions.campaigns.suppressions import SuppressionDesk
from pokea.adapters.api_door import Keys
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.edge import NO_EDGE, Edge
from pokea.adapters.observability import Log
from pokea.adapters.settings import BadSettings, load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.business_deck import deck_for
from pokea.billing.rate_deck import RateDeck
from pokea.billing.rating import Rater
from pokea.billing.spend_quote import minute_micros
from pokea.billing.wallet_book import WalletBook
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.country_policy import policies_for
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.seeking import CallList
from pokea.errors import NotFound
from pokea.ids import BusinessId, SessionId
from pokea.profile import Profile, load_profiles

if TYPE_CHECKING:
    from pokea.adapters.dynamo_calls import DynamoCallStore
    from pokea.adapters.dynamo_campaigns import DynamoCampaigns
    from pokea.adapters.dynamo_store import DynamoStore
    from pokea.adapters.dynamo_table import DynamoTable
    from pokea.adapters.sautikit_rest import Carrier

CONNECT_TIMEOUT_S = 1.0
REPLY_TIMEOUT_S = 3.0  # nobody is on the line


@dataclass(frozen=True, slots=True)
class Parts:
    """`planner`: of one run, which asks the function given whether its time is over."""

    planner: Callable[[Callable[[], bool]], Planner]
    desk: CampaignDesk
    outcomes: Outcomes
    store: Callable[[], CampaignStore]
    keys: Callable[[], Keys]
    suppressions: SuppressionDesk
    edge: Edge = NO_EDGE

    @property
    def pages(self) -> CampaignStore:
        return self.store()


def build(environ: Mapping[str, str]) -> Parts:
    """Raises BadSettings, BadProfile and BadPolicy, each with one line that names the key."""
    settings = load(CampaignsSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles, clock, log = load_profiles(settings.profiles_dir), SystemClock(), Log("campaigns")
    tables = Tables(settings)
    prices = Prices(profiles, lambda profile: deck_for(profile, settings.profiles_dir))
    carrier = _carrier(settings, lambda: secrets.required("SAUTIKIT_API_KEY"))
    policies = policies_for(settings.profiles_dir)
    wallet = WalletBook(tables.store, clock)
    sought: dict[tuple[BusinessId, str], datetime] = {}  # lives as long as the process: one that is new looks at once

    def planner(is_over: Callable[[], bool]) -> Planner:
        world = World(
            shelves=lambda: Shelves(tables.campaigns(), tables.store()),
            queue=_queue(settings.dial_queue_url, "POKEA_DIAL_QUEUE_URL"),
            ended=_ended(settings.ended_queue_url),
            emit=_emitter(settings.event_bus),
            standing=wallet.standing,
            call_micros=prices.call_micros,
            policies=policies,
            lost_calls=LostCalls(calls=tables.calls, books=carrier, log=log, is_over=is_over),
            businesses=tuple(profiles),
            sought=sought,
        )
        return Planner(world, clock=clock, log=log, ahead_s=settings.plan_s, is_over=is_over)

    desk = CampaignDesk(
        store=tables.campaigns,
        profiles=profiles,
        schedules=_schedules(settings),
        currency_of=prices.currency_of,
        clock=clock,
        log=log,
    )
    outcomes = Outcomes(tables.results, prices.currency_of)
    suppressions = SuppressionDesk(tables.store, tables.campaigns, profiles, clock, log)
    edge = Edge(settings.edge_only, secrets)
    return Parts(planner, desk, outcomes, tables.campaigns, tables.keys, suppressions, edge)


class Tables:
    """Connected with the first question."""

    def __init__(self, settings: CampaignsSettings) -> None:
        self.core = cache(lambda: _table(settings.core_table))
        self.campaigns = cache(lambda: _campaigns(settings.campaigns_table))
        self._cdrs_table = settings.cdrs_table

    def store(self) -> DynamoStore:
        from pokea.adapters.dynamo_store import DynamoStore

        return DynamoStore(self.core())

    def calls(self) -> DynamoCallStore:
        from pokea.adapters.dynamo_calls import DynamoCallStore

        return DynamoCallStore(self.core())

    def keys(self) -> Keys:
        from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore

        return DynamoApiKeyStore(self.core())

    def results(self) -> ResultShelves:
        from pokea.adapters.dynamo_cdrs import DynamoCdrs
        from pokea.adapters.dynamo_closings import DynamoClosings

        closings, cdrs = DynamoClosings(self.core()), DynamoCdrs(_table(self._cdrs_table))
        return ResultShelves(self.campaigns(), self.store(), self.calls(), closings, cdrs)


def _table(name: str) -> DynamoTable:
    from pokea.adapters.clients import dynamodb
    from pokea.adapters.dynamo_table import DynamoTable

    return DynamoTable(dynamodb(), name)


def _campaigns(table: str) -> DynamoCampaigns:
    from pokea.adapters.dynamo_campaigns import DynamoCampaigns

    return DynamoCampaigns(_table(table))


class Prices:
    """What calls of a business are reckoned with."""

    def __init__(self, profiles: Mapping[BusinessId, Profile], deck_of: Callable[[Profile], RateDeck]) -> None:
        self._profiles = profiles
        self._rater = cache(lambda business_id: Rater(deck_of(profiles[business_id])))

    def call_micros(self, campaign: Campaign, now: datetime) -> int | None:
        """A minute of a call within the business's own country; None if its price list does not say."""
        number = self._profiles[campaign.business_id].line.number
        return minute_micros(self._rater(campaign.business_id), number, now)

    def currency_of(self, business_id: BusinessId) -> str:
        currency: str = self._rater(business_id).deck.currency
        return currency


def _carrier(settings: CampaignsSettings, api_key: Callable[[], str]) -> Callable[[], CallList]:
    @cache
    def carrier(key: str) -> Carrier:
        from pokea.adapters.sautikit_dialects import DIALECTS
        from pokea.adapters.sautikit_rest import Carrier, CarrierSettings

        dialect = DIALECTS[settings.carrier_dialect]
        return Carrier(CarrierSettings(key, settings.carrier_base, dialect, CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S))

    return lambda: carrier(api_key())


def _queue(queue_url: str, name: str) -> Callable[[], DialQueue]:
    def queue() -> DialQueue:
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        if not queue_url:
            raise BadSettings(name, "is not set")
        return Queue(sqs(), queue_url)

    return queue


def _ended(queue_url: str) -> Callable[[SessionId, BusinessId], None]:
    """Without a queue nobody settles calls, and nobody is told."""

    def ended(session_id: SessionId, business_id: BusinessId) -> None:
        if queue_url:
            from pokea.adapters.clients import sqs
            from pokea.adapters.queues import Queue

            Queue(sqs(), queue_url).send({"version": 1, "call": session_id, "business": business_id})

    return ended


def _schedules(settings: CampaignsSettings) -> Callable[[], Schedules]:
    def schedules() -> Schedules:
        if not (settings.schedule_group and settings.schedule_role and settings.schedule_target):
            raise NotFound("no_schedules", "schedules of campaigns are not set up here: start the campaign by hand")
        from pokea.adapters.campaign_schedules import CampaignSchedules
        from pokea.adapters.clients import scheduler

        return CampaignSchedules(scheduler(), settings.schedule_group, settings.schedule_role, settings.schedule_target)

    return schedules


def _emitter(bus: str) -> Callable[[str, Mapping[str, str | int]], None]:
    """Without a bus nobody is told of anything."""

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), bus).put(kind, detail)

    return emit
