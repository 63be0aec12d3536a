"""Reapers that look right on a quiet day."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from functions.reaper.reaper import Harvest, Reaper
from pokea.orphans import FLEET, LEASE, STANDINGS, SURE, Lease


def _leases(reaper: Reaper) -> list[Lease]:
    store = reaper._books().store
    return [lease for standing in STANDINGS for lease in store.records_by(LEASE, FLEET, standing)]


class BelievesEveryLapse(Reaper):
    """Takes a control plane that nobody reaches for the death of every bridge, and hangs up on everybody."""

    def run(self, stopped: Collection[str] = (), left_ms: Callable[[], int] = lambda: 60_000) -> Harvest:
        now = self._clock.now()
        lapsed = [lease.task for lease in _leases(self) if now >= lease.until and lease.task]
        return super().run([*stopped, *lapsed], left_ms)


class BelievesALongSilence(Reaper):
    """Does the same when the outage has lasted for some minutes."""

    def run(self, stopped: Collection[str] = (), left_ms: Callable[[], int] = lambda: 60_000) -> Harvest:
        now = self._clock.now()
        silent = [lease.task for lease in _leases(self) if now >= lease.until + SURE and lease.task]
        return super().run([*stopped, *silent], left_ms)


class BelievesWhoComesBack(Reaper):
    """After an outage, takes the first bridge that is heard again for the proof that the others are dead."""

    def run(self, stopped: Collection[str] = (), left_ms: Callable[[], int] = lambda: 60_000) -> Harvest:
        now, leases = self._clock.now(), _leases(self)
        is_one_heard = any(lease.until > now for lease in leases)
        lapsed = [lease.task for lease in leases if now >= lease.until and is_one_heard]
        return super().run([*stopped, *lapsed], left_ms)


class NeverLooksAgain(Reaper):
    """Acts on who was dead when its run began, whoever has been heard since."""

    def _still(self, lease: Lease) -> Lease | None:
        return self._books().store.record(LEASE, FLEET, lease.bridge)


class WaitsForTheCarrier(Reaper):
    """Does what needs no carrier for a call only when the run has the time to end its leg."""

    def run(self, stopped: Collection[str] = (), left_ms: Callable[[], int] = lambda: 60_000) -> Harvest:
        return super().run(stopped, left_ms) if left_ms() > 60_000 else Harvest()


class ForgetsWhatFailed(Reaper):
    """Takes a leg that the carrier would not end for ended."""

    def _try(self, one: Any, step: Callable[[], None]) -> None:
        super()._try(one, step)
        one.failed = False


class ClosesFirst(Reaper):
    """Writes the closing before the leg is down: a carrier that is away leaves callers in silence for good."""

    def _owe(self, one: Any, now: datetime) -> None:
        super()._owe(one, now)
        if one.closing is not None:
            self._books().closings.add(one.closing)


class OwesNothing(Reaper):
    """Ends the calls and tells nobody whom to call back."""

    def _owe(self, one: Any, now: datetime) -> None:
        books: Any = self._books()
        before = dict(books.callbacks.tasks)
        super()._owe(one, now)
        books.callbacks.tasks = before
