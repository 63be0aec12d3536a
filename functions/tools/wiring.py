"""The tools function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from functions.tools.operations import Operations, Outside, Stores
from functions.tools.settings import ToolsSettings
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.deadline import Deadline
from pokea.adapters.ids import new_id
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tokens import TokenSigner
from pokea.clock import Clock
from pokea.profile import Profile, load_profiles

ANSWER_MARGIN_S = 0.2  # the bridge waits as long as the deadline; our answer has to be there before it ends


class NoBook:
    """Stands where a book is not there yet."""


@dataclass(frozen=True, slots=True)
class Tools:
    operations: Operations
    clock: Clock
    deadline: Deadline


def build(environ: Mapping[str, str]) -> Tools:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ToolsSettings, environ)
    secrets = secrets_of(settings, environ)
    profiles = load_profiles(settings.profiles_dir)
    TokenSigner(secrets.required("POKEA_TOKEN_KEY"))

    @cache
    def stores() -> Stores:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable

        table = DynamoTable(dynamodb(), settings.core_table)
        return Stores(DynamoCallStore(table), DynamoStore(table), DynamoClosings(table), DynamoCallbackTasks(table))

    def outside(profile: Profile) -> Outside:
        return Outside(accounts=NoBook(), shipments=NoBook(), exchange=NoBook())

    operations = Operations(
        stores=stores,
        outside=outside,
        profiles=profiles,
        signer=lambda: TokenSigner(secrets.required("POKEA_TOKEN_KEY")),
        new_id=new_id,
        max_call_s=settings.max_call_s,
    )
    limit_s = max(settings.deadline_ms / 1_000 - ANSWER_MARGIN_S, 0.1)
    return Tools(operations, SystemClock(), Deadline(limit_s))
