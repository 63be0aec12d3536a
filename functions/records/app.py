"""Takes the queue of ended calls and leaves a record of each. A message that fails is named, and only that one comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.records.secretary import Patience, Secretary
from functions.records.wiring import build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def secretary() -> Secretary:
    return build(os.environ)


def make_handler(provide: Callable[[], Secretary], log: Log) -> Handler:
    """The Lambda handler around the secretary that `provide` gives."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        patience = Patience(lambda: context.get_remaining_time_in_millis() / 1_000) if context else Patience()
        return each(event, context, lambda body, message_id: provide().take(body, message_id, patience), log)

    return handler


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings and BadProfile."""
    secretary().warm()


handler = make_handler(secretary, Log("records"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
