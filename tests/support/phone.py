"""One telephone call through the real handlers: rung by the carrier's hook, opened and driven as a bridge does it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pokea.ids import SessionId
from pokea.lines import Line
from tests.support.control_plane import CALLER, LINES, ControlPlane, opened

_sessions = itertools.count(0xABC000)
_calls = itertools.count(1)
_voice = threading.Lock()  # a function instance answers one hook at a time, and its HTTP resolver relies on that


def line_of(agent: str) -> Line:
    """The line of the example business that this agent answers for."""
    return next(line for line in LINES.values() if line.agent == agent)


@dataclass
class Phone:
    """`a_number`: what the caller presents, "" for nothing."""

    plane: ControlPlane
    agent: str
    a_number: str = CALLER
    session: str = field(default_factory=lambda: f"HD_{next(_sessions):012x}")

    def __post_init__(self) -> None:
        with _voice:
            document = self.plane.ring(
                sessionId=self.session,
                callerNumber=self.a_number or "anonymous",
                destinationNumber=line_of(self.agent).number,
            )
        result = opened(self.plane, document, SessionId(self.session))
        assert result["ok"], result
        self.context: dict[str, Any] = result["result"]["context"]
        self.token: str = result["result"]["call_token"]

    def request(
        self,
        tool: str,
        arguments: Mapping[str, object],
        evidence: Mapping[str, Any] | None = None,
        tool_call_id: str = "",
    ) -> dict[str, Any]:
        return {
            "operation": "tool",
            "call_token": self.token,
            "tool_call_id": tool_call_id or f"t{next(_calls)}",
            "tool": tool,
            "arguments": dict(arguments),
            "evidence": dict(evidence or NOTHING_HEARD),
        }

    def answer(self, tool: str, arguments: Mapping[str, object] | None = None, **parts: Any) -> dict[str, Any]:
        """The function's whole answer."""
        return dict(self.plane.tools(self.request(tool, arguments or {}, **parts), None))

    def tool(self, tool: str, keys: str = "", **arguments: object) -> dict[str, Any]:
        """The payload that the model is given."""
        evidence = {**NOTHING_HEARD, **({"keys": keys} if keys else {})}
        reply = self.answer(tool, arguments, evidence=evidence)
        assert reply["ok"], reply
        return dict(reply["result"]["payload"])

    def commit(self, proposed: Mapping[str, Any], tool_call_id: str = "") -> dict[str, Any]:
        """Commit a proposal that was heard and answered."""
        arguments = {"nonce": proposed["nonce"], "arguments": proposed["arguments"]}
        evidence = heard(str(proposed["nonce"]))
        reply = self.answer("commitProposal", arguments, evidence=evidence, tool_call_id=tool_call_id)
        assert reply["ok"], reply
        return dict(reply["result"]["payload"])


NOTHING_HEARD: dict[str, Any] = {"at_ms": 0, "read_back": None, "caller_turns": []}


def heard(nonce: str) -> dict[str, Any]:
    """What a bridge attests when the read-back was heard to its end and the caller then spoke."""
    read_back = {
        "nonce": nonce,
        "started_at_ms": 11_000,
        "generated_ms": 6_000,
        "heard_ms": 6_000,
        "finished_at_ms": 17_000,
    }
    return {
        "at_ms": 20_000,
        "read_back": read_back,
        "caller_turns": [{"started_at_ms": 17_400, "ended_at_ms": 19_400}],
    }
