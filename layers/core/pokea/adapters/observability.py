"""Logs and metrics. Logs carry ids and codes, never content: no transcript, no name, no key press, no full number.

    log = Log("voice")
    log.info("hook answered", session_id=…, reply="stream")
    log.count("UnknownNumber", route="voice")

A field must stand in `FIELDS`. One that does not is dropped and named under "unclassified", which a test turns into a failure: so
nobody adds a field without deciding that it is harmless. Values are cut at 200 characters and runs of digits that could be a telephone
number are masked to their last two. Of an error its type, code and place are logged, not its message and not its arguments.

Metrics are written in CloudWatch's embedded format through the same output; no service is called.
"""

from __future__ import annotations

import re
import traceback
from typing import IO, Literal

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from pokea.errors import CallError
from pokea.phone_numbers import E164

NAMESPACE = "Pokea"
MAX_VALUE_CHARS = 200
FIELDS = frozenset(
    {
        # who and what
        "session_id",
        "call_id",
        "business_id",
        "client_request_id",
        "tool_call_id",
        "carrier_request_id",
        "event_id",
        "bridge",
        "release",
        "direction",
        "failed",
        "read",
        "resource",
        "a_number",
        "b_number",
        # what happened
        "state",
        "reply",
        "operation",
        "tool",
        "route",
        "method",
        "status",
        "reason",
        "outcome",
        "code",
        "proof",
        "sender",
        "error",
        "at",
        "retry_after_s",
        # how much
        "took_ms",
        "count",
        "port",
    }
)
_IDS = frozenset(name for name in FIELDS if name.endswith("_id"))
_NUMBER = re.compile(r"(?<!\w)\+?\d{5,13}(\d\d)(?!\w)")
Level = Literal["info", "warning", "error"]


class Log:
    """One per process. `stream` is where lines go; standard output unless a test or a tool wants them elsewhere."""

    def __init__(self, service: str, stream: IO[str] | None = None) -> None:
        self._service = service
        self._logger = Logger(service=service, level="INFO", stream=stream)

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, error: BaseException, **fields: object) -> None:
        """For what ends in a defined state although somebody should look at it."""
        self._write("error", event, {**fields, **error_fields(error)})

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        """Add `value` to a metric. Dimensions are few and of few values: never an id."""
        with single_metric(name=metric, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as line:
            line.add_dimension(name="service", value=self._service)
            for name, dimension in dimensions.items():
                line.add_dimension(name=name, value=dimension)

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        getattr(self._logger, level)(event, extra=classified(fields), stacklevel=4)


def classified(fields: dict[str, object]) -> dict[str, object]:
    """The fields that may be logged, as they may be logged."""
    known = {name: _harmless(name, value) for name, value in fields.items() if name in FIELDS and value is not None}
    strange = sorted(name for name in fields if name not in FIELDS)
    return {**known, "unclassified": strange} if strange else known


def _harmless(name: str, value: object) -> object:
    if isinstance(value, E164):
        return value.masked
    if isinstance(value, bool | int | float):
        return value
    text = str(value)[:MAX_VALUE_CHARS]
    return text if name in _IDS else masked(text)


def masked(text: str) -> str:
    """Without the digits, but the last two, of what could be a telephone number."""
    return _NUMBER.sub(r"…\1", text)


def error_fields(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else None
    code = error.code if isinstance(error, CallError) else None
    return {"error": type(error).__name__, "code": code, "at": place}
