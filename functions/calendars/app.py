"""On a schedule: reads the calendars that keep diaries busy. Returns how many diaries were read and how many could not be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from functions.calendars.reader import DIARY_S, Tally, diaries
from functions.calendars.wiring import Calendars, build
from pokea.adapters.observability import Log

STORE_S = 8.0  # for keeping what was read, and for the answer

Handler = Callable[[Any, Any], dict[str, int]]


@cache
def calendars() -> Calendars:
    return build(os.environ)


def make_handler(provide: Callable[[], Calendars], log: Log) -> Handler:
    """The Lambda handler around the reader that `provide` gives. Whatever one calendar does costs its own diary only."""

    def handler(event: Any, context: Any) -> dict[str, int]:
        parts, tally = provide(), Tally()
        now = parts.clock.now()
        wanted = diaries(parts.profiles, now)
        for number, (profile, resource) in enumerate(wanted):
            if is_nearly_over(context):
                log.warning("calendars left for the next run", count=len(wanted) - number)
                log.count("CalendarsLeft")
                break
            try:
                tally += parts.reader.read(profile, resource, now)
            except Exception as error:
                log.error("calendar failed", error, business_id=profile.business_id, resource=resource)
                log.count("CalendarNotRead")
                tally += Tally(failed=1)
        log.info("calendars read", read=tally.read, failed=tally.failed)
        return asdict(tally)

    return handler


def is_nearly_over(context: Any) -> bool:
    """Whether too little of this run is left to read one more diary."""
    return context is not None and context.get_remaining_time_in_millis() < (DIARY_S + STORE_S) * 1000


def warm() -> None:
    """Build everything the first run would otherwise wait for. Raises BadSettings and BadProfile."""
    calendars()


handler = make_handler(calendars, Log("calendars"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
