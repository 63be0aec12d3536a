"""A campaign of one person, over the API, as the business's own system would run it: define, list, start, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

SCOPES = ("campaigns:read", "campaigns:write")
SETTLED_WITHIN_S = 20.0
LOOK_AGAIN_S = 0.25
AGREED = {
    "consent_source": "web form",
    "consent_wording": "I agree to be called about this.",
}


@dataclass(frozen=True)
class Campaigned:
    """What has a scenario's call placed by a campaign. `rules`: further keys of the campaign file."""

    name: str
    rules: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


class OneCall:
    """The campaign of one call. Raises RuntimeError for what the API refuses."""

    def __init__(self, gateway_url: str, key: str, business: str, campaign_id: str) -> None:
        self._url, self._key = gateway_url, key
        self._business, self._id = business, campaign_id

    async def start(self, wanted: Campaigned, number: str, name: str, language: str) -> None:
        rules = {
            "id": self._id,
            "business": self._business,
            "name": wanted.name,
            "channels": 1,
            "max_attempts": 1,
            "fields": list(wanted.fields),
            **wanted.rules,
        }
        contact = {
            **AGREED,
            "consent_at": (datetime.now(UTC) - timedelta(days=3)).isoformat(timespec="seconds"),
            "phone": number,
            "name": name,
            "language": language,
            "fields": dict(wanted.fields),
        }
        async with self._client() as client:
            await _ask(client, "POST", "/campaigns", rules)
            taken = await _ask(client, "POST", f"/campaigns/{self._id}/contacts", {"contacts": [contact]})
            if taken["new"] != 1:
                raise RuntimeError(f"the campaign did not take its contact: {taken}")
            await _ask(client, "POST", f"/campaigns/{self._id}/start", None)

    async def result(self) -> Mapping[str, Any]:
        """The contact's row, with its disposition once there is one; {} if the campaign does not know it."""
        row: Mapping[str, Any] = {}
        async with self._client() as client:
            for _ in range(int(SETTLED_WITHIN_S / LOOK_AGAIN_S)):
                page = await _ask(client, "GET", f"/campaigns/{self._id}/results", None)
                row = next(iter(page["contacts"]), {})
                if row.get("disposition"):
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
        return row

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._key}"}
        return httpx.AsyncClient(base_url=self._url, headers=headers, timeout=15, trust_env=False)


async def _ask(client: httpx.AsyncClient, method: str, path: str, body: object) -> Any:
    answer = await client.request(method, path, json=body)
    if answer.status_code >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()


def row_of(result: Mapping[str, Any], rings: int) -> dict[str, str]:
    """Of the results, as the demo's report shows it. rings: how often the carrier rang the number."""
    shown = {
        key: "" if result.get(key) is None else str(result[key])
        for key in ("disposition", "state", "score", "attempts", "call")
    }
    return {"kind": "contact", **shown, "rings": str(rings)}
