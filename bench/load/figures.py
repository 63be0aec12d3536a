"""Samples of one quantity, and what is said about them."""

from __future__ import annotations

from array import array


class Samples:
    def __init__(self) -> None:
        self._values = array("d")

    def add(self, value: float) -> None:
        self._values.append(value)

    def summary(self) -> dict[str, float] | None:
        """Count, p50, p99 and the largest; None if there is nothing to say."""
        ordered = sorted(self._values)
        if not ordered:
            return None
        last = len(ordered) - 1
        return {
            "count": len(ordered),
            "p50": round(ordered[round(last * 0.50)], 3),
            "p99": round(ordered[round(last * 0.99)], 3),
            "max": round(ordered[-1], 3),
        }
