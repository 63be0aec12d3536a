"""What models say they used, as meters: each token is in one of them, and what is no number counts as none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core.frames import Meter

_AT_MOST = 10**9  # of one turn; more is no count
_CACHED = {Meter.TEXT_IN: Meter.TEXT_IN_CACHED, Meter.AUDIO_IN: Meter.AUDIO_IN_CACHED}


def count(value: Any) -> int:
    """A number of tokens; 0 for what is none. Protobuf's JSON may write one in a string."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _AT_MOST else 0


def completed(parts: Mapping[Meter, int], total: int, rest: Meter) -> dict[Meter, int]:
    """`parts` with what of `total` is in none of them. Where they are more than the total they are believed."""
    meters = {meter: amount for meter, amount in parts.items() if amount}
    if missing := max(0, total - sum(meters.values())):
        meters[rest] = meters.get(rest, 0) + missing
    return meters


def spoken(parts: Mapping[Meter, int], total: int) -> dict[Meter, int]:
    """What the model put out. Without any parts it is sound, which is what every connection asks for."""
    return completed(parts, total, Meter.TEXT_OUT if any(parts.values()) else Meter.AUDIO_OUT)


def cached(meters: Mapping[Meter, int], parts: Mapping[Meter, int], total: int) -> dict[Meter, int]:
    """`meters` with what came from a cache counted as that instead. What no part names is text first, then sound."""
    moved = dict(meters)
    named = {meter: min(parts.get(meter, 0), meters.get(meter, 0)) for meter in _CACHED}
    unnamed = max(0, total - sum(parts.values()))
    for meter, cheap in _CACHED.items():
        extra = min(unnamed, meters.get(meter, 0) - named[meter])
        unnamed -= extra
        if amount := named[meter] + extra:
            moved[meter] -= amount
            moved[cheap] = amount
    return {meter: amount for meter, amount in moved.items() if amount}
