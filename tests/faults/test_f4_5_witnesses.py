"""F4.5: three witnesses of an end, the carrier's hook, our bridge's close and the carrier's record: each may be missing or contradict
the others. Any one of them ends the call; what they say is never averaged, and nobody is believed for having spoken first."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.calls import Call, CallStatus, apply, is_over
from pokea.ids import SessionId
from pokea.sautikit.hooks import facts_of, parse_hook
from tests.faults.broken.control_plane import LastHookWins
from tests.support.control_plane import NOW, ControlPlane, opened
from tests.support.sizes import examples

SEED, ROUNDS = 4_5, examples(15, 100)
HOOK_S, RECORD_S, CLOSE_MS = 73, 74, 71_400
Witness = Callable[[ControlPlane, SessionId, str], None]


def hook(plane: ControlPlane, session: SessionId, call_token: str) -> None:
    plane.ring("Completed", sessionId=session, durationInSeconds=str(HOOK_S))


def close(plane: ControlPlane, session: SessionId, call_token: str) -> None:
    request = {
        "operation": "close", "call_token": call_token, "reason": "caller_hung_up", "duration_ms": CLOSE_MS, "transcript": [],
    }  # fmt: skip
    assert plane.tools(request, None)["ok"] is True


def record(plane: ControlPlane, session: SessionId, call_token: str) -> None:
    """The carrier's record, polled over REST, read like one more hook."""
    body: dict[str, Any] = {"id": "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90", "session_id": session, "status": "completed"}
    body |= {"duration_seconds": RECORD_S, "direction": "inbound", "failure_code": None, "cost_minor": 0}
    carrier = Carrier(
        CarrierSettings("k", "https://carrier.test"),
        httpx.MockTransport(lambda request: httpx.Response(200, json={"call": body})),
    )
    polled = parse_hook(json.dumps(dict(carrier.get_call(session))).encode(), {"content-type": "application/json"})
    call = plane.calls.call(session)
    assert call is not None
    moved = call
    for fact in facts_of(polled, plane.clock.now()):
        moved = apply(moved, fact)
    if moved is not call:
        plane.calls.put_call(moved)


WITNESSES: dict[str, Witness] = {"hook": hook, "close": close, "record": record}


def final(plane: ControlPlane, session: SessionId) -> Call:
    call = plane.calls.call(session)
    assert call is not None
    return replace(
        call,
        version=0,
        session_id=SessionId("any"),
        open_metadata="",
        created_at=NOW,
        opened_at=NOW,
        stream_issued_at=NOW,
    )


def check_witnesses(kind: type[ControlPlane], rounds: int) -> None:
    draw, plane, numbers = random.Random(SEED), kind(), itertools.count()
    for present in itertools.product((True, False), repeat=len(WITNESSES)):
        names = [name for name, here in zip(WITNESSES, present, strict=True) if here]
        ends = set()
        for _ in range(rounds):
            session = SessionId(f"HD_{next(numbers):012d}")
            call_token = opened(plane, plane.ring(sessionId=session), session)["result"]["call_token"]
            repeated = [name for name in names for _ in range(draw.randint(1, 3))]
            draw.shuffle(repeated)
            for name in repeated:
                WITNESSES[name](plane, session, call_token)
            ends.add(final(plane, session))
        assert len(ends) == 1, (SEED, names)
        (end,) = ends
        assert is_over(end) == bool(names), names
        check_nothing_is_averaged(end, names)


def check_nothing_is_averaged(end: Call, names: list[str]) -> None:
    said = {HOOK_S} if "hook" in names else set()
    said |= {RECORD_S} if "record" in names else set()
    assert end.duration_s in (said or {None}), names
    if names:
        assert end.status is CallStatus.COMPLETED
        assert end.hangup_cause == ("caller_hung_up" if "close" in names else None)


@pytest.mark.usefixtures("capsys")
def test_any_witness_ends_the_call_and_their_order_does_not_matter() -> None:
    check_witnesses(ControlPlane, ROUNDS)


@pytest.mark.usefixtures("capsys")
def test_a_contradiction_about_the_end_is_settled_alike_in_any_order() -> None:
    plane, ends = ControlPlane(), set()
    for number, order in enumerate(itertools.permutations(("Completed", "Busy", "Failed"))):
        session = SessionId(f"HD_{number:012d}")
        plane.ring(sessionId=session)
        for state in order:
            plane.ring(state, sessionId=session)
        ends.add(final(plane, session))
    assert len(ends) == 1


@pytest.mark.usefixtures("capsys")
def test_the_check_sees_a_build_that_believes_who_spoke_last() -> None:
    with pytest.raises(AssertionError):
        check_witnesses(LastHookWins, 10)
