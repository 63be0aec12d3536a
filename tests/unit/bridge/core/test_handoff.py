"""The table of a hand-off, and when it asks for something."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.handoff import (
    ANSWER_MS,
    BRIEF_MS,
    GRACE_MS,
    HURRY_MS,
    PEER_SILENT_MS,
    TABLE,
    WAIT_LINE_MS,
    Cause,
    Due,
    Handoff,
    Stage,
    diagram,
)

RING_S = 25


def ringing(now_ms: float = 0.0) -> Handoff:
    handoff = Handoff()
    handoff.ring(RING_S, now_ms)
    return handoff


def every_due(handoff: Handoff, now_ms: float, quiet_since_ms: float | None) -> list[Due]:
    found = []
    while (due := handoff.due(now_ms, quiet_since_ms)) is not None:
        found.append(due)
        assert len(found) < 10, "it is never satisfied"
    return found


def test_every_cause_is_answered_in_every_stage() -> None:
    assert set(TABLE) == set(Stage)
    assert all(set(row) == set(Cause) for row in TABLE.values())


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("stage", Stage)
def test_only_an_acceptance_joins_and_nothing_but_a_new_order_comes_back_from_the_end(
    stage: Stage, cause: Cause
) -> None:
    after = TABLE[stage][cause]
    if after is Stage.JOINED:
        assert stage is Stage.JOINED or (cause is Cause.ACCEPTED and stage in (Stage.CALLING, Stage.BRIEFING))
    if stage is Stage.OVER:
        assert after is (Stage.CALLING if cause is Cause.ORDERED else Stage.OVER)
    if stage is Stage.JOINED and after is not Stage.JOINED:
        assert cause in (Cause.LEFT, Cause.LOST)
    if stage is Stage.NONE:
        assert after is (Stage.CALLING if cause is Cause.ORDERED else Stage.NONE)


def test_the_diagram_shows_the_table() -> None:
    drawn = diagram()
    assert "[*] --> none" in drawn
    assert "briefing --> joined: accepted" in drawn
    assert "over --> [*]" in drawn


def test_the_caller_is_told_at_once_and_then_every_ten_seconds() -> None:
    handoff = ringing()
    told = [(at, due) for at in range(0, 31_000, 500) for due in every_due(handoff, at, 0.0)]
    assert told == [
        (0, Due.CALLING_LINE),
        (WAIT_LINE_MS, Due.WAIT_LINE),
        (2 * WAIT_LINE_MS, Due.WAIT_LINE),
        (3 * WAIT_LINE_MS, Due.WAIT_LINE),
    ]


def test_nobody_is_spoken_over() -> None:
    handoff = ringing()
    assert every_due(handoff, 9_000, None) == []
    assert handoff.deadline_ms(None) > 60_000
    assert every_due(handoff, 9_000, 9_000) == [Due.CALLING_LINE]
    assert every_due(handoff, 19_000, 18_000) == []  # somebody has just said something
    assert every_due(handoff, 20_000, 18_000) == [Due.WAIT_LINE]


def test_what_takes_too_long_is_cancelled_once_and_then_given_up() -> None:
    handoff = ringing(1_000)
    over_ms = 1_000 + RING_S * 1_000 + BRIEF_MS
    assert handoff.deadline_ms(None) == over_ms
    assert every_due(handoff, over_ms - 1, None) == []
    assert every_due(handoff, over_ms, None) == [Due.CANCEL]
    assert every_due(handoff, over_ms + 1, 0.0) == []  # and nobody is asked to wait any more
    assert every_due(handoff, over_ms + ANSWER_MS, 0.0) == [Due.FAIL]
    assert handoff.deadline_ms(0.0) == inf


def test_known_news_shorten_the_wait() -> None:
    handoff = ringing()
    handoff.hurry(2_000)
    assert handoff.deadline_ms(None) == 2_000 + HURRY_MS
    handoff.hurry(4_000)
    assert handoff.deadline_ms(None) == 2_000 + HURRY_MS


def test_losing_the_other_bridge_matters_only_in_mid_conversation() -> None:
    handoff = ringing()
    handoff.peer_lost(5_000)
    assert Due.PEER_GONE not in every_due(handoff, 5_000 + GRACE_MS, None)
    handoff.on(Cause.ACCEPTED)
    assert handoff.deadline_ms(0.0) == inf
    handoff.peer_lost(20_000)
    assert every_due(handoff, 20_000 + GRACE_MS - 1, None) == []
    assert every_due(handoff, 20_000 + GRACE_MS, None) == [Due.PEER_GONE]


def test_a_conversation_whose_other_side_falls_silent_for_good_is_given_up() -> None:
    handoff = ringing()
    handoff.on(Cause.ACCEPTED)
    for at in range(1_000, 5_000, 20):
        handoff.peer_heard(at)
    assert handoff.deadline_ms(None) == 4_980 + PEER_SILENT_MS
    assert every_due(handoff, 4_980 + PEER_SILENT_MS, None) == [Due.PEER_GONE]


def test_sound_that_was_still_on_its_way_does_not_undo_a_loss() -> None:
    handoff = ringing()
    handoff.on(Cause.ACCEPTED)
    handoff.peer_heard(1_000)
    handoff.peer_lost(2_000)
    handoff.peer_heard(2_010)
    assert handoff.deadline_ms(None) == 2_000 + GRACE_MS


def test_a_persons_leg_plays_no_lines_and_has_no_limit_of_its_own() -> None:
    handoff = Handoff()
    handoff.on(Cause.ORDERED)
    assert handoff.is_calling
    assert handoff.deadline_ms(0.0) == inf
    assert every_due(handoff, 600_000, 0.0) == []


@given(st.lists(st.sampled_from([*Cause, "ring", "hurry", "peer_lost", "peer_heard"]), max_size=30), st.booleans())
def test_whatever_happens_a_due_thing_is_due_once_and_time_moves_on(steps: list[Cause | str], quiet: bool) -> None:
    handoff, now = Handoff(), 0.0
    for step in steps:
        now += 700.0
        if isinstance(step, Cause):
            handoff.on(step)
        elif step == "ring":
            handoff.ring(RING_S, now)
        elif step == "hurry":
            handoff.hurry(now)
        elif step == "peer_heard" and handoff.is_joined:
            handoff.peer_heard(now)
        else:
            handoff.peer_lost(now)
        quiet_since = now if quiet else None
        every_due(handoff, now, quiet_since)
        assert handoff.deadline_ms(quiet_since) > now


@pytest.mark.parametrize(("answer_s", "until_s"), [(0, 25 + 60), (65, 65 + 15), (145, 145 + 15)])
def test_the_control_planes_own_limit_comes_first_where_it_names_one(answer_s: int, until_s: int) -> None:
    handoff = Handoff()
    handoff.ring(25, 0.0, answer_s=answer_s)
    assert handoff.deadline_ms(None) == until_s * 1_000
