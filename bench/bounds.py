"""What the media figures must come to, beside how each is taken from the runs. One table: `BOUNDS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench import systems
from bench.media import Bench, Run, median

CALLS = 200  # the load at which systems are compared
GUARDED_CALLS = 100  # with the echo guard on: twice as many do not fit on every core
UPLINK_LIMIT_MS = 5.0


class Verdict(StrEnum):
    KEPT = "kept"
    MISSED = "MISSED"
    NOT_JUDGED = "not judged"  # not measured here, or every run of it was disturbed


@dataclass(frozen=True, slots=True)
class Bound:
    """`figure` gives None when there is nothing to judge. `least`: the limit is the least that will do, not the most."""

    what: str
    unit: str
    must: float
    aim: float | None
    figure: Callable[[Bench], float | None]
    least: bool = False

    def judge(self, bench: Bench) -> tuple[float | None, Verdict]:
        value = self.figure(bench)
        if value is None:
            return None, Verdict.NOT_JUDGED
        within = value >= self.must if self.least else value <= self.must
        return value, Verdict.KEPT if within else Verdict.MISSED


def runs_of(bench: Bench, name: str, calls: int = CALLS, workers: int = 1) -> list[Run]:
    """Those that were not disturbed."""
    return [
        run for run in bench.runs if (run.system, run.calls, run.workers) == (name, calls, workers) and not run.troubles
    ]


def _cost(bench: Bench, name: str, calls: int = CALLS, workers: int = 1) -> float | None:
    return median(runs_of(bench, name, calls, workers), lambda run: run.cpu_ms_per_call_s)


def _cost_ratio(name: str, other: str, calls: int = CALLS) -> Callable[[Bench], float | None]:
    def figure(bench: Bench) -> float | None:
        ours, theirs = _cost(bench, name, calls), _cost(bench, other, calls)
        return None if ours is None or theirs is None else ours / theirs

    return figure


def _p99(name: str, quantity: str) -> Callable[[Bench], float | None]:
    """Latencies mean something only where no other process of the machine was in them."""

    def figure(bench: Bench) -> float | None:
        if not bench.machine.real_time:
            return None
        return median(runs_of(bench, name), lambda run: run.p(quantity, "p99"))

    return figure


def _worst(names: Sequence[str], figure: Callable[[Run], float]) -> Callable[[Bench], float | None]:
    """Up to the load at which systems are compared: beyond it a core may be full, and then nothing is on time."""

    def worst(bench: Bench) -> float | None:
        ours = [run for run in bench.runs if run.system in names and run.calls <= CALLS and not run.troubles]
        values = [figure(run) for run in ours]
        return max(values) if values else None

    return worst


def calls_per_core(bench: Bench) -> float | None:
    """The most calls measured on one core with the uplink's p99 within its limit."""
    if not bench.machine.real_time:
        return None
    ours = [run for run in bench.runs if run.system == systems.BRIDGE.name and run.workers == 1 and not run.troubles]
    if not any(run.calls > CALLS for run in ours):
        return None
    good = [run.calls for run in ours if (run.p("up_ms", "p99") or 0.0) <= UPLINK_LIMIT_MS]
    return float(max(good, default=0))


def _two_workers(bench: Bench) -> float | None:
    one, two = _cost(bench, systems.BRIDGE.name), _cost(bench, systems.BRIDGE.name, workers=2)
    return None if one is None or two is None else two / one


_OURS = (systems.BRIDGE.name, systems.BRIDGE_DEFAULT.name)
_B = systems.BRIDGE.name

BOUNDS = (
    Bound("CPU per call, against the paced relay", "x", 1.25, 1.1, _cost_ratio(_B, systems.PACED.name)),
    Bound("CPU per call, against the Node relay", "x", 1.25, 1.0, _cost_ratio(_B, systems.NODE.name)),
    Bound("CPU per call, against the websockets relay", "x", 1.0, 0.8, _cost_ratio(_B, systems.WEBSOCKETS.name)),
    Bound(
        f"the same with the echo guard on, {GUARDED_CALLS} calls, against the paced relay",
        "x",
        1.8,
        1.4,
        _cost_ratio(systems.BRIDGE_GUARDED.name, systems.PACED.name, GUARDED_CALLS),
    ),
    Bound("CPU per call of two processes, against one", "x", 1.25, 1.1, _two_workers),
    Bound("calls on one core with uplink p99 up to 5 ms", "calls", 300, 400, calls_per_core, least=True),
    Bound("added to the caller's audio, p99", "ms", 5.0, 1.0, _p99(_B, "up_ms")),
    Bound("added to the first audio of a reply, p99", "ms", 5.0, 1.5, _p99(_B, "first_audio_ms")),
    Bound("stale audio heard after an interruption, p99, 40 ms lead", "ms", 45.0, 41.0, _p99(_B, "stop_ms")),
    Bound(
        "the same at the default lead with killAudio",
        "ms",
        25.0,
        2.0,
        _p99(systems.BRIDGE_DEFAULT.name, "stop_ms"),
    ),
    Bound(
        "stale audio sent later than 10 ms after an interruption",
        "ms",
        0.0,
        None,
        _worst(_OURS, lambda run: run.load["stale_ms"]),
    ),
    Bound(
        "caller frames lost, repeated or damaged",
        "frames",
        0.0,
        None,
        _worst(_OURS, lambda run: float(run.load["lost"] + run.load["repeated"] + run.load["damaged"])),
    ),
    Bound(
        "utterances that did not arrive whole", "", 0.0, None, _worst(_OURS, lambda run: float(run.load["cut_short"]))
    ),
    Bound(
        "memory per call", "KiB", 200.0, 120.0, lambda bench: median(runs_of(bench, _B), lambda run: run.kib_per_call)
    ),
)
