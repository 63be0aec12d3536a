"""The routes of campaigns, as the commands of `pokea campaign` ask them. What does no harm twice is asked again where nobody answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from local.cli.cdr import NO_SUCH_CALL as NOT_FOUND
from local.cli.cdr import Unreachable, client_of

TRIES = 4
PAUSE_S = 1.0
AGAIN = frozenset({429, 500, 502, 503, 504})
CURSOR_HEADER = "x-next-cursor"
OF_ONE = "/campaigns/"  # a 404 below it is about that campaign; elsewhere it is about what its own words say


class Refused(Unreachable):
    """The API said no. The message is one line, its own words."""


@dataclass
class CampaignApi:
    """`keys`: of the businesses that may be asked for. Whose campaign it is, is found out with the first question."""

    url: str
    keys: Mapping[str, str]
    transport: httpx.BaseTransport | None = None
    pause: Callable[[float], None] = time.sleep

    def define(self, tables: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._json("POST", "/campaigns", tables)

    def add(self, campaign_id: str, contacts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return self._json("POST", f"/campaigns/{campaign_id}/contacts", {"contacts": list(contacts)})

    def order(self, campaign_id: str, order: str) -> Mapping[str, Any]:
        return self._json("POST", f"/campaigns/{campaign_id}/{order}")

    def suppress(self, number: str, reason: str) -> Mapping[str, Any]:
        return self._json("POST", "/suppressions", {"number": number, "reason": reason})

    def lift(self, number: str, reason: str) -> Mapping[str, Any]:
        return self._json("POST", "/suppressions/lift", {"number": number, "reason": reason})

    def suppression(self, number: str) -> Mapping[str, Any]:
        return self._json("POST", "/suppressions/find", {"number": number})

    def suppressions(self, day: str) -> list[Mapping[str, Any]]:
        """`day`: UTC, "" for today."""
        query = f"?{httpx.QueryParams({'day': day})}" if day else ""
        return list(self._json("GET", f"/suppressions{query}")["suppressions"])

    def standing(self, campaign_id: str) -> Mapping[str, Any]:
        return self._json("GET", f"/campaigns/{campaign_id}")

    def every(self) -> list[tuple[str, Mapping[str, Any]]]:
        """All campaigns of all businesses that may be asked for: whose it is, and the campaign."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        for business, key in self.keys.items():
            answer = self._asked("GET", "/campaigns", None, {business: key}).json()
            found += [(business, campaign) for campaign in answer["campaigns"]]
        return found

    def pages(self, campaign_id: str, form: str) -> Iterator[str]:
        """The results, page by page."""
        cursor, is_first = "", True
        while cursor or is_first:
            query = str(httpx.QueryParams({"format": form, **({"cursor": cursor} if cursor else {})}))
            reply = self._asked("GET", f"/campaigns/{campaign_id}/results?{query}", None, self.keys)
            yield reply.text
            cursor, is_first = reply.headers.get(CURSOR_HEADER, ""), False

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._asked(method, path, body, self.keys).json()
        return answer

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None, keys: Mapping[str, str]) -> httpx.Response:
        """The answer of the first business that knows what is asked for. Raises Unreachable and Refused."""
        with client_of(self.url, self.transport) as client:
            reply = None
            for business, key in keys.items():
                reply = self._patiently(client, method, path, body, key)
                if reply.status_code != NOT_FOUND:
                    self.keys = {business: key} if len(keys) > 1 else self.keys
                    break
        if reply is None:
            raise Unreachable("no business is known here")
        if not reply.is_success:
            raise Refused(_words_of(reply, path))
        return reply

    def _patiently(
        self, client: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None, key: str
    ) -> httpx.Response:
        for tries in range(1, TRIES + 1):
            try:
                reply = client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
                if reply.status_code not in AGAIN or tries == TRIES:
                    return reply
            except httpx.HTTPError as problem:
                if tries == TRIES:
                    raise Unreachable(f"{self.url}: no answer ({type(problem).__name__})") from None
            self.pause(PAUSE_S * tries)
        raise Unreachable(f"{self.url}: no answer")


def _words_of(reply: httpx.Response, path: str) -> str:
    if reply.status_code == NOT_FOUND and path.startswith(OF_ONE):
        return f"there is no such campaign: `pokea campaign list` names those there are ({NOT_FOUND})"
    try:
        body = reply.json()
        words = body.get("error", body).get("message", "no answer")
    except (ValueError, AttributeError):
        words = "no answer"
    return f"{words} ({reply.status_code})"
