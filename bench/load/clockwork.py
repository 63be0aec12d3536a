"""One thread and one clock: sockets that have something to read, work that is due at a time, and a beat for every phone."""

from __future__ import annotations

import heapq
import select
import socket
import time
from collections.abc import Callable, Sequence

now_ns = time.monotonic_ns
MS = 1_000_000
S = 1_000_000_000
_LONGEST_WAIT_NS = 5 * MS


class Clockwork:
    """Linux only: epoll tells what is readable, and select on the epoll itself waits with microseconds instead of milliseconds.

    `nap_ns`: with many calls something happens all the time, and waking for each thing costs more than the thing. A nap lets a few of
    them gather, and is the resolution of what is measured.
    """

    def __init__(self, nap_ns: int = 0) -> None:
        self._nap_s = nap_ns / S
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._beats: Sequence[Callable[[int], None]] = ()
        self._beat_ns: list[int] = []
        self._next_beat = 0
        self._running = False

    def watch(self, sock: socket.socket, reader: Callable[[], None]) -> None:
        self._readers[sock.fileno()] = reader
        self._poll.register(sock, select.EPOLLIN)

    def forget(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0 and self._readers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock)

    def at(self, when_ns: int, work: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (when_ns, self._count, work))

    def beat(self, period_ns: int, first_ns: int, beats: Sequence[Callable[[int], None]]) -> None:
        """Call each of `beats` once per period with the time it was due, spread evenly over the period: cheaper than a queue."""
        self._beats = beats
        self._beat_ns = [first_ns + period_ns * index // len(beats) for index in range(len(beats))]
        self._period_ns = period_ns
        self._next_beat = 0

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        self._running = True
        while self._running:
            next_ns = self._work()
            wait_ns = next_ns - now_ns()
            if wait_ns > 0:
                if self._nap_s:
                    time.sleep(self._nap_s)
                else:
                    select.select((self._poll,), (), (), min(wait_ns, _LONGEST_WAIT_NS) / S)
            for number, _ in self._poll.poll(0):
                reader = self._readers.get(number)
                if reader is not None:
                    reader()

    def _work(self) -> int:
        """Do what is due; when something is due again."""
        now = now_ns()
        due = self._due
        while due and due[0][0] <= now:
            heapq.heappop(due)[2]()
        next_ns = due[0][0] if due else now + _LONGEST_WAIT_NS
        if not self._beats:
            return next_ns
        index = self._next_beat
        times, beats = self._beat_ns, self._beats
        while times[index] <= now:
            beats[index](times[index])
            times[index] += self._period_ns
            index = index + 1 if index + 1 < len(beats) else 0
        self._next_beat = index
        return min(next_ns, times[index])
