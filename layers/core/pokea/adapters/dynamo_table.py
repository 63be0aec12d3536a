"""One DynamoDB table behind the few operations the stores need, with every try counted and every failure classified.

A write carries a `write_id`. When a reply is lost the write is sent again under the same id: if the condition then fails on an item
that already bears our id, the first try had succeeded, and so has the write. That turns most lost replies into plain answers.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pokea.adapters.dynamo_errors import (
    DYNAMO_ERRORS,
    Verdict,
    cancellation_reasons,
    final_error,
    stored_item,
    verdict_on,
)
from pokea.adapters.dynamo_items import Item, Key, Value
from pokea.errors import CallError, Conflict, Indeterminate, Misuse, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")
Stored = Mapping[str, Value]

WRITE_ID = "write_id"
BATCH_GET_KEYS = 100  # the service's limit per request
TRANSACTION_ACTIONS = 100  # likewise
RETRY_AFTER_S = 1.0  # what an Unavailable tells its receiver to wait


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `tries` per operation; none is begun after `deadline_s`. An operation so ends within deadline_s + one client timeout.

    Pauses are drawn from 0 to `pause_s` doubled per try (full jitter): losers of a race come back spread out.
    """

    tries: int = 3
    deadline_s: float = 2.0
    pause_s: float = 0.05
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random  # 0 ≤ x < 1

    def pause_after(self, number: int) -> float:
        return self.jitter() * self.pause_s * float(2**number)


@dataclass(frozen=True, slots=True)
class Put:
    """One fenced put: `read_version` is what the condition demands (0: the item must not exist; None: no condition)."""

    item: Item
    read_version: int | None
    what: str  # "slot", "appointment", …: named in the Conflict when this fence fails


@dataclass(frozen=True, slots=True)
class Gone:
    """One item that a change takes away, whatever it holds."""

    key: Key


@dataclass(frozen=True, slots=True)
class Summed:
    """Whole numbers that a change adds to attributes of one item; neither the item nor an attribute need exist."""

    key: Key
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """Changes of single attributes of one item, which need not exist: whole numbers added, values set, attributes taken away, in one write.
    `condition`: in the service's own words; its names are those of `names`, its values those of `values`, a colon in front."""

    key: Key
    add: Mapping[str, int]
    put: Mapping[str, AttributeValueTypeDef]
    drop: Sequence[str] = ()
    condition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, AttributeValueTypeDef] = field(default_factory=dict)


class RetryBudget:
    """Keeps retries from becoming the load that keeps a struggling store down: each operation earns a fifth of a retry.

    Over time a process so sends at most 1.2 times its operations, plus a burst of `most`. Shared between threads.
    """

    def __init__(self, earned: float = 0.2, most: float = 10.0) -> None:
        self._earned = earned
        self._most = most
        self._left = most
        self._lock = threading.Lock()

    def earn(self) -> None:
        with self._lock:
            self._left = min(self._most, self._left + self._earned)

    def spend(self) -> bool:
        """Whether one more retry may be made; if so, it is paid for."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


class ConditionFailed(Exception):
    """A fence did not hold. `items`: what stands in the table for each failed action, by its index; {} if nothing does.

    `reply_lost`: an earlier try of the same write may have reached the table.
    """

    def __init__(self, items: Mapping[int, Stored], *, reply_lost: bool) -> None:
        super().__init__("a condition did not hold")
        self.items = items
        self.reply_lost = reply_lost

    def is_own(self, write_id: str) -> bool:
        """The condition failed because this very write had already been made."""
        return any(item.get(WRITE_ID, {}).get("S") == write_id for item in self.items.values())

    def as_error(self, puts: Sequence[Put]) -> CallError:
        """Conflict, or Indeterminate where a lost try may have been made and written over since.

        Versions go up by one, so a foreign item at the very version we wanted to write proves that ours was not made.
        """
        changed = sorted({puts[index].what for index in self.items})
        overtaken = any(_version(item) == (puts[index].read_version or 0) + 1 for index, item in self.items.items())
        if self.reply_lost and not overtaken:
            return Indeterminate("store_reply_lost", "the change may have been made and changed again since")
        return Conflict("stale", "what was read has changed since", facts={"changed": changed})


class DynamoTable:
    """`client` comes from `clients.dynamodb()`; one instance may be shared between threads."""

    def __init__(self, client: DynamoDBClient, name: str, retries: Retries | None = None) -> None:
        self._client = client
        self.name = name
        self._retries = retries or Retries()
        self._budget = RetryBudget()

    def get(self, key: Key) -> Stored | None:
        """Strongly consistent."""
        request = {"TableName": self.name, "Key": _key_item(key), "ConsistentRead": True}
        reply = self._attempt(self._client.get_item, request, writes=False)
        return reply.get("Item")

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """Strongly consistent, each item for itself. Keys that are not stored are absent from the answer."""
        found: dict[Key, Stored] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), BATCH_GET_KEYS):
            for item in self._get_batch(unique[start : start + BATCH_GET_KEYS]):
                found[item["pk"]["S"], item["sk"]["S"]] = item
        return found

    def query(self, pk: str, sk_prefix: str, *, is_exact: bool = True) -> Iterator[Stored]:
        """Every item of one partition whose sort key starts with `sk_prefix`, in key order. Strongly consistent per page, or, where it may
        be a moment behind, for half the units."""
        values = {":pk": {"S": pk}}
        condition = "pk = :pk"
        if sk_prefix:
            values[":sk"] = {"S": sk_prefix}
            condition += " AND begins_with(sk, :sk)"
        yield from self._pages(condition, values, ConsistentRead=is_exact)

    def query_after(self, pk: str, after: str, limit: int) -> list[Stored]:
        """At most `limit` items of one partition behind the sort key `after` ("": from the first one), in key order."""
        values = {":pk": {"S": pk}}
        condition = "pk = :pk"
        if after:
            values[":after"] = {"S": after}
            condition += " AND sk > :after"
        return list(islice(self._pages(condition, values, ConsistentRead=True, Limit=limit), limit))

    def query_index(self, gsi1pk: str, *, up_to: str = "", page: int = 0) -> Iterator[Stored]:
        """Every item of one index partition, in key order. The index lags behind the table: for reports only, and for work that reads what
        it found again. `up_to`: the last sort key that counts. `page`: items per request, for who wants few."""
        values = {":pk": {"S": gsi1pk}}
        condition = "gsi1pk = :pk"
        if up_to:
            values[":up_to"] = {"S": up_to}
            condition += " AND gsi1sk <= :up_to"
        yield from self._pages(condition, values, IndexName="gsi1", **({"Limit": page} if page else {}))

    def put(self, put: Put) -> None:
        """Raises ConditionFailed with the stored item, unless that item is this very write."""
        write_id = uuid.uuid4().hex
        try:
            self._attempt(self._client.put_item, _put_action(self.name, put, write_id), writes=True)
        except ConditionFailed as failed:
            if not failed.is_own(write_id):
                raise

    def change(self, change: Change) -> Stored:
        """The attributes that were changed, as they are now. Raises ConditionFailed with the stored item. A write whose reply is lost is
        made again: only for sums that bear to be out by one."""
        reply = self._attempt(self._client.update_item, _change_action(self.name, change), writes=True)
        return reply.get("Attributes") or {}

    def delete(self, key: Key) -> None:
        self._attempt(self._client.delete_item, {"TableName": self.name, "Key": _key_item(key)}, writes=True)

    def transact(self, puts: Sequence[Put], write_id: str, others: Sequence[Gone | Summed] = ()) -> None:
        """All or nothing. `write_id` (at most 36 characters) names this write; the same write sent again is applied once.

        Raises Conflict("stale") whose facts name what had changed.
        """
        if (count := len(puts) + len(others)) > TRANSACTION_ACTIONS:
            raise Misuse("change_too_large", f"{count} items in one change (at most {TRANSACTION_ACTIONS})")
        actions = [{"Put": _put_action(self.name, put, write_id)} for put in puts]
        actions += [_other_action(self.name, other) for other in others]
        request = {"TransactItems": actions, "ClientRequestToken": write_id}
        try:
            self._attempt(self._client.transact_write_items, request, writes=True)
        except ConditionFailed as failed:
            if not failed.is_own(write_id):
                raise failed.as_error(puts) from None

    def _pages(self, condition: str, values: Mapping[str, Value], **options: Any) -> Iterator[Stored]:
        request = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            **options,
        }
        while True:
            page = self._attempt(self._client.query, request, writes=False)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _get_batch(self, keys: Sequence[Key]) -> Iterator[Stored]:
        """A reply may leave keys out when the table is throttled: those are asked for again, within the same bounds."""
        wanted: list[Any] = [_key_item(key) for key in keys]
        for number in range(1, self._retries.tries + 1):
            request = {"RequestItems": {self.name: {"Keys": wanted, "ConsistentRead": True}}}
            reply = self._attempt(self._client.batch_get_item, request, writes=False)
            yield from reply["Responses"].get(self.name) or []
            left = reply["UnprocessedKeys"].get(self.name)
            wanted = list(left["Keys"]) if left else []
            if not wanted:
                return
            if number < self._retries.tries:
                self._retries.sleep(self._retries.pause_after(number))
        raise Unavailable("store_unavailable", "the store left items unread", retry_after_s=RETRY_AFTER_S)

    def _attempt(self, operation: Callable[..., T], request: Mapping[str, Any], *, writes: bool) -> T:
        """The reply to `request`, tried again while that is safe and in time. Raises ConditionFailed or one of our own errors."""
        retries = self._retries
        deadline = retries.monotonic() + retries.deadline_s
        reply_lost = False
        self._budget.earn()
        for number in range(1, retries.tries + 1):
            try:
                return operation(**request)
            except DYNAMO_ERRORS as error:
                verdict = verdict_on(error)
                if verdict is Verdict.STALE:
                    raise ConditionFailed(_failed_items(error), reply_lost=reply_lost) from None
                reply_lost |= writes and verdict is Verdict.UNSURE
                pause = retries.pause_after(number)
                may_retry = verdict is not Verdict.BROKEN and number < retries.tries
                in_time = retries.monotonic() + pause < deadline
                if not (may_retry and in_time and self._budget.spend()):
                    raise final_error(error, may_have_written=reply_lost, retry_after_s=RETRY_AFTER_S) from error
            retries.sleep(pause)
        raise Misuse("no_tries", "an operation needs at least one try")


def _failed_items(error: Exception) -> dict[int, Stored]:
    reasons = enumerate(cancellation_reasons(error))
    failed = {index: item for index, (code, item) in reasons if code == "ConditionalCheckFailed"}
    return failed or {0: stored_item(error)}


def _version(item: Stored) -> int:
    """Of an item without one: 1, because such items are written once and never change."""
    return int(item["version"]["N"]) if "version" in item else 1 if item else 0


def _put_action(table: str, put: Put, write_id: str) -> dict[str, Any]:
    action: dict[str, Any] = {"TableName": table, "Item": {**put.item, WRITE_ID: {"S": write_id}}}
    if put.read_version is None:
        return action
    action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if put.read_version == 0:
        action["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        action["ConditionExpression"] = "version = :read_version"
        action["ExpressionAttributeValues"] = {":read_version": {"N": str(put.read_version)}}
    return action


def _change_action(table: str, change: Change) -> dict[str, Any]:
    """Every name is stood for by a placeholder: many are words of the service's own."""
    names, values = {f"#{short}": name for short, name in change.names.items()}, dict(change.values)
    parts: dict[str, list[str]] = {}
    for number, name in enumerate([*change.add, *change.put, *change.drop]):
        names[f"#n{number}"] = name
        if name in change.add:
            values[f":n{number}"] = {"N": str(change.add[name])}
            parts.setdefault("ADD", []).append(f"#n{number} :n{number}")
        elif name in change.put:
            values[f":n{number}"] = change.put[name]
            parts.setdefault("SET", []).append(f"#n{number} = :n{number}")
        else:
            parts.setdefault("REMOVE", []).append(f"#n{number}")
    action: dict[str, Any] = {
        "TableName": table,
        "Key": _key_item(change.key),
        "UpdateExpression": " ".join(f"{verb} {', '.join(done)}" for verb, done in parts.items()),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {key if key[0] == ":" else f":{key}": value for key, value in values.items()},
        "ReturnValues": "UPDATED_NEW",
    }
    if change.condition:
        action |= {"ConditionExpression": change.condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return action


def _other_action(table: str, other: Gone | Summed) -> dict[str, Any]:
    target: dict[str, Any] = {"TableName": table, "Key": _key_item(other.key)}
    if isinstance(other, Gone):
        return {"Delete": target}
    names = {f"#{number}": name for number, name in enumerate(other.amounts)}
    values = {f":{number}": {"N": str(amount)} for number, amount in enumerate(other.amounts.values())}
    target["UpdateExpression"] = "ADD " + ", ".join(f"#{number} :{number}" for number in range(len(names)))
    return {"Update": {**target, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}}


def _key_item(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
