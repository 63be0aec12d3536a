"""Billing reports. Three ways in: the schedule asks the queue for what is due, the queue asks for one report a message, and a direct
invocation with {"business": …, "month": "2026-11"} or {"business": …, "day": "2026-11-20"} makes one and answers with its keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import ValidationError

from functions.reports.press import Press, Wish
from functions.reports.wiring import build
from pokea.adapters.batches import each
from pokea.adapters.observability import Log
from pokea.errors import RejectedInput

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def press() -> Press:
    return build(os.environ)


def make_handler(provide: Callable[[], Press], log: Log) -> Handler:
    """The Lambda handler around the press that `provide` gives."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        if "Records" in event:
            return each(event, context, lambda body, message_id: provide().take(body, message_id), log)
        if event.get("source") == "aws.events":
            return {"asked": provide().ask_for_what_is_due()}
        try:
            wish = Wish.model_validate(event)
        except ValidationError:
            raise RejectedInput("bad_request", "name a business, and a month or a day") from None
        return asdict(provide().fulfil(wish))

    return handler


def warm() -> None:
    """Build everything the first message would otherwise wait for. Raises BadSettings and BadProfile."""
    press()


handler = make_handler(press, Log("reports"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
