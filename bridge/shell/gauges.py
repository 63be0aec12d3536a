"""What one worker says of itself to CloudWatch: a line in the embedded metric format on its standard output, every few seconds.

Scaling aims at the mean of `SlotUtilisation` over the workers of a release, so a worker that admits nobody for want of room on its disk
is full. One that drains counts its calls only: nothing new is meant for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from bridge.shell.faults import watched
from bridge.shell.health import Health
from bridge.shell.turn_times import TurnTimes

NAMESPACE = "Pokea"
_UNITS = {
    "ActiveCalls": "Count",
    "SlotUtilisation": "Percent",
    "LoopLagMs": "Milliseconds",
    "TurnedAway": "Count",
    "ProtectionFailed": "Count",
    "KeyRefused": "Count",
    "SpansDropped": "Count",
}
_NO_ROOM = "503"


def line(values: dict[str, float], release: str, now_ms: int) -> str:
    """One line of JSON: each of `values` by service and release, and by service alone."""
    return _line(
        values, [{"Name": name, "Unit": _UNITS[name], "StorageResolution": 1} for name in values], release, now_ms
    )


def turns_line(values: Mapping[str, Sequence[int]], release: str, now_ms: int) -> str:
    """The same of turns: CloudWatch makes percentiles of a list."""
    return _line(values, [{"Name": name, "Unit": "Milliseconds"} for name in values], release, now_ms)


def _line(values: Mapping[str, object], metrics: Sequence[Mapping[str, object]], release: str, now_ms: int) -> str:
    directive = {"Namespace": NAMESPACE, "Dimensions": [["service", "release"], ["service"]], "Metrics": metrics}
    head = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "service": "bridge", "release": release}
    return json.dumps({**head, **values}, separators=(",", ":"))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Gauges:
    """`every_s`: 0 writes nothing. `protection_failures`, `keys_refused`, `spans_dropped`: since the start."""

    def __init__(
        self,
        health: Health,
        release: str,
        every_s: float,
        protection_failures: Callable[[], int] = lambda: 0,
        keys_refused: Callable[[], int] = lambda: 0,
        write: Callable[[str], None] = _print,
        wall_s: Callable[[], float] = time.time,
        spans_dropped: Callable[[], int] = lambda: 0,
        turns: TurnTimes | None = None,
    ) -> None:
        self._health = health
        self._release = release
        self._every_s = every_s
        self._protection_failures = protection_failures
        self._keys_refused = keys_refused
        self._write = write
        self._wall_s = wall_s
        self._said_turned_away = 0
        self._said_failures = 0
        self._said_refused = 0
        self._spans_dropped = spans_dropped
        self._said_dropped = 0
        self._turns = turns
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._every_s:
            self._task = watched(asyncio.get_running_loop().create_task(self._keep()), "the line of metrics")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._write("\n".join(self.lines()))  # of the last calls, which a drain has waited for

    def read(self) -> dict[str, float]:
        """Counts are since the last reading."""
        health = self._health
        used = health.busy if health.draining else health.max_calls - health.free
        turned_away, failures, refused = (
            health.refused.get(_NO_ROOM, 0),
            self._protection_failures(),
            self._keys_refused(),
        )
        values: dict[str, float] = {
            "ActiveCalls": len(health.calls),
            "SlotUtilisation": round(100 * used / health.max_calls, 1),
            "LoopLagMs": health.loop_lag_ms(),
            "TurnedAway": turned_away - self._said_turned_away,
            "ProtectionFailed": failures - self._said_failures,
            "KeyRefused": refused - self._said_refused,
        }
        self._said_turned_away, self._said_failures, self._said_refused = turned_away, failures, refused
        dropped = self._spans_dropped()
        values["SpansDropped"], self._said_dropped = dropped - self._said_dropped, dropped
        return values

    def lines(self) -> list[str]:
        """What is to be said now: one line of counts, and one of every hundred turns since the last time."""
        now_ms = round(self._wall_s() * 1000)
        said = [line(self.read(), self._release, now_ms)]
        while self._turns is not None and (waited := self._turns.take()):
            said.append(turns_line(waited, self._release, now_ms))
        return said

    async def _keep(self) -> None:
        while True:
            text = "\n".join(self.lines())
            await asyncio.to_thread(self._write, text)  # a reader of the output that is slow must not be heard
            await asyncio.sleep(self._every_s)
