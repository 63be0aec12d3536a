"""`pokea rate`: what every row of a file of call records costs under a rate deck."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pokea.billing.cdr_file import BadFile, CdrFile, RatedWriter
from pokea.billing.rate_deck import RateDeck, load_deck, packaged_deck
from pokea.billing.rating import Charge, Rater, Unrated
from pokea.errors import RejectedInput
from pokea.money import Money

PROGRESS_ROWS = 100_000


def run_rate(deck_name: str, calls: Path, out: Path | None, as_json: bool) -> int:
    """Writes the rated rows to `out` or to the terminal; 0 if every row was rated, else 3. Raises CallError for bad input."""
    if as_json and out is None:
        raise RejectedInput("no_out", "--json prints a summary, so the rows need a file: give --out as well")
    deck = deck_named(deck_name)
    rater = Rater(deck)
    rows = unrated = uncertain = total_micros = 0
    with reading(calls) as lines, writing(out) as sink:
        records = CdrFile(lines, str(calls))
        writer = RatedWriter(csv.writer(sink, lineterminator="\n"), records.header)
        for row in records:
            rated = Unrated("bad_row", row.problem) if row.leg is None else rater.rate(row.leg)
            writer.write(row, rated)
            rows += 1
            if isinstance(rated, Charge):
                total_micros += rated.micros
                uncertain += bool(rated.doubt)
            else:
                unrated += 1
            progress(rows, "rated")
    total = str(Money(total_micros, deck.currency))
    if as_json:
        summary = {
            "deck": deck.deck_id,
            "rows": rows,
            "unrated": unrated,
            "uncertain": uncertain,
            "total_micros": total_micros,
            "currency": deck.currency,
        }
        print(json.dumps(summary))
    else:
        without = f", {unrated} could not be rated (see the column problem)" if unrated else ""
        doubted = f", {uncertain} charges rest on a price that is in doubt" if uncertain else ""
        print(f"{rows:,} rows, {total} by {deck.deck_id}{without}{doubted}", file=sys.stderr)
    return 3 if unrated else 0


def deck_named(name: str) -> RateDeck:
    """The deck in the file `name`, or the packaged deck of that id. Raises BadDeck."""
    file = Path(name)
    return load_deck(file) if file.is_file() or file.suffix else packaged_deck(name)


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            yield lines
    except (FileNotFoundError, IsADirectoryError, PermissionError) as problem:
        raise BadFile(str(path), f"cannot be read ({problem.strerror})") from None


@contextmanager
def writing(out: Path | None) -> Iterator[TextIO]:
    """The file appears under its name once it is whole, so that it may also be the file that is read."""
    if out is None:
        yield sys.stdout
        return
    is_device = out.exists() and not out.is_file()  # such as /dev/stdout
    part = out if is_device else out.with_name(f".{out.name}.part")
    try:
        sink = part.open("w", encoding="utf-8", newline="")
    except OSError as problem:
        raise BadFile(str(out), f"cannot be written ({problem.strerror})") from None
    try:
        with sink:
            yield sink
        if not is_device:
            part.replace(out)
    finally:
        if not is_device:
            part.unlink(missing_ok=True)


def progress(rows: int, done: str) -> None:
    """A line on stderr for every 100,000 rows of a long file."""
    if rows % PROGRESS_ROWS == 0:
        print(f"{rows:,} rows {done}", file=sys.stderr, flush=True)
