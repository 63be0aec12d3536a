"""Takes the dial queue: one message is one attempt to ring one person. A message that fails is named, and only that one comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.dialer.dialer import Dialer
from functions.dialer.wiring import build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def dialer() -> Dialer:
    return build(os.environ)


def make_handler(provide: Callable[[], Dialer], log: Log) -> Handler:
    """The Lambda handler around the dialer that `provide` gives."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return each(event, context, lambda body, _: provide().take(body), log)

    return handler


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings and BadProfile."""
    dialer().warm()


handler = make_handler(dialer, Log("dialer"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
