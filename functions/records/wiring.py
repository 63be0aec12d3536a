"""The records function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.records.secretary import RulesOnly, Secretary, Shelves, Summariser
from functions.records.settings import RecordsSettings
from pokea.adapters.control_settings import secrets_of
from pokea.adapters.observability import Log
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tracing import traces_of
from pokea.profile import load_profiles


def build(environ: Mapping[str, str]) -> Secretary:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(RecordsSettings, environ)
    secrets = secrets_of(settings, environ)

    @cache
    def shelves() -> Shelves:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_closings import DynamoClosings
        from pokea.adapters.dynamo_store import DynamoStore
        from pokea.adapters.dynamo_table import DynamoTable

        table = DynamoTable(dynamodb(), settings.core_table)
        return Shelves(DynamoCallStore(table), DynamoClosings(table), DynamoStore(table), DynamoCallbackTasks(table))

    @cache
    def by_model(api_key: str) -> Summariser:
        from functions.records.summaries import ModelSummaries

        return ModelSummaries(api_key, settings.summary_model)

    def summariser() -> Summariser:
        api_key = secrets.optional("GEMINI_API_KEY")
        return by_model(api_key) if api_key else RulesOnly()

    profiles = load_profiles(settings.profiles_dir)
    log, traces = Log("records"), traces_of(settings, "records")
    return Secretary(
        shelves=shelves, profiles=profiles, summariser=summariser, clock=SystemClock(), log=log, traces=traces
    )
