"""The judgement on a run: what is missed is missed, what was not measured or was disturbed is not judged."""

from __future__ import annotations

from typing import Any

from bench import systems
from bench.bounds import BOUNDS, CALLS, Bound, Verdict, calls_per_core
from bench.media import Bench, Machine, Run

QUIET = {"p50": 0.1, "p99": 0.2, "max": 0.3, "count": 100}


def run(name: str, cpu: float, calls: int = CALLS, **load: Any) -> Run:
    figures = {"lateness_ms": QUIET, "generator_share": 0.5, "up_ms": QUIET, "first_audio_ms": QUIET, "stop_ms": QUIET}
    figures |= {"lost": 0, "repeated": 0, "damaged": 0, "stale_ms": 0.0, "cut_short": 0, **load}
    return Run(name, calls, 1, cpu, cpu * calls / 1000, 100.0, 40.0, (1.0,), 0.0, figures)


def bench(*runs: Run, real_time: bool = True) -> Bench:
    made = Bench(Machine((0,), 1, real_time), 6.0, lambda line: None)
    made.runs += runs
    return made


def bound(words: str) -> Bound:
    return next(one for one in BOUNDS if words in one.what)


AGAINST_PACED = bound("CPU per call, against the paced relay")


def test_a_ratio_within_its_bound_is_kept_and_one_beyond_it_is_missed() -> None:
    paced = run(systems.PACED.name, 3.0)
    assert AGAINST_PACED.judge(bench(run(systems.BRIDGE.name, 3.6), paced)) == (3.6 / 3.0, Verdict.KEPT)
    assert AGAINST_PACED.judge(bench(run(systems.BRIDGE.name, 3.9), paced)) == (3.9 / 3.0, Verdict.MISSED)


def test_what_was_not_measured_is_not_judged() -> None:
    assert AGAINST_PACED.judge(bench(run(systems.BRIDGE.name, 9.0))) == (None, Verdict.NOT_JUDGED)


def test_a_run_with_a_late_generator_says_so_and_is_not_judged() -> None:
    late = run(systems.BRIDGE.name, 9.0, lateness_ms={**QUIET, "p99": 20.0})
    assert "generator was the bottleneck" in late.troubles[0]
    assert AGAINST_PACED.judge(bench(late, run(systems.PACED.name, 3.0)))[1] is Verdict.NOT_JUDGED


def test_latencies_are_judged_only_at_real_time_priority() -> None:
    slow = run(systems.BRIDGE.name, 3.0, up_ms={**QUIET, "p99": 50.0})
    added = bound("added to the caller's audio")
    assert added.judge(bench(slow))[1] is Verdict.MISSED
    assert added.judge(bench(slow, real_time=False))[1] is Verdict.NOT_JUDGED


def test_one_stale_sample_or_one_lost_frame_in_any_run_of_ours_is_too_much() -> None:
    good = run(systems.BRIDGE.name, 3.0)
    assert (
        bound("stale audio sent").judge(bench(good, run(systems.BRIDGE_DEFAULT.name, 3.0, stale_ms=20.0)))[1]
        is Verdict.MISSED
    )
    assert bound("caller frames").judge(bench(good, run(systems.BRIDGE.name, 3.0, 50, lost=1)))[1] is Verdict.MISSED
    assert bound("caller frames").judge(bench(good, run(systems.NODE.name, 3.0, lost=1)))[1] is Verdict.KEPT
    assert bound("caller frames").judge(bench(good, run(systems.BRIDGE.name, 3.0, 400, lost=1)))[1] is Verdict.KEPT


def test_calls_on_one_core_are_the_most_that_were_carried_on_time() -> None:
    slow = {**QUIET, "p99": 9.0}
    ladder = [run(systems.BRIDGE.name, 3.0, calls) for calls in (200, 300)] + [
        run(systems.BRIDGE.name, 3.0, 400, up_ms=slow)
    ]
    assert calls_per_core(bench(*ladder)) == 300.0
    assert calls_per_core(bench(ladder[0])) is None  # nothing above the common load was tried
