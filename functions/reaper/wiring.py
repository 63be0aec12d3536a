"""The reaper's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.reaper.reaper import Books, Reaper
from functions.reaper.settings import ReaperSettings
from pokea.adapters.clients import dynamodb
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.observability import Log
from pokea.adapters.queues import teller_of
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.profile import load_profiles


def build(environ: Mapping[str, str]) -> Reaper:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ReaperSettings, environ)
    secrets = secrets_of(settings, environ)

    @cache
    def carrier(api_key: str) -> Carrier:
        return Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))

    @cache
    def books() -> Books:
        table = DynamoTable(dynamodb(), settings.core_table)
        tell = teller_of(settings.ended_queue_url, settings.cdr_queue_url, settings.campaign_ended_queue_url)
        return Books(
            DynamoCallStore(table), DynamoStore(table), DynamoClosings(table), DynamoCallbackTasks(table), tell
        )

    return Reaper(
        books=books,
        carrier=lambda: carrier(secrets.required("SAUTIKIT_API_KEY")),
        profiles=load_profiles(settings.profiles_dir),
        continues=settings.carrier_continues,
        clock=SystemClock(),
        log=Log("reaper"),
    )
