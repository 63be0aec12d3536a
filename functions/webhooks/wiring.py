"""The parts of the function that delivers webhooks, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.webhooks.courier import TIMEOUT_S, Courier, Shelves
from functions.webhooks.settings import WebhooksSettings
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.observability import Log
from pokea.adapters.public_http import PublicHttp
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.business_deck import deck_for
from pokea.errors import CallError
from pokea.ids import BusinessId
from pokea.profile import load_profiles

MAX_REPLY_BYTES = 64 * 1024  # nothing of it is read


def build(environ: Mapping[str, str]) -> Courier:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(WebhooksSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles = load_profiles(settings.profiles_dir)

    @cache
    def shelves() -> Shelves:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_campaigns import DynamoCampaigns
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable

        core = DynamoTable(dynamodb(), settings.core_table)
        campaigns = DynamoCampaigns(DynamoTable(dynamodb(), settings.campaigns_table))
        return Shelves(campaigns, DynamoStore(core), DynamoClosings(core))

    @cache
    def http() -> PublicHttp:
        return PublicHttp(allow_private=settings.allow_private, timeout_s=TIMEOUT_S, max_bytes=MAX_REPLY_BYTES)

    @cache
    def currency(business_id: BusinessId) -> str:
        """ "" where the price list cannot be read: an amount without a currency is still what was charged."""
        try:
            return deck_for(profiles[business_id], settings.profiles_dir).currency
        except (CallError, KeyError):
            return ""

    return Courier(
        shelves=shelves, http=http, secrets=secrets.several, currency=currency, clock=SystemClock(), log=Log("webhooks")
    )
