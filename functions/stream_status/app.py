"""POST /stream-status and /call-events, each with or without a secret segment: what the carrier reports about streams and calls.

Answered within the carrier's ten seconds: 2xx once everything is stored, 401 for what proves nothing, 503 to be delivered again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from functions.stream_status.desk import EventDesk
from functions.stream_status.wiring import build
from pokea.adapters.http_events import hook_request
from pokea.adapters.observability import Log
from pokea.errors import CallError, RejectedInput, Unauthorized

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]
ROUTES = ("/stream-status", "/stream-status/<secret>", "/call-events", "/call-events/<secret>")


@cache
def desk() -> EventDesk:
    return build(os.environ)


def make_handler(provide: Callable[[], EventDesk], log: Log) -> Handler:
    """The Lambda handler around the desk that `provide` gives."""
    http = APIGatewayHttpResolver()

    def take(secret: str = "") -> Response[str]:
        try:
            provide().take(hook_request(http.current_event.raw_event, secret))
        except (Unauthorized, RejectedInput) as refusal:
            return _refused(refusal, log)
        except Exception as error:
            log.error("event not taken", error)
            log.count("EventFailed")
            status = error.http_status if isinstance(error, CallError) else 500
            return _reply(max(status, 500), '{"error":{"code":"not_taken"}}')
        return _reply(200, "{}")

    @http.not_found
    def elsewhere(error: Exception) -> Response[str]:
        return _refused(Unauthorized("hook_path"), log)  # a path that none of our secrets could make

    for route in ROUTES:
        http.post(route)(take)

    def handler(event: Event, context: Any) -> dict[str, Any]:
        return http.resolve(event, context)

    return handler


def _refused(refusal: Unauthorized | RejectedInput, log: Log) -> Response[str]:
    log.warning("hook refused", code=refusal.code, status=refusal.http_status)
    log.count("HookRefused", code=refusal.code)
    return _reply(refusal.http_status, f'{{"error":{{"code":"{refusal.code}"}}}}')


def _reply(status: int, body: str) -> Response[str]:
    return Response(status, "application/json", body)


def warm() -> None:
    """Build everything the first event would otherwise wait for. Raises BadSettings and BadProfile."""
    desk().warm()


handler = make_handler(desk, Log("stream_status"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
