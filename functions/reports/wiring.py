"""The reports function's parts, put together from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.reports.press import Press, Shelf
from functions.reports.settings import ReportsSettings
from pokea.adapters.observability import Log
from pokea.adapters.settings import BadSettings, load
from pokea.adapters.system_clock import SystemClock
from pokea.billing.business_deck import deck_for
from pokea.ports import CdrStore
from pokea.profile import Profile, load_profiles


def build(environ: Mapping[str, str]) -> Press:
    """Raises BadSettings and BadProfile, each with one line that names the key."""
    settings = load(ReportsSettings, environ)

    @cache
    def store() -> CdrStore:
        from pokea.adapters.clients import dynamodb
        from pokea.adapters.dynamo_cdrs import DynamoCdrs
        from pokea.adapters.dynamo_table import DynamoTable

        return DynamoCdrs(DynamoTable(dynamodb(), settings.cdrs_table))

    @cache
    def shelf() -> Shelf:
        from pokea.adapters.clients import s3
        from pokea.adapters.report_bucket import ReportBucket

        return ReportBucket(s3(), settings.reports_bucket)

    def ask(wishes: list[dict[str, Any]]) -> None:
        if not settings.reports_queue_url:
            raise BadSettings("POKEA_REPORTS_QUEUE_URL", "is not set")
        from pokea.adapters.clients import sqs
        from pokea.adapters.queues import Queue

        Queue(sqs(), settings.reports_queue_url).send_all(wishes)

    def emit(kind: str, detail: Mapping[str, str | int]) -> None:
        if settings.event_bus:
            from pokea.adapters.clients import events
            from pokea.adapters.event_bus import EventBus

            EventBus(events(), settings.event_bus).put(kind, detail)

    def currency_of(profile: Profile) -> str:
        return deck_for(profile, settings.profiles_dir).currency

    return Press(
        store=store,
        shelf=shelf,
        profiles=load_profiles(settings.profiles_dir),
        currency_of=currency_of,
        ask=ask,
        emit=emit,
        clock=SystemClock(),
        log=Log("reports"),
    )
