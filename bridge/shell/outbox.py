"""The bridge's own event log at work: events of calls, safe on the disk before the queue has them, and deleted only after that.

`CallLog` puts an event into an inbox and returns; nothing here ever holds up a call. One thread writes and syncs what came, another gives
it to the queue (bridge.core.outbox says what and when). A bridge that dies leaves its folder to the next one on the same spool, or to the
worker beside it.
"""

from __future__ import annotations

import errno
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Protocol

from bridge.core import event_log
from bridge.core.event_log import encode_record, scan
from bridge.core.frames import EndCall
from bridge.core.outbox import Event, Plan, Stretch
from bridge.shell.outbox_spool import Spool

SPOOL_MB = 256
RESERVE_BYTES = 4 * 1024 * 1024  # of the disk: what live calls may still have to say when new ones are refused
_LOOK_ROUND_S = 15.0  # for what dead workers left
_STALLED_AFTER_S = 5.0
_OLD_AFTER_S = 60.0
_IDLE_S = 3_600.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # which pass; what else a disk may say is a setting's fault
log = logging.getLogger(__name__)


class SendFailed(Exception):
    """The queue took nothing, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request, by position in it. What is in neither comes again."""

    taken: frozenset[int]
    refused: frozenset[int] = frozenset()  # for good: the message itself is at fault


class Send(Protocol):
    def __call__(self, bodies: Sequence[bytes]) -> Answer:
        """Raises SendFailed. Called in a thread."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Events that the queue has not taken, how long the oldest of them has waited, and how many are in memory only."""

    pending: int
    oldest_s: int
    unwritten: int


class CallLog:
    """What is said of one call, in the order of its index."""

    def __init__(self, outbox: Outbox, session_id: str, business_id: str) -> None:
        self._outbox = outbox
        self._call = session_id
        self._business = business_id
        self._index = 0

    def opened(self) -> None:
        self._outbox.put(event_log.opened(*self._next()), self._call)

    def closed(self, end: EndCall, stream_ms: int, handoff_id: str) -> None:
        self._outbox.put(event_log.closed(*self._next(), end, stream_ms, handoff_id), self._call)

    def _next(self) -> tuple[str, str, int, str, str]:
        self._index += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return self._call, self._business, self._index, at, self._outbox.bridge_id


class Outbox:
    """One per worker. `start` raises OSError where the spool cannot be used at all; a disk without room is waited for."""

    def __init__(
        self,
        spool: Spool,
        send: Send,
        bridge_id: str,
        *,
        plan: Plan | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0),  # noqa: S311 - no secret
    ) -> None:
        self.bridge_id = bridge_id
        self._spool = spool
        self._send = send
        self._plan = plan or Plan(SPOOL_MB * 1_000_000)
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._jitter = jitter
        self._inbox: queue.SimpleQueue[tuple[bytes, str] | None] = (
            queue.SimpleQueue()
        )  # what live calls say, two events each
        self._changed = threading.Condition()  # holds the plan
        self._writing_since_s = inf
        self._disk_is_low = False
        self._looked_round_s = -inf
        self._complained_s = -inf
        self._is_closing = self._is_over = False
        self._writer = threading.Thread(target=self._write_for_ever, name="outbox-disk", daemon=True)
        self._sender = threading.Thread(target=self._send_for_ever, name="outbox-queue", daemon=True)

    # --- for the event loop -------------------------------------------------------------------------------------------------

    def of_call(self, session_id: str, business_id: str) -> CallLog | None:
        """None for a stream that belongs to no call: a benchmark's."""
        return CallLog(self, session_id, business_id) if session_id else None

    def put(self, body: bytes, call: str) -> None:
        self._inbox.put((body, call))

    @property
    def has_room(self) -> bool:
        """Whether new calls may come."""
        stalled = self._clock() - self._writing_since_s > _STALLED_AFTER_S
        died = any(thread.ident is not None and not thread.is_alive() for thread in (self._writer, self._sender))
        return self._plan.has_room and not self._disk_is_low and not stalled and not died

    def standing(self) -> Standing:
        with self._changed:
            waiting = self._inbox.qsize()
            unwritten = len(self._plan.unwritten) + waiting
            return Standing(self._plan.pending + waiting, int(self._plan.oldest_s(self._clock())), unwritten)

    def words(self) -> str:
        standing = self.standing()
        return f"outbox={standing.pending} oldest_s={standing.oldest_s} unwritten={standing.unwritten}"

    def start(self) -> None:
        """Raises OSError."""
        self.open()
        self._writer.start()
        self._sender.start()

    def open(self) -> None:
        """Make our folder, and see whether the disk takes anything. Raises OSError."""
        try:
            self._spool.claim()
        except OSError as problem:
            if problem.errno not in _NO_ROOM:
                raise
        self.write_once()

    def close(self, within_s: float = 5.0) -> None:
        """Write what waits, and deliver as much as time allows. Blocks no longer than that, and not for a disk or a queue that hangs."""
        until_s = time.monotonic() + within_s
        self._inbox.put(None)
        if self._writer.is_alive():
            self._writer.join(within_s / 2)
        self.take_in(0.0)
        if self._writer.is_alive():
            self._inbox.put(None)  # it hangs, and may come back
        with self._changed:
            self._is_closing = True
            self._plan.seal()
            self._plan.hurry()
            self._changed.notify_all()
        if self._sender.is_alive():
            self._sender.join(max(0.0, until_s - time.monotonic()))
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            on_disk, in_memory = self._plan.on_disk, len(self._plan.unwritten)
        if on_disk:
            log.error("outbox: %d events stay in the spool until a bridge next starts on it", on_disk)
        if in_memory:
            log.error("outbox: %d events are lost: neither the disk nor the queue took them", in_memory)
        if not self._sender.is_alive() and not self._writer.is_alive():  # else the locks go with the process
            self._remove_finished()
            self._spool.close()

    # --- the writer's thread ------------------------------------------------------------------------------------------------

    def _write_for_ever(self) -> None:
        goes_on = True
        while goes_on:
            with self._changed:
                wait_s = self._plan.next_write_s() - self._clock()
            goes_on = self.take_in(wait_s)
            self.write_once(at_once=not goes_on)

    def take_in(self, wait_s: float) -> bool:
        """Move what was said from the inbox into the plan, after waiting so long for the first word. False at the end."""
        goes_on, now_s = True, 0.0
        try:
            found = self._inbox.get(timeout=min(wait_s, _IDLE_S)) if wait_s > 0 else self._inbox.get_nowait()
            while True:
                now_s = self._clock()
                if found is None:
                    goes_on = False
                else:
                    with self._changed:
                        kept = self._plan.told(*found, now_s)
                    if not kept:
                        log.error("outbox: an event of call %s is lost: there is no room in memory", found[1])
                found = self._inbox.get_nowait()
        except queue.Empty:
            return goes_on

    def write_once(self, *, at_once: bool = False) -> None:
        """Bring to the disk what is due, or see whether it works again."""
        now_s = inf if at_once else self._clock()
        with self._changed:
            events, is_probe_due = self._plan.due_to_write(now_s), self._plan.is_probe_due(now_s)
            did_fail = self._plan.fails_to_write
        if not events and not is_probe_due:
            return
        self._writing_since_s = self._clock()
        try:
            if events:
                self._write(events)
            else:
                self._spool.probe()
                with self._changed:
                    self._plan.works()
            self._look_at_the_disk()
        except OSError as problem:
            with self._changed:
                self._plan.write_failed(self._clock())
                self._changed.notify_all()  # the queue may take what the disk does not
            if not did_fail:
                log.error("outbox: the spool cannot be written, new calls are refused: %s", problem.strerror)
        finally:
            self._writing_since_s = inf

    def _write(self, events: list[Event]) -> None:
        """Raises OSError."""
        segment, size = self._spool.append(b"".join(encode_record(event.body) for event in events))
        with self._changed:
            counts = self._plan.wrote(events, segment, size, self._clock())
            self._changed.notify_all()
        if not counts:
            self._spool.give_up()

    def _look_at_the_disk(self) -> None:
        was_low, self._disk_is_low = self._disk_is_low, self._spool.free_bytes() < self._reserve_bytes
        if self._disk_is_low and not was_low:
            log.error("outbox: the spool's disk is all but full, new calls are refused")

    # --- the sender's thread ------------------------------------------------------------------------------------------------

    def _send_for_ever(self) -> None:
        while not self._is_over:
            self.look_round()
            while not self._is_over and self.send_once():
                pass
            with self._changed:
                if self._is_closing and not self._plan.pending:
                    return
                now_s = self._clock()
                next_s = min(self._plan.next_send_s(), self._looked_round_s + _LOOK_ROUND_S)
                if next_s > now_s and not self._is_over:
                    self._changed.wait(next_s - now_s)

    def look_round(self) -> None:
        """Now and then: take over what dead workers left, see whether the disk has room again, and complain about what is old."""
        now_s = self._clock()
        if self._is_closing or now_s - self._looked_round_s < _LOOK_ROUND_S:
            return
        self._looked_round_s = now_s
        for found in self._spool.orphans():
            with self._changed:
                self._plan.adopt(found.segment, found.records, found.size, now_s - found.age_s)
        self._look_at_the_disk()
        standing = self.standing()
        if standing.oldest_s > _OLD_AFTER_S and now_s - self._complained_s > _OLD_AFTER_S:
            self._complained_s = now_s
            log.warning("outbox: %d events wait, the oldest for %d s", standing.pending, standing.oldest_s)

    def send_once(self) -> bool:
        """Give the queue what is due. False if nothing is."""
        while self._read_on():
            pass
        with self._changed:
            batch = self._plan.due_to_send(self._clock())
        if batch:
            self._deliver(batch)
        self._remove_finished()
        return bool(batch)

    def _remove_finished(self) -> None:
        with self._changed:
            finished = self._plan.finished()
        for segment in finished:
            self._spool.remove(segment)

    def _deliver(self, batch: Sequence[Event]) -> None:
        try:
            answer = self._send([event.body for event in batch])
        except SendFailed as problem:
            with self._changed:
                self._plan.unanswered(self._clock(), self._jitter())
            log.info("outbox: %d events were not taken: %s", len(batch), problem)
            return
        for number in answer.refused:
            self._spool.keep_aside(batch[number].body, batch[number].call)
        settled: Collection[int] = {batch[number].number for number in answer.taken | answer.refused}
        with self._changed:
            self._plan.answered(settled, self._clock(), self._jitter())

    def _read_on(self) -> bool:
        """Read a stretch of what is to be sent next. False if nothing is to be read now."""
        with self._changed:
            stretch = self._plan.due_to_read()
        if stretch is None:
            return False
        try:
            data = self._spool.read(stretch.segment, stretch.start, stretch.stop)
        except OSError as problem:
            log.error("outbox: %s cannot be read: %s", stretch.segment, problem.strerror)
            with self._changed:
                self._plan.forget(stretch.segment)
            return True
        self._take_up(stretch, data)
        return True

    def _take_up(self, stretch: Stretch, data: bytes) -> None:
        with self._changed:
            is_whole = self._plan.was_read(stretch, scan(data), self._clock())
        if not is_whole:
            self._spool.set_aside(stretch.segment, stretch.start)
