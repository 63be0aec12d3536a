"""Ends a leg by the carrier's REST interface: the only hang-up that stops the carrier from running what stands behind the stream."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from urllib.parse import quote

import httpx

_PAUSES_S = (0.0, 0.25, 0.75)
_TIMEOUT_S = 2.0
# The leg is gone already, which is what was asked for.
_OVER = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)
log = logging.getLogger(__name__)


class CarrierHangUp:
    """Hanging up twice is harmless, so a failed attempt is repeated. Without a key nothing is sent."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._client: httpx.AsyncClient | None = None
        if api_key:
            self._client = httpx.AsyncClient(
                headers={"Authorization": f"Bearer {api_key}"}, timeout=_TIMEOUT_S, trust_env=False
            )

    async def hang_up(self, session_id: str) -> bool:
        """True once the carrier confirmed that the leg is down; False after the last attempt, or without a key."""
        if self._client is None or not session_id:
            return False
        url = f"{self._base_url}/v1/calls/{quote(session_id, safe='')}/hangup"
        for pause_s in _PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                status = (await self._client.post(url)).status_code
            except httpx.TransportError as problem:
                log.warning("hang-up of %s: %s", session_id, type(problem).__name__)
                continue
            if status < HTTPStatus.MULTIPLE_CHOICES or status in _OVER:
                return True
            log.warning("hang-up of %s: HTTP %d", session_id, status)
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
                return False
        return False

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
