"""The rows of a report as Parquet. It is made from the CSV, so that the two cannot differ: the same cells, with types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pokea.billing.statements.rows_file import COLUMNS

SHORTEST = 2**16  # of the longest line that is made room for
SCHEMA = {column.name: column.kind.value for column in COLUMNS}
# No extension is looked for on the network, and one thread writes one order of bytes.
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}
_READ = """
    read_csv(?, columns = {schema}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
             nullstr = '', strict_mode = true, max_line_size = {longest})
"""


@contextmanager
def typesetter() -> Iterator[Callable[[str], bytes]]:
    """What turns the text of a CSV file into the bytes of a Parquet file: the same text gives the same, an empty cell is NULL.

    Opening it takes longer than a day's table, so a month's tables share one.
    """
    with TemporaryDirectory(prefix="pokea-report-") as folder, duckdb.connect(config=dict(_CONFIG)) as database:
        database.execute("SET TimeZone = 'UTC'")
        source, target = Path(folder, "rows.csv"), Path(folder, "rows.parquet")

        def parquet_of(csv_text: str) -> bytes:
            encoded = csv_text.encode("utf-8")
            source.write_bytes(encoded)
            read = _READ.format(schema=SCHEMA, longest=max(len(encoded), SHORTEST))
            copy = f"COPY (SELECT * FROM {read}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608 - our own names
            database.execute(copy, [str(source)])
            return target.read_bytes()

        yield parquet_of
