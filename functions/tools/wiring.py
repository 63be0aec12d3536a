"""The tools function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from functions.tools.books import Shelf
from functions.tools.operations import Operations, Outside, Stores
from functions.tools.settings import ToolsSettings
from pokea.adapters.control_settings import hook_url, secrets_of
from pokea.adapters.deadline import Deadline
from pokea.adapters.exchange import Reach, exchange_of
from pokea.adapters.ids import new_id
from pokea.adapters.public_http import PublicHttp
from pokea.adapters.queues import teller_of
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import load
from pokea.adapters.spend_books import spend_ledger
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import signer_of
from pokea.adapters.tracing import Traces, traces_of
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.clock import Clock
from pokea.ids import BusinessId
from pokea.profile import Profile, load_profiles

# Placing a call is not waited for longer than the bridge waits for the tool: what came of it is then told by hooks.
CARRIER_CONNECT_S = 0.6
CARRIER_REPLY_S = 1.5
ANSWER_MARGIN_S = 0.2  # the bridge waits as long as the deadline; our answer has to be there before it ends


@dataclass(frozen=True, slots=True)
class Tools:
    operations: Operations
    clock: Clock
    deadline: Deadline
    traces: Traces = field(default_factory=Traces)


@cache
def public_http(allow_private: bool) -> PublicHttp:
    return PublicHttp(allow_private=allow_private)


def _reach(
    settings: ToolsSettings, secrets: Secrets, stores: Callable[[], Stores], profiles: Mapping[BusinessId, Profile]
) -> Reach:
    """What is needed to ring people. Nothing is connected before somebody is rung."""
    book = WalletBook(lambda: stores().store, SystemClock())

    @cache
    def carrier(api_key: str) -> Carrier:
        return Carrier(
            CarrierSettings(
                api_key,
                settings.carrier_base,
                DIALECTS[settings.carrier_dialect],
                connect_timeout_s=CARRIER_CONNECT_S,
                read_timeout_s=CARRIER_REPLY_S,
            )
        )

    return Reach(
        calls=lambda: stores().calls,
        telephony=lambda: WatchedTelephony(carrier(secrets.required("SAUTIKIT_API_KEY")), book),
        voice_callback_url=lambda: hook_url(settings, secrets, settings.public_url, "/voice"),
        own_numbers=frozenset(profile.line.number for profile in profiles.values()),
        continues=settings.carrier_continues,
        http=lambda: public_http(settings.allow_private),
        guard=spend_ledger(lambda: stores().store, lambda: profiles, settings.profiles_dir, settings.event_bus),
    )


def build(environ: Mapping[str, str]) -> Tools:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ToolsSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles = load_profiles(settings.profiles_dir)
    signer_of(secrets)

    @cache
    def stores() -> Stores:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_seats import DynamoSeats
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable

        table = DynamoTable(dynamodb(), settings.core_table)
        books = (DynamoCallStore(table), DynamoStore(table), DynamoClosings(table), DynamoCallbackTasks(table))
        return Stores(
            *books,
            teller_of(settings.ended_queue_url, settings.cdr_queue_url, settings.campaign_ended_queue_url),
            DynamoSeats(table),
        )

    def outside(profile: Profile) -> Outside:
        accounts, shipments = shelf.books(profile, stores().store)
        return Outside(accounts=accounts, shipments=shipments, exchange=exchange_of(reach, profile))

    shelf = Shelf(secret=secrets.optional, http=lambda: public_http(settings.allow_private))
    reach = _reach(settings, secrets, stores, profiles)
    operations = Operations(
        stores=stores,
        outside=outside,
        profiles=profiles,
        signer=lambda: signer_of(secrets),
        new_id=new_id,
        max_call_s=settings.max_call_s,
        max_joined_s=settings.max_joined_s,
        public_url=settings.public_url,
    )
    limit_s = max(settings.deadline_ms / 1_000 - ANSWER_MARGIN_S, 0.1)
    return Tools(operations, SystemClock(), Deadline(limit_s), traces_of(settings, "tools"))
