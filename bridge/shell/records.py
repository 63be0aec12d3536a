"""The call record: one file of JSON lines per call, flushed per line, so that a demo or an operator can follow a call as it happens."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

_LINES_AT_MOST = 5_000
log = logging.getLogger(__name__)


class CallRecord:
    """Writes nothing without a folder. It holds transcripts: for a desk, not for production."""

    def __init__(self, folder: Path | None, session_id: str) -> None:
        self._file: TextIO | None = None
        self._lines = 0
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / f"{session_id}.jsonl").open("a", encoding="utf-8")
        except OSError as problem:  # a full disk must not cost a call
            log.error("no record of call %s: %s", session_id, problem.strerror)

    def write(self, event: str, fields: Mapping[str, object], at_ms: float) -> None:
        if self._file is None or self._lines >= _LINES_AT_MOST:
            return
        self._lines += 1
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"at_ms": int(at_ms), "wall": wall, "event": event, **fields}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
