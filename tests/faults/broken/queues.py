"""Consumers and stores with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from functions.records import app
from pokea.ids import BusinessId
from pokea.ports import Change
from pokea.records import Kind, T
from tests.fakes.memory_store import MemoryStore


class SecondWriterWins(MemoryStore):
    """Does not say what is there, and does not fence: the last record stands."""

    def record(self, kind: Kind[T], business_id: BusinessId, key: str) -> T | None:
        return None

    def apply(self, change: Change) -> None:
        for stored in change.records:
            before = self._records.get(stored.name)
            version = before.version if before is not None else 0
            self._records[stored.name] = replace(stored.value, version=version + 1)


@contextmanager
def refuses_whole_batches() -> Iterator[None]:
    """One failure fails the batch, as without ReportBatchItemFailures."""
    partial = app.each

    def each(event: dict[str, Any], *rest: Any) -> dict[str, Any]:
        answer = partial(event, *rest)
        everything = [{"itemIdentifier": record["messageId"]} for record in event["Records"]]
        return {"batchItemFailures": everything if answer["batchItemFailures"] else []}

    with mock.patch.object(app, "each", each):
        yield
