"""What each witness says of one leg, and who is believed for what. Pure, and without a clock.

A wall clock never decides how long a leg lasted: talk is the carrier's answer to end, or a count of seconds that some witness measured.
Where only a count is known, it is laid at the best known answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.billing.account import BridgeWord
from pokea.billing.call_leg import UNANSWERED, started_seconds
from pokea.billing.cdr import CarrierLeg
from pokea.call_status import CallStatus
from pokea.calls import Call, is_over
from pokea.sautikit.closings import CloseReason, Closing


class Source(StrEnum):
    CARRIER = "carrier"  # its record, once that has an end
    CARRIER_SO_FAR = "carrier_so_far"  # its record while the leg lasts, for all it knows
    HOOKS = "hooks"  # the call's row: voice URL, stream status, call events
    BRIDGE = "bridge"  # its own events
    CLOSING = "closing"  # its report to the tools function


class Fact(StrEnum):
    TALK = "talk"  # of a person's leg: whether anybody answered, when, and for how long
    STREAM = "stream"  # how long the media stream was open
    USAGE = "usage"  # what the model counted, and how the time was spent


@dataclass(frozen=True, slots=True)
class Belief:
    """`order`: who is believed first. The first that knows is believed alone: nothing is averaged."""

    order: tuple[Source, ...]
    reason: str


BELIEFS: Mapping[Fact, Belief] = {
    Fact.TALK: Belief(
        (Source.CARRIER, Source.HOOKS, Source.BRIDGE, Source.CLOSING, Source.CARRIER_SO_FAR),
        "the carrier bills by its record; durationInSeconds of its hooks is the same count, sent earlier; a stream opens after the answer "
        "and may outlast the call, so the bridge's time stands in only where nothing else is left",
    ),
    Fact.STREAM: Belief(
        (Source.CARRIER, Source.BRIDGE, Source.CLOSING, Source.HOOKS),
        "the REST API has no record of streams; the bridge counts the open socket by a monotonic clock, and reports it twice; the hooks "
        "only say whether it may still be open",
    ),
    Fact.USAGE: Belief(
        (Source.CLOSING, Source.BRIDGE),
        "both are the bridge's; the closing was taken by a function that checks it, the event may be the only one that got through",
    ),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """One witness's view of one leg. `talk` None: it does not know how long; `answered_at` may then still be known."""

    status: str = "unknown"
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk: timedelta | None = None

    @property
    def talk_s(self) -> int | None:
        return None if self.talk is None else started_seconds(self.talk)


NOTHING = Sight()
Sights = Mapping[Source, Sight]


def believed(fact: Fact, sights: Sights) -> Sight:
    """The first witness that knows how long it was; else the first that says anything."""
    seen = [sights[source] for source in BELIEFS[fact].order if source in sights]
    return next((sight for sight in seen if sight.talk is not None), seen[0] if seen else NOTHING)


def of_record(record: CarrierLeg, anchor: datetime | None) -> tuple[Source, Sight]:
    """`anchor`: when the leg was answered, as far as somebody else knows."""
    answered, ended, status = record.answered_at, record.ended_at, record.status
    if ended is None and status not in UNANSWERED and status != "completed":
        return Source.CARRIER_SO_FAR, Sight("in_progress" if status == "answered" else status, answered)
    if answered is None and status in UNANSWERED:
        return Source.CARRIER, Sight(status, None, ended, timedelta(0))
    if status not in UNANSWERED:
        status = "completed"
    counted = None if record.duration_s is None else timedelta(seconds=record.duration_s)
    if answered is not None and ended is not None and ended >= answered:
        return Source.CARRIER, Sight(status, answered, ended, ended - answered)
    if counted is None:
        return Source.CARRIER, Sight("unknown", answered, ended)
    start = answered or (ended - counted if ended is not None else anchor)
    if start is None:
        return Source.CARRIER, Sight("unknown", None, ended)
    return Source.CARRIER, Sight(status, start, start + counted, counted)


def of_hooks(call: Call) -> Sight:
    """The row's own times say when, never for how long: a hook may be a day late, and its receipt is then all that is known of its time."""
    if not is_over(call):
        return Sight("in_progress" if call.status is CallStatus.ANSWERED else "ringing", call.answered_at)
    is_answered = call.answered_at is not None or call.opened_at is not None
    if call.duration_s is not None and (call.duration_s or is_answered):
        counted = timedelta(seconds=call.duration_s)
        start = call.answered_at or call.opened_at
        if start is None:
            start = (call.ended_at or call.created_at + counted) - counted
        return Sight("completed", start, start + counted, counted)
    if is_answered or call.status is CallStatus.COMPLETED or call.stream_failed is not None:
        # Over, and somebody may have talked: a lost stream makes a call "failed" for us, not for the carrier.
        return Sight("unknown", call.answered_at, call.ended_at)
    return Sight(call.status.value, None, call.ended_at, timedelta(0))


def of_bridge(word: BridgeWord | None, closing: Closing | None, start: datetime | None) -> dict[Source, Sight]:
    """How long the stream was open, laid at `start`. Of an end whose length the bridge did not tell, only that it came."""
    sights: dict[Source, Sight] = {}
    if word is not None and word.is_closed:
        sights[Source.BRIDGE] = _open_for(word.stream_ms, start)
    if closing is not None:
        sights[Source.CLOSING] = _open_for(closing.duration_ms, start)
    return sights


def stream_began(call: Call | None, word: BridgeWord | None, closing: Closing | None) -> datetime | None:
    """By our own clock where it was asked; the bridge's is the last one to ask."""
    if call is not None and call.opened_at is not None:
        return call.opened_at
    if closing is not None:
        length_ms = word.stream_ms if word is not None and word.stream_ms is not None else closing.duration_ms
        return closing.closed_at - timedelta(milliseconds=length_ms)
    if word is None or word.opened_at is not None:
        return None if word is None else word.opened_at
    if word.closed_at is None or word.stream_ms is None:
        return word.closed_at
    return word.closed_at - timedelta(milliseconds=word.stream_ms)


def stands_for_talk(word: BridgeWord | None, closing: Closing | None, *, dials: bool, dials_when_lost: bool) -> bool:
    """Whether the stream's length may stand for the talk of the person's leg: not where the leg may have gone on after its stream."""
    reason = closing.reason.value if closing is not None else word.reason if word is not None else ""
    is_lost = reason in (CloseReason.BRIDGE_ERROR.value, CloseReason.MODEL_LOST.value, CloseReason.TURNED_AWAY.value)
    return not dials and reason != CloseReason.HANDED_OVER.value and not (is_lost and dials_when_lost)


def _open_for(length_ms: int | None, start: datetime | None) -> Sight:
    if length_ms is None or start is None:
        return Sight("unknown", start)
    talk = timedelta(milliseconds=max(0, length_ms))
    return Sight("completed", start, start + talk, talk)
