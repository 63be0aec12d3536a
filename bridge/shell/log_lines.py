"""The bridge's own log lines: JSON with the names that the functions' lines have, or plain text where a person looks on.

A field must be one of `pokea.adapters.observability.FIELDS`; any other is dropped and named under "unclassified". Of an error its type,
code and place are told. Libraries write here, too: of theirs the first line is kept, and what could be a telephone number in it is masked.
"""

from __future__ import annotations

import logging
import re
from typing import IO

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from pokea.adapters.observability import classified, error_fields, masked

PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MAX_MESSAGE_CHARS = 2_000
_OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
_SESSION = re.compile(r"\bHD_[A-Za-z0-9]{1,64}")


def keep_log(stream: IO[str]) -> None:
    """Send what any logger of this process warns of to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(PLAIN) if stream.isatty() else JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class JsonLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__()
        self._lines = LambdaPowertoolsFormatter(
            service="bridge", location="%(name)s:%(funcName)s:%(lineno)d", serialize_stacktrace=False
        )

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().partition("\n")[0][:MAX_MESSAGE_CHARS]
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        if found := _SESSION.search(text):
            fields.setdefault("session_id", found[0])
        if record.exc_info and record.exc_info[1] is not None:
            fields.update(error_fields(record.exc_info[1]))
        # Our own sentences name segments and bytes, whose digits must stay.
        said = text if record.name.partition(".")[0] == "bridge" else masked(text)
        kept = {name: value for name, value in vars(record).items() if name in _OWN}
        clean = {"msg": "%s", "args": (said,), "exc_info": None, "exc_text": None, "stack_info": None}
        return self._lines.format(logging.makeLogRecord({**kept, **classified(fields), **clean}))
