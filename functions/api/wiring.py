"""The API function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.api.calls import CallDesk, Exchange
from functions.api.settings import ApiSettings
from pokea.adapters.clients import dynamodb
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.lines import load_lines


def build(environ: Mapping[str, str]) -> CallDesk:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ApiSettings, environ)
    secrets = secrets_of(settings, environ)
    lines = load_lines(settings.profiles_dir)

    def voice_callback_url() -> str:
        return hook_url(settings, secrets, settings.public_url, "/voice")

    @cache
    def carrier(api_key: str) -> Carrier:
        return Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))

    @cache
    def stores() -> tuple[DynamoCallStore, DynamoApiKeyStore]:
        table = DynamoTable(dynamodb(), settings.core_table)
        return DynamoCallStore(table), DynamoApiKeyStore(table)

    def exchange() -> Exchange:
        return Exchange(stores()[0], carrier(secrets.required("SAUTIKIT_API_KEY")))

    return CallDesk(
        keys=lambda: stores()[1],
        exchange=exchange,
        lines=lines,
        voice_callback_url=voice_callback_url,
        clock=SystemClock(),
    )
