"""HTTP API v2 events, as far as hooks need them: the exact bytes that were posted, the headers, the query."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pokea.errors import RejectedInput
from pokea.sautikit.signature import SIGNATURE_HEADER


@dataclass(frozen=True, slots=True)
class HookRequest:
    """`headers` in lower case. `body` is what the carrier sent, byte for byte, however the gateway wrapped it."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path_secret: str = ""

    @property
    def signature(self) -> str:
        return self.headers.get(SIGNATURE_HEADER, "")


def sender_of(event: Mapping[str, Any]) -> str:
    """Who says to have sent a request: "carrier" or "other". Nothing is decided by it; the log says it of what was refused."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    return "carrier" if headers.get("user-agent", "").startswith("Sautikit") else "other"


def hook_request(event: Mapping[str, Any], path_secret: str = "") -> HookRequest:
    """The request in a payload v2 `event`. Raises RejectedInput for a body that is not what the event says it is."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    query = {str(name): str(value) for name, value in (event.get("queryStringParameters") or {}).items()}
    return HookRequest(_body(event), headers, query, path_secret)


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    try:
        return b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise RejectedInput("bad_body", "the body is not what the event says it is") from None
