"""Contact lists at length: a million rows in bounded memory; and a check of a list that every broken reader fails."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pokea.campaigns.rejected_rows import RejectsWriter
from tests.faults.broken.contact_lists import BROKEN, Breaks
from tests.support.contact_lists import TITLES, csv_of, entries_of, imported, person, rejected

MIB = 1024 * 1024
BYTES_A_ROW = 40  # two numbers of eight bytes, the room that a growing array leaves, and a sixteenth of them sorted
REPEATED_EACH = 100  # the first row of so many comes again at the end of the file
BAD_EACH = 1_000


def write_long_list(path: Path, rows: int) -> None:
    """Distinct numbers, some of them without consent; then some numbers once more, far from where they came first."""
    numbers = [f"07{(number * 7_919) % 100_000_000:08}" for number in range(rows)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*TITLES, "plan"])
        for place, number in enumerate(numbers):
            writer.writerow(
                [*person(number, f"Person {place}", source="" if place % BAD_EACH == 1 else "web form"), "basic"]
            )
        writer.writerows([*person(f"+254{number[1:]}", at="2026-11-01"), "plus"] for number in numbers[::REPEATED_EACH])


def read_apart(path: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.read_list", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("rows", [4_000, pytest.param(1_000_000, marks=pytest.mark.faults)])
def test_a_long_list_is_read_in_memory_that_hardly_grows(rows: int, tmp_path: Path) -> None:
    write_long_list(tmp_path / "long.csv", rows)
    found = read_apart(tmp_path / "long.csv")
    again, bad = rows // REPEATED_EACH, rows // BAD_EACH
    assert (found["contacts"], found["merged"], found["rejected"]) == (rows - bad, again, bad)
    assert found["grown"] <= most_bytes(rows)


@pytest.mark.faults
def test_a_reader_that_keeps_the_rows_is_seen_to_grow(tmp_path: Path) -> None:
    write_long_list(tmp_path / "long.csv", 4_000)
    assert read_apart(tmp_path / "long.csv", "--keep")["grown"] > most_bytes(4_000)


def most_bytes(rows: int) -> int:
    return 2 * MIB + rows * BYTES_A_ROW


def problems_of_a_list() -> list[str]:
    """What is wrong with how a small list is read. An oracle of its own: everything is written out by hand."""
    people = [
        person("0712345678", "Amina", at="2026-10-01"),
        person("0722000111", "=1+1", source=""),
        person("254712345678", "Other", at="2026-10-09"),
        person("7.12346E+08", "Lost"),
        person("0712 FLOWER", "Letters"),
        person("0733000222", "Fatuma"),
    ]
    entries = entries_of(csv_of(people))
    problems = []
    found = sorted(
        (one.contact.number, one.contact.name, f"{one.contact.consent.at:%m-%d %H}") for one in imported(entries)
    )
    if found != [("+254712345678", "Amina", "10-08 21"), ("+254733000222", "Fatuma", "10-02 06")]:
        problems.append(f"contacts: {found}")
    refused = sorted((one.line, one.code) for one in rejected(entries))
    if refused != [(3, "consent_missing"), (5, "phone_digits_lost"), (6, "phone_letters")]:
        problems.append(f"rejected: {refused}")
    out = io.StringIO()
    writer = RejectsWriter(csv.writer(out), TITLES, "line")
    for one in rejected(entries):
        writer.write(one)
    if any(cell.startswith("=") for row in csv.reader(io.StringIO(out.getvalue())) for cell in row):
        problems.append("a formula is written")
    return problems


def test_the_check_finds_nothing_wrong_with_our_reader() -> None:
    assert problems_of_a_list() == []


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__)
def test_the_check_fails_for_a_reader_without_one_safeguard(breaks: Breaks) -> None:
    with breaks():
        assert problems_of_a_list()
