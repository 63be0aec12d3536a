"""What one worker says of itself to CloudWatch: a line in the embedded metric format on its standard output, every few seconds.

Scaling aims at the mean of `SlotUtilisation` over the workers of a release, so a worker that admits nobody for want of room on its disk
is full. One that drains counts its calls only: nothing new is meant for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable

from bridge.shell.faults import watched
from bridge.shell.health import Health

NAMESPACE = "Pokea"
_UNITS = {
    "ActiveCalls": "Count",
    "SlotUtilisation": "Percent",
    "LoopLagMs": "Milliseconds",
    "TurnedAway": "Count",
    "ProtectionFailed": "Count",
}
_NO_ROOM = "503"


def line(values: dict[str, float], release: str, now_ms: int) -> str:
    """One line of JSON: each of `values` by service and release, and by service alone."""
    metrics = [{"Name": name, "Unit": _UNITS[name], "StorageResolution": 1} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["service", "release"], ["service"]], "Metrics": metrics}
    head = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "service": "bridge", "release": release}
    return json.dumps({**head, **values}, separators=(",", ":"))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Gauges:
    """`every_s`: 0 writes nothing. `protection_failures`: since the start."""

    def __init__(
        self,
        health: Health,
        release: str,
        every_s: float,
        protection_failures: Callable[[], int] = lambda: 0,
        write: Callable[[str], None] = _print,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._health = health
        self._release = release
        self._every_s = every_s
        self._protection_failures = protection_failures
        self._write = write
        self._wall_s = wall_s
        self._said_turned_away = 0
        self._said_failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._every_s:
            self._task = watched(asyncio.get_running_loop().create_task(self._keep()), "the line of metrics")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def read(self) -> dict[str, float]:
        """Counts are since the last reading."""
        health = self._health
        used = health.busy if health.draining else health.max_calls - health.free
        turned_away, failures = health.refused.get(_NO_ROOM, 0), self._protection_failures()
        values: dict[str, float] = {
            "ActiveCalls": len(health.calls),
            "SlotUtilisation": round(100 * used / health.max_calls, 1),
            "LoopLagMs": health.loop_lag_ms(),
            "TurnedAway": turned_away - self._said_turned_away,
            "ProtectionFailed": failures - self._said_failures,
        }
        self._said_turned_away, self._said_failures = turned_away, failures
        return values

    async def _keep(self) -> None:
        while True:
            text = line(self.read(), self._release, round(self._wall_s() * 1000))
            await asyncio.to_thread(self._write, text)  # a reader of the output that is slow must not be heard
            await asyncio.sleep(self._every_s)
