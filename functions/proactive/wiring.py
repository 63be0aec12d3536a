"""The proactive function's parts, put together from its environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from functions.proactive.messenger import Messenger, Reach
from functions.proactive.settings import ProactiveSettings
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.observability import Log
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.errors import Unavailable
from pokea.ports import Store
from pokea.profile import Profile, load_profiles
from pokea.shipments import ShipmentBook
from pokea.stored_shipments import StoredShipments

if TYPE_CHECKING:
    from pokea.adapters.http_backend import Http
    from pokea.adapters.public_http import PublicHttp

WAITS_S = 300  # for money: as often as the wallet is read
ASKED_FOR_S = 5.0  # nobody is on the line, and the carrier is still to be asked


def shipments_of(
    profile: Profile, store: Store, http: Callable[[], Http], secret: Callable[[str], str]
) -> ShipmentBook:
    """Where a business keeps its shipments: in our store, or in its own system as its profile says."""
    backend = profile.backends.get("shipments")
    if backend is None:
        return StoredShipments(store, profile.business_id)
    from pokea.adapters.breaker import Breaker
    from pokea.adapters.http_backend import Budget, HttpBackend
    from pokea.adapters.http_shipments import HttpShipments

    system = HttpBackend(backend, http(), secret, Breaker(), Budget(ASKED_FOR_S))  # the queue is what paces tries
    return HttpShipments(profile.business_id, profile.country, system)


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
        from pokea.adapters.spend_books import spend_ledger

        table = DynamoTable(dynamodb(), settings.core_table)
        store = DynamoStore(table)
        carrier = Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))
        book = WalletBook(lambda: store, SystemClock())
        guard = spend_ledger(lambda: store, lambda: profiles, settings.profiles_dir, settings.event_bus)
        return Reach(DynamoCallStore(table), store, WatchedTelephony(carrier, book), guard, book.standing)

    @cache
    def http() -> PublicHttp:
        from pokea.adapters.public_http import PublicHttp

        return PublicHttp(allow_private=settings.allow_private)

    def wait(body: str) -> None:
        """A new message, so that its deliveries are counted anew: waiting is no failure. Raises Unavailable."""
        if not settings.deliveries_queue_url:
            raise Unavailable("wallet_low", "the carrier's wallet is short of money")
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        Queue(sqs(), settings.deliveries_queue_url).send(json.loads(body), WAITS_S)

    profiles = load_profiles(settings.profiles_dir)
    return Messenger(
        reach=lambda: reach(secrets.required("SAUTIKIT_API_KEY")),
        profiles=profiles,
        shipments=lambda profile, store: shipments_of(profile, store, http, secrets.optional),
        voice_callback_url=lambda: hook_url(settings, secrets, settings.public_url, "/voice"),
        clock=SystemClock(),
        log=Log("proactive"),
        wait=wait,
    )
