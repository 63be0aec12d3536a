"""What is reported of a call that is over: put together once, from what each part knows."""

from __future__ import annotations

from bridge.core.frames import Asked, EndCall, EndReason
from bridge.core.legs import Legs
from bridge.core.usage_meter import UsageMeter
from bridge.core.witness import Witness


def account(
    reason: EndReason,
    handoff: tuple[str, Asked | None],
    language: str,
    answerer: str,
    parts: tuple[Legs, UsageMeter, Witness],
    now_ms: float,
) -> EndCall:
    """`handoff`: the id of the latest one, and what must still be told about it."""
    legs, usage, witness = parts
    tools = tuple(legs.minutes.tools)
    waits = [(tool["at_ms"], tool["at_ms"] + tool["took_ms"]) for tool in tools]
    waits += [(int(since_ms), int(now_ms)) for since_ms in legs.desk.asked_since_ms()]
    return EndCall(
        reason,
        int(now_ms),
        legs.minutes.lines,
        legs.ledger.facts,
        *handoff,
        language,
        tuple(witness.turn_clock.latency_ms),
        tools,
        usage.usages(),
        witness.shares(now_ms, waits),
        answerer,
    )
