"""Copies of the local tables as JSON lines, because the emulator itself saves only on a clean stop.

One line is one item as DynamoDB writes it. A table of one page (1 MB) is read in one request and so is one consistent cut; a larger
one is read until two readings in a row agree, which makes the cut consistent too, or is exported as last read if writes never pause.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH_WRITE_ITEMS = 25  # the service's limit per request
READINGS = 4  # of one large table under constant writes


def export_table(client: DynamoDBClient, name: str, path: Path) -> int:
    """Replace `path` by the table's present content, in one rename. Returns the number of items."""
    items = _consistent_items(client, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(item, default=_bytes_to_json, sort_keys=True) + "\n" for item in items)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return len(items)


def import_table(client: DynamoDBClient, name: str, path: Path) -> int:
    """Put every item of an export into the table; a file that is not there holds none. Returns the number of items."""
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    for start in range(0, len(lines), BATCH_WRITE_ITEMS):
        batch = [json.loads(line, object_hook=_bytes_from_json) for line in lines[start : start + BATCH_WRITE_ITEMS]]
        _put_all(client, name, batch)
    return len(lines)


def _consistent_items(client: DynamoDBClient, name: str) -> Sequence[Mapping[str, Any]]:
    pages = list(_scan(client, name))
    for _ in range(READINGS - 1):
        if len(pages) == 1:
            break
        again = list(_scan(client, name))
        if again == pages:
            break
        pages = again
    return [item for page in pages for item in page]


def _scan(client: DynamoDBClient, name: str) -> Iterator[Sequence[Mapping[str, Any]]]:
    request: dict[str, Any] = {"TableName": name, "ConsistentRead": True}
    while True:
        page = client.scan(**request)
        yield page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _put_all(client: DynamoDBClient, name: str, items: Sequence[Any]) -> None:
    left: Any = {name: [{"PutRequest": {"Item": item}} for item in items]}
    while left:
        left = client.batch_write_item(RequestItems=left).get("UnprocessedItems")


def _bytes_to_json(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"not an attribute value: {type(value).__name__}")


def _bytes_from_json(value: dict[str, Any]) -> Any:
    """Attribute names are ours and never "base64" with a plain string: a string attribute would be {"S": …}."""
    return (
        base64.b64decode(value["base64"]) if value.keys() == {"base64"} and isinstance(value["base64"], str) else value
    )
