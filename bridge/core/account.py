"""What is reported of a call that is over: put together once, from what each part knows."""

from __future__ import annotations

from bridge.core.frames import Asked, EndCall, EndReason
from bridge.core.legs import Legs
from bridge.core.time_shares import Stretch
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
    return EndCall(
        reason,
        int(now_ms),
        legs.minutes.lines,
        legs.ledger.facts,
        *handoff,
        language,
        tuple(witness.turn_clock.turns),
        tuple(legs.minutes.tools),
        usage.usages(),
        witness.shares(now_ms, tool_waits(legs, now_ms)),
        answerer,
    )


def tool_waits(legs: Legs, now_ms: float, latest: int = 0) -> list[Stretch]:
    """When each tool was waited for; only of the `latest` ones, if that is not 0."""
    waits = [(tool["at_ms"], tool["at_ms"] + tool["took_ms"]) for tool in legs.minutes.tools[-latest:]]
    return waits + [(int(since_ms), int(now_ms)) for since_ms in legs.desk.asked_since_ms()]
