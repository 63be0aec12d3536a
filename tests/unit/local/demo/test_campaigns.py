"""A campaign of one call over the API, and how its contact is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.demo.campaigns import Campaigned, OneCall, row_of
from tests.integration.bridge_peers import HttpPeer

NUMBER = "+254722000200"


class Api:
    """Answers as the API does; `rows`: what the results are, one look after the other, the last one for ever."""

    def __init__(self, *rows: dict[str, Any], new: int = 1) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._rows, self._new = list(rows), new

    def __call__(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append((method, path, json.loads(body) if body else None))
        if path.endswith("/contacts"):
            return 200, {"new": self._new, "renewed": 0, "kept": 0, "rejected": []}
        if path.endswith("/results"):
            row = self._rows.pop(0) if len(self._rows) > 1 else self._rows[0]
            return 200, {"contacts": [row] if row else []}
        return 200, {}


async def test_it_is_defined_given_its_one_contact_with_consent_and_started() -> None:
    api = Api()
    async with HttpPeer(api) as peer:
        campaign = OneCall(peer.url, "key", "mizani-001", "one")
        await campaign.start(Campaigned("A list", {"reps": 1}, {"plan": "basic"}), NUMBER, "Esther", "en")
    (_, _, rules), (_, _, batch), (_, started, _) = api.asked
    assert (rules["id"], rules["business"], rules["reps"], rules["fields"]) == ("one", "mizani-001", 1, ["plan"])
    (contact,) = batch["contacts"]
    assert (contact["phone"], contact["language"], contact["fields"]) == (NUMBER, "en", {"plan": "basic"})
    assert all(contact[key] for key in ("consent_source", "consent_wording", "consent_at"))
    assert started == "/campaigns/one/start"


async def test_a_contact_that_is_not_taken_is_no_call() -> None:
    async with HttpPeer(Api(new=0)) as peer:
        with pytest.raises(RuntimeError, match="did not take"):
            await OneCall(peer.url, "key", "mizani-001", "one").start(Campaigned("A list"), NUMBER, "Esther", "en")


async def test_the_result_is_waited_for() -> None:
    done = {"disposition": "hot", "state": "done", "score": 100, "attempts": 1, "call": "HD_1"}
    api = Api({"disposition": None, "state": "ringing"}, done)
    async with HttpPeer(api) as peer:
        assert await OneCall(peer.url, "key", "mizani-001", "one").result() == done
    assert len(api.asked) == 2


def test_what_is_unknown_is_shown_as_nothing() -> None:
    assert row_of({"disposition": None, "attempts": 0}, 0) == {
        "kind": "contact",
        "disposition": "",
        "state": "",
        "score": "",
        "attempts": "0",
        "call": "",
        "rings": "0",
    }
