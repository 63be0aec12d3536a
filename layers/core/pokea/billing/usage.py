"""What a call used of its model, as the model itself counted it, and how the call's time was spent.

A realtime model bills the whole context again with every turn, so what is billed is the sum over turns, never the largest or the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard

_COUNT_AT_MOST = 10**12  # of one meter in one call; more is no measurement
_NAME_CHARS = 128
_MODELS_AT_MOST = 16  # of one call


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


# --- as JSON ---------------------------------------------------------------------------------------------------------------


def usage_to_json(usages: Iterable[ModelUsage]) -> list[dict[str, Any]]:
    """As the bridge reports it: engine, model, meters by name, turns, silent_turns."""
    return [
        {
            "engine": usage.engine,
            "model": usage.model,
            "meters": {meter.value: count for meter, count in usage.meters.items()},
            "turns": usage.turns,
            "silent_turns": usage.silent_turns,
        }
        for usage in usages
    ]


def usage_from_json(value: object) -> tuple[ModelUsage, ...]:
    """What of `value` is a usage. A meter that is unknown or no count is dropped, and so is a model without a name; never raises."""
    items = value[:_MODELS_AT_MOST] if isinstance(value, list) else []
    read = (_usage(item) for item in items if isinstance(item, Mapping))
    return tuple(usage for usage in read if usage is not None)


def _usage(item: Mapping[Any, Any]) -> ModelUsage | None:
    engine, model, meters = item.get("engine"), item.get("model"), item.get("meters")
    if not _is_name(engine) or not _is_name(model) or not (engine or model):
        return None
    known = {meter: meters.get(meter.value) for meter in Meter} if isinstance(meters, Mapping) else {}
    counts = {meter: count for meter, count in known.items() if _is_count(count) and count}
    turns, silent = (count if _is_count(count := item.get(name, 0)) else 0 for name in ("turns", "silent_turns"))
    return ModelUsage(engine, model, counts, turns, silent)


def shares_to_json(shares: CallShares | None) -> dict[str, int] | None:
    return None if shares is None else {name: getattr(shares, name) for name in _SHARES}


def shares_from_json(value: object) -> CallShares | None:
    """None for what is no shares: a part that is missing or negative, or parts that are not the whole. Never raises."""
    if not isinstance(value, Mapping):
        return None
    counts = {name: count for name in _SHARES if _is_count(count := value.get(name))}
    if len(counts) < len(_SHARES):
        return None
    shares = CallShares(**counts)
    parts = shares.agent_ms + shares.caller_ms + shares.tools_ms + shares.hold_ms + shares.silence_ms
    return shares if parts == shares.total_ms else None


_SHARES = ("total_ms", "agent_ms", "caller_ms", "tools_ms", "hold_ms", "silence_ms")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_AT_MOST


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _NAME_CHARS
