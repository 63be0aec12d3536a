"""Writers that die, or lose the reply, between a write and its answer: the final read settles what happened, and nothing is half done."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from pokea.adapters.dynamo_table import DynamoTable
from tests.oracles.slot_checker import check
from tests.support.booker import History, final_read
from tests.support.store import RunningAws

STORE = "pokea.adapters.dynamo_table:DynamoTable"
BROKEN = "tests.faults.broken.stores:"
WRITERS = 8
FATES = ("die_before", "die_after", "lose_before", "lose_after")
Wave = list[dict[str, Any]]


class Writers:
    """The process that forks writers. Every wave runs on one diary and adds to one history."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._diaries = itertools.count()

    def diary(self, table: DynamoTable, capacity: int, store: str = STORE) -> Diary:
        return Diary(self, table, self._folder / f"history-{next(self._diaries)}.jsonl", capacity, store)

    def run(self, wave: Wave) -> list[int]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wave) + "\n")
        self._process.stdin.flush()
        codes: list[int] = json.loads(self._process.stdout.readline())
        assert set(codes) <= {0, -signal.SIGKILL}, codes
        return codes


class Diary:
    def __init__(self, writers: Writers, table: DynamoTable, path: Path, capacity: int, store: str) -> None:
        self._writers = writers
        self._table = table
        self._path = path
        self._capacity = capacity
        self._store = store

    def run(self, *writers: dict[str, Any]) -> list[int]:
        common = {
            "store": self._store,
            "table": self._table.name,
            "history": str(self._path),
            "capacity": self._capacity,
        }
        return self._writers.run([{**common, **writer} for writer in writers])

    def history(self) -> list[dict[str, Any]]:
        return History.read(self._path)

    def breaches(self) -> list[str]:
        return check(self.history(), final_read(self._table._client, self._table.name), self._capacity)


@pytest.fixture(scope="module")
def writers(local_aws: RunningAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writers]:
    arguments = [sys.executable, "-m", "tests.support.writer_process", local_aws.aws.endpoint_url]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Writers(process, tmp_path_factory.mktemp("writers"))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def a_writer(draw: random.Random, name: str) -> dict[str, Any]:
    """Books, then moves or cancels; half of them meet a fault at one of their writes, some are killed from outside."""
    steps: list[list[Any]] = [["book", f"wish {name}", draw.randrange(6)]]
    steps += draw.choices([["move", draw.randrange(6)], ["cancel"]], k=draw.randrange(3))
    writer: dict[str, Any] = {"steps": steps}
    if draw.random() < 0.5:
        writer["faults"] = {str(draw.randint(1, len(steps))): draw.choice(FATES)}
    elif draw.random() < 0.3:
        writer["kill_after_ms"] = draw.uniform(5, 80)
    return writer


def one_round(writers: Writers, table: DynamoTable, seed: int) -> Diary:
    """A wave of writers, then a second one of the same wishes: what a caller who was cut off does."""
    draw = random.Random(seed)
    diary = writers.diary(table, 1 + seed % 2)
    first = [a_writer(draw, str(number)) for number in range(WRITERS)]
    diary.run(*first)
    diary.run(*({"steps": writer["steps"][:1]} for writer in first))
    return diary


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_doubled_or_half_done(seed: int, writers: Writers, core_table: DynamoTable) -> None:
    assert one_round(writers, core_table, seed).breaches() == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3, 203))
def test_it_is_so_every_time(seed: int, writers: Writers, core_table: DynamoTable) -> None:
    assert one_round(writers, core_table, seed).breaches() == []


@pytest.mark.parametrize("capacity", [1, 3])
def test_processes_racing_for_one_slot_leave_as_many_appointments_as_there_is_room(
    capacity: int, writers: Writers, core_table: DynamoTable
) -> None:
    diary = writers.diary(core_table, capacity)
    diary.run(*({"steps": [["book", f"wish {number}", 0]]} for number in range(16)))
    ends = [event["type"] for event in diary.history() if event["type"] != "invoke"]
    assert (ends.count("ok"), ends.count("fail")) == (capacity, 16 - capacity)
    assert diary.breaches() == []


@pytest.mark.parametrize("fate", ["die_after", "lose_after"])
def test_a_wish_whose_answer_was_lost_is_granted_once(fate: str, writers: Writers, core_table: DynamoTable) -> None:
    diary = writers.diary(core_table, 2)
    book = {"steps": [["book", "wish", 0]]}
    codes = diary.run({**book, "faults": {"1": fate}})
    assert codes == [-signal.SIGKILL if fate == "die_after" else 0]
    diary.run(book, book)
    ends = [event["type"] for event in diary.history() if event["type"] != "invoke"]
    assert ends == ["ok"] * (2 if fate == "die_after" else 3)
    assert diary.breaches() == []


def test_a_writer_that_died_before_its_write_leaves_the_time_free(writers: Writers, core_table: DynamoTable) -> None:
    diary = writers.diary(core_table, 1)
    diary.run({"steps": [["book", "wish", 0]], "faults": {"1": "die_before"}})
    diary.run({"steps": [["book", "another wish", 0]]})
    assert [event["type"] for event in diary.history()] == ["invoke", "invoke", "ok"]
    assert diary.breaches() == []


LOST_CANCEL = {"steps": [["book", "wish", 0], ["cancel"]], "faults": {"2": "lose_after"}}
LOST_THRICE = {"steps": [["book", "wish", 0]], "faults": {"1": "lose_after", "2": "lose_after", "3": "lose_after"}}
HALFWAY = {"steps": [["book", "wish", 0]], "faults": {"3": "die_before"}}


@pytest.mark.parametrize(
    ("store", "writer", "breach"),
    [
        ("ForgetfulTable", LOST_CANCEL, "lost"),
        ("OptimisticTable", LOST_THRICE, "phantom"),
        ("PiecemealTable", HALFWAY, "torn"),
    ],
)
def test_the_checker_sees_a_store_without_its_safeguard(
    store: str, writer: dict[str, Any], breach: str, local_aws: RunningAws, writers: Writers, core_table: DynamoTable
) -> None:
    broken = writers.diary(core_table, 1, BROKEN + store)
    broken.run(writer)
    assert [found.partition(":")[0] for found in broken.breaches()][:1] == [breach]
    with local_aws.fresh_table() as other_table:
        sound = writers.diary(other_table, 1)
        sound.run(writer)
        assert sound.breaches() == []
