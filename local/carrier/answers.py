"""Who picks up which number, told over HTTP, for a simulator that runs in another process.

    PUT /_sim/answers/+254722000111   {"who": "machine"}
    PUT /_sim/answers/+254722000111   {"who": "busy", "ring_s": 2}

who: machine, fax, calling_fax, silence or noise, who pick up, or busy, no_answer or failed. ring_s: how long it rings before. behaviour: of
calls to this number, if not the carrier's. greeting, language: what the machine says. A number that was named again has its new owner only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.carrier.behaviour import BEHAVIOURS
from local.carrier.machines import GREETINGS, KINDS, Kind, apparatus
from local.carrier.numbers import NoAnswer
from local.speech.voice import SpeechError, Voice

if TYPE_CHECKING:
    from local.carrier.carrier import Carrier

NOBODY: tuple[NoAnswer, ...] = ("busy", "no_answer", "failed")
MAX_GREETING_CHARS = 500
MAX_RING_S = 600.0
_KEYS = {"who", "ring_s", "behaviour", "greeting", "language"}


class _Unusable(ValueError):
    """An order that makes no sense; the message says why."""


async def answers_endpoint(carrier: Carrier, request: Request) -> Response:
    try:
        await _register(carrier, request.path_params["e164"], await _order(request))
    except _Unusable as problem:
        return JSONResponse({"error": {"code": "sim.bad_answer", "message": str(problem)}}, 400)
    return Response(status_code=204)


async def _order(request: Request) -> Mapping[str, Any]:
    try:
        order = json.loads(await request.body())
    except ValueError:
        raise _Unusable("the body is not JSON") from None
    if not isinstance(order, dict) or not order.keys() <= _KEYS:
        raise _Unusable(f"expected an object with some of {', '.join(sorted(_KEYS))}")
    return order


async def _register(carrier: Carrier, e164: str, order: Mapping[str, Any]) -> None:
    who, ring_s, behaviour = order.get("who"), order.get("ring_s", 1.0), str(order.get("behaviour", ""))
    if not (e164.startswith("+") and e164[1:].isdecimal()):
        raise _Unusable(f"{e164!r} is no E.164 number")
    if isinstance(ring_s, bool) or not isinstance(ring_s, int | float) or not 0 <= ring_s <= MAX_RING_S:
        raise _Unusable(f"ring_s is a number from 0 to {MAX_RING_S:.0f}")
    if behaviour and behaviour not in BEHAVIOURS:
        raise _Unusable(f"behaviour is one of {', '.join(BEHAVIOURS)}")
    if who in NOBODY:
        carrier.answer_with(e164, cast(NoAnswer, who), ring_s, behaviour=behaviour)
    elif who in KINDS:
        kind = cast(Kind, who)
        greeting = await spoken_greeting(order) if kind == "machine" else b""
        carrier.answer_with(e164, lambda: apparatus(kind, greeting), ring_s, behaviour=behaviour)
    else:
        raise _Unusable(f"who is one of {', '.join((*KINDS, *NOBODY))}")


async def spoken_greeting(order: Mapping[str, Any]) -> bytes:
    """16 kHz mono PCM16LE. Raises ValueError."""
    language = str(order.get("language", "en"))
    words = str(order.get("greeting") or GREETINGS.get(language, ""))
    if not words or len(words) > MAX_GREETING_CHARS:
        raise _Unusable(f"greeting has 1 to {MAX_GREETING_CHARS} characters; the languages are {', '.join(GREETINGS)}")
    try:
        with Voice() as voice:
            return await voice.say(words, language=language)
    except SpeechError as problem:
        raise _Unusable(str(problem)) from None
