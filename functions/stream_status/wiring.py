"""The stream-status function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from functions.stream_status.desk import Books, EventDesk
from pokea.adapters.control_settings import HookSettings, secrets_of
from pokea.adapters.hook_gate import HookGate
from pokea.adapters.observability import Log
from pokea.adapters.queues import teller_of
from pokea.adapters.settings import load
from pokea.adapters.system_clock import SystemClock
from pokea.adapters.tracing import traces_of
from pokea.lines import load_lines
from pokea.sautikit.register import CallRegister


def build(environ: Mapping[str, str]) -> EventDesk:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(HookSettings, environ)
    secrets = secrets_of(settings, environ)
    lines = load_lines(settings.profiles_dir)
    gate = HookGate(settings, secrets)
    gate.check()

    @cache
    def books() -> Books:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
        from pokea.adapters.dynamo_calls import DynamoCallStore
        from pokea.adapters.dynamo_table import DynamoTable

        table = DynamoTable(dynamodb(), settings.core_table)
        calls = DynamoCallStore(table)
        register, tell = (
            CallRegister(calls, lines),
            teller_of(settings.ended_queue_url, settings.cdr_queue_url, settings.campaign_ended_queue_url),
        )
        return Books(calls=calls, register=register, callbacks=DynamoCallbackTasks(table), ended=tell)

    log, traces = Log("stream_status"), traces_of(settings, "stream-status")
    return EventDesk(gate=gate, books=books, clock=SystemClock(), log=log, traces=traces)
