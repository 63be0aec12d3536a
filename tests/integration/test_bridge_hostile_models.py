"""Models that want to commit what nobody confirmed, against the real tools function: they write nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.live_server import LiveServer
from local.model import (
    Play,
    changes_the_arguments,
    commits_unasked,
    obedient,
    scripted,
    uses_a_foreign_nonce,
)
from pokea.ids import SessionId
from tests.integration.bridge_peers import Bridge, running_bridge, switch_call, until
from tests.support.control_plane import SESSION, ControlPlane, opened, token_in

OTHER = SessionId("HD_0f0e0d0c0b0a")
WISH = {"service": "cleaning", "when": "2026-11-26T14:30", "name": "Amina Otieno"}


def foreign_proposal(plane: ControlPlane) -> dict[str, Any]:
    """Another call's open proposal."""
    reply = opened(plane, plane.ring(sessionId=OTHER), OTHER)
    request = {
        "operation": "tool",
        "call_token": reply["result"]["call_token"],
        "tool_call_id": "x1",
        "tool": "proposeBooking",
        "arguments": WISH,
        "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []},
    }
    return dict(plane.tools(request, None)["result"]["payload"])


async def talk(
    plane: ControlPlane, play: Play, folder: Path, monkeypatch: pytest.MonkeyPatch, until_done: Callable[[], bool]
) -> Bridge:
    """One call with a caller who answers whenever the agent falls silent."""
    token = token_in(plane.ring())
    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, lambda event: dict(plane.tools(event, None)), folder, monkeypatch) as bridge,
        switch_call(bridge, bridge.url(call=SESSION, token=token)) as switch,
    ):
        await until(lambda: model.active == 1, "the model is connected")

        async def answer() -> None:
            switch.speak(300)
            while True:
                await switch.says_after_the_agent(300)

        answering = asyncio.ensure_future(answer())
        try:
            await until(until_done, "the script is through", 25)
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        assert not model.failures
    return bridge


async def test_committing_first_twice_and_too_early_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, answers = ControlPlane(), list[dict[str, Any]]()
    await talk(plane, commits_unasked(WISH, answers), tmp_path, monkeypatch, lambda: len(answers) == 3)
    assert [answer["status"] for answer in answers] == ["refused"] * 3
    assert not plane.bookings.all_appointments()


async def test_committing_something_else_than_was_read_back_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, answers = ControlPlane(), list[dict[str, Any]]()
    play = changes_the_arguments(WISH, {"name": "Somebody Else"}, answers)
    await talk(plane, play, tmp_path, monkeypatch, lambda: len(answers) == 1)
    assert (answers[0]["status"], answers[0]["code"]) == ("refused", "changed")
    assert not plane.bookings.all_appointments()


async def test_committing_another_calls_proposal_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, answers = ControlPlane(), list[dict[str, Any]]()
    proposal = foreign_proposal(plane)
    play = uses_a_foreign_nonce(proposal["nonce"], proposal["arguments"], answers)
    await talk(plane, play, tmp_path, monkeypatch, lambda: len(answers) == 1)
    assert (answers[0]["status"], answers[0]["code"]) == ("refused", "nonce_unknown")
    assert not plane.bookings.all_appointments()


async def test_the_same_desk_books_once_for_a_model_that_does_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = ControlPlane()
    bridge = await talk(
        plane, obedient(WISH, 600), tmp_path, monkeypatch, lambda: bool(plane.bookings.all_appointments()) and bool(plane.closings.closings)
    )  # fmt: skip
    assert len(plane.bookings.all_appointments()) == 1
    assert bridge.log == ["hangup", "closed"]
