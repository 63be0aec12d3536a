"""What a call used of its model, as the model itself counted it, and how the call's time was spent.

A realtime model bills the whole context again with every turn, so what is billed is the sum over turns, never the largest or the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Meter(StrEnum):
    """What a price list has a price for. Tokens, but where the name says milliseconds or characters."""

    TEXT_IN = "text_in"
    TEXT_IN_CACHED = "text_in_cached"
    AUDIO_IN = "audio_in"
    AUDIO_IN_CACHED = "audio_in_cached"
    IMAGE_IN = "image_in"
    TEXT_OUT = "text_out"
    AUDIO_OUT = "audio_out"
    THOUGHT_OUT = "thought_out"
    SESSION_MS = "session_ms"  # of models that are sold by the minute
    HEARD_MS = "heard_ms"  # sound given to a speech recognition service
    SPOKEN_CHARS = "spoken_chars"  # text given to a speech synthesis service


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Of one model in one call. `turns`: how many reports these are the sums of; `silent_turns`: turns that came without a report, of
    which nobody knows what they cost."""

    engine: str  # "gemini", "openai", "cascade"
    model: str  # as the price list names it
    meters: Mapping[Meter, int] = field(default_factory=dict)
    turns: int = 0
    silent_turns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallShares:
    """How the time of a call on the bridge was spent, in milliseconds of `total_ms`. Hold is counted first, then speech, then tools, so
    that no millisecond counts twice: agent + caller + tools + hold + silence = total."""

    total_ms: int
    agent_ms: int = 0
    caller_ms: int = 0  # where both spoke, the caller's
    tools_ms: int = 0  # nobody spoke, and a tool was waited for
    hold_ms: int = 0  # a person was being rung or briefed
    silence_ms: int = 0


def added(usages: Iterable[ModelUsage]) -> tuple[ModelUsage, ...]:
    """One sum for each engine and model, in the order of their first mention."""
    sums: dict[tuple[str, str], ModelUsage] = {}
    for usage in usages:
        key = usage.engine, usage.model
        before = sums.get(key, ModelUsage(*key))
        meters = {meter: before.meters.get(meter, 0) + usage.meters.get(meter, 0) for meter in Meter}
        sums[key] = ModelUsage(
            *key,
            {meter: count for meter, count in meters.items() if count},
            before.turns + usage.turns,
            before.silent_turns + usage.silent_turns,
        )
    return tuple(sums.values())
