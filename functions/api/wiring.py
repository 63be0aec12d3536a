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
from functions.api.reports import ReportDesk, Shelf
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
from pokea.adapters.edge import NO_EDGE, Edge
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import load
from pokea.adapters.spend_books import spend_ledger
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import signer_of
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.errors import NotFound
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
    reports: ReportDesk
    edge: Edge = NO_EDGE

    def warm(self) -> None:
        self.keys()
        self.calls.warm()


def build(environ: Mapping[str, str]) -> Api:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ApiSettings, environ)
    secrets = secrets_of(settings, environ)

    @cache
    def table() -> DynamoTable:
        return DynamoTable(dynamodb(), settings.core_table)

    @cache
    def profiles() -> Mapping[BusinessId, Profile]:
        return load_profiles(settings.profiles_dir)

    calls = _call_desk(settings, secrets, table, profiles)
    calendar = CalendarDesk(
        store=lambda: DynamoStore(table()),
        profiles=profiles,
        signer=lambda: signer_of(secrets),
        public_url=settings.public_url,
        clock=SystemClock(),
    )
    shipments = ShipmentDesk(
        store=lambda: DynamoStore(table()), profiles=profiles, emit=_emitter(settings.event_bus), clock=SystemClock()
    )
    cards = CardDesk(
        store=lambda: DynamoStore(table()),
        profiles=profiles,
        signer=lambda: signer_of(secrets),
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
        keys=keys,
        calls=calls,
        calendar=calendar,
        shipments=shipments,
        cards=cards,
        tasks=tasks,
        accounts=accounts,
        reports=_report_desk(settings, profiles),
        edge=Edge(settings.edge_only, secrets),
    )


def _report_desk(settings: ApiSettings, profiles: Callable[[], Mapping[BusinessId, Profile]]) -> ReportDesk:
    """Without a bucket and a queue there are no reports, which whoever asks for one is told."""

    def shelf() -> Shelf:
        if not settings.reports_bucket:
            raise NotFound("no_reports", "reports are not set up here")
        from pokea.adapters.clients import s3
        from pokea.adapters.report_bucket import ReportBucket

        return ReportBucket(s3(), settings.reports_bucket)

    def ask(wish: Mapping[str, object]) -> None:
        if not settings.reports_queue_url:
            raise NotFound("no_reports", "reports are not set up here")
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        Queue(sqs(), settings.reports_queue_url).send(wish)

    return ReportDesk(shelf=shelf, ask=ask, profiles=profiles, clock=SystemClock())


def _call_desk(
    settings: ApiSettings,
    secrets: Secrets,
    table: Callable[[], DynamoTable],
    profiles: Callable[[], Mapping[BusinessId, Profile]],
) -> CallDesk:
    """Nothing is connected before a call is placed. Raises BadProfile."""

    @cache
    def carrier(api_key: str) -> Carrier:
        return Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))

    @cache
    def store() -> DynamoStore:
        return DynamoStore(table())

    book = WalletBook(store, SystemClock())
    guard = spend_ledger(store, profiles, settings.profiles_dir, settings.event_bus)

    def exchange() -> Exchange:
        telephony = WatchedTelephony(carrier(secrets.required("SAUTIKIT_API_KEY")), book)
        return Exchange(DynamoCallStore(table()), telephony, store(), guard, book.standing)

    return CallDesk(
        exchange=exchange,
        lines=load_lines(settings.profiles_dir),
        profiles=profiles,
        voice_callback_url=lambda: hook_url(settings, secrets, settings.public_url, "/voice"),
        clock=SystemClock(),
    )


def _emitter(bus: str) -> Emit:
    """Without a bus nobody is told of anything, and no call ahead of a delivery is placed."""

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), bus).put(kind, detail)

    return emit
