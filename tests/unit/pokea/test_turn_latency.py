"""What a turn's wait is made of: the parts are never negative and make up the whole, whatever order the marks come in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pokea.turn_latency import PARTS, measured, turns_from_json, turns_to_json

MOMENTS = st.floats(0, 100_000, allow_nan=False)
STRETCHES = st.lists(st.tuples(MOMENTS, MOMENTS), max_size=6)


@given(MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, MOMENTS, STRETCHES)
def test_the_parts_make_up_the_whole(
    ended: float,
    decided: float | None,
    received: float | None,
    sent: float | None,
    heard: float,
    tools: list[tuple[float, float]],
) -> None:
    heard = max(ended, heard)
    turn = measured((ended, decided, received, sent, heard), tools)
    assert turn.latency_ms == int(heard - ended)
    assert all(part >= 0 for part in turn.parts.values())
    assert turns_from_json(turns_to_json([turn])) == (turn,)


@given(st.lists(MOMENTS, min_size=5, max_size=5))
def test_marks_in_their_order_give_each_part_its_own_stretch(moments: list[float]) -> None:
    whole = sorted(int(moment) for moment in moments)
    turn = measured((whole[0], whole[1], whole[2], whole[3], whole[4]), [(0, 100_000)])
    gaps = [later - earlier for earlier, later in pairwise(whole)]
    assert [turn.endpointing_ms, turn.model_ms + turn.tool_ms, turn.pacing_ms, turn.playout_ms] == gaps
    assert turn.model_ms == 0, "all of it was waited for a tool"


def test_tools_that_overlap_are_waited_for_once() -> None:
    turn = measured((0, 100, 1_000, 1_000, 1_000), [(200, 500), (400, 600), (900, 2_000)])
    assert (turn.tool_ms, turn.model_ms) == (500, 400)


def test_what_is_no_turn_is_left_out_and_the_others_are_read() -> None:
    good = [5, 1, 2, 3, 4, 5]
    bad = [
        None,
        "x",
        [1],
        [*good, 1],
        [-1, 0, 0, 0, 0, 0],
        [0, 0.5, 0, 0, 0, 0],
        [0, True, 0, 0, 0, 0],
        [0, 1 << 40, 0, 0, 0, 0],
    ]
    assert turns_to_json(turns_from_json([*bad, good])) == [good]
    for nothing in (None, 7, "567890", {}):
        assert turns_from_json(nothing) == ()


def test_every_part_has_a_name() -> None:
    assert set(PARTS) == set(measured((0, None, None, None, 0), []).parts)
