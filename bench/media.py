"""Puts calls through the bridge and the relays, in turn, and keeps what came of each: `python -m bench.media --help`.

One core for the system under test, another for the load, both at real-time priority where that is permitted. All systems take turns
within one run, in an order that rotates, so that what the machine does meanwhile befalls all of them; figures are medians, and what is
compared are ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import systems
from bench.processes import (
    NotStarted,
    Usage,
    free_port,
    may_be_real_time,
    start,
    stolen_s,
    stop,
    usage,
    wait_until_listening,
)
from bench.systems import System

LATE_MS = (
    3.0  # a generator whose p99 is later than this, or that needs more than this share of its core, was the bottleneck
)
BUSY_SHARE = 0.92
STOLEN_SHARE = 0.03
_IMPORTS_WARM_S = 0.3


@dataclass(frozen=True, slots=True)
class Machine:
    """Where things run: the cores of the system under test, the core of the load, and whether either may be real-time."""

    system_cores: tuple[int, ...]
    load_core: int
    real_time: bool

    @classmethod
    def this(cls) -> Machine:
        """Raises NotStarted where the load cannot be run."""
        if sys.platform != "linux":
            raise NotStarted("the load needs Linux (epoll, /proc, pinned cores)")
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise NotStarted("the load needs a core of its own, and there is only one")
        return cls(tuple(cores[:-1]), cores[-1], may_be_real_time())


@dataclass(frozen=True, slots=True)
class Run:
    """One system under `calls` calls, once. `load` is what the generator printed."""

    system: str
    calls: int
    workers: int
    cpu_ms_per_call_s: float
    core_share: float
    kib_per_call: float
    idle_mib: float
    worker_shares: tuple[float, ...]  # of the CPU time, largest first
    stolen_share: float
    load: Mapping[str, Any]

    @property
    def troubles(self) -> tuple[str, ...]:
        """What makes the figures of this run untrustworthy."""
        found = []
        lateness = (self.load.get("lateness_ms") or {}).get("p99", 0.0)
        if lateness > LATE_MS or self.load["generator_share"] > BUSY_SHARE:
            found.append(
                f"generator was the bottleneck (late {lateness:.1f} ms, busy {self.load['generator_share']:.0%})"
            )
        if self.stolen_share > STOLEN_SHARE:
            found.append(f"the host took {self.stolen_share:.0%} away")
        return tuple(found)

    def p(self, quantity: str, share: str) -> float | None:
        summary = self.load.get(quantity)
        return None if summary is None else float(summary[share])


@dataclass(slots=True)
class Bench:
    """Runs systems one at a time. `tell` gets a line per run."""

    machine: Machine
    window_s: float
    tell: Callable[[str], None]
    runs: list[Run] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def compare(self, candidates: Sequence[System], calls: int, rounds: int) -> None:
        """Every system once per round, in an order that rotates."""
        for number in range(rounds):
            turn = number % len(candidates)
            for system in (*candidates[turn:], *candidates[:turn]):
                self.measure(system, calls)

    def measure(self, system: System, calls: int, workers: int = 1) -> Run | None:
        """One run, and a second try if the first was disturbed. None if the system cannot run here."""
        if system.missing:
            self.skipped.setdefault(system.name, system.missing)
        best: Run | None = None
        for _ in range(2):
            if system.name in self.skipped:
                return None
            try:
                run = self._once(system, calls, workers)
            except NotStarted as problem:
                self.skipped[system.name] = str(problem)
                self.tell(f"  {system.name}: skipped: {problem}")
                return None
            if best is None or len(run.troubles) < len(best.troubles):
                best = run
            if not run.troubles:
                break
        assert best is not None  # the loop ran
        self.runs.append(best)
        self.tell(_line(best))
        return best

    def _once(self, system: System, calls: int, workers: int) -> Run:
        phone_port, model_port = free_port(), free_port()
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "system.log")
            cores = self.machine.system_cores[:workers]
            environ = system.environ(phone_port, model_port, workers)
            process = start(system.command(), environ, cores, real_time=self.machine.real_time, log=log)
            try:
                wait_until_listening(process, phone_port, log)
                time.sleep(_IMPORTS_WARM_S)
                return self._load(system, process, calls, workers, (phone_port, model_port), Path(folder, "load.log"))
            finally:
                stop(process)

    def _load(
        self,
        system: System,
        process: subprocess.Popen[str],
        calls: int,
        workers: int,
        ports: tuple[int, int],
        log: Path,
    ) -> Run:
        idle = usage(process.pid)
        command = [sys.executable, "-m", "bench.load", "--calls", str(calls), "--seconds", str(self.window_s)]
        command += ["--phone-port", str(ports[0]), "--model-port", str(ports[1])]
        generator = start(command, os.environ, {self.machine.load_core}, real_time=self.machine.real_time, log=log)
        marks: dict[str, tuple[Usage, float, float]] = {}
        figures: dict[str, Any] = {}
        try:
            assert generator.stdout is not None  # it was asked for
            for line in generator.stdout:
                said = json.loads(line)
                if "state" in said:
                    marks[said["state"]] = usage(process.pid), stolen_s(), time.monotonic()
                else:
                    figures = said
        finally:
            stop(generator)
        if "end" not in marks or "error" in figures or not figures:
            raise NotStarted(figures.get("error") or log.read_text(encoding="utf-8")[-500:] or "the load ended early")
        return _run(system, calls, workers, idle, marks, figures)


def _run(
    system: System,
    calls: int,
    workers: int,
    idle: Usage,
    marks: Mapping[str, tuple[Usage, float, float]],
    figures: Mapping[str, Any],
) -> Run:
    (before, stolen_before, began), (after, stolen_after, ended) = marks["begin"], marks["end"]
    seconds = ended - began
    spent = after.cpu_s - before.cpu_s
    shares = sorted(
        ((used - before.workers_s.get(pid, 0.0)) / spent for pid, used in after.workers_s.items()), reverse=True
    )
    return Run(
        system=system.name,
        calls=calls,
        workers=workers,
        cpu_ms_per_call_s=spent / seconds / calls * 1000,
        core_share=spent / seconds,
        kib_per_call=(before.resident_bytes - idle.resident_bytes) / 1024 / calls,
        idle_mib=idle.resident_bytes / 2**20,
        worker_shares=tuple(round(share, 3) for share in shares if share > 0.001),
        stolen_share=(stolen_after - stolen_before) / seconds,
        load=figures,
    )


def _line(run: Run) -> str:
    marks = "".join(f"  [{trouble}]" for trouble in run.troubles)

    def pair(quantity: str, digits: int) -> str:
        p50, p99 = run.p(quantity, "p50"), run.p(quantity, "p99")
        return "      -      " if p50 is None else f"{p50:6.{digits}f} /{p99:7.{digits}f}"

    return (
        f"  {run.system:22}{run.calls:5} calls {run.cpu_ms_per_call_s:6.2f} ms/call-s  up {pair('up_ms', 2)}  first audio "
        f"{pair('first_audio_ms', 2)}  stop {pair('stop_ms', 0)} ms  {run.kib_per_call:5.0f} KiB/call{marks}"
    )


def median(runs: Sequence[Run], figure: Callable[[Run], float | None]) -> float | None:
    values = [value for run in runs if (value := figure(run)) is not None]
    return statistics.median(values) if values else None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.media", description="The bridge and plain relays under load."
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[200])
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measured window")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes of the bridge; the relays have one")
    parser.add_argument("--systems", nargs="+", metavar="NAME", help="a part of the name of each; default: all")
    options = parser.parse_args()
    known = (systems.BRIDGE, *systems.RIVALS, systems.BRIDGE_DEFAULT, systems.BRIDGE_GUARDED)
    chosen = [one for one in known if not options.systems or any(part in one.name for part in options.systems)]
    try:
        bench = Bench(Machine.this(), options.seconds, lambda line: print(line, flush=True))
    except NotStarted as problem:
        print(f"skipped: {problem}")
        return 0
    for calls in options.calls:
        if options.workers > 1:
            bench.measure(systems.BRIDGE, calls, options.workers)
        else:
            bench.compare(chosen, calls, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
