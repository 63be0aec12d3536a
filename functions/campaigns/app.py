"""Plans campaigns every minute, starts them when their schedule comes, and takes orders for them.

An event with a `requestContext` is a request of the HTTP API, one with `campaign_due` the schedule of one campaign, and anything else the
schedule of the planner. The web framework is imported with the first request, so that the planner's starts do not pay for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

from functions.campaigns.wiring import Parts, build
from pokea.adapters.campaign_schedules import DUE
from pokea.adapters.observability import Log
from pokea.errors import NotFound
from pokea.ids import BusinessId

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]
MARGIN_MS = 8_000  # of the function's time, for what was begun and for the answer


@cache
def parts() -> Parts:
    return build(os.environ)


def make_handler(provide: Callable[[], Parts], log: Log) -> Handler:
    """The Lambda handler around the parts that `provide` gives."""
    planning = Lock()

    @cache
    def http() -> Handler:
        from mangum import Mangum

        from functions.campaigns.http import make_app

        logging.getLogger("mangum").setLevel(logging.WARNING)  # it logs whole paths
        return Mangum(make_app(provide, log), lifespan="off")

    def handler(event: Event, context: Any) -> dict[str, Any]:
        if "requestContext" in event:
            return dict(http()(event, context))
        if DUE in event:
            return start(provide(), event[DUE])
        if not planning.acquire(blocking=False):
            return {"queued": 0}  # the last plan is still being carried out
        try:
            return {"queued": plan(provide(), log, time_left_of(context))}
        finally:
            planning.release()

    return handler


def plan(parts: Parts, log: Log, is_over: Callable[[], bool]) -> int:
    """Returns how many contacts were queued. Whatever goes wrong with one campaign is its own."""
    planner = parts.planner(is_over)
    campaigns = planner.campaigns()
    room = planner.queue_room() if campaigns else 0
    queued = 0
    for number, campaign in enumerate(campaigns):
        if is_over():
            log.warning("campaigns left for the next plan", count=len(campaigns) - number)
            log.count("CampaignsLeft")
            break
        try:
            queued += planner.look(campaign, room - queued)
        except Exception as error:
            log.error("campaign not planned", error, business_id=campaign.business_id)
            log.count("CampaignNotPlanned")
    if queued:
        log.info("contacts queued", count=queued)
    return queued


def start(parts: Parts, due: Any) -> dict[str, str]:
    """A schedule whose campaign is gone starts nothing, and is not to be repeated."""
    try:
        campaign = parts.desk.due(BusinessId(str(due["business"])), str(due["campaign"]))
    except NotFound as gone:
        return {"state": gone.code}
    return {"state": campaign.state.value}


def time_left_of(context: Any) -> Callable[[], bool]:
    """Whether too little of this run is left to begin anything more."""
    return lambda: context is not None and context.get_remaining_time_in_millis() < MARGIN_MS


def warm() -> None:
    """Build everything the first event would otherwise wait for. Raises BadSettings, BadProfile and BadPolicy."""
    parts()


handler = make_handler(parts, Log("campaigns"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
