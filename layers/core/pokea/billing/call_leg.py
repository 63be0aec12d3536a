"""One party's connection, as a witness tells it: what rating charges and what the audit compares.

A call without a transfer is one leg, a transferred call two. An open media stream is written down as a leg of its own, because it is
charged as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pokea.clock import as_utc


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    TRANSFER = "transfer"  # the second leg, to the person whom the caller was handed to
    STREAM = "stream"  # the media stream, while it is open


ANSWERED = frozenset({"answered", "completed"})
UNANSWERED = frozenset({"blocked", "busy", "canceled", "failed", "no_answer"})
IN_PROGRESS = frozenset(
    {"answered", "in_progress", "queued", "ringing"}
)  # "answered" also ends a leg, once it has an end
STATUSES = ANSWERED | UNANSWERED | IN_PROGRESS | {"unknown"}
DIALLED = frozenset({Direction.OUTBOUND, Direction.TRANSFER})  # somebody was rung, so the B-number decides the price


@dataclass(frozen=True, slots=True)
class CallLeg:
    """`call_id` and `leg` together name it. `answered_at` and `ended_at` are instants (aware); None means never, or not yet."""

    call_id: str
    leg: str
    direction: Direction
    a_number: str
    b_number: str
    answered_at: datetime | None
    ended_at: datetime | None
    status: str  # one of STATUSES

    @property
    def key(self) -> tuple[str, str]:
        return self.call_id, self.leg

    @property
    def is_unanswered(self) -> bool:
        """It is known that nobody answered."""
        return self.answered_at is None and self.status in UNANSWERED

    def in_utc(self) -> CallLeg:
        """The same leg with its times in UTC. Two times of another zone would be subtracted as wall clocks."""
        times = [self.answered_at, self.ended_at]
        if all(at is None or at.tzinfo is UTC for at in times):
            return self
        answered_at, ended_at = (None if at is None else as_utc(at) for at in times)
        return replace(self, answered_at=answered_at, ended_at=ended_at)


@dataclass(frozen=True, slots=True)
class BilledLeg:
    """The same leg in the carrier's file. None and "" mean that the carrier does not say; they never mean 0."""

    leg: CallLeg
    duration_s: int | None
    cost_minor: int | None  # minor units of `currency`: 200 of KES is KES 2.00
    currency: str

    @property
    def key(self) -> tuple[str, str]:
        return self.leg.key


def started_seconds(talk: timedelta) -> int:
    """`talk` in seconds, every begun one counted: 39.2 s is 40. `talk` must not be negative."""
    return talk.days * 86_400 + talk.seconds + (talk.microseconds > 0)
