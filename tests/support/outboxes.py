"""The bridge's event log in virtual time: its production parts driven by turns, a queue that can be down, a disk that can be full."""

from __future__ import annotations

import errno
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from bridge.core.frames import EndCall, EndReason
from bridge.core.outbox import Plan
from bridge.shell.outbox import Answer, CallLog, Outbox, SendFailed
from bridge.shell.outbox_spool import Disk, Spool

BUSINESS = "corner-shop"
HUNG_UP = EndCall(EndReason.CALLER_HUNG_UP, 1_000, ())


class QueueDouble:
    """Takes what it is given while it is up. `fails`: positions in the next request that it does not take; `refuses`: never will."""

    def __init__(self) -> None:
        self.is_up = True
        self.bodies: list[bytes] = []
        self.sizes: list[int] = []  # of each request, answered or not
        self.fails: frozenset[int] = frozenset()
        self.refuses: frozenset[int] = frozenset()

    def __call__(self, bodies: Sequence[bytes]) -> Answer:
        self.sizes.append(len(bodies))
        if not self.is_up:
            raise SendFailed("down")
        positions = frozenset(range(len(bodies)))
        refused, failed = self.refuses & positions, self.fails & positions
        self.fails = self.refuses = frozenset()
        taken = positions - refused - failed
        self.bodies += [bodies[position] for position in sorted(taken)]
        return Answer(taken, refused)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def said(self) -> dict[str, list[tuple[int, str]]]:
        """Index and event of what was taken, by call, in the order in which it was taken first; what came twice counts once."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for message in self.messages:
            event = (message["said"]["index"], message["said"]["event"])
            if event not in found[message["call"]]:
                found[message["call"]].append(event)
        return dict(found)


class FullDisk(Disk):
    """Has room for `left` more bytes; what does not fit is cut in the middle, as a real one cuts it."""

    def __init__(self) -> None:
        self.left: float = inf
        self.free = 10**12
        self.fails_to_sync = False

    def write(self, file: int, data: memoryview) -> int:
        if self.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(file, data[: int(min(len(data), self.left))])
        self.left -= written
        return written

    def sync(self, file: int) -> None:
        if self.fails_to_sync:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        # a test that pulls no plug cannot tell whether it was synced

    def free_bytes(self, folder: Path) -> int:
        return self.free


class Rig:
    """One worker's event log without threads: `turn` is what its threads do when they are due."""

    def __init__(
        self,
        folder: Path,
        queue: QueueDouble,
        owner: str = "bridge-1",
        disk: Disk | None = None,
        spool_bytes: int = 10**9,
        plan: Plan | None = None,
        spool: type[Spool] = Spool,
    ) -> None:
        self.now_s = 1_000.0
        self.queue = queue
        self.spool = spool(folder, owner, disk or FullDisk())
        self.plan = plan or Plan(spool_bytes)
        self.outbox = Outbox(
            self.spool, queue, owner, plan=self.plan, clock=lambda: self.now_s, jitter=lambda: 1.0, reserve_bytes=1
        )
        self._logs: dict[str, CallLog] = {}
        self.outbox.open()

    def begins(self, call: str) -> None:
        log = self.outbox.of_call(call, BUSINESS)
        assert log is not None
        self._logs[call] = log
        log.opened()
        self.write()

    def ends(self, call: str) -> None:
        self._logs.pop(call).closed(HUNG_UP, 1_000, "")
        self.write()

    def write(self) -> None:
        self.outbox.take_in(0)
        self.outbox.write_once()

    def turn(self) -> None:
        self.write()
        self.outbox.look_round()
        while self.outbox.send_once():
            pass

    def passes(self, seconds: float) -> None:
        """So much time goes by, with everything that falls due in it."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.turn()
            due_s = min(self.plan.next_send_s(), self.plan.next_write_s(), until_s)
            self.now_s = min(until_s, max(due_s, self.now_s + 0.001))
        self.turn()

    def dies(self) -> None:
        """As a killed process: nothing is written or tidied, the locks are let go."""
        for lock in self.spool._locks.values():
            os.close(lock)
        self.spool._locks.clear()
        self.spool._leave_file()


def whole(calls: Sequence[str]) -> Mapping[str, list[tuple[int, str]]]:
    """What a queue has been told when nothing of these calls was lost and the order of each was kept."""
    return {call: [(1, "opened"), (2, "closed")] for call in calls}


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
