"""Whether somebody who rings is sent to a bridge. Decided once per call, when its first document is made."""

from __future__ import annotations

from enum import StrEnum


class Admission(StrEnum):
    SEATED = "seated"  # a seat is kept for it until a bridge says that it came
    UNCOUNTED = "uncounted"  # let in all the same: nobody knows of any seats, or the store did not answer
    FULL = "full"  # every seat of every bridge is taken
    NUMBER = "number"  # this number rings too often
    BUSINESS = "business"  # too many people ring this business in one minute


REFUSED = frozenset({Admission.FULL, Admission.NUMBER, Admission.BUSINESS})
