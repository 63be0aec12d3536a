"""Takes the queue of campaigns' events and delivers each to its webhook. A message that fails is named, and only that one comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.webhooks.courier import Courier
from functions.webhooks.wiring import build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def courier() -> Courier:
    return build(os.environ)


def make_handler(provide: Callable[[], Courier], log: Log) -> Handler:
    """The Lambda handler around the courier that `provide` gives."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return each(event, context, lambda body, message_id: provide().take(body, message_id), log)

    return handler


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings and BadProfile."""
    courier().warm()


handler = make_handler(courier, Log("webhooks"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
