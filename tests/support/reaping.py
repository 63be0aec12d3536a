"""Bridges as the control plane knows them: they open calls, beat, close and die on the clock of a ControlPlane, beside a reaper."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx

from functions.reaper import app
from functions.reaper.reaper import Books, Reaper
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.ids import SessionId
from tests.support.control_plane import PROFILES, ControlPlane, opened

_names = itertools.count()
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/pokea-bridge/{}"


@dataclass
class Bridge:
    """One worker. `beats_lost`: the control plane does not hear it."""

    floor: Floor
    name: str
    task: str = ""
    calls: dict[SessionId, str] = field(default_factory=dict)  # call tokens
    beats_lost: bool = False
    dead: bool = False

    def open(self, session_id: SessionId) -> None:
        plane = self.floor.plane
        document = plane.ring(sessionId=session_id)
        came = opened(plane, document, session_id)
        self.calls[session_id] = came["result"]["call_token"]

    def beat(self, **more: Any) -> None:
        if self.dead or self.beats_lost:
            return
        request = {"operation": "beat", "bridge": self.name, "task": self.task, "calls": list(self.calls), **more}
        assert self.floor.plane.tools(request, None) == {"ok": True, "result": {}}

    def close(self, session_id: SessionId) -> None:
        request = {
            "operation": "close",
            "call_token": self.calls.pop(session_id),
            "reason": "goodbye",
            "duration_ms": 1_000,
            "transcript": [],
        }
        assert self.floor.plane.tools(request, None)["ok"] is True


class Floor:
    """`hung_up`: what the carrier was told, in order. `carrier_is_down`: it answers nothing."""

    def __init__(self, *, continues: bool = False, reaper_class: type[Reaper] = Reaper) -> None:
        self.plane = ControlPlane(continues=continues)
        self.hung_up: list[str] = []
        self.carrier_is_down = False
        self.unknown: set[str] = set()  # legs that the carrier does not know any more
        self.while_it_hangs_up: Callable[[], None] = lambda: None
        self.logged = io.StringIO()
        settings = CarrierSettings("key", "https://carrier.test")
        carrier = Carrier(settings, httpx.MockTransport(self._carrier), pause=lambda _: None)
        plane = self.plane
        books = Books(plane.calls, plane.bookings, plane.closings, plane.callbacks, plane._ended)
        reaper = reaper_class(
            books=lambda: books,
            carrier=lambda: carrier,
            profiles=PROFILES,
            continues=continues,
            clock=plane.clock,
            log=Log(f"reaper-{next(_names)}", self.logged),
        )
        self.handler = app.make_handler(lambda: reaper)

    def bridge(self, name: str, task: str = "") -> Bridge:
        return Bridge(self, name, TASK.format(task) if task else "")

    def run(self, stopped: Bridge | None = None, left_ms: int = 120_000) -> dict[str, int]:
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: left_ms)
        if stopped is None:
            return self.handler({"detail-type": "Scheduled Event", "detail": {}}, context)
        return self.handler({"detail": {"lastStatus": "STOPPED", "taskArn": stopped.task}}, context)

    def told_of(self, session_id: SessionId) -> bool:
        return any(json.loads(message)["call"] == session_id for message in self.plane.ended)

    def _carrier(self, request: httpx.Request) -> httpx.Response:
        session_id = request.url.path.split("/")[-2]
        assert request.url.path.endswith("/hangup")
        if self.carrier_is_down:
            return httpx.Response(503, json={})
        self.hung_up.append(session_id)
        self.while_it_hangs_up()
        return httpx.Response(404 if session_id in self.unknown else 200, json={})
