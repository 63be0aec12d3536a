"""Whether a webhook is signed, as somebody who takes webhooks would check it from the page about them. Imports nothing of the product."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


def is_authentic(
    headers: Mapping[str, str], raw_body: bytes, secret: str, now_s: float, tolerance_s: float = 300
) -> bool:
    """`headers` in lower case. True if one v1 of the header is the HMAC of exactly these bytes, a full stop and the time of the header."""
    fields = [part.split("=", 1) for part in headers.get("x-pokea-signature", "").split(",")]
    times = [field[1] for field in fields if field[0] == "t" and len(field) == 2]
    signatures = [field[1] for field in fields if field[0] == "v1" and len(field) == 2]
    if len(times) != 1 or not times[0].isdecimal() or abs(now_s - int(times[0])) > tolerance_s:
        return False
    digest = hmac.new(secret.encode("utf-8"), digestmod=hashlib.sha256)
    for piece in (raw_body, b".", times[0].encode("ascii")):
        digest.update(piece)
    return any(hmac.compare_digest(digest.hexdigest(), signature) for signature in signatures)
