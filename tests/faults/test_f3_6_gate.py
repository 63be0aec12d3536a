"""F3.6 and F3.7: each attack on the confirm gate writes nothing, and is seen to write where its safeguard is missing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import cast

import pytest

from pokea.phone_numbers import E164
from pokea.toolkit import CallerTurn, Evidence, ToolResult
from tests.fakes.conversation import AMINA, Conversation, heard_and_answered
from tests.fakes.memory_store import MemoryStore
from tests.faults.broken import gates

BRIAN = E164("+254733000222")
WHEN = "Thursday at 10 am"
Attack = Callable[[MemoryStore], int]


def appointments(store: MemoryStore) -> int:
    return len(store.all_appointments())


def commit_before_it_was_heard(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    call.commit(proposed, Evidence(9_000, None, (CallerTurn(1_000, 2_000),)))
    return appointments(store)


def commit_over_the_callers_interruption(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    heard = heard_and_answered(str(proposed.nonce))
    call.commit(proposed, replace(heard, caller_turns=(CallerTurn(12_000, 19_000),)))
    return appointments(store)


def commit_something_else(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    changed = {**cast(dict[str, str], proposed.payload["arguments"]), "name": "Eve Mallory"}
    call.commit(ToolResult({**proposed.payload, "arguments": changed}))
    return appointments(store)


def commit_ninety_seconds_later(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    call.clock.advance(90)
    call.commit(proposed)
    return appointments(store)


def commit_another_calls_nonce(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    call.called_by(BRIAN).commit(proposed)
    return appointments(store)


def commit_twice(store: MemoryStore) -> int:
    """A booking is cancelled in another call, and its old nonce brings it back."""
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    call.commit(proposed)
    other = call.called_by(AMINA)
    other.commit(other.tool("proposeCancel", {"name": "Amina"}))
    call.commit(proposed)
    return appointments(store) - 1


def commit_after_the_hold_lapsed_and_another_came(store: MemoryStore) -> int:
    call = Conversation(store=store)
    proposed = call.propose(WHEN)
    call.clock.advance(70)
    call.called_by(BRIAN).book(WHEN, name="Brian Kamau")
    call.commit(proposed)
    return appointments(store) - 1


Broken = tuple[Callable[[], AbstractContextManager[None]], type[MemoryStore]]
ATTACKS: dict[Attack, Broken] = {
    commit_before_it_was_heard: (gates.hearing_skipped, MemoryStore),
    commit_over_the_callers_interruption: (gates.answer_skipped, MemoryStore),
    commit_something_else: (gates.changes_ignored, MemoryStore),
    commit_ninety_seconds_later: (gates.never_old, MemoryStore),
    commit_another_calls_nonce: (gates.of_anybody, gates.SharedNonces),
    commit_twice: (gates.never_used_up, MemoryStore),
    commit_after_the_hold_lapsed_and_another_came: (nullcontext, gates.ForgetfulHolds),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attack_writes_nothing(attack: Attack) -> None:
    assert attack(MemoryStore()) == 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attack_is_seen_to_write_where_its_safeguard_is_missing(attack: Attack) -> None:
    broken, store = ATTACKS[attack]
    with broken():
        assert attack(store()) == 1
