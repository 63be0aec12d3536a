"""The API function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from functions.api.accounts import AccountDesk
from functions.api.calendar import CalendarDesk
from functions.api.calls import CallDesk, Exchange
from functions.api.cards import CardDesk
from functions.api.doorman import Keys
from functions.api.settings import ApiSettings
from functions.api.shipments import Emit, ShipmentDesk
from functions.api.tasks import TaskDesk
from pokea.adapters.clients import dynamodb
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
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
    shipments: ShipmentDesk
    cards: CardDesk
    tasks: TaskDesk
    accounts: AccountDesk

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
        api_key = secrets.required("SAUTIKIT_API_KEY")
        return Exchange(DynamoCallStore(table()), carrier(api_key), DynamoStore(table()))

    @cache
    def profiles() -> Mapping[BusinessId, Profile]:
        return load_profiles(settings.profiles_dir)

    calls = CallDesk(
        exchange=exchange,
        lines=lines,
        profiles=profiles,
        voice_callback_url=voice_callback_url,
        clock=SystemClock(),
    )
    calendar = CalendarDesk(
        store=lambda: DynamoStore(table()),
        profiles=profiles,
        signer=lambda: TokenSigner(secrets.required("POKEA_TOKEN_KEY")),
        public_url=settings.public_url,
        clock=SystemClock(),
    )
    shipments = ShipmentDesk(
        store=lambda: DynamoStore(table()), profiles=profiles, emit=_emitter(settings.event_bus), clock=SystemClock()
    )
    cards = CardDesk(
        store=lambda: DynamoStore(table()),
        profiles=profiles,
        signer=lambda: TokenSigner(secrets.required("POKEA_TOKEN_KEY")),
        clock=SystemClock(),
    )
    tasks = TaskDesk(
        store=lambda: DynamoStore(table()),
        callbacks=lambda: DynamoCallbackTasks(table()),
        profiles=profiles,
        clock=SystemClock(),
    )
    accounts = AccountDesk(store=lambda: DynamoStore(table()), profiles=profiles, clock=SystemClock())
    keys = lambda: DynamoApiKeyStore(table())
    return Api(
        keys=keys, calls=calls, calendar=calendar, shipments=shipments, cards=cards, tasks=tasks, accounts=accounts
    )


def _emitter(bus: str) -> Emit:
    """Without a bus nobody is told of anything, and no call ahead of a delivery is placed."""

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), bus).put(kind, detail)

    return emit
