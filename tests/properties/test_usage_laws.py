"""Laws of what a call used and how its time was spent."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.engines import GEMINI, OPENAI
from bridge.core.frames import UsageReported
from bridge.core.playout import Speaker, Utterance
from bridge.core.time_shares import TimeShares, shares_of
from bridge.core.usage_meter import UsageMeter
from pokea.billing.usage import (
    CallShares,
    Meter,
    ModelUsage,
    added,
    shares_from_json,
    shares_to_json,
    usage_from_json,
    usage_to_json,
)
from tests.support.sizes import examples

COUNTS = st.dictionaries(st.sampled_from(Meter), st.integers(1, 10**6), max_size=4)
STRETCHES = st.lists(st.tuples(st.integers(-50, 3_000), st.integers(-50, 3_000)), max_size=12)


def parts(shares: CallShares) -> tuple[int, ...]:
    return shares.hold_ms, shares.caller_ms, shares.agent_ms, shares.tools_ms, shares.silence_ms


@settings(max_examples=examples(50, 2_000))
@given(st.integers(0, 2_500), STRETCHES, STRETCHES, STRETCHES, STRETCHES)
def test_each_millisecond_counts_once_for_the_first_that_covers_it(
    total_ms: int,
    hold: list[tuple[int, int]],
    caller: list[tuple[int, int]],
    agent: list[tuple[int, int]],
    tools: list[tuple[int, int]],
) -> None:
    shares = shares_of(total_ms, hold=hold, caller=caller, agent=agent, tools=tools)
    counted: Counter[int] = Counter()
    for at_ms in range(total_ms):
        kinds = (hold, caller, agent, tools)
        counted[next((n for n, kind in enumerate(kinds) if any(a <= at_ms < b for a, b in kind)), 4)] += 1
    assert parts(shares) == tuple(counted[kind] for kind in range(5))
    assert sum(parts(shares)) == shares.total_ms == total_ms


TIMES = st.floats(0, 100_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.booleans(), st.floats(0, 500)),
        st.tuples(st.just("says"), st.floats(-300, 900), st.floats(0, 500)),
        st.tuples(st.just("pauses"), st.floats(-300, 900), st.floats(0, 500)),
        st.tuples(st.just("stopped"), st.floats(0, 900), st.floats(0, 500)),
        st.tuples(st.just("caller"), st.floats(0, 900), st.floats(0, 500)),
    ),
    max_size=40,
)


@settings(max_examples=examples(50, 2_000))
@given(STEPS, st.booleans())
def test_the_shares_are_the_whole_call_whatever_happens_in_it(
    steps: list[tuple[str, float, float]], still_speaks: bool
) -> None:
    time, now_ms = TimeShares(), 0.0
    turns: list[tuple[float, float | None]] = []
    for what, length_ms, later_ms in steps:
        now_ms += later_ms
        if what == "hold":
            time.holds(bool(length_ms), now_ms)
        elif what == "caller":
            turns.append((now_ms - length_ms, now_ms))
            time.caller(turns[-64:])
        else:
            said = Utterance(Speaker.MODEL, 8_000, generated=9, sent=9, started_ms=now_ms, end_ms=now_ms + length_ms)
            if what == "pauses":
                said.pauses.append((now_ms + length_ms / 3, now_ms + length_ms / 2))
            elif what == "stopped":
                said.cut_ms, said.heard_at_cut = now_ms + length_ms / 2, 4
            time.agent(said)
    if still_speaks:
        turns.append((now_ms - 100.0, None))
    shares = time.of_call(now_ms, turns, [(0, 50)])
    assert sum(parts(shares)) == shares.total_ms == int(now_ms)
    assert min(parts(shares)) >= 0


@settings(max_examples=examples(50, 2_000))
@given(st.lists(st.tuples(st.sampled_from([GEMINI, OPENAI]), COUNTS, st.booleans()), max_size=30))
def test_every_token_is_counted_once_under_the_engine_that_used_it(
    turns: list[tuple[object, dict[Meter, int], bool]],
) -> None:
    meter, current = UsageMeter(), None
    expected: dict[str, Counter[Meter]] = {}
    silent: Counter[str] = Counter()
    for engine, counts, comes_first in turns:
        if engine is not current:
            meter.connected(engine)  # type: ignore[arg-type]
            current = engine
        name: str = engine.name  # type: ignore[attr-defined]
        report = UsageReported(0, 0, 0, 0, counts)
        meter.acted()
        if comes_first:
            meter.reported(report)
        meter.turn_over()
        if not comes_first:
            meter.reported(report)
        expected.setdefault(name, Counter()).update(counts)
        silent[name] += not counts
    usages = {usage.engine: usage for usage in meter.usages()}
    assert {name: Counter(usage.meters) for name, usage in usages.items()} == expected
    for name, usage in usages.items():
        assert usage.turns + usage.silent_turns == sum(engine.name == name for engine, _, _ in turns)  # type: ignore[attr-defined]
        assert usage.silent_turns == silent[name]


USAGES = st.lists(
    st.builds(
        ModelUsage,
        st.sampled_from(["gemini", "cascade"]),
        st.text(max_size=20),
        COUNTS,
        st.integers(0, 500),
        st.integers(0, 500),
    ).filter(lambda usage: bool(usage.engine or usage.model)),
    max_size=6,
)


@settings(max_examples=examples(50, 2_000))
@given(USAGES)
def test_usage_survives_the_way_through_json(usages: list[ModelUsage]) -> None:
    assert usage_from_json(usage_to_json(usages)) == tuple(usages)
    whole = added(usages)
    assert sum(usage.turns for usage in whole) == sum(usage.turns for usage in usages)


@settings(max_examples=examples(50, 2_000))
@given(st.integers(0, 10**6), STRETCHES)
def test_shares_survive_the_way_through_json(total_ms: int, agent: list[tuple[int, int]]) -> None:
    shares = shares_of(total_ms, agent=agent)
    assert shares_from_json(shares_to_json(shares)) == shares


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["engine", "model", "meters", "turns", "silent_turns", "text_in", "total_ms", "agent_ms"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=examples(50, 2_000))
@given(ANY)
def test_anything_is_read_and_only_counts_are_believed(value: object) -> None:
    for usage in usage_from_json(value):
        assert all(count > 0 for count in usage.meters.values())
        assert min(usage.turns, usage.silent_turns) >= 0
    shares_from_json(value)
