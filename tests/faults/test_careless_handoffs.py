"""The laws of a hand-off, against bridges that break them: each must be seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults.broken import careless_handoffs as broken
from tests.integration import test_bridge_handoff as sockets
from tests.properties import test_hand_offs as stories
from tests.unit.bridge.core import test_handing_over as calls


@pytest.mark.parametrize(
    ("breaks", "law"),
    [
        (broken.reminds_the_model, calls.test_neither_the_ladder_nor_a_filler_nor_an_idle_prompt_comes_while_the_caller_waits_for_a_person),
        (broken.speaks_over_the_agent, calls.test_the_agent_is_never_cut_in_mid_sentence_by_a_line),
        (broken.waits_for_ever, calls.test_after_the_longest_time_the_attempt_is_cancelled_and_the_agent_says_so),
        (broken.connects_too_early, calls.test_nothing_of_the_brief_reaches_the_caller_and_nothing_of_the_agent_either),
        (broken.claims_to_be_connected, calls.test_the_tools_answer_is_held_back_and_the_caller_is_told_to_wait_every_ten_seconds),
        (broken.keeps_everything, calls.test_a_late_burst_is_cut_and_the_delay_stays_small),
        (broken.ignores_a_hang_up, lambda: calls.test_when_one_hangs_up_the_other_leg_is_hung_up_by_rest("caller")),
        (broken.ignores_a_loss, calls.test_a_socket_lost_in_mid_conversation_ends_both_legs_with_words_after_a_second),
        (broken.ignores_a_loss, calls.test_a_socket_that_is_open_and_dead_does_not_keep_anybody_for_ever),
        (broken.tells_nobody, calls.test_a_caller_who_hangs_up_cancels_the_attempt_and_the_person_hears_why),
        (broken.forgets_a_lost_asker, calls.test_a_model_that_has_let_go_of_its_call_is_told_all_the_same),
        (broken.joins_without_asking, calls.test_a_person_who_takes_a_caller_who_has_gone_is_told_so),
    ],
)  # fmt: skip
def test_the_law_is_seen_to_fail(breaks: broken.Breaks, law: Callable[[], None]) -> None:
    with breaks(), pytest.raises((AssertionError, IndexError)):
        law()


@pytest.mark.faults
@pytest.mark.parametrize("breaks", [broken.leaves_people_alone, broken.tells_nobody])
def test_the_law_of_the_stories_is_seen_to_fail(breaks: broken.Breaks) -> None:
    with breaks(), pytest.raises(AssertionError):
        for seed in range(100, 130):
            stories.tell(seed)


SOCKET_LAWS: list[tuple[broken.Breaks, Callable[[Path, pytest.MonkeyPatch], Awaitable[None]]]] = [
    (broken.opens_to_everybody,
     lambda folder, patch: sockets.test_no_wrong_hop_opens_the_door_however_often_it_is_tried(10, folder, patch)),
    (broken.writes_the_hop_down, sockets.test_both_legs_of_a_hand_off_replay_to_the_byte_and_hold_no_hop),
]  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize(("breaks", "law"), SOCKET_LAWS)
async def test_the_law_of_the_sockets_is_seen_to_fail(
    breaks: broken.Breaks,
    law: Callable[[Path, pytest.MonkeyPatch], Awaitable[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with breaks(), pytest.raises((AssertionError, ExceptionGroup)):
        await law(tmp_path, monkeypatch)
