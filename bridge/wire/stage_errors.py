"""How OpenAI-shaped HTTP services refuse, and what that means for the next attempt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.core.frames import Buffer, Loss

_REASON_CHARS = 120
_REFUSED = (401, 403, 404, 405, 410, 501)
_OVERLOADED = (402, 429, 503, 529)
_STATE = (400, 409, 413, 422)
# Codes and types of error objects, where a stream has no status any more.
_WORDS = (
    (Loss.OVERLOADED, ("rate_limit", "overloaded", "insufficient_quota", "unavailable", "too many requests")),
    (Loss.REFUSED, ("invalid_api_key", "authentication", "permission", "model_not_found")),
    (Loss.STATE, ("invalid_request", "context_length", "badrequest", "bad_request")),
)


def loss_of(status: int, reason: str = "") -> Loss:
    """`status` 0: none is known; then the words of the error decide."""
    if status in _REFUSED:
        return Loss.REFUSED
    if status in _OVERLOADED:
        return Loss.OVERLOADED
    if status in _STATE:
        return Loss.STATE
    lowered = reason.lower()
    for loss, words in _WORDS:
        if any(word in lowered for word in words):
            return loss
    return Loss.NETWORK


def detail_of(body: Mapping[str, Any]) -> tuple[int, str]:
    """(status or 0, reason) in an error object: {"error": {"message", "type", "code"}}, {"error": "…"}, {"detail": …} or flat."""
    error = body.get("error", body)
    if isinstance(error, str):
        return 0, error[:_REASON_CHARS]
    if not isinstance(error, dict):
        return 0, ""
    code = error.get("code")
    status = code if isinstance(code, int) and 100 <= code < 600 else 0
    parts = (error.get("type"), code, error.get("message") or error.get("detail"))
    return status, ": ".join(part for part in parts if isinstance(part, str) and part)[:_REASON_CHARS]


def reason_in(body: Buffer) -> str:
    """The reason in the body of a refusal; empty if it is no JSON."""
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return ""
    return detail_of(value)[1] if isinstance(value, dict) else ""
