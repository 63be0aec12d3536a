"""Whose voice is it: the echo guard on lines that give our own voice back, and the bridge's ear on everything that is not a caller.

    python -m bench.turn_taking [--quick] [--json]

Lines are made from espeak voices and seeded noise: delays 0 to 800 ms, gains 0 to -30 dB, a digital sum, a resampled leg and a hybrid
behind G.711, with and without noise (20 dB below the echo). False: the ear reports 200 ms of caller while the caller is silent. Missed: a
caller who speaks over the agent is not reported within 400 ms; their level is against the echo's, and never below -38 dBFS, where speech
ends for the ear. Exits with 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from statistics import median

import numpy as np

from bridge.core.echo import EchoGuard
from bridge.core.resample import RATES_HZ, Resampler
from bridge.core.speech import SpeechDetector
from local.speech.voice import Voice
from tests.support.lines import (
    AGENT_LINES,
    CALLER_LINES,
    SPOKEN_DBFS,
    Audio,
    Line,
    Outcome,
    Path,
    as_pcm,
    at_level,
    delayed,
    left_over_db,
    listen,
    noise,
    spoken,
)
from tests.support.sounds import NOBODY

DELAYS_MS = (0, 20, 60, 150, 300, 500, 800)
GAINS_DB = (0.0, -5.0, -12.0, -20.0, -30.0)
LEGS: tuple[tuple[int, Path], ...] = (
    (8_000, "sum"),
    (8_000, "hybrid"),
    (16_000, "sum"),
    (16_000, "resampled"),
    (16_000, "hybrid"),
)
CALLER_DB = (-6, 0, 6)  # against the echo
SOFTEST_DB = -20.0  # of a caller, against the level that voices have here
NOTICED_MS = 400
STARTS_MS = 200
SPEAKS_MS = (3_100, 7_400)
EAR_TEXTS = {
    "en": (
        "Yes please.",
        "No, wait a moment.",
        "Hello, who is this?",
        "See you on Saturday at half past four.",
        "Stop.",
        "Five thirty.",
    ),
    "sw": ("Ndio tafadhali.", "Hapana asante.", "Nataka kuweka miadi ya Jumatatu.", "Subiri kidogo.", "Sawa."),
}
EAR_VOICES = {"en": ("", "en-us+f3", "en+m7"), "sw": ("", "sw+f2", "sw+m3")}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. bound None: reported, not judged."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.bound is None or self.value <= self.bound


@lru_cache
def voices(rate_hz: int) -> tuple[Audio, tuple[Audio, ...]]:
    """The agent's speech (11 s) and what the caller says into it."""
    with Voice("agent") as agent, Voice("caller") as caller:
        return spoken(agent, AGENT_LINES, rate_hz), tuple(spoken(caller, [text], rate_hz) for text in CALLER_LINES)


def length_of(rate_hz: int) -> int:
    """Samples of a call: the agent's speech and a second and a half, in whole frames."""
    return (len(voices(rate_hz)[0]) * 50 // rate_hz + 75) * (rate_hz // 50)


def caller_over(rate_hz: int, decibels: float, at_ms: Sequence[int] = SPEAKS_MS) -> Audio:
    said = voices(rate_hz)[1]
    out = np.zeros(length_of(rate_hz), np.float32)
    for begin, words in zip(at_ms, said, strict=False):
        out += at_level(delayed(words, begin * rate_hz // 1000, len(out)), decibels)
    return out


def played_on(line: Line, caller: Audio, guarded: bool = True) -> Outcome:
    return listen(
        line, voices(line.rate_hz)[0], caller, EchoGuard(line.rate_hz) if guarded else None, starts_ms=STARTS_MS
    )


def grid(quick: bool) -> Iterator[Line]:
    delays, gains = ((20, 300, 800), (0.0, -12.0, -30.0)) if quick else (DELAYS_MS, GAINS_DB)
    for (rate_hz, path), delay_ms, gain_db, noisy in product(LEGS, delays, gains, (False, True)):
        noise_dbfs = SPOKEN_DBFS + max(gain_db, SOFTEST_DB) - 20 if noisy else None
        yield Line(rate_hz, path, float(delay_ms), gain_db, noise_dbfs)


def changes(quick: bool) -> Iterator[Line]:
    """Lines that change in the middle of a sentence."""
    for index, line in enumerate(grid(True)):
        if quick and index % 4:
            continue
        for jump_ms, step_db in ((20, 0), (40, 0), (60, 0), (-40, 0), (0, 6), (0, -6), (60, 6)):
            if (line.gain_db or 0) + step_db <= 0:  # no line gives back more than it was given
                yield replace(line, jump_ms=float(jump_ms), gain_step_db=float(step_db))


@dataclass(frozen=True, slots=True)
class Cell:
    """What one line showed. noticed: per caller level, milliseconds until each of the caller's sentences was reported."""

    false_turns: int
    left_db: float
    unguarded: int
    noticed: dict[int, list[float]]


def judge(line: Line, level: int) -> Cell:
    """One line: nobody speaks; nobody speaks and there is no guard; the caller speaks at `level` against the echo."""
    agent, _ = voices(line.rate_hz)
    length = length_of(line.rate_hz)
    silent = np.zeros(length, np.float32)
    alone = played_on(line, silent)
    echo = line.echo(delayed(agent, line.rate_hz * STARTS_MS // 1000, length), length)
    over = played_on(line, caller_over(line.rate_hz, max((line.gain_db or 0) + level, SOFTEST_DB)))
    return Cell(
        len(alone.false_turns()),
        left_over_db(alone.cleaned, echo),
        len(played_on(line, silent, guarded=False).false_turns()),
        {level: [over.noticed_after_ms(begin) for begin in SPEAKS_MS]},
    )


def judge_change(line: Line) -> Cell:
    length = length_of(line.rate_hz)
    alone = played_on(line, np.zeros(length, np.float32))
    level = max((line.gain_db or 0) + line.gain_step_db, SOFTEST_DB)
    over = played_on(line, caller_over(line.rate_hz, level))
    return Cell(len(alone.false_turns()), 0.0, 0, {0: [over.noticed_after_ms(begin) for begin in SPEAKS_MS]})


def missed(cells: Sequence[Cell], level: int) -> tuple[float, float]:
    """(share in percent, median milliseconds)"""
    after = [ms for cell in cells for ms in cell.noticed.get(level, ())]
    return 100 * sum(ms > NOTICED_MS for ms in after) / len(after), median(after)


def grid_figures(cells: Sequence[Cell], changed: Sequence[Cell]) -> Iterator[Figure]:
    false = sum(cell.false_turns > 0 for cell in cells)
    unguarded = sum(cell.unguarded > 0 for cell in cells)
    yield Figure(
        "own voice taken for the caller",
        100 * false / len(cells),
        "% of lines",
        0.0,
        f"{len(cells)} lines, {false} false",
    )
    yield Figure("  the same without the guard", 100 * unguarded / len(cells), "% of lines")
    yield Figure("own voice left for the model, worst", max(cell.left_db for cell in cells), "dB", -20.0)
    yield Figure("own voice left for the model, median", median(cell.left_db for cell in cells), "dB")
    for level in CALLER_DB:
        share, after = missed(cells, level)
        yield Figure(
            f"caller at {level:+d} dB to the echo missed",
            share,
            "%",
            5.0 if level >= 0 else None,
            f"noticed after {after:.0f} ms",
        )
    false = sum(cell.false_turns > 0 for cell in changed)
    yield Figure(
        "false where delay or gain changes", 100 * false / len(changed), "% of lines", 0.0, f"{len(changed)} lines"
    )
    share, after = missed(changed, 0)
    yield Figure("caller missed on such a line", share, "%", 5.0, f"noticed after {after:.0f} ms")


def flush_figures(quick: bool) -> Iterator[Figure]:
    """The agent is cut off in mid-sentence: what the line still gives back is not the caller."""
    lines = [line for index, line in enumerate(grid(True)) if not quick or index % 4 == 0]
    false = 0
    for line in lines:
        agent, _ = voices(line.rate_hz)
        silent = np.zeros(6 * line.rate_hz, np.float32)
        guard = EchoGuard(line.rate_hz)
        outcome = listen(line, agent, silent, guard, starts_ms=STARTS_MS, flushed_ms=3_300)
        false += bool(outcome.false_turns())
    yield Figure("false when the agent is cut off", 100 * false / len(lines), "% of lines", 0.0)


def harm_figures() -> Iterator[Figure]:
    """What the guard costs a caller."""
    lost: list[float] = []
    for line in grid(True):
        for begin in (STARTS_MS, STARTS_MS + 150, STARTS_MS + 600):
            caller = caller_over(line.rate_hz, max(line.gain_db or 0.0, SOFTEST_DB), (begin,))
            lost.append(first_words_lost_ms(line, caller, begin))
    yield Figure(
        "first words lost over the first utterance",
        median(lost),
        "ms",
        None,
        f"worst {max(lost):.0f} ms, same level as the echo",
    )
    worst = 0.0
    for rate_hz, path in LEGS:
        line = Line(rate_hz, path, 0.0, None, -58.0)
        caller = caller_over(rate_hz, -6.0)
        outcome = played_on(line, caller)
        changed = (outcome.cleaned != outcome.line).reshape(-1, rate_hz // 50).any(axis=1)
        worst = max(worst, float(changed.sum()) * 20)
    yield Figure(
        "changed on a line without echo, agent speaking", worst, "ms", 300.0, "of 12 s; 0 when the agent is silent"
    )


def first_words_lost_ms(line: Line, caller: Audio, begin_ms: int) -> float:
    """How much of the caller's first second, where it is loud, does not reach the model."""
    outcome = played_on(line, caller)
    rate = line.rate_hz
    first, last = begin_ms // 20, begin_ms // 20 + 50
    said = (caller.reshape(-1, rate // 50)[first:last] ** 2).mean(axis=1)
    kept = (outcome.cleaned.reshape(-1, rate // 50)[first:last].astype(np.float64) ** 2).mean(axis=1)
    return float(((said > 0.1 * said.max()) & (kept < 0.1 * said)).sum()) * 20


def ear_reports(sound: Audio, rate_hz: int) -> tuple[list[float], list[float]]:
    """When the ear said that somebody began and stopped, in ms; frame by frame."""
    detector = SpeechDetector(rate_hz)
    began: list[float] = []
    ended: list[float] = []
    frame = rate_hz // 50
    pcm = as_pcm(sound)
    for at in range(0, len(pcm) // frame * frame, frame):
        if detector.hear(pcm[at : at + frame].tobytes(), at * 1000 / rate_hz):
            (began if detector.is_speaking else ended).append((at + frame) * 1000 / rate_hz)
    return began, ended


def ear_figures(quick: bool) -> Iterator[Figure]:
    seconds = 30 if quick else 120
    for name, make in NOBODY.items():
        turns = sum(
            len(ear_reports(make(seconds * rate, rate, seed), rate)[0]) for rate in (8_000, 16_000) for seed in (1, 2)
        )
        yield Figure(f"{name} taken for speech", turns / (4 * seconds / 60), "a minute", 2.0)
    yield from speech_figures(quick)


def loud_from_ms(words: Audio, rate_hz: int) -> float:
    """Where the first sound as loud as a vowel begins: what precedes it is breath and hiss."""
    level = (words[: len(words) // (rate_hz // 50) * (rate_hz // 50)].reshape(-1, rate_hz // 50) ** 2).mean(axis=1)
    return 20.0 * int(np.argmax(level > 0.25 * np.mean(words**2)))


def speech_figures(quick: bool) -> Iterator[Figure]:
    """Short answers in two languages and several voices, at several levels, on quiet and noisy lines."""
    onset: list[float] = []
    tail: list[float] = []
    unheard = said = 0
    with Voice("caller") as voice:
        for language, rate_hz in product(EAR_TEXTS, (8_000, 16_000)):
            for name, text in product(EAR_VOICES[language], EAR_TEXTS[language]):
                pcm = voice.say_now(text, language=language, voice=name, rate_hz=rate_hz)
                words = np.frombuffer(pcm, "<i2").astype(np.float32)
                for level, ratio in product((0, -10, -20), (20,) if quick else (None, 20, 10)):
                    said += 1
                    begin_ms, sound = on_a_line(words, rate_hz, level, ratio, said)
                    began, ended = ear_reports(sound, rate_hz)
                    if not began:
                        unheard += 1
                        continue
                    onset.append(began[0] - begin_ms - loud_from_ms(words, rate_hz))
                    if ended:
                        tail.append(ended[-1] - begin_ms - len(words) * 1000 / rate_hz)
    yield Figure(
        "answers not heard at all",
        100 * unheard / said,
        "%",
        0.0,
        f"{said} answers, 0 to -20 dB, 20 and 10 dB above noise",
    )
    yield Figure("noticed after the first vowel, median", median(onset), "ms", 80.0)
    yield Figure("noticed after the first vowel, 95 %", float(np.percentile(onset, 95)), "ms")
    yield Figure("end noticed, 95 %", float(np.percentile(tail, 95)), "ms", 220.0)


def on_a_line(words: Audio, rate_hz: int, level: float, ratio: float | None, seed: int) -> tuple[float, Audio]:
    """(when the words begin in ms, the sound): a second and a half of line noise, the words, and a second of line."""
    lead = rate_hz * 3 // 2 + seed % 37
    sound = delayed(at_level(words, level), lead, lead + len(words) + rate_hz)
    return lead * 1000 / rate_hz, sound + noise(len(sound), -75 if ratio is None else SPOKEN_DBFS + level - ratio, seed)


def micros(act: Callable[[], object], repeat: int = 200, rounds: int = 7) -> float:
    """CPU microseconds of one call, best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(repeat):
            act()
        best = min(best, (time.process_time() - started) / repeat)
    return best * 1e6


def guard_micros(rate_hz: int, line: Line, caller: Audio, *, speaking: bool) -> float:
    """CPU microseconds per frame of the line while the agent speaks (or is silent)."""
    agent, _ = voices(rate_hz)
    frame = rate_hz // 50
    heard = line.heard(delayed(agent, 0, len(agent)), caller[: len(agent)])
    frames = [heard[at : at + frame].tobytes() for at in range(0, len(heard) - frame, frame)]
    sent = as_pcm(agent)
    best = float("inf")
    for _ in range(3):
        guard, spent = EchoGuard(rate_hz), 0.0
        for index, data in enumerate(frames):
            if speaking:
                guard.played(sent[index * frame : (index + 1) * frame].tobytes(), index * 20.0)
            started = time.process_time()
            guard.clean(data, index * 20.0)
            spent += time.process_time() - started
        best = min(best, spent / len(frames))
    return best * 1e6


def cost_figures() -> Iterator[Figure]:
    rate_hz = 16_000
    silence = b"\xff\xff" * (5 * rate_hz // 50)
    detector = SpeechDetector(rate_hz)
    yield Figure("ear, per frame of silence", micros(lambda: detector.hear(silence, 0.0)) / 5, "us")
    nobody = np.zeros(length_of(rate_hz), np.float32)
    line = Line(rate_hz, "hybrid", 150.0, -12.0)
    yield Figure("guard, agent silent", guard_micros(rate_hz, line, nobody, speaking=False), "us a frame")
    yield Figure(
        "guard, agent speaks, no echo",
        guard_micros(rate_hz, replace(line, gain_db=None), nobody, speaking=True),
        "us a frame",
    )
    yield Figure("guard, agent speaks, echo", guard_micros(rate_hz, line, nobody, speaking=True), "us a frame")
    both = guard_micros(rate_hz, line, caller_over(rate_hz, -12.0), speaking=True)
    yield Figure("guard, agent and caller speak", both, "us a frame")
    for rate_in, rate_out in ((24_000, 16_000), (24_000, 8_000), (8_000, 16_000)):
        assert {rate_in, rate_out} <= set(RATES_HZ)
        for chunk_ms in (20, 100):
            resampler, pcm = Resampler(rate_in, rate_out), bytes(rate_in * chunk_ms // 500)
            taken = micros(lambda resampler=resampler, pcm=pcm: resampler.push(pcm))  # type: ignore[misc]
            yield Figure(f"resampling {rate_in // 1000} to {rate_out // 1000} kHz, {chunk_ms} ms", taken, "us")


def run(quick: bool = False) -> list[Figure]:
    """Every figure, in the order of the table."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        lines = list(grid(quick))  # every line meets one of the levels; each level meets every kind of line
        levels = [CALLER_DB[(index + index // 6) % len(CALLER_DB)] for index in range(len(lines))]
        cells = list(pool.map(judge, lines, levels, chunksize=5))
        changed = list(pool.map(judge_change, changes(quick), chunksize=5))
    figures = [*grid_figures(cells, changed), *flush_figures(quick), *harm_figures(), *ear_figures(quick)]
    return [*figures, *cost_figures()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.turn_taking", description="Echo guard and speech detector")
    parser.add_argument("--quick", action="store_true", help="a small grid")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    options = parser.parse_args(arguments)
    figures = run(options.quick)
    if options.json:
        print(json.dumps([asdict(figure) | {"holds": figure.holds} for figure in figures]))
    else:
        for figure in figures:
            limit = "" if figure.bound is None else f"at most {figure.bound:g}"
            broken = "" if figure.holds else "  BROKEN"
            print(f"{figure.name:48s} {figure.value:9.2f} {figure.unit:11s} {limit:14s} {figure.note}{broken}")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
