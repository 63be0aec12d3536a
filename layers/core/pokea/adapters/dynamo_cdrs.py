"""Call detail records and the statements behind them in DynamoDB: `pokea.ports.CdrStore`. The layout is in `cdr_items`."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from pokea.adapters import cdr_items as items
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.billing.account import MAX_STATEMENT_BYTES
from pokea.billing.cdr import Cdr, Statement
from pokea.errors import Misuse, RejectedInput
from pokea.ids import BusinessId, SessionId


class DynamoCdrs:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def keep(self, statement: Statement) -> bool:
        """True if it was not known yet. Raises RejectedInput("statement_too_large"), Unavailable or Indeterminate."""
        if len(statement.content.encode(errors="replace")) > MAX_STATEMENT_BYTES:
            raise RejectedInput("statement_too_large", f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
        try:
            self._table.put(Put(items.statement_item(statement), 0, "statement"))
        except ConditionFailed:
            return False
        return True

    def statements(self, session_id: SessionId) -> tuple[Statement, ...]:
        """In the order of their times, then of the witness's own count."""
        found = [items.STATEMENT.read(item) for item in self._table.query(items.partition(session_id), "SAID#")]
        return tuple(sorted(found, key=lambda one: (one.said_at, one.witness, one.index, one.content)))

    def cdrs(self, session_id: SessionId) -> tuple[Cdr, ...]:
        """The latest version of each leg, in the order of their legs."""
        found = self._table.query(items.partition(session_id), items.LATEST)
        return tuple(sorted((items.CDR.read(item) for item in found), key=lambda cdr: cdr.leg))

    def versions(self, session_id: SessionId, leg: str) -> tuple[Cdr, ...]:
        """Every version, the first one first."""
        found = self._table.query(items.partition(session_id), items.versions_prefix(leg))
        return tuple(items.read_version(item) for item in found)

    def put_cdrs(self, cdrs: Sequence[Cdr]) -> tuple[Cdr, ...]:
        """All or nothing: each as its next version, over the one it carries (0: the leg is new). Raises Conflict("stale")."""
        if not cdrs:
            return ()
        if len({cdr.key for cdr in cdrs}) != len(cdrs):
            raise Misuse("leg_twice", "one write holds each leg once")
        written = tuple(replace(cdr, version=cdr.version + 1) for cdr in cdrs)
        puts: list[Put] = []
        for cdr in written:
            puts.append(Put(items.latest_item(cdr), cdr.version - 1, "cdr"))
            puts.append(Put(items.version_item(cdr), 0, "cdr version"))
        self._table.transact(puts, uuid.uuid4().hex)
        return written

    def cdrs_of_day(self, business_id: BusinessId, day: date) -> Iterator[Cdr]:
        """The latest version of every leg that began on this UTC day, in the order in which they began. Read from the index, which lags."""
        shards = [
            self._table.query_index(items.day_partition(business_id, day, shard)) for shard in range(items.SHARDS)
        ]
        for item in heapq.merge(*shards, key=lambda item: str(item["gsi1sk"]["S"])):
            yield items.CDR.read(item)
