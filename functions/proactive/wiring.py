"""The proactive function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.proactive.messenger import Messenger, Reach
from functions.proactive.settings import ProactiveSettings
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.observability import Log
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.profile import load_profiles


def build(environ: Mapping[str, str]) -> Messenger:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ProactiveSettings, environ)
    secrets = secrets_of(settings, environ)

    @cache
    def reach(api_key: str) -> Reach:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable
        from pokea.adapters.sautikit_dialects import DIALECTS
        from pokea.adapters.sautikit_rest import Carrier, CarrierSettings

        table = DynamoTable(dynamodb(), settings.core_table)
        carrier = Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))
        return Reach(DynamoCallStore(table), DynamoStore(table), carrier)

    return Messenger(
        reach=lambda: reach(secrets.required("SAUTIKIT_API_KEY")),
        profiles=load_profiles(settings.profiles_dir),
        voice_callback_url=lambda: hook_url(settings, secrets, settings.public_url, "/voice"),
        clock=SystemClock(),
        log=Log("proactive"),
    )
