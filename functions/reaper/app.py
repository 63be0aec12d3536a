"""Every minute, and whenever ECS has seen a bridge's task end: ends the calls of bridges that are gone. Returns what it did."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from functions.reaper.reaper import Reaper
from functions.reaper.wiring import build

Handler = Callable[[Any, Any], dict[str, int]]


@cache
def reaper() -> Reaper:
    return build(os.environ)


def stopped_task(event: object) -> tuple[str, ...]:
    """The task that an event of ECS tells the end of; none for a schedule's event."""
    detail = event.get("detail") if isinstance(event, Mapping) else None
    if not isinstance(detail, Mapping) or detail.get("lastStatus") != "STOPPED":
        return ()
    arn = detail.get("taskArn")
    return (arn,) if isinstance(arn, str) else ()


def make_handler(provide: Callable[[], Reaper]) -> Handler:
    """The Lambda handler around the reaper that `provide` gives."""

    def handler(event: Any, context: Any) -> dict[str, int]:
        stopped = stopped_task(event)
        if context is None:  # at a desk
            return asdict(provide().run(stopped))
        return asdict(provide().run(stopped, context.get_remaining_time_in_millis))

    return handler


def warm() -> None:
    """Build everything the first run would otherwise wait for. Raises BadSettings and BadProfile."""
    reaper().warm()


handler = make_handler(reaper)

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
