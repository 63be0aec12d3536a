"""The control plane of one hand-off at a time, scripted, and the two models that take part in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.shell.frame_recorder import FrameStore
from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import (
    CONTEXT,
    TOKEN,
    Bridge,
    SwitchClient,
    is_sound,
    ok,
    refused,
    running_bridge,
    switch_call,
    until,
    write_clip,
)

CALLER, PERSON = "HD_caller0001", "HD_person0001"
HANDOFF, HOP = "hf-0001", "hop-of-this-one-hand-off-and-no-other"
DECLINED = {"status": "declined", "say": "They cannot talk now."}
WAITING = {"handoff_calling": "I am trying to reach somebody.", "handoff_wait": "Still trying.", "caller_gone": "Gone."}


def declared(**effects: str) -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {}}
    return [
        {"name": name, "description": name, "parameters": schema, "effect": effect} for name, effect in effects.items()
    ]


@dataclass
class HandoffPlane:
    """`asked`: every request, in order. `state`: of the hand-off."""

    state: str = "ringing"
    payload: dict[str, Any] | None = None
    relay: str = ""
    hop: str = HOP
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(event)
        operation = event["operation"]
        if operation == "open":
            return self._open(event)
        if operation == "tool":
            return self._tool(event)
        return self._handoff(event) if operation == "handoff" else ok()

    def _open(self, event: dict[str, Any]) -> dict[str, Any]:
        phrases = {**CONTEXT["phrases"], **WAITING}
        if event["session_id"] == CALLER:
            self.relay = event["relay"]
            tools = declared(handOver="transfer", endCall="end")
            return ok(call_token="caller", context={**CONTEXT, "tools": tools, "phrases": phrases, "handoff": None})
        order = {"id": HANDOFF, "owner_url": self.relay, "hop": self.hop}
        tools = declared(acceptCall="transfer", declineCall="transfer")
        brief = "A caller wants to speak to you."
        self.state = "briefing"
        context = {
            **CONTEXT,
            "tools": tools,
            "phrases": phrases,
            "handoff": order,
            "greeting": brief,
            "agent": "whisper",
        }
        return ok(call_token="person", context=context)

    def _tool(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["tool"] == "handOver":
            order = {"handoff_id": HANDOFF, "mode": "attended", "ring_s": 25, "hop": HOP}
            return ok(payload={"status": "connecting", "say": "Connecting."}, handoff=order)
        if event["tool"] == "acceptCall":
            return ok(payload={"status": "accepted", "say": "Connecting you."})
        return ok(payload={"status": "declined", "say": "All right."}, end_call=True)

    def _handoff(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["handoff_id"] != HANDOFF:
            return refused("Unauthorized", "not_your_handoff")
        asked = event["asked"]
        if asked == "accept" and self.state == "briefing":
            self.state = "accepted"
        elif asked == "decline":
            self.state, self.payload = "declined", DECLINED
        elif asked == "cancel":
            self.state, self.payload = "cancelled", {"status": "cancelled"}
        elif asked in ("joined", "ended"):
            self.state = asked
        return ok(state=self.state, payload=self.payload)

    def told(self, who: str) -> list[str]:
        """What one side asked about the hand-off, the polls left out."""
        found = [e["asked"] for e in self.asked if e["operation"] == "handoff" and e["call_token"] == who]
        return [asked for asked in found if asked != "status"]

    def closed(self, who: str) -> list[dict[str, Any]]:
        return [e for e in self.asked if e["operation"] == "close" and e["call_token"] == who]


@dataclass
class Models:
    """One server for both calls: the one that has acceptCall speaks to the person."""

    said_to_person: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Stage] = field(default_factory=list)

    async def play(self, stage: Stage) -> None:
        self.heard.append(stage)
        if "acceptCall" in str(stage.session.setup):
            self.said_to_person.append(await stage.told())
            await stage.say("A caller wants to speak to you.", 300)
            await stage.caller_turn("Yes.")
            await stage.call("acceptCall")
        else:
            self.answers.append(await stage.call("handOver", reason="wants a person"))
            await stage.say(str(self.answers[-1].get("say", "")), 300)


async def says_yes(person: SwitchClient) -> None:
    """Once the brief was heard."""
    await until(lambda: any(is_sound(message) for _, message in person.received), "the brief is heard")
    await until(lambda: person.silent_for_ms() > 350, "the brief is over")
    person.speak(500)


@dataclass
class Desk:
    """Two bridges of different processes in all but the process, as far as services go."""

    plane: HandoffPlane
    models: Models
    model: LiveServer
    one: Bridge
    two: Bridge

    @contextlib.asynccontextmanager
    async def caller(self) -> AsyncIterator[SwitchClient]:
        async with switch_call(self.one, self.one.url(call=CALLER)) as switch:
            await until(lambda: len(self.one.relay) == 1, "the caller waits for a person")
            yield switch

    @contextlib.asynccontextmanager
    async def person(self) -> AsyncIterator[SwitchClient]:
        async with switch_call(self.two, self.two.url(call=PERSON)) as switch:
            await until(lambda: "briefing" in self.plane.told("person"), "the brief has begun")
            yield switch

    async def join(self, person: SwitchClient) -> None:
        await says_yes(person)
        await until(lambda: "joined" in self.plane.told("caller"), "the two are joined")


@contextlib.asynccontextmanager
async def handoff_desk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stores: tuple[FrameStore, FrameStore] | None = None
) -> AsyncIterator[Desk]:
    for side in ("one", "two"):
        (folder / side).mkdir()
        for text in (*WAITING.values(), str(CONTEXT["phrases"]["trouble"])):
            write_clip(folder / side / "clips", "Kore", text, 400)
    plane, models = HandoffPlane(), Models()
    frames = stores or (None, None)
    async with (
        LiveServer(scripted(models.play)) as model,
        running_bridge(model.url, plane, folder / "one", monkeypatch, has_relay=True, frames=frames[0]) as one,
        running_bridge(model.url, plane, folder / "two", monkeypatch, has_relay=True, frames=frames[1]) as two,
    ):
        yield Desk(plane, models, model, one, two)


__all__ = ["CALLER", "HANDOFF", "HOP", "PERSON", "TOKEN", "Desk", "HandoffPlane", "Models", "handoff_desk", "says_yes"]
