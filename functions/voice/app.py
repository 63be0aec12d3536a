"""POST /, /voice, /voice/{secret}, /{secret}: the carrier asks what to do with a call.

Whatever happens behind it, an authentic hook is answered with a valid voice document: the last resort is an apology that needs
nothing but this file. The function's import is part of the caller's ringing time, so it stays thin: boto3 comes with the first use of
the store, and inside Lambda the first use happens while the environment is being prepared.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from functions.voice.reception import APOLOGY, Reception
from functions.voice.wiring import build
from pokea.adapters.http_events import hook_request, sender_of
from pokea.adapters.observability import Log
from pokea.errors import RejectedInput, Unauthorized
from pokea.sautikit.document import MEDIA_TYPE, goodbye_document

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]
_LAST_RESORT = goodbye_document(APOLOGY)


@cache
def reception() -> Reception:
    return build(os.environ)


def make_handler(provide: Callable[[], Reception], log: Log) -> Handler:
    """The Lambda handler around the reception that `provide` gives."""
    http = APIGatewayHttpResolver()

    def answer(secret: str = "") -> Response[str]:
        try:
            return _document(provide().answer(hook_request(http.current_event.raw_event, secret)))
        except (Unauthorized, RejectedInput) as refusal:
            return _refused(refusal, log, sender_of(http.current_event.raw_event))
        except Exception as error:
            log.error("voice failed", error)
            log.count("VoiceFailed")
            return _document(_LAST_RESORT)

    @http.not_found
    def elsewhere(error: Exception) -> Response[str]:
        refusal = Unauthorized("hook_path")  # a path that none of our secrets could make
        return _refused(refusal, log, sender_of(http.current_event.raw_event))

    for route in ("/", "/voice", "/voice/<secret>", "/<secret>"):
        http.post(route)(answer)

    def handler(event: Event, context: Any) -> dict[str, Any]:
        return http.resolve(event, context)

    return handler


def _refused(refusal: Unauthorized | RejectedInput, log: Log, sender: str) -> Response[str]:
    log.warning("hook refused", code=refusal.code, status=refusal.http_status, sender=sender)
    log.count("HookRefused", code=refusal.code)
    return Response(refusal.http_status, "application/json", f'{{"error":{{"code":"{refusal.code}"}}}}')


def _document(xml: bytes) -> Response[str]:
    return Response(200, MEDIA_TYPE, xml.decode("utf-8"), headers={"Cache-Control": "no-store"})


def warm() -> None:
    """Build everything the first call would otherwise wait for. Raises BadSettings and BadProfile."""
    reception().warm()


handler = make_handler(reception, Log("voice"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
