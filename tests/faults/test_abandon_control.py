"""Never more hot leads than free people: at the transfer itself, with calls that overtake one another at every write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.campaigns.briefing import Briefed
from pokea.errors import CallError
from pokea.lines import PACKAGED
from pokea.ports import Change
from pokea.profile import load_profile
from pokea.transfer import HANDOFF, OVER, Event, moved
from tests.fakes.conversation import Conversation
from tests.fakes.memory_store import MemoryStore
from tests.faults.broken import reps as broken
from tests.support.sizes import examples

MIZANI = load_profile(PACKAGED / "mizani.toml")
CALLS = 6
ENDS = (Event.DECLINE, Event.NOT_ANSWERED, Event.JOIN, Event.LEFT, Event.CALLER_LEFT)


class Overtaking(MemoryStore):
    """Somebody else acts right before a write, after what it was decided on was read."""

    def __init__(self) -> None:
        super().__init__()
        self.first: list[Callable[[], None]] = []

    def apply(self, change: Change) -> None:
        if self.first:
            self.first.pop()()
        super().apply(change)


class Floor:
    def __init__(self, people: int) -> None:
        self.store, self.people = Overtaking(), people
        self.most = 0
        call = Conversation(
            profile=MIZANI, agent="leads", store=self.store, briefed=Briefed(campaign_id="spring", reps=people)
        )
        self.calls = [call, *(call.called_by(call.a_number) for _ in range(CALLS - 1))]
        self.tries = 0

    def hands_over(self, number: int) -> None:
        self.tries += 1
        call = self.calls[number]
        try:
            call.tool("handOver", {"department": "sales", "reason": "x"}, tool_call_id=f"{call.session}-{self.tries}")
        except CallError:
            return
        self.count()

    def happens(self, number: int, event: Event) -> None:
        live = [one for one in self.store.all_records(HANDOFF) if one.session_id == self.calls[number].session]
        for one in live:
            self.store.put(HANDOFF.of(moved(one, event)))

    def count(self) -> None:
        """How many hand-offs hold a person now, as nobody but the test sees them."""
        held = [one for one in self.store.all_records(HANDOFF) if one.state not in OVER]
        self.most = max(self.most, len(held))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("one"), st.integers(0, CALLS - 1), st.integers(0, CALLS - 1)),
        st.tuples(st.just("overtaken"), st.integers(0, CALLS - 1), st.integers(0, CALLS - 1)),
        st.tuples(st.just("ends"), st.integers(0, CALLS - 1), st.integers(0, len(ENDS) - 1)),
    ),
    min_size=1,
    max_size=14,
)


def play(steps: list[tuple[str, int, int]], people: int) -> Floor:
    floor = Floor(people)
    for kind, number, other in steps:
        if kind == "ends":
            floor.happens(number, ENDS[other])
            continue
        if kind == "overtaken" and number != other:
            floor.store.first = [lambda other=other: floor.hands_over(other)]  # type: ignore[misc]
        floor.hands_over(number)
        floor.store.first = []
    return floor


@settings(max_examples=examples(50))
@given(STEPS, st.integers(0, 3))
def test_never_more_people_are_rung_than_there_are(steps: list[tuple[str, int, int]], people: int) -> None:
    assert play(steps, people).most <= people


def test_the_last_free_person_goes_to_one_of_two() -> None:
    floor = play([("overtaken", 0, 1)], 1)
    rung = floor.calls[0].exchange.rung
    assert [handoff.session_id for handoff in rung] == [floor.calls[1].session]
    assert floor.most == 1


@pytest.mark.parametrize(
    "build", [broken.asks_and_keeps_nothing, broken.keeps_after_the_hand_off, broken.counts_what_talks_alone]
)
def test_a_build_without_the_safeguard_is_caught(build: Callable[[], AbstractContextManager[None]]) -> None:
    attacks = ([("overtaken", 0, 1)], [("one", 0, 0), ("one", 1, 1)])
    assert all(play(list(steps), 1).most <= 1 for steps in attacks)
    with build():
        assert any(play(list(steps), 1).most > 1 for steps in attacks)
