"""Hand-offs through the control plane's real handlers: the caller's bridge, the human's bridge and the carrier's hooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pokea.ids import SessionId
from pokea.transfer import HANDOFF, Handoff
from tests.support.control_plane import LINE, PROFILES, SESSION, ControlPlane, opened

HUMAN = SessionId("HD_000000000001")  # as the carrier of the control plane names the first call that it places
RELAY = "ws://10.0.0.7:41000"
NO_EVIDENCE: dict[str, Any] = {"at_ms": 0, "read_back": None, "caller_turns": []}
DIRECTORY = PROFILES[LINE.business_id].directory
FRONT_DESK = DIRECTORY.people["front_desk"]


@dataclass
class HandOver:
    """One call of the clinic, whose caller wants to speak to somebody."""

    plane: ControlPlane = field(default_factory=ControlPlane)
    token: str = ""
    human_token: str = ""
    order: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        document = self.plane.ring()
        self.token = self.open(document, SESSION, RELAY)["call_token"]

    def open(self, document: str, session_id: SessionId, relay: str = "") -> dict[str, Any]:
        reply = opened(self.plane, document, session_id, relay=relay)
        assert reply["ok"], reply
        return dict(reply["result"])

    def tool(self, tool: str, token: str = "", tool_call_id: str = "t1", **arguments: Any) -> dict[str, Any]:
        reply = self.plane.tools(self.tool_request(tool, token or self.token, tool_call_id, **arguments), None)
        assert reply["ok"], reply
        return dict(reply["result"])  # type: ignore[call-overload]

    def tool_request(self, tool: str, token: str, tool_call_id: str = "t1", **arguments: Any) -> dict[str, Any]:
        return {
            "operation": "tool",
            "call_token": token,
            "tool_call_id": tool_call_id,
            "tool": tool,
            "arguments": arguments,
            "evidence": NO_EVIDENCE,
        }

    def hand_over(self, tool_call_id: str = "t1", **arguments: Any) -> dict[str, Any]:
        result = self.tool("handOver", tool_call_id=tool_call_id, **{"reason": "a broken tooth", **arguments})
        self.order = dict(result["handoff"] or {})
        return result

    def ask(self, asked: str, token: str = "", handoff_id: str = "") -> dict[str, Any]:
        """The whole reply: {"ok": …}."""
        return dict(
            self.plane.tools(
                {
                    "operation": "handoff",
                    "call_token": token or self.token,
                    "handoff_id": handoff_id or self.order["handoff_id"],
                    "asked": asked,
                },
                None,
            )
        )

    def state(self, asked: str = "status", token: str = "") -> str:
        reply = self.ask(asked, token)
        assert reply["ok"], reply
        return str(reply["result"]["state"])

    def hook(self, state: str, **fields: str) -> str:
        """A hook of the human's leg."""
        label = self.plane.rung[-1]["client_request_id"]
        return self.plane.ring(
            state,
            sessionId=HUMAN,
            callerNumber=LINE.number,
            destinationNumber=str(FRONT_DESK.number),
            direction="Outbound",
            clientRequestId=label,
            **fields,
        )

    def pick_up(self) -> dict[str, Any]:
        """The human answers; their bridge opens the stream. The result of `open`."""
        result = self.open(self.hook("Answered"), HUMAN)
        self.human_token = result["call_token"]
        return result

    @property
    def stored(self) -> Handoff:
        (handoff,) = self.plane.bookings.all_records(HANDOFF)
        return handoff
