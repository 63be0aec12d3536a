"""The API function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from functions.api.calendar import CalendarDesk
from functions.api.calls import CallDesk, Exchange
from functions.api.doorman import Keys
from functions.api.settings import ApiSettings
from pokea.adapters.clients import dynamodb
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import TokenSigner
from pokea.ids import BusinessId
from pokea.lines import load_lines
from pokea.profile import Profile, load_profiles


@dataclass(frozen=True, slots=True)
class Api:
    """What the routes work with."""

    keys: Callable[[], Keys]
    calls: CallDesk
    calendar: CalendarDesk

    def warm(self) -> None:
        self.keys()
        self.calls.warm()


def build(environ: Mapping[str, str]) -> Api:
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
    def table() -> DynamoTable:
        return DynamoTable(dynamodb(), settings.core_table)

    def exchange() -> Exchange:
        return Exchange(DynamoCallStore(table()), carrier(secrets.required("SAUTIKIT_API_KEY")))

    @cache
    def profiles() -> Mapping[BusinessId, Profile]:
        return load_profiles(settings.profiles_dir)

    calls = CallDesk(exchange=exchange, lines=lines, voice_callback_url=voice_callback_url, clock=SystemClock())
    calendar = CalendarDesk(
        store=lambda: DynamoStore(table()),
        profiles=profiles,
        signer=lambda: TokenSigner(secrets.required("POKEA_TOKEN_KEY")),
        public_url=settings.public_url,
        clock=SystemClock(),
    )
    return Api(keys=lambda: DynamoApiKeyStore(table()), calls=calls, calendar=calendar)
