"""The parts of the function that reconciles calls, put together from its environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from functions.cdr.clerk import Clerk, Later
from functions.cdr.evidence import Shelves
from functions.cdr.polling import BATCH_S, Books, Patience, Pollster
from functions.cdr.pricing import PriceBooks, Prices
from functions.cdr.reporter import Reporter
from functions.cdr.settings import CdrSettings
from functions.cdr.sweep import Sweeper
from pokea.adapters.api_door import Keys
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.edge import NO_EDGE, Edge
from pokea.adapters.observability import Log
from pokea.adapters.settings import BadSettings, load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tracing import traces_of
from pokea.billing.business_deck import deck_for
from pokea.billing.model_cost import prices_of
from pokea.billing.spend_ledger import SpendLedger
from pokea.clock import Clock
from pokea.profile import load_profiles

if TYPE_CHECKING:
    from pokea.adapters.dynamo_store import DynamoStore
    from pokea.adapters.dynamo_table import DynamoTable
    from pokea.adapters.sautikit_rest import Carrier

CONNECT_TIMEOUT_S = 1.0
REPLY_TIMEOUT_S = 3.0  # nobody is on the line, but a batch waits
REQUEST_S = BATCH_S - 3.0  # of the function's time, for what a request asks for


@dataclass(frozen=True, slots=True)
class Parts:
    clerk: Clerk
    sweeper: Sweeper
    keys: Callable[[], Keys]
    clock: Clock
    patience: Callable[[], Patience]
    edge: Edge = NO_EDGE


def request_patience() -> Patience:
    """Of one request, from now on."""
    started_s = time.monotonic()
    return Patience(lambda: REQUEST_S - (time.monotonic() - started_s))


def build(environ: Mapping[str, str]) -> Parts:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(CdrSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles, clock, log = load_profiles(settings.profiles_dir), SystemClock(), Log("cdr")

    @cache
    def core() -> DynamoTable:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_table import DynamoTable

        return DynamoTable(dynamodb(), settings.core_table)

    @cache
    def store() -> DynamoStore:
        from pokea.adapters.dynamo_store import DynamoStore

        return DynamoStore(core())

    @cache
    def shelves() -> Shelves:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_cdrs import DynamoCdrs
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_table import DynamoTable

        cdrs = DynamoCdrs(DynamoTable(dynamodb(), settings.cdrs_table))
        return Shelves(DynamoCallStore(core()), DynamoClosings(core()), store(), cdrs)

    def keys() -> Keys:
        from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore

        return DynamoApiKeyStore(core())

    @cache
    def prices() -> PriceBooks:
        return PriceBooks(*prices_of(settings.prices_dir))

    priced = Prices(lambda profile: deck_for(profile, settings.profiles_dir), prices)
    spend = SpendLedger(store=store, profiles=lambda: profiles, deck_of=priced.deck_of, tell=lambda trip: None)
    carrier = _carrier(settings, lambda: secrets.required("SAUTIKIT_API_KEY"))
    later = _later(settings.cdr_queue_url)
    clerk = Clerk(
        shelves=shelves,
        profiles=profiles,
        pollster=Pollster(carrier, log),
        prices=priced,
        reporter=Reporter(shelves=shelves, emit=_emitter(settings.event_bus), settle=spend.settle, log=log),
        later=later,
        clock=clock,
        log=log,
        traces=traces_of(settings, "cdr"),
    )
    sweeper = Sweeper(shelves=shelves, profiles=profiles, books=carrier, later=later, clock=clock, log=log)
    return Parts(clerk, sweeper, keys, clock, request_patience, Edge(settings.edge_only, secrets))


def _carrier(settings: CdrSettings, api_key: Callable[[], str]) -> Callable[[], Books]:
    @cache
    def carrier(key: str) -> Carrier:
        from pokea.adapters.sautikit_dialects import DIALECTS
        from pokea.adapters.sautikit_rest import Carrier, CarrierSettings

        dialect = DIALECTS[settings.carrier_dialect]
        return Carrier(CarrierSettings(key, settings.carrier_base, dialect, CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S))

    return lambda: carrier(api_key())


def _later(queue_url: str) -> Callable[[], Later]:
    @cache
    def later() -> Later:
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        if not queue_url:
            raise BadSettings("POKEA_CDR_QUEUE_URL", "is not set")
        return Queue(sqs(), queue_url)

    return later


def _emitter(bus: str) -> Callable[[str, Mapping[str, str | int]], None]:
    """Without a bus nobody is told of anything."""

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), bus).put(kind, detail)

    return emit
