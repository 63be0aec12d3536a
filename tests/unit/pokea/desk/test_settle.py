from __future__ import annotations

import pytest

from pokea.desk.settle import ATTEMPTS, Decision, settle
from pokea.errors import Conflict, Indeterminate, Unavailable
from pokea.ports import Change
from tests.fakes.memory_store import MemoryStore


class LosingStore(MemoryStore):
    """Refuses the first writes as stale, as if somebody else were always faster."""

    def __init__(self, losses: int, code: str = "stale") -> None:
        super().__init__()
        self.losses, self.code = losses, code

    def apply(self, change: Change) -> None:
        if self.losses:
            self.losses -= 1
            raise Conflict(self.code)
        super().apply(change)


class LostReplyStore(MemoryStore):
    """Writes, and then loses the reply."""

    def apply(self, change: Change) -> None:
        super().apply(change)
        raise Indeterminate("reply_lost")


def test_without_a_change_nothing_is_written() -> None:
    store = MemoryStore()
    assert settle(store, lambda: Decision("no")) == "no"
    assert store.writes == 0


def test_a_stale_decision_is_decided_again() -> None:
    store, decided = LosingStore(ATTEMPTS - 1), []

    def decide() -> Decision[int]:
        decided.append(1)
        return Decision(len(decided), Change())

    assert settle(store, decide) == ATTEMPTS
    assert store.writes == 1


def test_a_stampede_ends_in_unavailable() -> None:
    store = LosingStore(ATTEMPTS)
    with pytest.raises(Unavailable) as busy:
        settle(store, lambda: Decision("yes", Change()))
    assert (busy.value.code, busy.value.retryable, store.writes) == ("busy", True, 0)


def test_another_conflict_is_not_tried_again() -> None:
    store = LosingStore(1, code="other")
    with pytest.raises(Conflict, match="other"):
        settle(store, lambda: Decision("yes", Change()))


def test_an_unknown_outcome_is_never_written_twice() -> None:
    store = LostReplyStore()
    with pytest.raises(Indeterminate):
        settle(store, lambda: Decision("yes", Change()))
    assert store.writes == 1
