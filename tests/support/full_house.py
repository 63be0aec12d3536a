"""A control plane with a door, the bridges whose beats it hears, and people who ring: all on one clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pokea.calls import Call
from pokea.ids import SessionId
from pokea.seats import SEATED_TOLD_S
from tests.oracles import xml_reader
from tests.support.control_plane import LINE, ControlPlane, form, opened, posted


@dataclass
class Bridge:
    """One worker, as far as the control plane knows it."""

    plane: ControlPlane
    places: int
    name: str = "b1"
    live: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    seated: list[tuple[datetime, int]] = field(default_factory=list)

    def beat(self, **more: Any) -> None:
        now = self.plane.clock.now()
        lately = [rang for came, rang in self.seated if now - came <= timedelta(seconds=SEATED_TOLD_S)]
        free = {"release": "r1", "free": max(0, self.places - len(self.live)), "seated": lately}
        beat = {"operation": "beat", "bridge": self.name, "calls": sorted(self.live), **free, **more}
        assert self.plane.tools(beat, None)["ok"] is True

    def take(self, document: str, session: str) -> bool:
        """A stream arrives. False: 503, because every place is taken."""
        if len(self.live) >= self.places:
            self.refused.append(session)
            return False
        reply = opened(self.plane, document, SessionId(session), bridge=self.name)
        assert reply["ok"] is True, reply
        if "seated_at" in reply["result"]:
            self.seated.append((self.plane.clock.now(), reply["result"]["seated_at"]))
        self.live.add(session)
        return True


def session_of(number: int) -> str:
    return f"HD_{number:012x}"


def number_of(number: int) -> str:
    return f"+2547220{number:05d}"


def rings(plane: ControlPlane, number: int, caller: str | None = None, called: str = LINE.number, **more: str) -> str:
    """The document that this caller's first ring, or a ring that is repeated, is answered with."""
    fields = {"sessionId": session_of(number), "callerNumber": caller or number_of(number), "destinationNumber": called}
    reply = plane.voice(posted("/voice", form("Ringing", **fields, **more)), None)
    assert reply["statusCode"] == 200, reply
    return str(reply["body"])


def verbs(document: str) -> list[str]:
    return [node.tag for node in xml_reader.read(document.encode()).children]


def row(plane: ControlPlane, number: int) -> Call:
    call = plane.calls.call(SessionId(session_of(number)))
    assert call is not None
    return call
