"""A handler of a queue's batches without partial answers: one failure fails the batch, as without ReportBatchItemFailures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock


@contextmanager
def whole_batches_refused(app: ModuleType) -> Iterator[None]:
    """`app`: the module of the handler."""
    partial = app.each

    def each(event: dict[str, Any], *rest: Any) -> dict[str, Any]:
        answer = partial(event, *rest)
        everything = [{"itemIdentifier": record["messageId"]} for record in event["Records"]]
        return {"batchItemFailures": everything if answer["batchItemFailures"] else []}

    with mock.patch.object(app, "each", each):
        yield
