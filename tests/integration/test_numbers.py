"""`pokea numbers` over real sockets against the simulated carrier, in every way that its pages print."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.carrier import Carrier as Simulator
from local.carrier import Fault
from local.carrier.party import QuietParty
from local.cli.numbers import Place, Wish, run_claim, run_list, run_route
from pokea.adapters.sautikit_dialects import CLAIM_FIELDS, CLAIM_WAYS, ROUTE_WAYS
from pokea.errors import CallError, Conflict, Denied, NotFound, RejectedInput
from pokea.lines import PACKAGED, load_lines
from pokea.phone_numbers import E164
from tests.integration.carrier_peers import voice_app

NUMBER, OTHER = E164("+254711000099"), E164("+254711000098")
SECRET = "a-path-secret-of-the-desk"
OLD = "https://old.example/voice/an-older-path-secret"


class Desk:
    """An operator's desk: an environment, a state folder, and what the commands print."""

    def __init__(self, simulator: Simulator, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.simulator, self.state, self._capsys = simulator, state, capsys
        self.environ = {
            "SAUTIKIT_API_KEY": "key",
            "SAUTIKIT_API_BASE": simulator.base_url,
            "POKEA_PUBLIC_URL": "https://api.example",
            "POKEA_WEBHOOK_PATH_SECRET": f"{SECRET},an-old-path-secret-still-good",
        }

    @property
    def place(self) -> Place:
        return Place(self.state, environ=self.environ)

    async def claim(self, number: E164 = NUMBER, *, dry_run: bool = False) -> tuple[int, str]:
        code = await asyncio.to_thread(run_claim, self.place, number, dry_run, True)
        return code, json.loads(self._capsys.readouterr().out)["outcome"]

    async def route(self, **wish: Any) -> tuple[int, dict[str, Any]]:
        code = await asyncio.to_thread(run_route, self.place, Wish((NUMBER,), **wish), True)
        text = self._capsys.readouterr().out
        assert SECRET not in text
        assert "an-older-path-secret" not in text
        return code, json.loads(text)["numbers"][0]

    def sent(self, *methods: str) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.simulator.requests if method in methods]


@pytest.fixture
async def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Desk]:
    async with Simulator("key") as simulator:
        yield Desk(simulator, tmp_path, capsys)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("way", CLAIM_WAYS)
async def test_claiming_twice_is_claiming_once_in_every_way(desk: Desk, way: str, bare: bool) -> None:
    desk.simulator.numbers.offer(NUMBER)
    desk.simulator.numbers.bare_inventory = bare
    desk.environ["POKEA_CARRIER_CLAIM"] = way
    assert await desk.claim(dry_run=True) == (0, "would_claim")
    assert desk.sent("POST") == []
    assert await desk.claim() == (0, "claimed")
    assert await desk.claim() == (0, "already_ours")
    assert len(desk.sent("POST")) == 1


@pytest.mark.parametrize("field", CLAIM_FIELDS)
async def test_the_field_that_names_the_number_is_a_setting(desk: Desk, field: str) -> None:
    desk.simulator.numbers.offer(NUMBER)
    desk.environ |= {"POKEA_CARRIER_CLAIM": "numbers", "POKEA_CARRIER_CLAIM_FIELD": field}
    assert await desk.claim() == (0, "claimed")


async def test_a_claim_whose_reply_was_lost_is_settled_by_the_lists(desk: Desk) -> None:
    desk.simulator.numbers.offer(NUMBER)
    lost = Fault(status=502, path="/v1/numbers", after_effect=True, shape="html")
    desk.simulator.fail(lost)
    assert await desk.claim() == (0, "claimed")
    desk.simulator.numbers.offer(OTHER)
    desk.simulator.fail(Fault(status=502, path="/v1/numbers"))
    assert await desk.claim(OTHER) == (1, "not_claimed")
    assert await desk.claim(OTHER) == (0, "claimed")
    assert sum(1 for number in desk.simulator.numbers if number.e164 == OTHER) == 1


async def test_a_claim_that_no_list_settles_is_unknown_and_not_repeated(desk: Desk) -> None:
    desk.simulator.numbers.offer(NUMBER)
    desk.simulator.fail(Fault(status=502, path="/v1/numbers", after_effect=True))
    desk.simulator.fail(Fault(status=0, method="GET", path="/available"))
    desk.simulator.fail(Fault(status=0, method="GET", path="/v1/numbers$"))
    desk.simulator.fail(Fault(status=500, method="GET", path="/v1/numbers$"))
    assert await desk.claim() == (1, "unknown")
    assert len(desk.sent("POST")) == 1


async def test_a_way_that_the_carrier_does_not_know_is_named(desk: Desk) -> None:
    desk.simulator.numbers.offer(NUMBER)
    desk.simulator.fail(Fault(status=404, path="/claim", code="not_found"))
    with pytest.raises(NotFound, match="POKEA_CARRIER_CLAIM"):
        await desk.claim()
    desk.simulator.add_number(NUMBER)
    desk.simulator.fail(Fault(status=404, method="PUT", path="/routing", code="not_found"))
    with pytest.raises(NotFound, match="POKEA_CARRIER_ROUTE"):
        await desk.route()


async def test_refusals_are_clear(desk: Desk) -> None:
    with pytest.raises(NotFound, match="neither ours nor offered"):
        await desk.claim()
    with pytest.raises(NotFound, match="numbers claim"):
        await desk.route()
    desk.environ["SAUTIKIT_API_KEY"] = "wrong"
    with pytest.raises(Denied, match="credentials"):
        await desk.claim()


@pytest.mark.parametrize("way", ROUTE_WAYS)
async def test_routing_twice_is_routing_once_and_can_be_undone_in_every_way(desk: Desk, way: str) -> None:
    number = desk.simulator.add_number(NUMBER, OLD, "https://old.example/events")
    desk.environ["POKEA_CARRIER_ROUTE"] = way
    assert (await desk.route(dry_run=True))[1]["outcome"] == "would_route"
    assert number.voice_url == OLD
    code, routed = await desk.route()
    assert (code, routed["outcome"]) == (0, "routed")
    assert routed["from"]["voice"].startswith("https://old.example/voice/<secret ")
    assert number.voice_url == f"https://api.example/voice/{SECRET}"
    assert (number.events_url == f"https://api.example/call-events/{SECRET}") is (way != "patch-number")
    assert (await desk.route())[1]["outcome"] == "already_routed"
    assert len(desk.sent("PUT", "PATCH")) == 1
    assert (await desk.route(undo=True))[1]["outcome"] == "routed"
    assert (number.voice_url, number.events_url) == (OLD, "https://old.example/events")
    assert (await desk.route(undo=True))[1]["outcome"] == "already_routed"
    assert len(desk.sent("PUT", "PATCH")) == 2


async def test_the_earlier_route_is_kept_for_its_owner_only(desk: Desk) -> None:
    desk.simulator.add_number(NUMBER, OLD)
    await desk.route()
    kept = desk.state / "number-routes.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert OLD in kept.read_text()


async def test_undo_never_overrides_what_somebody_else_did(desk: Desk) -> None:
    with pytest.raises(NotFound, match="numbers claim"):
        await desk.route(undo=True)
    number = desk.simulator.add_number(NUMBER, OLD)
    with pytest.raises(NotFound, match="--voice-url"):
        await desk.route(undo=True)
    await desk.route()
    number.voice_url = "https://somebody.example/voice"
    with pytest.raises(Conflict, match=r"somebody\.example"):
        await desk.route(undo=True)
    assert number.voice_url == "https://somebody.example/voice"


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_route_whose_reply_was_lost_is_settled_by_the_list(desk: Desk, after_effect: bool) -> None:
    number = desk.simulator.add_number(NUMBER, OLD)
    desk.simulator.fail(Fault(status=500, method="PUT", path="/routing", times=3, after_effect=after_effect))
    code, routed = await desk.route()
    assert (code, routed["outcome"]) == ((0, "routed") if after_effect else (1, "not_taken"))
    assert (number.voice_url != OLD) is after_effect


async def test_a_route_that_is_accepted_and_ignored_is_not_called_routed(desk: Desk) -> None:
    desk.simulator.add_number(NUMBER, OLD)
    desk.environ["POKEA_CARRIER_ROUTE"] = "patch-number"
    swallowed = desk.simulator.numbers.by_e164(NUMBER)
    assert swallowed is not None
    code, routed = await desk.route(voice_url="https://new.example/voice")
    assert (code, routed["outcome"]) == (0, "routed")
    desk.simulator.fail(Fault(status=200, method="PATCH", path="/v1/numbers", code="fine"))
    code, routed = await desk.route(voice_url="https://newer.example/voice")
    assert (code, routed["outcome"]) == (1, "not_taken")
    assert "POKEA_CARRIER_ROUTE" in routed["note"]


async def test_the_secret_that_signs_a_numbers_hooks_is_set_with_its_route(desk: Desk) -> None:
    with pytest.raises(RejectedInput, match="patch-routing"):
        await desk.route(sign=True)
    desk.environ |= {"POKEA_CARRIER_ROUTE": "patch-routing", "SAUTIKIT_WEBHOOK_SECRET": "whsec_new,whsec_old"}
    async with voice_app("<Response><Hangup/></Response>") as app:
        desk.simulator.add_number(NUMBER)
        assert (await desk.route(voice_url=app.voice_url, sign=True))[0] == 0
        call = await desk.simulator.dial("+254722000111", NUMBER, QuietParty())
        await call.ended(10)
    assert call.hooks[0].headers["X-Sautikit-Signature"].startswith("t=")


async def test_numbers_are_listed_with_the_business_that_they_are_for(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = load_lines(PACKAGED)
    first = next(iter(lines))
    desk.simulator.add_number(first, OLD)
    assert await asyncio.to_thread(run_list, desk.place, False, True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["numbers"][0]["business"] == lines[first].business_id
    assert len(found["unclaimed"]) == len(lines) - 1
    for number in lines:
        if number != first:
            desk.simulator.add_number(number)
    assert await asyncio.to_thread(run_list, desk.place, False, False) == 0
    assert "an-older-path-secret" not in capsys.readouterr().out
    desk.simulator.numbers.offer(NUMBER)
    assert await asyncio.to_thread(run_list, desk.place, True, False) == 0
    assert NUMBER in capsys.readouterr().out


async def test_every_number_is_looked_up_before_the_first_is_changed(desk: Desk) -> None:
    number = desk.simulator.add_number(NUMBER, OLD)
    with pytest.raises(CallError, match="numbers claim"):
        await asyncio.to_thread(run_route, desk.place, Wish((NUMBER, OTHER)), True)
    assert number.voice_url == OLD
