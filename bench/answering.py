"""Who answered: the detector of answering machines, faxes and silence on synthetic calls.

    python -m bench.answering [--quick] [--json] [--wrong]

People and machines are espeak voices over an 8 kHz µ-law line, with drawn levels, pauses, noise, a television or a child behind them.
Bounds are judged on the texts by which no threshold was chosen. Right means at the first verdict: a machine that is greeted and found out
a second later, by its beep, counts as wrong. Nothing here is a recording of a real call. Exits with 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

from bridge.core.machine import Answerer
from tests.support.answered_lines import HZ, Answered, corpus
from tests.support.answers_heard import Figures, listen, percentiles

SEEDS = (301, 302, 303)
MIN_PEOPLE, MIN_MACHINES = 0.98, 0.95
HELLO_MS = 1_200  # from the end of a short word to the verdict on it
KINDS = tuple(Answerer)


def table(figures: Figures) -> Iterator[str]:
    """The confusion matrix, a row for each kind of call."""
    first, last = figures.matrix(), figures.matrix(last=True)
    yield "| it was | calls | " + " | ".join(KINDS) + " | right at once | right in the end |"
    yield "| --- " * (len(KINDS) + 4) + "|"
    for kind in KINDS:
        calls = sum(1 for _ in figures.among(kind))
        if calls:
            counts = " | ".join(str(first[kind, other] or "") for other in KINDS)
            yield f"| {kind} | {calls} | {counts} | {figures.right(kind):.1%} | {last[kind, kind] / calls:.1%} |"


def times(figures: Figures) -> Iterator[str]:
    people, hello = figures.person_took_ms(), figures.person_took_ms(ordinary=True)
    machines = figures.machine_took_ms()
    beeped, off = figures.beeps()
    yield "person, from the end of a short first word: p50 {} ms, p95 {} ms, longest {} ms".format(
        *percentiles(hello, 50, 95, 100)
    )
    yield "person, from the end of whatever was said first: p50 {} ms, p95 {} ms, longest {} ms".format(
        *percentiles(people, 50, 95, 100)
    )
    yield "machine, from the answer: p50 {} ms, p95 {} ms".format(*percentiles(machines, 50, 95))
    yield (
        f"beeps heard: {len(off)} of {beeped}; message from the beep's end on: "
        + "p5 {} ms, p50 {} ms, p95 {} ms".format(*percentiles(off, 5, 50, 95))
    )


def cost_us(calls: Sequence[Answered]) -> float:
    """CPU for a frame of 20 ms, one frame at a time, until the detector is done."""
    began = time.thread_time()
    frames = sum(listen(call).undone_ms / 20 for call in calls)
    return (time.thread_time() - began) / max(1.0, frames) * 1e6


def judged(figures: Figures) -> list[str]:
    """The bounds that do not hold."""
    missed = []
    if (people := figures.right(Answerer.PERSON)) < MIN_PEOPLE:
        missed.append(f"people: {people:.1%}, must be {MIN_PEOPLE:.0%}")
    if (machines := figures.right(Answerer.MACHINE)) < MIN_MACHINES:
        missed.append(f"machines: {machines:.1%}, must be {MIN_MACHINES:.0%}")
    if figures.greeted_faxes:
        missed.append(f"{figures.greeted_faxes} faxes were greeted")
    if (longest := max(figures.person_took_ms(ordinary=True), default=0.0)) > HELLO_MS:
        missed.append(f"a hello waited {longest:.0f} ms, must be {HELLO_MS} ms")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.answering", description="Who answered a placed call.")
    parser.add_argument("--quick", action="store_true", help="every fourth text, once")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--wrong", action="store_true", help="list every call that was not right at once")
    options = parser.parse_args()
    calls = list(corpus(SEEDS[:1], every=4)) if options.quick else list(corpus(SEEDS))
    sound = Figures.of(calls, listen)
    both = Figures.of(calls, partial(listen, words=True))
    held_out = Figures([one for one in sound.heard if one.call.held_out])
    wide = Figures.of([call for call in calls if call.held_out], partial(listen, rate_hz=2 * HZ, frames=5))
    missed = judged(held_out)
    if options.json:
        print(json.dumps({name: _as_json(figures) for name, figures in _named(held_out, sound, both, wide)}))
        return 1 if missed else 0
    for name, figures in _named(held_out, sound, both, wide):
        print(f"{name}:")
        print("\n".join((*table(figures), *times(figures))), end="\n\n")
    print(f"CPU: {cost_us(calls[:40]):.0f} µs for a frame of 20 ms, until it is done")
    if options.wrong:
        print(
            "\n".join(
                f"{one.call.is_} -> {one.first.answerer} ({one.first.cue}): {one.call.name}" for one in sound.wrong
            )
        )
    print("every bound holds" if not missed else "\n".join(missed))
    return 1 if missed else 0


def _named(held_out: Figures, sound: Figures, both: Figures, wide: Figures) -> tuple[tuple[str, Figures], ...]:
    return (
        ("sound alone, texts by which no threshold was chosen (judged)", held_out),
        ("the same on a 16 kHz leg, 100 ms at a time", wide),
        ("sound alone, all texts", sound),
        ("sound and words, all texts", both),
    )


def _as_json(figures: Figures) -> dict[str, object]:
    return {
        "matrix": {f"{was}->{said}": count for (was, said), count in sorted(figures.matrix().items())},
        "hello_ms": percentiles(figures.person_took_ms(ordinary=True), 50, 95, 100),
        "person_ms": percentiles(figures.person_took_ms(), 50, 95, 100),
        "machine_ms": percentiles(figures.machine_took_ms(), 50, 95),
        "greeted_faxes": figures.greeted_faxes,
    }


if __name__ == "__main__":
    sys.exit(main())
