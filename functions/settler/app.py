"""Takes the queue of campaigns' calls and settles each attempt. A message that fails is named, and only that one comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.settler.clerk import Clerk
from functions.settler.wiring import build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def clerk() -> Clerk:
    return build(os.environ)


def make_handler(provide: Callable[[], Clerk], log: Log) -> Handler:
    """The Lambda handler around the clerk that `provide` gives."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return each(event, context, lambda body, message_id: provide().take(body, message_id), log)

    return handler


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings and BadPolicy."""
    clerk().warm()


handler = make_handler(clerk, Log("settler"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
