"""Event logs with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from bridge.core import event_log
from bridge.core.outbox import Event, Plan
from bridge.shell.outbox_spool import Found, Spool


class ForgetsWhatItSent(Plan):
    """Deletes what it gave to the queue, whether the queue took it or not."""

    def unanswered(self, now_s: float, jitter: float) -> None:
        self.answered({event.number for event in self._under_way}, now_s, jitter)


class SendsEverythingAtOnce(Plan):
    """Lets two events of one call be under way together, so that the later one may be taken first."""

    def _heads(self) -> list[Event]:
        return list(self._window)


class DropsWhatTheDiskRefuses(Plan):
    def write_failed(self, now_s: float) -> None:
        super().write_failed(now_s)
        self.unwritten.clear()


class TakesCallsOnAFullDisk(Plan):
    @property
    def has_room(self) -> bool:
        return True


class WritesOnBehindATear(Spool):
    """Goes on in the segment whose last record was cut in the middle."""

    def give_up(self) -> None:
        pass


class LeavesTheDeadAlone(Spool):
    def orphans(self) -> Iterator[Found]:
        return iter(())


@contextmanager
def without_a_check() -> Iterator[None]:
    """Any bytes of the right length are a record."""
    with mock.patch.object(event_log, "check_of", lambda body: 0):
        yield
