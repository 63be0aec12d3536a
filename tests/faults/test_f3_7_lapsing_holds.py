"""F3.7: a hold that lapses while the caller confirms is no promise: the time is booked only if it is still free.

The law over all timings stands in tests/properties/test_confirm_laws.py; here is its one story, and the build that breaks it.
"""

from __future__ import annotations

from unittest import mock

import pytest

from pokea import booking_decisions
from tests.fakes.conversation import Conversation
from tests.fakes.memory_store import MemoryStore
from tests.properties.test_confirm_laws import BRIAN, status


def check_one_owner() -> None:
    """The first caller's hold lapses, a second caller books an overlapping time, then the first one says yes."""
    first = Conversation()
    held = first.propose("Thursday at 10 am")
    second = first.called_by(BRIAN)
    first.clock.advance(61)
    assert status(second.commit(second.propose("Thursday at 10:15 am", name="Brian Kamau"))) == "booked"
    late = first.commit(held)
    assert isinstance(first.store, MemoryStore)
    assert all(len(slot.takers) <= 1 for slot in first.store.all_slots()), "two owners of one slot"
    assert status(late) == "refused"


def test_a_lapsed_hold_does_not_win_over_a_booking() -> None:
    check_one_owner()


def test_the_check_sees_a_build_that_trusts_a_lapsed_hold() -> None:
    with (
        mock.patch.object(booking_decisions, "has_room", lambda *_, **__: True),
        pytest.raises(AssertionError, match="two owners"),
    ):
        check_one_owner()
