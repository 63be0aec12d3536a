"""Stores with one safeguard switched off each. Every fault test must be seen to fail against the one that lacks its safeguard."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pokea.adapters.dynamo_errors import DYNAMO_ERRORS
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.errors import Indeterminate, Unavailable

T = TypeVar("T")


class UnfencedTable(DynamoTable):
    """Writes without conditions: the last writer wins, and every writer believes to have won."""

    def transact(self, puts: Sequence[Put], write_id: str) -> None:
        super().transact([replace(put, read_version=None) for put in puts], write_id)


class CrowdedTable(UnfencedTable):
    """An unfenced table in its worst moment: everybody has read before anybody writes."""

    def everybody_is(self, writers: int) -> None:
        self._all_have_read = threading.Barrier(writers, timeout=60)

    def transact(self, puts: Sequence[Put], write_id: str) -> None:
        self._all_have_read.wait()
        super().transact(puts, write_id)


class ForgetfulTable(DynamoTable):
    """Does not know its own writes again: every try is a new write, so a lost reply turns success into "taken"."""

    def _attempt(self, operation: Callable[..., T], request: Mapping[str, Any], *, writes: bool) -> T:
        def renamed(**sent: Any) -> T:
            if "ClientRequestToken" in sent:
                sent["ClientRequestToken"] = uuid.uuid4().hex
            return operation(**sent)

        try:
            return super()._attempt(renamed, request, writes=writes)
        except ConditionFailed:
            raise ConditionFailed({0: {}}, reply_lost=False) from None


class OptimisticTable(DynamoTable):
    """Takes a lost reply to mean that nothing was written."""

    def transact(self, puts: Sequence[Put], write_id: str) -> None:
        try:
            super().transact(puts, write_id)
        except Indeterminate as lost:
            raise Unavailable("store_unavailable") from lost


class PiecemealTable(DynamoTable):
    """Writes the items of one change one after the other."""

    def transact(self, puts: Sequence[Put], write_id: str) -> None:
        for put in puts:
            try:
                self.put(put)
            except ConditionFailed as failed:
                raise failed.as_error([put]) from None


class PatientTable(DynamoTable):
    """Asks again and again, as if its own requests were not part of the load."""

    def _attempt(self, operation: Callable[..., T], request: Mapping[str, Any], *, writes: bool) -> T:
        while True:
            try:
                return operation(**request)
            except DYNAMO_ERRORS:
                continue
