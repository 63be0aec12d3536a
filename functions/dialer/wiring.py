"""The dialer's parts, put together from its environment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from functions.dialer.dialer import Dialer
from functions.dialer.settings import DialerSettings
from functions.dialer.sight import Exchange, Price
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.observability import Log
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.rating import Rater, Unrated
from pokea.billing.spend import Need
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.campaigns.country_policy import policies_for
from pokea.errors import Unavailable
from pokea.ids import BusinessId
from pokea.lines import load_lines
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profiles


def build(environ: Mapping[str, str]) -> Dialer:
    """Raises BadSettings, BadProfile and BadPolicy, each with one line that names the key."""
    settings = load(DialerSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles = load_profiles(settings.profiles_dir)

    @cache
    def exchange(api_key: str) -> Exchange:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_campaigns import DynamoCampaigns
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable
        from pokea.adapters.sautikit_dialects import DIALECTS
        from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
        from pokea.adapters.spend_books import spend_ledger

        table = DynamoTable(dynamodb(), settings.core_table)
        store = DynamoStore(table)
        carrier = Carrier(CarrierSettings(api_key, settings.carrier_base, DIALECTS[settings.carrier_dialect]))
        book = WalletBook(lambda: store, SystemClock())
        return Exchange(
            campaigns=DynamoCampaigns(DynamoTable(dynamodb(), settings.campaigns_table)),
            calls=DynamoCallStore(table),
            records=store,
            telephony=WatchedTelephony(carrier, book),
            guard=spend_ledger(lambda: store, lambda: profiles, settings.profiles_dir, settings.event_bus),
            standing=book.standing,
            price=_price(settings, profiles),
        )

    def again(message: Mapping[str, object], delay_s: int) -> None:
        """Raises Unavailable."""
        if not settings.dial_queue_url:
            raise Unavailable("no_queue", "no dial queue is set up")
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        Queue(sqs(), settings.dial_queue_url).send(message, delay_s)

    return Dialer(
        exchange=lambda: exchange(secrets.required("SAUTIKIT_API_KEY")),
        profiles=profiles,
        lines=load_lines(settings.profiles_dir),
        policies=policies_for(settings.profiles_dir),
        voice_callback_url=lambda: hook_url(settings, secrets, settings.public_url, "/voice"),
        clock=SystemClock(),
        wait=time.sleep,
        again=again,
        log=Log("dialer"),
    )


def _price(settings: DialerSettings, profiles: Mapping[BusinessId, Profile]) -> Price:
    """What a call is expected to cost by the business's price list, which is read once."""

    @cache
    def rater(business_id: BusinessId) -> Rater:
        from pokea.billing.business_deck import deck_for

        return Rater(deck_for(profiles[business_id], settings.profiles_dir))

    def price(profile: Profile, number: E164, now: datetime) -> int | None:
        from pokea.billing.spend_quote import quote_of

        quote = quote_of(rater(profile.business_id), number, profile.country, Need.CALL, now)
        return None if isinstance(quote, Unrated) else quote.expected_micros

    return price
