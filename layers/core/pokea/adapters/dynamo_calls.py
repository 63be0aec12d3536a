"""Calls in DynamoDB: `pokea.ports.CallStore`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from pokea.adapters.dynamo_items import (
    CALL,
    SIGHTING_KEPT,
    Item,
    Key,
    Value,
    call_item,
    call_key,
    calls_day,
    instant,
    keyed,
    sighting_key,
)
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.calls import Call
from pokea.errors import Conflict
from pokea.ids import BusinessId, SessionId


class DynamoCallStore:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def create_call(self, call: Call) -> Call:
        """Store a new call, or return the stored one if its session is already known (the first writer wins)."""
        created = replace(call, version=1)
        try:
            self._table.put(Put(call_item(created), 0, "call"))
        except ConditionFailed as failed:
            return self._first_writers(call.session_id, failed.items[0])
        return created

    def _first_writers(self, session_id: SessionId, stored: Mapping[str, Value]) -> Call:
        known = CALL.read(stored) if stored else self.call(session_id)
        if known is None:
            raise Conflict("stale", "the call was there a moment ago and is gone")
        return known

    def call(self, session_id: SessionId) -> Call | None:
        item = self._table.get(call_key(session_id))
        return CALL.read(item) if item is not None else None

    def put_call(self, call: Call) -> Call:
        """Store `call` over the version it was read at; returns it with the next version. Raises Conflict("stale")."""
        written = replace(call, version=call.version + 1)
        put = Put(call_item(written), call.version, "call")
        try:
            self._table.put(put)
        except ConditionFailed as failed:
            raise failed.as_error([put]) from None
        return written

    def first_sight(self, session_id: SessionId, event_id: str, at: datetime) -> bool:
        """True exactly once per (session, event id): deduplicates at-least-once deliveries."""
        key: Key = sighting_key(session_id, event_id)
        content: Item = {"seen_at": {"S": instant(at)}}
        try:
            self._table.put(Put(keyed(content, key, expires=at + SIGHTING_KEPT), 0, "sighting"))
        except ConditionFailed:
            return False
        return True

    def calls_on(self, business_id: BusinessId, day: date) -> tuple[Call, ...]:
        """Calls of one business created on one UTC day, earliest first. Read from the index, which lags: for reports only."""
        return tuple(CALL.read(item) for item in self._table.query_index(calls_day(business_id, day)))
