"""The wallet function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from functions.wallet.keeper import WalletKeeper
from functions.wallet.settings import WalletSettings
from pokea.adapters.clients import dynamodb, events
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.event_bus import EventBus
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.business_deck import deck_for
from pokea.billing.rating import Rater
from pokea.billing.spend_quote import minute_micros
from pokea.billing.wallet import OWN_MINUTES
from pokea.billing.wallet_book import WalletBook
from pokea.clock import Clock
from pokea.errors import CallError
from pokea.profile import Profile, load_profiles


def thresholds(profiles: Iterable[Profile], folder: Path, clock: Clock, log: Log) -> Mapping[str, int]:
    """By currency: what `OWN_MINUTES` of talk cost where they cost most. A price list that cannot be used sets no threshold."""
    found: dict[str, int] = {}
    for profile in profiles:
        try:
            deck = deck_for(profile, folder)
        except CallError as problem:
            log.warning("price list not read", business_id=profile.business_id, code=problem.code)
            continue
        micros = minute_micros(Rater(deck), profile.line.number, clock.now())
        if micros is not None:
            found[deck.currency] = max(found.get(deck.currency, 0), micros * OWN_MINUTES)
    return found


def build(environ: Mapping[str, str]) -> WalletKeeper:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(WalletSettings, environ)
    secrets = secrets_of(settings, environ)
    clock, log = SystemClock(), Log("wallet")
    own = thresholds(load_profiles(settings.profiles_dir).values(), settings.profiles_dir, clock, log)

    @cache
    def carrier(api_key: str) -> Carrier:
        return Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))

    @cache
    def store() -> DynamoStore:
        return DynamoStore(DynamoTable(dynamodb(), settings.core_table))

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if settings.event_bus:
            EventBus(events(), settings.event_bus).put(kind, detail)

    return WalletKeeper(
        carrier=lambda: carrier(secrets.required("SAUTIKIT_API_KEY")),
        book=WalletBook(store, clock),
        own_micros=lambda currency: own.get(currency, 0),
        emit=emit,
        clock=clock,
        log=log,
    )
