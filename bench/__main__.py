"""`make bench`: every measurement that the README and docs/performance.md quote; exits non-zero when a bound is missed.

    python -m bench [--quick] [--write] [--only NAME ...]

They run one after another, because they share the machine's cores with nothing else. `--quick` takes under two minutes and judges the
same bounds as far as it measures them; `--write` renews docs/performance.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from bench import report, systems
from bench.bounds import CALLS, GUARDED_CALLS
from bench.media import Bench, Machine
from bench.processes import NotStarted

MEDIA = "media"
OTHERS = (
    "bench.import_cost",
    "bench.voice_hook",
    "bench.rating",
    "bench.cdr",
    "bench.recognition",
    "bench.answering",
    "bench.turn_taking",
)
SLOW = ("bench.recognition", "bench.answering", "bench.turn_taking")  # left out of a quick run
IN_SHORT = ("bench.turn_taking",)  # in full it takes longer than everything else together: python -m bench.turn_taking
QUICKER = {"bench.rating": ("--records", "100000"), "bench.cdr": ("--quick",)}  # in a quick run
LADDER = (10, 50, 100, 300, 400)
SIDE_BY_SIDE = (systems.BRIDGE, *systems.RIVALS, systems.BRIDGE_DEFAULT)


def media(quick: bool) -> Bench | None:
    """The bridge and the relays under load; None where the load cannot run."""
    try:
        machine = Machine.this()
    except NotStarted as problem:
        print(f"skipped: {problem}", flush=True)
        return None
    if not machine.real_time:
        print("no real-time priority for this user: latencies are printed, not judged", flush=True)
    bench = Bench(machine, 4.0 if quick else 6.0, lambda line: print(line, flush=True))
    if quick:
        bench.compare((systems.BRIDGE, systems.PACED), CALLS, 2)
        bench.compare((systems.NODE, systems.WEBSOCKETS, systems.BRIDGE_DEFAULT), CALLS, 1)
        return bench
    bench.compare(SIDE_BY_SIDE, CALLS, 3)
    bench.compare((systems.BRIDGE_GUARDED, systems.PACED), GUARDED_CALLS, 2)
    for calls in LADDER:
        bench.compare((systems.BRIDGE, systems.PACED), calls, 1)
    bench.measure(systems.BRIDGE, CALLS, workers=2)
    return bench


def other(module: str, quick: bool = False) -> tuple[bool, str]:
    """Run a measurement in a fresh process: whether its bounds hold, and what it printed."""
    shortened = QUICKER.get(module, ()) if quick else ()
    command = [sys.executable, "-m", module, *(["--quick"] if module in IN_SHORT else shortened)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it was asked for
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode == 0, "".join(lines)


def main() -> int:
    names = (MEDIA, *(name.removeprefix("bench.") for name in OTHERS))
    parser = argparse.ArgumentParser(prog="python -m bench", description="Every figure, and whether its bound holds.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: under two minutes")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    options = parser.parse_args()
    failed, printed = [], {}
    bench = None
    if MEDIA in options.only:
        print("== the bridge under load", flush=True)
        bench = media(options.quick)
        if bench is not None:
            lines, holds = report.summary(bench)
            print("\n".join(lines), flush=True)
            failed += [] if holds else ["bench.media"]
            if options.write:
                report.write(bench, {})  # the longest part is safe whatever becomes of the rest
    for module in OTHERS:
        if module.removeprefix("bench.") not in options.only or (options.quick and module in SLOW):
            continue
        if importlib.util.find_spec(module) is None:
            continue
        print(f"== {module}", flush=True)
        holds, printed[module] = other(module, options.quick)
        failed += [] if holds else [module]
    if options.write and bench is not None:
        report.write(bench, printed)
        print(f"written: docs/{report.PAGE.name}, docs/{report.PLOT.name}")
    print("every bound holds" if not failed else f"out of bounds: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
