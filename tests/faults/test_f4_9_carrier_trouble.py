"""F4.9: the carrier's REST API in trouble: each reply is classified, a hang-up is repeated safely, a call is never asked for twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from local.carrier import Carrier as Simulator
from local.carrier import Fault
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings, PlacedCall, Request
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, Unavailable
from pokea.ids import SessionId
from pokea.phone_numbers import E164

OWN, CALLEE = E164("+254200000001"), E164("+254711000001")
ROUNDS = 20


@dataclass
class Desk:
    simulator: Simulator
    client: type[Carrier]
    patience_s: float = 10.0  # short only where the carrier is told to be late
    placed: int = 0

    def carrier(self) -> Carrier:
        settings = CarrierSettings("key", self.simulator.base_url, connect_timeout_s=5, read_timeout_s=self.patience_s)
        return self.client(settings, pause=lambda _: None)

    async def place(self) -> PlacedCall:
        self.placed += 1
        label = f"pk{self.placed}"
        carrier = self.carrier()
        try:
            return await asyncio.to_thread(
                carrier.place_call,
                from_number=OWN,
                to_number=CALLEE,
                voice_callback_url="http://127.0.0.1:1/voice",
                client_request_id=label,
                idempotency_key=label,
            )
        finally:
            carrier.close()

    async def hang_up(self, session: str) -> None:
        carrier = self.carrier()
        try:
            await asyncio.to_thread(carrier.hang_up, SessionId(session))
        finally:
            carrier.close()


class BlindRepeater(Carrier):
    """Asks again when no answer came, whatever it was asking for."""

    def _send(self, request: Request) -> object:  # type: ignore[override]
        try:
            return super()._send(request)
        except Indeterminate:
            return super()._send(replace(request, headers={}))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator("key") as running:
        running.add_number(OWN, "http://127.0.0.1:1/voice")
        yield running


REFUSED: list[tuple[Fault, type[CallError], str]] = [
    (Fault(status=401), Denied, "api_key.invalid"),
    (Fault(status=402), Denied, "wallet.insufficient_funds"),
    (Fault(status=403), Denied, "api_key.scope_denied"),
    (Fault(status=404), NotFound, "calls.not_found"),
    (Fault(status=409), Conflict, "idempotency.conflict"),
    (Fault(status=429, retry_after_s=7), Unavailable, "rate_limited"),
    (Fault(status=403, shape="bare", code="account.suspended"), Denied, "account.suspended"),
    (Fault(status=403, shape="html"), Denied, "carrier_http_403"),
    (Fault(status=500), Indeterminate, "internal_error"),
    (Fault(status=0, delay_s=0.6), Indeterminate, "carrier_unanswered"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), REFUSED, ids=lambda value: str(getattr(value, "status", "")))
async def test_each_reply_to_a_placed_call_is_classified(
    simulator: Simulator, fault: Fault, kind: type[CallError], code: str
) -> None:
    desk = Desk(simulator, Carrier, patience_s=0.3 if fault.delay_s else 10.0)
    rounds = 2 if fault.delay_s else ROUNDS
    for _ in range(rounds):
        simulator.fail(replace(fault))
        with pytest.raises(kind) as caught:
            await desk.place()
        assert caught.value.code == code
    if fault.status == 429:
        assert isinstance(caught.value, Unavailable) and caught.value.retry_after_s == 7


async def check_rings(desk: Desk) -> None:
    """However the answer is lost, each attempt rings at most one telephone."""
    lost = [
        Fault(status=500, after_effect=True),
        Fault(status=500, after_effect=True, shape="html"),
        Fault(status=0, after_effect=True, delay_s=0.6),
    ]
    for number, fault in enumerate(lost, 1):
        desk.simulator.fail(fault)
        with pytest.raises(Indeterminate):
            await desk.place()
        assert len(desk.simulator.calls) <= number


async def test_a_lost_answer_never_rings_twice(simulator: Simulator) -> None:
    await check_rings(Desk(simulator, Carrier, patience_s=0.3))


async def test_the_check_sees_a_build_that_asks_again(simulator: Simulator) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await check_rings(Desk(simulator, BlindRepeater, patience_s=0.3))


HANG_UP_TROUBLE = [
    Fault(status=500, path="hangup", times=2),
    Fault(status=502, path="hangup", times=2, shape="html"),
    Fault(status=429, path="hangup", times=2),
]


@pytest.mark.parametrize("trouble", HANG_UP_TROUBLE, ids=["500", "html", "429"])
async def test_a_hang_up_is_repeated_until_it_is_confirmed(simulator: Simulator, trouble: Fault) -> None:
    desk = Desk(simulator, Carrier)
    placed = await desk.place()
    assert placed.session_id is not None
    simulator.fail(trouble)
    await desk.hang_up(placed.session_id)
    await desk.hang_up(placed.session_id)
    with pytest.raises(NotFound):
        await desk.hang_up("HD_000000000000")
