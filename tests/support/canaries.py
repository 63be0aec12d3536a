"""Finds a secret in what was written, in the spellings that a log line, an address or a dump gives it."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> set[bytes]:
    """As it stands, quoted for a URL or in JSON, in hex, and in base64 at each of the three places where it may begin."""
    raw = secret.encode()
    found = {
        raw,
        quote(secret, safe="").encode(),
        quote(secret).encode(),
        quote_plus(secret).encode(),
        raw.hex().encode(),
    }
    found.add(json.dumps(secret)[1:-1].encode())
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            # The characters that also hold bits of what stands before and after are left out.
            text = encode(b"\0" * before + raw).rstrip(b"=")
            found.add(text[0 if before == 0 else before + 1 : -1])
    return found


def traces(secrets: Iterable[str], written: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a secret is found: the name of what was written, never the secret."""
    wanted = set().union(*(spellings(secret) for secret in secrets))
    return sorted({name for name, text in written for one in wanted if one in text})
