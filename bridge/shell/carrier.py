"""Ends a leg by the carrier's REST interface: the only hang-up that stops the carrier from running what stands behind the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

import httpx

_PAUSES_S = (0.0, 0.25, 0.75)
_TIMEOUT_S = 2.0
_KEY_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)  # tried again too: the key may be replaced meanwhile
# The leg is gone already, which is what was asked for.
_OVER = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)
log = logging.getLogger(__name__)


class CarrierHangUp:
    """Hanging up twice is harmless, so a failed attempt is repeated. Without a key nothing is sent.

    `api_key`: a function where it may be replaced while the process lives. `on_refused`: is told when the carrier does not take it.
    """

    def __init__(self, base_url: str, api_key: str | Callable[[], str]) -> None:
        self._base_url = base_url
        self._api_key = api_key
        # Made at the start, where nobody is on the line: to load the authorities takes 40 ms. A stand-in without TLS needs none.
        is_tls = not base_url.startswith("http://")
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, verify=is_tls)
        self.on_refused: Callable[[], None] = lambda: None

    async def hang_up(self, session_id: str) -> bool:
        """True once the carrier confirmed that the leg is down; False after the last attempt, or without a key."""
        if not self._key() or not session_id:
            return False
        url = f"{self._base_url}/v1/calls/{quote(session_id, safe='')}/hangup"
        for pause_s in _PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                headers = {"Authorization": f"Bearer {self._key()}"}
                status = (await self._client.post(url, headers=headers)).status_code
            except httpx.TransportError as problem:
                log.warning("hang-up of %s: %s", session_id, type(problem).__name__)
                continue
            if status < HTTPStatus.MULTIPLE_CHOICES or status in _OVER:
                return True
            log.warning("hang-up of %s: HTTP %d", session_id, status)
            if status in _KEY_REFUSED:
                self.on_refused()
                continue
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
                return False
        return False

    def _key(self) -> str:
        return self._api_key() if callable(self._api_key) else self._api_key

    async def close(self) -> None:
        await self._client.aclose()
