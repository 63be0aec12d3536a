"""Several workers behind one port: one that is full steps aside while another has room.

The kernel spreads connections over the workers by a hash, not by load, so one worker fills up while others have places. A worker without
a place closes its listener, and the kernel then asks the others; when nobody else has one either, everybody listens and answers 503.
What each worker has free stands in memory that all of them share.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
from typing import Protocol

from bridge.shell.health import Health

_LOOK_EVERY_S = 0.25  # others' places change without a word to us
_CELL = struct.Struct("=i")
_SEAT_BYTES = 3 * _CELL.size  # free places, calls, and whether anybody sits there


class Crew:
    """Made before the workers are forked."""

    def __init__(self, count: int) -> None:
        self.count = count
        # In the last cell: whether somebody has spoken for the crew.
        self._cells = mmap.mmap(-1, count * _SEAT_BYTES + _CELL.size)

    def place(self, index: int) -> Place:
        """The seat of worker `index`, taken; a worker that replaces a dead one takes its seat."""
        _CELL.pack_into(self._cells, index * _SEAT_BYTES + 2 * _CELL.size, 1)
        return Place(self, index)

    def leave(self, index: int) -> None:
        """Worker `index` has died, and its calls with it."""
        self._cells[index * _SEAT_BYTES : (index + 1) * _SEAT_BYTES] = bytes(_SEAT_BYTES)

    def first(self) -> int | None:
        """The lowest seat that is taken."""
        taken = (_CELL.unpack_from(self._cells, index * _SEAT_BYTES + 2 * _CELL.size)[0] for index in range(self.count))
        return next((index for index, is_taken in enumerate(taken) if is_taken), None)

    def take_word(self) -> bool:
        """From now on somebody else speaks for the crew. Whether anybody did before."""
        at = self.count * _SEAT_BYTES
        has_spoken = bool(_CELL.unpack_from(self._cells, at)[0])
        _CELL.pack_into(self._cells, at, 1)
        return has_spoken

    def set_free(self, index: int, calls: int) -> None:
        _CELL.pack_into(self._cells, index * _SEAT_BYTES, calls)

    def free(self, index: int) -> int:
        return int(_CELL.unpack_from(self._cells, index * _SEAT_BYTES)[0])

    def set_calls(self, index: int, calls: int) -> None:
        _CELL.pack_into(self._cells, index * _SEAT_BYTES + _CELL.size, calls)

    def calls(self) -> int:
        """Of all workers, as each last said."""
        return sum(
            int(_CELL.unpack_from(self._cells, index * _SEAT_BYTES + _CELL.size)[0]) for index in range(self.count)
        )


class Place:
    def __init__(self, crew: Crew, index: int) -> None:
        self._crew = crew
        self._index = index

    def report(self, free: int) -> None:
        """How many more calls this worker takes; 0 also while it does not listen for other reasons."""
        self._crew.set_free(self._index, free)

    def report_calls(self, calls: int) -> None:
        self._crew.set_calls(self._index, calls)

    @property
    def is_first(self) -> bool:
        """One worker speaks for all of them: the first one that lives."""
        return self._crew.first() == self._index

    def take_word(self) -> bool:
        return self._crew.take_word()

    def calls_of_all(self) -> int:
        return self._crew.calls()

    def others_have_room(self) -> bool:
        return any(self._crew.free(other) > 0 for other in range(self._crew.count) if other != self._index)


class Listener(Protocol):
    @property
    def is_listening(self) -> bool: ...

    def stop_listening(self) -> None: ...

    async def listen(self) -> None: ...


class TakesTurns:
    """Opens and closes one worker's listener. Lives as long as the worker."""

    def __init__(self, listener: Listener, health: Health, place: Place) -> None:
        self._listener = listener
        self._health = health
        self._place = place
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._health.changed = self.look
        self._task = asyncio.get_running_loop().create_task(self._keep_looking())

    def look(self) -> None:
        """Step aside at once when the last place is taken."""
        free = self._health.free
        self._place.report(free)
        self._place.report_calls(self._health.busy)
        if free == 0 and self._listener.is_listening and self._place.others_have_room():
            self._listener.stop_listening()

    async def look_again(self) -> None:
        """Step aside where others got room, come back where this worker did, or where nobody has any left."""
        self.look()
        if not self._listener.is_listening and (self._health.free > 0 or not self._place.others_have_room()):
            await self._listener.listen()

    async def _keep_looking(self) -> None:
        while True:
            await self.look_again()
            await asyncio.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        self._place.report(0)
        self._place.report_calls(0)
        if self._task is not None:
            self._task.cancel()
