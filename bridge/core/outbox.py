"""The bridge's own event log: what of it is to be written, read, sent and deleted next. It decides and does nothing.

`now` goes in (seconds of one monotonic clock), work comes out, and what became of the work goes in again. An event is first in memory
(`unwritten`), then in a segment on the disk, and is forgotten only when the queue has taken it. Of one call never two events are under way
at once, so the queue takes them in their order.

A disk that takes nothing costs no event: new calls are refused then, and what live calls have to say waits in memory, from where the queue
may take it as well. A queue that takes nothing costs none either: everything waits on the disk, and few events at a time are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import inf

from bridge.core.event_log import HEAD_BYTES, Scan, call_of

BATCH = 10  # messages in one request, as SQS allows
_REQUEST_BYTES = 240 * 1024  # of 256 KiB
_READ_BYTES = 128 * 1024  # of a segment at once; no record is longer
_WINDOW = 64  # events that are in memory because they are to be sent next
_LINGER_S = 0.5  # so that several calls share one request
_PAUSE_S, _PAUSE_AT_MOST_S = 0.5, 30.0  # after a failure, doubled each time
_WRITE_AGAIN_S = 1.0
_UNWRITTEN_AT_MOST = 10_000  # events; new calls are refused from the first that cannot be written


@dataclass(slots=True, eq=False)
class Event:
    """`number`: ours, for as long as the process lasts. `segment`: where it was read from; "" for one that is in memory only."""

    number: int
    body: bytes
    call: str
    since_s: float
    segment: str = ""
    tries: int = 0
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a segment that are to be read."""

    segment: str
    start: int
    stop: int


@dataclass(slots=True)
class _Segment:
    name: str
    sealed: bool
    written: int = 0  # events
    written_bytes: int = 0  # which are safe on the disk
    read_bytes: int = 0
    taken: int = 0  # events
    ages: deque[tuple[int, float]] = field(
        default_factory=deque
    )  # so many events were written, the oldest new one then

    def grew(self, events: int, size: int, since_s: float) -> None:
        self.written += events
        self.written_bytes = size
        self.ages.append((self.written, since_s))

    def oldest_s(self) -> float:
        while self.ages and self.ages[0][0] <= self.taken:
            self.ages.popleft()
        return self.ages[0][1] if self.ages else inf


class Plan:
    """One worker's. Not safe for threads: whoever uses several holds a lock."""

    def __init__(self, spool_bytes: int) -> None:
        """`spool_bytes`: beyond that much on disk new calls are refused, and those that last go on writing."""
        self.unwritten: dict[int, Event] = {}
        self.lost = 0  # events for which even memory had no room
        self.fails_to_write = True  # until the disk has shown that it works
        self.spooled_bytes = 0
        self._spool_bytes = spool_bytes
        self._write_at_s = 0.0
        self._segments: list[_Segment] = []  # the last one, unless it is sealed, is written to
        self._forgotten: set[str] = set()
        self._window: list[Event] = []  # read from segments, in order
        self._numbers = 0
        self._under_way: tuple[Event, ...] = ()
        self._failures = 0
        self._send_at_s = 0.0
        self._hurries = False

    # --- writing ------------------------------------------------------------------------------------------------------------

    def told(self, body: bytes, call: str, now_s: float) -> bool:
        """Something happened. False if it cannot be kept."""
        if len(self.unwritten) >= _UNWRITTEN_AT_MOST:
            self.lost += 1
            return False
        self._numbers += 1
        self.unwritten[self._numbers] = Event(self._numbers, body, call, now_s)
        return True

    def due_to_write(self, now_s: float) -> list[Event]:
        """To be written in this order, into our own segment."""
        return list(self.unwritten.values()) if now_s >= self._write_at_s else []

    def is_probe_due(self, now_s: float) -> bool:
        """Whether the disk is to be tried although there is nothing to write: only so is it known that calls can be taken again."""
        return self.fails_to_write and not self.unwritten and now_s >= self._write_at_s

    def wrote(self, events: Collection[Event], segment: str, size: int, now_s: float) -> bool:
        """They are safe in the segment, which has `size` bytes now. A new name closes the segment before. False if they must be written
        once more, because the segment has turned out to be damaged."""
        self.works()
        if segment in self._forgotten:
            return False
        last = self._last
        if last is None or last.name != segment:
            self.seal()
            last = _Segment(segment, sealed=False)
            self._segments.append(last)
        if not self.on_disk:
            self._send_at_s = max(self._send_at_s, now_s + _LINGER_S)
        for event in events:
            self.unwritten.pop(event.number, None)  # the queue may have taken it meanwhile; then it is given it twice
        self.spooled_bytes += size - last.written_bytes
        last.grew(len(events), size, min(event.since_s for event in events))
        return True

    def works(self) -> None:
        """The disk takes what it is given."""
        self.fails_to_write, self._write_at_s = False, 0.0

    def write_failed(self, now_s: float) -> None:
        """Nothing of it counts as written."""
        self.fails_to_write, self._write_at_s = True, now_s + _WRITE_AGAIN_S

    def seal(self) -> None:
        """Nothing more is written to the segment in use."""
        if self._last is not None:
            self._last.sealed = True

    @property
    def _last(self) -> _Segment | None:
        return self._segments[-1] if self._segments and not self._segments[-1].sealed else None

    # --- reading ------------------------------------------------------------------------------------------------------------

    def adopt(self, segment: str, events: int, size: int, since_s: float) -> None:
        """A segment of a worker that is dead. Each worker's come in their order."""
        found = _Segment(segment, sealed=True)
        found.grew(events, size, since_s)
        self.spooled_bytes += size
        ours = 0 if self._last is None else 1
        self._segments.insert(len(self._segments) - ours, found)

    def due_to_read(self) -> Stretch | None:
        if len(self._window) >= _WINDOW:
            return None
        for segment in self._segments:
            if segment.read_bytes < segment.written_bytes:
                stop = min(segment.written_bytes, segment.read_bytes + _READ_BYTES)
                return Stretch(segment.name, segment.read_bytes, stop)
        return None

    def was_read(self, stretch: Stretch, found: Scan, now_s: float) -> bool:
        """False if there is damage where a record should be: the segment is then forgotten, and nothing more is read from it."""
        segment = self._named(stretch.segment)
        if segment is None:
            return True
        if not found.bodies:
            self.forget(segment.name)
            return False
        for body in found.bodies[: _WINDOW - len(self._window)]:
            self._numbers += 1
            self._window.append(Event(self._numbers, body, call_of(body), now_s, segment.name))
            segment.read_bytes += HEAD_BYTES + len(body)
        return True

    def forget(self, segment: str) -> None:
        """It cannot be read any further. What was read before is still sent."""
        self._leave([segment])
        self._forgotten.add(segment)

    # --- sending ------------------------------------------------------------------------------------------------------------

    def due_to_send(self, now_s: float) -> tuple[Event, ...]:
        """One request's worth, of which `answered` or `unanswered` is to be told before there is another."""
        may_wait = self._failures > 0 or self.pending < BATCH
        if self._under_way or (now_s < self._send_at_s and may_wait):
            return ()
        batch: list[Event] = []
        size = 0
        for event in self._heads():
            size += len(event.body)
            if len(batch) == BATCH or size > _REQUEST_BYTES:
                break
            if event.not_before_s <= now_s:
                batch.append(event)
        self._under_way = tuple(batch)
        return self._under_way

    def _heads(self) -> list[Event]:
        """The oldest event of each call: from the disk; or, where the disk takes nothing, from memory after everything that is on it."""
        events: Iterable[Event] = self._window
        if not self._window and (self.fails_to_write or self._hurries) and self.due_to_read() is None:
            events = self.unwritten.values()
        heads: dict[str, Event] = {}
        for event in events:
            heads.setdefault(event.call, event)
        return list(heads.values())

    def answered(self, settled: Collection[int], now_s: float, jitter: float) -> None:
        """`settled`: numbers of those that the queue took, or will never take. The others come again."""
        under_way, self._under_way = self._under_way, ()
        if settled:
            self._failures, self._send_at_s = 0, 0.0
        else:
            self._back_off(now_s, jitter)
        for event in under_way:
            if event.number in settled:
                self._settle(event)
            else:
                event.tries += 1
                event.not_before_s = now_s + _pause_s(event.tries, jitter)

    def unanswered(self, now_s: float, jitter: float) -> None:
        """The queue cannot be reached, or refuses everything. `jitter` (0.5 to 1) keeps bridges from coming back in step."""
        self._under_way = ()
        self._back_off(now_s, jitter)

    def _back_off(self, now_s: float, jitter: float) -> None:
        self._failures += 1
        self._send_at_s = now_s + _pause_s(self._failures, jitter)

    def _settle(self, event: Event) -> None:
        if not event.segment:
            self.unwritten.pop(event.number, None)
            return
        self._window.remove(event)
        segment = self._named(event.segment)
        if segment is not None:
            segment.taken += 1

    def hurry(self) -> None:
        """The process is about to end: linger no more, and try at once what was put off."""
        self._hurries, self._failures, self._send_at_s = True, 0, 0.0
        for event in (*self._window, *self.unwritten.values()):
            event.not_before_s = 0.0

    def finished(self) -> list[str]:
        """Segments of which the queue has taken everything: to be deleted."""
        done = [segment.name for segment in self._segments if segment.sealed and segment.taken >= segment.written]
        self._leave(done)
        return done

    def _leave(self, names: Collection[str]) -> None:
        if names:
            self.spooled_bytes -= sum(segment.written_bytes for segment in self._segments if segment.name in names)
            self._segments = [segment for segment in self._segments if segment.name not in names]

    # --- how it stands ------------------------------------------------------------------------------------------------------

    @property
    def on_disk(self) -> int:
        """Events on the disk that the queue has not taken."""
        return sum(segment.written - segment.taken for segment in self._segments)

    @property
    def pending(self) -> int:
        return self.on_disk + len(self.unwritten)

    def oldest_s(self, now_s: float) -> float:
        """How long the oldest of them has waited; 0 where there is none."""
        since = [segment.oldest_s() for segment in self._segments]
        since += [event.since_s for event in list(self.unwritten.values())[:1]]
        oldest = min(since, default=inf)
        return 0.0 if oldest == inf else max(0.0, now_s - oldest)

    @property
    def has_room(self) -> bool:
        """Whether new calls may come: what they will have to say can be kept."""
        return not self.fails_to_write and self.spooled_bytes < self._spool_bytes

    def next_write_s(self) -> float:
        """When to look again; inf where only a new event brings work."""
        return self._write_at_s if self.unwritten or self.fails_to_write else inf

    def next_send_s(self) -> float:
        if self._under_way:
            return inf
        if self.due_to_read() is not None:
            return self._send_at_s
        return max(self._send_at_s, min((event.not_before_s for event in self._heads()), default=inf))

    def _named(self, name: str) -> _Segment | None:
        return next((segment for segment in self._segments if segment.name == name), None)


def _pause_s(failures: int, jitter: float) -> float:
    return min(_PAUSE_AT_MOST_S, _PAUSE_S * 2.0 ** min(failures - 1, 16)) * jitter
