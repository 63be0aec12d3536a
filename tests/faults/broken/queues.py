"""Consumers and stores with one safeguard taken out each."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from functions.records import app
from pokea.ids import BusinessId
from pokea.ports import Change
from pokea.records import Kind, T
from tests.fakes.memory_store import MemoryStore
from tests.faults.broken.batches import whole_batches_refused


class SecondWriterWins(MemoryStore):
    """Does not say what is there, and does not fence: the last record stands."""

    def record(self, kind: Kind[T], business_id: BusinessId, key: str) -> T | None:
        return None

    def apply(self, change: Change) -> None:
        for stored in change.records:
            before = self._records.get(stored.name)
            version = before.version if before is not None else 0
            self._records[stored.name] = replace(stored.value, version=version + 1)


def refuses_whole_batches() -> AbstractContextManager[None]:
    return whole_batches_refused(app)
