"""The settler's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.settler.clerk import Clerk, Later, Shelves
from functions.settler.news import Newsroom
from functions.settler.settings import SettlerSettings
from pokea.adapters.observability import Log
from pokea.adapters.settings import BadSettings, load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tracing import traces_of
from pokea.campaigns.country_policy import policies_for


def build(environ: Mapping[str, str]) -> Clerk:
    """Raises BadSettings and BadPolicy, each with one line that names the key."""
    settings = load(SettlerSettings, environ)

    @cache
    def shelves() -> Shelves:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_campaigns import DynamoCampaigns
        from pokea.adapters.dynamo_cdrs import DynamoCdrs
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable

        core = DynamoTable(dynamodb(), settings.core_table)
        return Shelves(
            DynamoCallStore(core),
            DynamoClosings(core),
            DynamoStore(core),
            DynamoCdrs(DynamoTable(dynamodb(), settings.cdrs_table)),
            DynamoCampaigns(DynamoTable(dynamodb(), settings.campaigns_table)),
        )

    @cache
    def later() -> Later:
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        if not settings.campaign_ended_queue_url:
            raise BadSettings("POKEA_CAMPAIGN_ENDED_QUEUE_URL", "is not set")
        return Queue(sqs(), settings.campaign_ended_queue_url)

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        """Without a bus nobody is told of anything."""
        if settings.event_bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), settings.event_bus).put(kind, detail)

    return Clerk(
        shelves=shelves,
        policies=policies_for(settings.profiles_dir),
        newsroom=Newsroom(lambda: shelves().store, emit),
        later=later,
        clock=SystemClock(),
        log=Log("settler"),
        traces=traces_of(settings, "settler"),
    )
