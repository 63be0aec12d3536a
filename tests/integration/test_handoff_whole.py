"""A hand-off with the real bridges and the real control plane: from the tool call to two people who hear each other, to its last row."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.live_server import LiveServer
from local.model import scripted
from pokea.sautikit.closings import CloseReason
from pokea.transfer import HANDOFF, Handoff
from tests.integration.bridge_peers import Bridge, SwitchClient, running_bridge, switch_call, until
from tests.integration.handoff_peers import Models, says_yes
from tests.integration.test_bridge_handoff import passes_on
from tests.support.control_plane import LINE, SESSION, ControlPlane, token_in
from tests.support.handed_over import FRONT_DESK, HUMAN


@dataclass
class House:
    plane: ControlPlane
    models: Models
    one: Bridge
    two: Bridge

    @contextlib.asynccontextmanager
    async def caller(self) -> AsyncIterator[SwitchClient]:
        url = self.one.url(call=SESSION, token=token_in(self.plane.ring()))
        async with switch_call(self.one, url) as switch:
            await until(lambda: bool(self.plane.rung), "the front desk is rung")
            yield switch

    def hook(self, state: str) -> str:
        return self.plane.ring(
            state,
            sessionId=HUMAN,
            callerNumber=LINE.number,
            destinationNumber=str(FRONT_DESK.number),
            direction="Outbound",
            clientRequestId=self.plane.rung[-1]["client_request_id"],
        )

    @contextlib.asynccontextmanager
    async def person(self) -> AsyncIterator[SwitchClient]:
        url = self.two.url(call=HUMAN, token=token_in(self.hook("Answered")))
        async with switch_call(self.two, url) as switch:
            yield switch

    @property
    def handoff(self) -> Handoff:
        (found,) = self.plane.bookings.all_records(HANDOFF)
        return found

    def reason(self, session_id: Any) -> CloseReason | None:
        closing = self.plane.closings.closing(session_id)
        return None if closing is None else closing.reason


@contextlib.asynccontextmanager
async def house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    plane, models = ControlPlane(), Models()

    def tools(event: dict[str, Any]) -> dict[str, Any]:
        return dict(plane.tools(event, None))

    for side in ("one", "two"):
        (folder / side).mkdir()
    async with (
        LiveServer(scripted(models.play)) as model,
        running_bridge(model.url, tools, folder / "one", monkeypatch, has_relay=True) as one,
        running_bridge(model.url, tools, folder / "two", monkeypatch, has_relay=True) as two,
    ):
        yield House(plane, models, one, two)


async def test_a_caller_is_handed_to_the_front_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as home:
        async with home.caller() as caller, home.person() as person:
            await says_yes(person)
            await until(lambda: home.handoff.state.value == "joined", "the two are joined")
            await passes_on(caller, person)
            await passes_on(person, caller)
            await person.hang_up()
            await asyncio.wait_for(caller.closed.wait(), 5)
            await until(lambda: home.reason(SESSION) is not None and home.reason(HUMAN) is not None, "both are closed")
        assert "wants a person" in home.models.said_to_person[0]
        assert home.handoff.state.value == "ended"
        assert home.reason(SESSION) is CloseReason.HANDED_OVER
        assert home.models.answers == []


async def test_a_front_desk_that_declines_leaves_the_caller_with_the_agents_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as home, home.caller(), home.person() as person:
        await until(lambda: bool(home.models.said_to_person), "the brief has begun")
        await person.socket.send(json.dumps({"event": "dtmf", "dtmf": "2", "duration": "1600"}))
        await until(lambda: bool(home.models.answers), "the agent is told")
        assert home.models.answers[0]["status"] == "declined"
        assert "the front desk cannot take your call" in home.models.answers[0]["say"]
        assert home.models.answers[0]["then"]["yes"]["tool"] == "proposeMessage"
        assert home.handoff.state.value == "declined"


async def test_a_front_desk_that_does_not_answer_is_reported_to_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as home, home.caller():
        home.hook("no-answer")
        await until(lambda: bool(home.models.answers), "the agent is told")
        assert home.models.answers[0]["status"] == "no_answer"


async def test_a_caller_who_leaves_while_the_front_desk_is_rung_stops_the_ringing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as home:
        async with home.caller() as caller:
            home.hook("Ringing")
            await caller.hang_up()
            await until(lambda: home.reason(SESSION) is not None, "the call is closed")
        assert home.handoff.state.value == "cancelled"
        assert any("hangup" in request.url.path for request in home.plane.asked)
