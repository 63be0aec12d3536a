"""F3.1 at the tools function: it times out, is throttled, dies before or after the write, is cold, answers with something else than JSON.

What the model is told is judged by what stands in the store: "booked" only of an appointment that is there, "nothing was changed" only
where there is none. It ends within four seconds and three invokes, all with one tool call id.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bridge.core.frames import CallTool
from bridge.shell.tool_client import InvokeFailed, ToolClient
from tests.faults.broken import backends as broken
from tests.support.control_plane import CALLER, ControlPlane
from tests.support.phone import Phone, heard

DEADLINE_S = 4.0
TRIES = 3
KINDS = ("timeout", "429", "crash before the write", "crash after the write", "cold", "bad json")


@dataclass
class Function:
    """The real handler behind an Invoke of which the first few go wrong. `cold_s`: how long a cold start takes."""

    plane: ControlPlane
    kind: str
    left: int
    cold_s: float
    ids: list[str] = field(default_factory=list)

    def __call__(self, request: bytes, timeout_s: float) -> bytes:
        self.ids.append(json.loads(request)["tool_call_id"])
        if self.left <= 0:
            return self._run(request)
        self.left -= 1
        if self.kind == "429":
            raise InvokeFailed("HTTP 429", sent=False)
        if self.kind == "crash before the write":
            raise InvokeFailed("the function failed", sent=True)
        if self.kind == "timeout":
            time.sleep(timeout_s)
            raise InvokeFailed("ReadTimeoutError", sent=True)
        if self.kind == "cold":
            time.sleep(self.cold_s)
        reply = self._run(request)
        if self.kind == "crash after the write":
            raise InvokeFailed("the function failed", sent=True)
        return b"<html>502</html>" if self.kind == "bad json" else reply

    def _run(self, request: bytes) -> bytes:
        return json.dumps(self.plane.tools(json.loads(request), None)).encode()


@dataclass
class Told:
    payload: dict[str, Any]
    appointments: int
    ids: list[str]
    took_s: float


async def told_in(kind: str, seed: int, deadline_s: float) -> Told:
    """One call that books while one to four invokes in a row go wrong."""
    plane = ControlPlane()
    phone = Phone(plane, "booking", CALLER)
    proposed = phone.tool("proposeBooking", service="cleaning", when="Thursday at 10 am", name="Amina Otieno")
    assert proposed["status"] == "proposed", proposed
    function = Function(plane, kind, random.Random(f"{kind} {seed}").randint(1, 4), cold_s=deadline_s * 0.99)
    client = ToolClient(function, deadline_s, "b1")
    arguments = {"nonce": proposed["nonce"], "arguments": proposed["arguments"]}
    began = time.monotonic()
    returned = await client.call(phone.token, CallTool("t1", "commitProposal", arguments, heard(proposed["nonce"])))
    took_s = time.monotonic() - began
    client.shut_down()
    return Told(dict(returned.payload), len(plane.bookings.all_appointments()), function.ids, took_s)


def breaches(told: Told, deadline_s: float) -> list[str]:
    found = []
    status, words = told.payload["status"], str(told.payload.get("instruction", ""))
    if told.took_s > deadline_s:
        found.append(f"took {told.took_s:.1f} s")
    if len(told.ids) > TRIES:
        found.append(f"asked {len(told.ids)} times")
    if set(told.ids) != {"t1"}:
        found.append("more than one id")
    if told.appointments > 1:
        found.append("booked twice")
    if status == "booked" and not told.appointments:
        found.append("said booked, and it is not")
    if "nothing was changed" in words and told.appointments:
        found.append("said unchanged, and it is not")
    if status not in ("booked", "unknown", "error"):
        found.append(f"status {status}")
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_trouble_ends_in_time_and_in_the_truth(kind: str) -> None:
    told = await asyncio.gather(*(told_in(kind, seed, 0.5) for seed in range(3)))
    assert [breaches(one, 0.5 * DEADLINE_S / 3) for one in told] == [[]] * 3


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
async def test_fifty_of_each_kind_with_the_real_limits(kind: str) -> None:
    for half in range(2):
        told = await asyncio.gather(*(told_in(kind, 25 * half + seed, 3.0) for seed in range(25)))
        assert [breaches(one, DEADLINE_S) for one in told] == [[]] * 25


@pytest.mark.parametrize(
    ("build", "kind", "seen"),
    [
        (broken.silence_taken_for_done, "crash before the write", "said booked, and it is not"),
        (broken.tries_without_end, "429", "asked"),
    ],
)
async def test_the_checks_see_what_is_missing(
    build: Callable[[], AbstractContextManager[None]], kind: str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.shell.tool_client._PAUSE_S", 0.001)
    with build():
        told = await asyncio.gather(*(told_in(kind, seed, 1.0) for seed in range(12)))
    assert any(found.startswith(seen) for one in told for found in breaches(one, DEADLINE_S)), told
