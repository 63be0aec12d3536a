"""Hanging up by REST: repeated while that can help, finished when the leg is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from bridge.shell.carrier import CarrierHangUp
from tests.integration.bridge_peers import HttpPeer


async def hang_up(statuses: Iterable[int], session_id: str = "HD_1") -> tuple[bool, list[tuple[str, str]]]:
    left, seen = list(statuses), []

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any]:
        seen.append((method, path))
        return left.pop(0), {}

    async with HttpPeer(answer) as peer:
        carrier = CarrierHangUp(peer.url, "key")
        done = await carrier.hang_up(session_id)
        await carrier.close()
    return done, seen


async def test_a_leg_is_hung_up_under_its_session_id() -> None:
    assert await hang_up([200]) == (True, [("POST", "/v1/calls/HD_1/hangup")])


@pytest.mark.parametrize("status", [404, 409, 410])
async def test_a_leg_that_is_gone_counts_as_hung_up(status: int) -> None:
    assert (await hang_up([status]))[0] is True


async def test_trouble_that_may_pass_is_tried_three_times() -> None:
    assert (await hang_up([503, 429, 200]))[0] is True
    done, seen = await hang_up([500, 500, 500])
    assert (done, len(seen)) == (False, 3)


async def test_a_refusal_is_not_repeated() -> None:
    done, seen = await hang_up([422])
    assert (done, len(seen)) == (False, 1)


async def test_a_key_that_is_replaced_between_two_tries_ends_the_leg_and_the_old_one_is_told_of() -> None:
    keys, shown, told = ["new", "old", "old"], [], []

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any]:
        shown.append(keys[-1])
        return 200 if keys[-1] == "new" else 401, {}

    async with HttpPeer(answer) as peer:
        carrier = CarrierHangUp(peer.url, lambda: keys[-1])
        carrier.on_refused = lambda: told.append(keys.pop())
        assert await carrier.hang_up("HD_1") is True
        await carrier.close()
    assert (shown, told) == (["old", "old", "new"], ["old", "old"])


async def test_without_a_key_or_a_session_nothing_is_sent() -> None:
    assert await CarrierHangUp("http://127.0.0.1:9", "").hang_up("HD_1") is False
    carrier = CarrierHangUp("http://127.0.0.1:9", "key")
    assert await carrier.hang_up("") is False
    await carrier.close()


async def test_a_carrier_that_is_down_is_given_up_in_bounded_time() -> None:
    carrier = CarrierHangUp("http://127.0.0.1:9", "key")
    async with asyncio.timeout(5):
        assert await carrier.hang_up("HD_1") is False
    await carrier.close()
