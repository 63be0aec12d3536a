"""Access tokens for Vertex AI from Google's default credentials, fetched by a thread and renewed before they expire."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC

import httpx

from pokea.adapters.settings import BadSettings
from pokea.errors import CallError, Unavailable

RENEW_BEFORE_S = 600.0  # a token lives an hour; a renewal that fails has ten minutes to succeed after all
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FETCH_WITHIN_S = 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    expires_s: float  # wall clock, seconds since 1970


Fetch = Callable[[], Token]  # called in a thread; raises CallError


class GoogleToken:
    """`headers` never fetches more than one token at once, however many calls ask."""

    def __init__(self, fetch: Fetch, wall_s: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._wall_s = wall_s
        self._token: Token | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def headers(self) -> tuple[tuple[str, str], ...]:
        """What a request has to carry. Raises Unavailable if no token that is still good can be had."""
        token, now_s = self._token, self._wall_s()
        if token is None or now_s >= token.expires_s - RENEW_BEFORE_S:
            fetching = self._begin()
            if token is None or now_s >= token.expires_s:
                await asyncio.shield(fetching)
                token = self._token
        if token is None or self._wall_s() >= token.expires_s:
            raise Unavailable("google_token_unavailable", "Google gave no access token")
        return (("authorization", f"Bearer {token.value}"),)

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.get_running_loop().create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_WITHIN_S):
                self._token = await asyncio.to_thread(self._fetch)
        except (CallError, TimeoutError) as problem:
            log.warning("no new Google access token: %s", type(problem).__name__)


def from_default_credentials() -> Fetch:
    """Fetches by google-auth, which finds a service account's file, a workload identity or a metadata server. Raises BadSettings."""
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError:
        raise BadSettings(
            "POKEA_GEMINI_VERTEX", "no Google credentials were found: set GOOGLE_APPLICATION_CREDENTIALS"
        ) from None

    def fetch() -> Token:
        try:
            credentials.refresh(_Request())  # type: ignore[no-untyped-call]
        except (GoogleAuthError, httpx.HTTPError) as problem:
            raise Unavailable("google_token_unavailable", type(problem).__name__) from None
        expiry = credentials.expiry  # naive, in UTC
        expires_s = time.time() + 3_000 if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
        return Token(str(credentials.token), expires_s)

    return fetch


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: Mapping[str, str]
    data: bytes


class _Request:
    """google-auth's transport by httpx, so that no second HTTP library comes into the image for one request an hour."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _Response:
        reply = httpx.request(method, url, content=body, headers=headers, timeout=timeout or _FETCH_WITHIN_S)
        return _Response(reply.status_code, reply.headers, reply.content)
