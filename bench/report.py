"""docs/performance.md and its plot, from what was just measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench import systems
from bench.bounds import BOUNDS, CALLS, GUARDED_CALLS, Verdict, runs_of
from bench.media import Bench, Run, median

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, PLOT = DOCS / "performance.md", DOCS / "performance.svg"

_METHOD = """# Performance

Written by `python -m bench --write`; `make bench` measures the same and fails when a bound is missed.

## Method

- **Load** (`bench/load`): one process plays all the phones and the model, so both ends of every latency are on one clock. Each phone sends
  640 bytes every 20 ms; every frame carries who sent it, when, and its number, on top of a steady noise. The model utters 3 s every 7.5 s,
  in 100 ms chunks of 24 kHz audio four times as fast as real time, as indented JSON in binary frames, with transcripts; three of four
  utterances are interrupted 0.7 to 2.4 s after they began.
- **Nobody has to cooperate.** The model's audio is a constant whose sign alternates from utterance to utterance, which survives any
  resampler, so every sample that reaches a phone belongs to a known utterance. What the caller would still hear is found by playing out
  everything that was sent, in order, as a switch does; `killAudio` empties that queue.
- **Cores.** The system under test has one core, the load another, both at real-time priority where that is permitted. CPU is user and
  system time of the whole process tree inside the window.
- **Ratios.** All systems take turns within one run, in an order that rotates; figures are medians, and bounds are ratios wherever they can
  be. A run in which the generator was late or busy, or the host took time away, is repeated once, marked, and not judged.
- **Latency p99s** are judged only at real-time priority: without it the other processes of the machine are in them.
"""

_CAVEATS = """## Caveats

- Loopback: no network card, no TLS. The sender's core pays for the receiver's share of TCP.
- The relays do less: none has limits, a ledger of what was heard, transcripts, tools, a detector, timeouts or a second model. Only the
  paced relay paces; the others send a burst as it comes, which is fewer messages and cheaper, and is what their `stop` column is about.
- The relays resample by linear interpolation, which aliases; the bridge has a filter with 75 dB of rejection.
- The generator naps 0.1 ms at a time above 100 calls, which is the resolution of the latencies there.
- CPU per call falls with the number of calls, because one wake-up then serves several sockets: compare systems at equal load only.
- No echo comes back on the lines of this load, so the echo guard's row is what it costs to look for one.
- Windows are seconds long: they show no leak.
- Figures of a virtual machine drift by a third with its neighbours; ratios within one run drift by about a tenth.
"""


def write(bench: Bench, others: Mapping[str, str]) -> None:
    """`others`: what the remaining measurements printed, by name."""
    PAGE.write_text("\n".join(_page(bench, others)) + "\n", encoding="utf-8")
    _plot(bench)


def _page(bench: Bench, others: Mapping[str, str]) -> Iterator[str]:
    yield _METHOD
    yield from ("## Machine", "", _machine(bench), "")
    yield from ("## Bounds", "")
    yield from bounds_table(bench)
    yield from ("", f"## Side by side, {CALLS} calls on one core", "")
    yield from _comparison(bench)
    yield from ("", "## From few calls to many", "", f"![CPU and latency by calls]({PLOT.name})", "")
    yield from _ladder(bench)
    yield from ("", *_guarded(bench), *_two_processes(bench), "", _CAVEATS)
    for name, text in others.items():
        yield from (f"## `python -m {name}`", "", "```text", text.strip("\n"), "```", "")


def _machine(bench: Bench) -> str:
    model = platform.machine()
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    priority = "real-time priority" if bench.machine.real_time else "ordinary priority"
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.release()}, Python {platform.python_version()}, {priority}, "
        f"windows of {bench.window_s:g} s."
    )


def _number(value: float, unit: str = "") -> str:
    if unit == "x":
        return f"{value:.2f} x"
    return f"{value:.0f} {unit}".strip() if value >= 100 or value == int(value) else f"{value:.2f} {unit}".strip()


def bounds_table(bench: Bench) -> Iterator[str]:
    yield "| what | figure | must | aim | |"
    yield "| --- | --- | --- | --- | --- |"
    for bound in BOUNDS:
        value, verdict = bound.judge(bench)
        sign = "≥" if bound.least else "≤"
        figure = "–" if value is None else _number(value, bound.unit)
        aim = "" if bound.aim is None else f"{sign} {_number(bound.aim, bound.unit)}"
        yield f"| {bound.what} | {figure} | {sign} {_number(bound.must, bound.unit)} | {aim} | {verdict} |"


def _pair(runs: Sequence[Run], quantity: str, digits: int) -> str:
    p50, p99 = (median(runs, lambda run, share=share: run.p(quantity, share)) for share in ("p50", "p99"))  # type: ignore[misc]
    return "–" if p50 is None or p99 is None else f"{p50:.{digits}f} / {p99:.{digits}f}"


def _comparison(bench: Bench) -> Iterator[str]:
    yield (
        "| system | CPU, ms per call and second | × paced relay | uplink p50 / p99, ms | first audio p50 / p99, ms | stop p50 / p99, ms "
        "| frames lost, repeated, damaged | KiB per call | runs |"
    )
    yield "| --- " * 9 + "|"
    paced = median(runs_of(bench, systems.PACED.name), lambda run: run.cpu_ms_per_call_s)
    for system in (systems.BRIDGE, *systems.RIVALS, systems.BRIDGE_DEFAULT):
        if system.name in bench.skipped:
            yield f"| {system.name} | skipped: {bench.skipped[system.name].splitlines()[-1]} |||||||||"
            continue
        every = [run for run in bench.runs if (run.system, run.calls, run.workers) == (system.name, CALLS, 1)]
        runs = runs_of(bench, system.name) or every
        if not runs:
            continue
        costs = [run.cpu_ms_per_call_s for run in runs]
        cost = median(runs, lambda run: run.cpu_ms_per_call_s) or 0.0
        ratio = f"{cost / paced:.2f}" if paced else "–"
        damage = _damage(runs)
        disturbed = f", {len(every) - len(runs)} disturbed" if len(every) > len(runs) else ""
        yield (
            f"| {system.name} | {cost:.2f} ({min(costs):.2f}–{max(costs):.2f}) | {ratio} | {_pair(runs, 'up_ms', 2)} "
            f"| {_pair(runs, 'first_audio_ms', 2)} | {_pair(runs, 'stop_ms', 0)} | {damage} "
            f"| {median(runs, lambda run: run.kib_per_call):.0f} | {len(runs)}{disturbed} |"
        )
    yield ""
    for system in (systems.BRIDGE, *systems.RIVALS, systems.BRIDGE_DEFAULT):
        yield f"- *{system.name}*: {system.about}"


def _damage(runs: Sequence[Run]) -> str:
    return ", ".join(str(sum(run.load[kind] for run in runs)) for kind in ("lost", "repeated", "damaged"))


def ladder_runs(bench: Bench, name: str) -> list[tuple[int, list[Run]]]:
    """The runs of a system by number of calls, one process."""
    of_system = [run for run in bench.runs if run.system == name and run.workers == 1]
    return [
        (calls, [run for run in of_system if run.calls == calls]) for calls in sorted({run.calls for run in of_system})
    ]


def _ladder(bench: Bench) -> Iterator[str]:
    yield (
        "| calls | bridge, ms per call and second | paced relay | ratio | of the core | uplink p50 / p99, ms "
        "| first audio p50 / p99, ms | stop p50 / p99, ms | KiB per call |"
    )
    yield "| --- " * 9 + "|"
    rivals = dict(ladder_runs(bench, systems.PACED.name))
    for calls, runs in ladder_runs(bench, systems.BRIDGE.name):
        cost = median(runs, lambda run: run.cpu_ms_per_call_s) or 0.0
        rival = median(rivals.get(calls, []), lambda run: run.cpu_ms_per_call_s)
        beside = f"{rival:.2f} | {cost / rival:.2f}" if rival else "– | –"
        mark = " (disturbed)" if all(run.troubles for run in runs) else ""
        yield (
            f"| {calls}{mark} | {cost:.2f} | {beside} | {median(runs, lambda run: run.core_share):.0%} | {_pair(runs, 'up_ms', 2)} "
            f"| {_pair(runs, 'first_audio_ms', 2)} | {_pair(runs, 'stop_ms', 0)} | {median(runs, lambda run: run.kib_per_call):.0f} |"
        )


def _guarded(bench: Bench) -> Iterator[str]:
    runs = runs_of(bench, systems.BRIDGE_GUARDED.name, GUARDED_CALLS)
    cost = median(runs, lambda run: run.cpu_ms_per_call_s)
    rival = median(runs_of(bench, systems.PACED.name, GUARDED_CALLS), lambda run: run.cpu_ms_per_call_s)
    if cost is not None and rival is not None:
        yield (
            f"With the echo guard on, {GUARDED_CALLS} calls: {cost:.2f} ms per call and second, {cost / rival:.2f} times the paced relay; "
            f"uplink {_pair(runs, 'up_ms', 2)} ms. The guard takes our voice out of the caller's frames, so these are not compared with "
            "what was sent."
        )
        yield ""


def _two_processes(bench: Bench) -> Iterator[str]:
    for run in bench.runs:
        if run.workers == 2:
            cores = min(2, len(bench.machine.system_cores))
            shares = " and ".join(f"{share:.0%}" for share in run.worker_shares[:2])
            yield (
                f"Two processes of the bridge on {cores} core{'s' if cores > 1 else ''}, {run.calls} calls on one port: "
                f"{run.cpu_ms_per_call_s:.2f} ms per call and second, {run.core_share:.0%} of a core; the kernel deals calls out, and "
                f"the two did {shares} of the work."
            )


_COLOURS = {
    systems.BRIDGE.name: "#1b6ca8",
    systems.PACED.name: "#8a8a8a",
    systems.NODE.name: "#5a9e3f",
    systems.WEBSOCKETS.name: "#c0702c",
}


def _plot(bench: Bench) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "pokea", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, (cost, latency) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, colour in _COLOURS.items():
        ladder = ladder_runs(bench, name)
        values = [median(runs, lambda run: run.cpu_ms_per_call_s) for _, runs in ladder]
        cost.plot([calls for calls, _ in ladder], values, "o-", color=colour, label=name, markersize=4)
    cost.set(xlabel="calls on one core", ylabel="CPU, ms per call and second", ylim=(0, None), title="cost")
    cost.legend(frameon=False)
    for quantity, style, label in (("up_ms", "o-", "uplink p99"), ("first_audio_ms", "s--", "first audio p99")):
        ladder = ladder_runs(bench, systems.BRIDGE.name)
        values = [median(runs, lambda run, quantity=quantity: run.p(quantity, "p99")) for _, runs in ladder]  # type: ignore[misc]
        latency.plot(
            [calls for calls, _ in ladder],
            values,
            style,
            color=_COLOURS[systems.BRIDGE.name],
            label=label,
            markersize=4,
        )
    latency.axhline(5.0, color="#b03030", linewidth=0.8, linestyle=":")
    latency.set(
        xlabel="calls on one core", ylabel="ms added", yscale="log", title="latency of the bridge (dotted: the bound)"
    )
    latency.legend(frameon=False)
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def summary(bench: Bench) -> tuple[list[str], bool]:
    """Lines for the terminal, and whether no bound was missed."""
    lines, holds = [], True
    for bound in BOUNDS:
        value, verdict = bound.judge(bench)
        holds = holds and verdict is not Verdict.MISSED
        figure = "-" if value is None else _number(value, bound.unit)
        lines.append(
            f"  {figure:>12}  {'at least' if bound.least else 'at most'} {_number(bound.must, bound.unit):12} {verdict:10}  {bound.what}"
        )
    return lines, holds
