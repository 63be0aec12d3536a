"""Keeps and reconciles detail records: from its queue, every night, and on demand.

An event with `Records` is a batch of the queue, one with a `requestContext` a request of the HTTP API, and anything else the schedule.
The web framework is imported with the first request, so that the queue's starts do not pay for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.cdr.messages import Ask, parse
from functions.cdr.polling import BATCH_S, Patience
from functions.cdr.wiring import Parts, build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]


@cache
def parts() -> Parts:
    return build(os.environ)


def make_handler(provide: Callable[[], Parts], log: Log) -> Handler:
    """The Lambda handler around the parts that `provide` gives."""

    @cache
    def http() -> Handler:
        from mangum import Mangum

        from functions.cdr.http import make_app

        logging.getLogger("mangum").setLevel(logging.WARNING)  # it logs whole paths
        return Mangum(make_app(provide, log), lifespan="off")

    def handler(event: Event, context: Any) -> dict[str, Any]:
        if "Records" in event:
            patience = patience_of(context)
            return each(event, context, lambda body, message_id: take(provide(), body, patience), log)
        if "requestContext" in event:
            return dict(http()(event, context))
        return {"queued": provide().sweeper.begin()}

    return handler


def take(parts: Parts, body: str, patience: Patience) -> None:
    """One message of the queue. Raises CallError for what must come back."""
    message = parse(body)
    if isinstance(message, Ask):
        parts.clerk.take(message, patience)
    else:
        parts.sweeper.take(message, patience)


def patience_of(context: Any) -> Patience:
    return Patience(lambda: context.get_remaining_time_in_millis() / 1_000 if context else BATCH_S)


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings, BadProfile, BadDeck and BadPrices."""
    parts().clerk.warm()


handler = make_handler(parts, Log("cdr"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
