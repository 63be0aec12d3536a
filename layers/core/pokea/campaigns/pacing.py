"""How far apart the requests of one campaign are, so that no second ever holds more of them than the campaign's `cps`."""

from __future__ import annotations

LATE_S = 0.1  # after its turn a request may still go out; turns are so far apart that this cannot crowd a second


def gap_s(cps: int) -> float:
    """Between two turns: of calls that go out up to `LATE_S` after them, no second ever holds more than `cps`."""
    return (1.0 + LATE_S) / max(cps, 1)
