"""How many examples a law is tried on: a sample in `make test`, several times as many in `make faults`."""

from __future__ import annotations

import os

_FULL = os.environ.get("HYPOTHESIS_PROFILE") == "faults"


def examples(sample: int) -> int:
    return sample * 5 if _FULL else sample
