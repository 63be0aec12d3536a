"""Callback tasks in DynamoDB: `pokea.sautikit.callbacks.CallbackTasks`.

pk                  sk                     what
BIZ#<business>      CALLBACK#<session>     CallbackTask
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pokea.adapters.dynamo_items import Item, Key, Value, instant, keyed
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.callbacks import TASK_KEPT, CallbackTask

DONE_KEPT = timedelta(days=30)


class DynamoCallbackTasks:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def add(self, task: CallbackTask) -> bool:
        """Keep `task`. False if the call already has one. Raises Unavailable or Indeterminate."""
        try:
            self._table.put(Put(_item(task), 0, "callback task"))
        except ConditionFailed:
            return False
        return True

    def of_business(self, business_id: BusinessId) -> tuple[CallbackTask, ...]:
        return tuple(_read(item) for item in self._table.query(f"BIZ#{business_id}", "CALLBACK#"))

    def done(self, business_id: BusinessId, session_id: SessionId, at: datetime) -> bool:
        """Mark the task of a call as done, once; it is tidied away later. False if there is none."""
        item = self._table.get(_key(business_id, session_id))
        if item is None:
            return False
        task = _read(item)
        if task.done_at is None:  # nothing else about a task changes: whoever writes second says the same
            self._table.put(Put(_item(replace(task, done_at=at)), None, "callback task"))
        return True


def _key(business_id: BusinessId, session_id: SessionId) -> Key:
    return f"BIZ#{business_id}", f"CALLBACK#{session_id}"


def _item(task: CallbackTask) -> Item:
    content: Item = {
        "session_id": {"S": task.session_id},
        "business_id": {"S": task.business_id},
        "reason": {"S": task.reason},
        "created_at": {"S": instant(task.created_at)},
    }
    if task.notes:
        content["notes"] = {"L": [{"S": note} for note in task.notes]}
    if task.number is not None:
        content["number"] = {"S": str(task.number)}
    if task.done_at is not None:
        content["done_at"] = {"S": instant(task.done_at)}
    if task.expires is not None:
        content["expires"] = {"S": instant(task.expires)}
    expires = task.expires or task.created_at + TASK_KEPT
    if task.done_at is not None:
        expires = min(expires, task.done_at + DONE_KEPT)
    return keyed(content, _key(task.business_id, task.session_id), expires=expires)


def _read(item: Mapping[str, Value]) -> CallbackTask:
    return CallbackTask(
        session_id=SessionId(item["session_id"]["S"]),
        business_id=BusinessId(item["business_id"]["S"]),
        number=E164(item["number"]["S"]) if "number" in item else None,
        reason=item["reason"]["S"],
        created_at=datetime.fromisoformat(item["created_at"]["S"]),
        notes=tuple(note["S"] for note in item["notes"]["L"]) if "notes" in item else (),
        done_at=datetime.fromisoformat(item["done_at"]["S"]) if "done_at" in item else None,
        expires=datetime.fromisoformat(item["expires"]["S"]) if "expires" in item else None,
    )
