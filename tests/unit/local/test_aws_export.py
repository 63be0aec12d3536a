from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws_export import export_table, import_table
from pokea.adapters.dynamo_table import DynamoTable
from tests.support.faulty_client import Faults
from tests.support.store import moto_table


@pytest.fixture
def table() -> Iterator[DynamoTable]:
    with moto_table() as made:
        yield made


def fill(table: DynamoTable, numbers: range, filler: str = "") -> None:
    for number in numbers:
        item: Any = {
            "pk": {"S": f"P{number:03}"},
            "sk": {"S": "META"},
            "filler": {"S": filler},
            "blob": {"B": b"\x00\xff"},
        }
        table._client.put_item(TableName=table.name, Item=item)


def content(table: DynamoTable) -> list[Any]:
    items = table._client.scan(TableName=table.name)["Items"]
    return sorted(items, key=lambda item: item["pk"]["S"])


def test_an_export_restores_the_table_item_for_item(table: DynamoTable, tmp_path: Path) -> None:
    path = tmp_path / "export/core.jsonl"
    fill(table, range(60), "naïve\u2028\u0085 text")  # line separators that are not newlines
    before = content(table)
    assert export_table(table._client, table.name, path) == 60
    for item in before:
        table.delete((item["pk"]["S"], item["sk"]["S"]))
    assert import_table(table._client, table.name, path) == 60
    assert content(table) == before


def test_an_export_replaces_the_one_before_in_one_rename(table: DynamoTable, tmp_path: Path) -> None:
    path = tmp_path / "core.jsonl"
    fill(table, range(3))
    export_table(table._client, table.name, path)
    table.delete(("P000", "META"))
    assert export_table(table._client, table.name, path) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["core.jsonl"]


def test_a_table_that_was_never_exported_is_restored_as_empty(table: DynamoTable, tmp_path: Path) -> None:
    assert import_table(table._client, table.name, tmp_path / "core.jsonl") == 0


def test_a_table_of_several_pages_is_read_until_two_readings_agree(table: DynamoTable, tmp_path: Path) -> None:
    fill(table, range(6), "x" * 300_000)
    faults = Faults(table._client)
    assert export_table(table._client, table.name, tmp_path / "core.jsonl") == 6
    pages = len(faults.requests) / 2
    assert faults.requests == ["Scan"] * int(2 * pages)
    assert pages >= 2
