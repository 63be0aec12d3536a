"""On a schedule: reads the calendars that keep diaries busy. Returns how many diaries were read and how many could not be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from functions.calendars.wiring import Calendars, build
from pokea.adapters.observability import Log

Handler = Callable[[Any, Any], dict[str, int]]


@cache
def calendars() -> Calendars:
    return build(os.environ)


def make_handler(provide: Callable[[], Calendars], log: Log) -> Handler:
    """The Lambda handler around the reader that `provide` gives. What nobody expected is raised: the schedule's alarm is for that."""

    def handler(event: Any, context: Any) -> dict[str, int]:
        parts = provide()
        tally = parts.reader.read(parts.profiles, parts.clock.now())
        log.info("calendars read", read=tally.read, failed=tally.failed)
        return asdict(tally)

    return handler


def warm() -> None:
    """Build everything the first run would otherwise wait for. Raises BadSettings and BadProfile."""
    calendars()


handler = make_handler(calendars, Log("calendars"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
