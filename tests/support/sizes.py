"""How much a law is tried on: a sample in `make test`, which is run after every change; the full size in `make faults`."""

from __future__ import annotations

import os

_FULL = os.environ.get("HYPOTHESIS_PROFILE") == "faults"


def examples(sample: int, full: int | None = None) -> int:
    """Without a `full` size, five times the sample."""
    if not _FULL:
        return sample
    return full if full is not None else sample * 5
