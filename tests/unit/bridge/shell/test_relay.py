"""Who is let in at the private door, and on which address it stands."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shell.doorman import Admitted, Answer, Request
from bridge.shell.phone import PhoneSocket
from bridge.shell.relay import RelayGate, relay_address
from pokea.adapters.settings import BadSettings

HOP = "hop-of-this-hand-off"
UPGRADE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "audio.drachtio.org",
}


class Listener:
    def on_connected(self, phone: PhoneSocket) -> None: ...
    def on_binary(self, data: bytes | bytearray | memoryview) -> None: ...
    def on_text(self, data: bytes) -> None: ...
    def on_congested(self, congested: bool) -> None: ...
    def on_closed(self, code: int, by_us: bool) -> None: ...


def request(authorization: str | None = f"Bearer {HOP}", handoff: str = "h1", **changes: str) -> Request:
    headers = {**UPGRADE, **changes}
    if authorization is not None:
        headers["authorization"] = authorization
    return Request("GET", "/relay", {"handoff": handoff}, headers)


def waiting() -> RelayGate:
    gate = RelayGate()
    gate.expect("h1", HOP, Listener())
    return gate


async def status_of(gate: RelayGate, asked: Request) -> HTTPStatus | None:
    decision = await gate.decide(asked)
    return decision.status if isinstance(decision, Answer) else None


async def test_the_right_hop_is_let_in_once() -> None:
    gate = waiting()
    assert isinstance(await gate.decide(request()), Admitted)
    assert await status_of(gate, request()) is HTTPStatus.CONFLICT


async def test_what_is_no_upgrade_of_ours_does_not_use_the_place_up() -> None:
    gate = waiting()
    assert await status_of(gate, request(upgrade="")) is HTTPStatus.UPGRADE_REQUIRED
    assert await status_of(gate, request(**{"sec-websocket-protocol": "chat"})) is HTTPStatus.BAD_REQUEST
    assert isinstance(await gate.decide(request()), Admitted)


@pytest.mark.parametrize("handoff", ["", "h2", "H1"])
async def test_a_hand_off_that_nobody_expects_is_refused_like_a_wrong_hop(handoff: str) -> None:
    assert await status_of(waiting(), request(handoff=handoff)) is HTTPStatus.UNAUTHORIZED


async def test_after_the_hand_off_nobody_is_expected() -> None:
    gate = waiting()
    gate.forget("h1")
    assert await status_of(gate, request()) is HTTPStatus.UNAUTHORIZED
    assert len(gate) == 0


async def test_an_order_without_a_hop_opens_no_door() -> None:
    gate = RelayGate()
    gate.expect("h1", "", Listener())
    assert await status_of(gate, request("Bearer ")) is HTTPStatus.UNAUTHORIZED


@given(st.text(max_size=60))
async def test_no_other_proof_opens_it(proof: str) -> None:
    if proof != f"Bearer {HOP}":
        assert await status_of(waiting(), request(proof)) is HTTPStatus.UNAUTHORIZED


async def test_no_proof_at_all_is_refused() -> None:
    assert await status_of(waiting(), request(None)) is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.3.7", "192.168.1.4", "100.64.0.9", "fd00::7"])
def test_the_door_stands_on_a_private_address(host: str) -> None:
    assert relay_address(host) == host


@pytest.mark.parametrize("host", ["0.0.0.0", "8.8.8.8", "::", "224.0.0.1", "relay.example.com", ""])
def test_an_address_that_strangers_can_reach_stops_the_start(host: str) -> None:
    with pytest.raises(BadSettings) as stopped:
        relay_address(host)
    assert stopped.value.name == "POKEA_RELAY_HOST"
