"""Confirm gates with one safeguard taken out each. Every attack must be seen to succeed against the gate that lacks its safeguard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest import mock

from pokea import confirm
from pokea.booking import Slot
from pokea.confirm import Proposal, ProposalState
from pokea.ids import Nonce, SessionId
from tests.fakes.memory_store import MemoryStore


@contextmanager
def hearing_skipped() -> Iterator[None]:
    """Takes every read-back as heard."""
    with mock.patch.object(confirm, "heard_until", lambda read_back, nonce: 0):
        yield


@contextmanager
def answer_skipped() -> Iterator[None]:
    """Takes silence for a yes; any turn of the caller will do."""
    with mock.patch.object(confirm, "_answers", lambda turn, finished_at_ms, evidence: True):
        yield


@contextmanager
def changes_ignored() -> Iterator[None]:
    """Commits the proposal whatever the model now calls it."""
    with mock.patch.object(confirm, "_is_same", lambda proposed, given: True):
        yield


@contextmanager
def never_old() -> Iterator[None]:
    with mock.patch.object(confirm, "PROPOSAL_LIFE", timedelta(days=10_000)):
        yield


@contextmanager
def of_anybody() -> Iterator[None]:
    """Does not ask whose proposal it is."""
    with mock.patch.object(confirm, "_is_of", lambda proposal, call, caller: True):
        yield


@contextmanager
def never_used_up() -> Iterator[None]:
    """Forgets that a proposal was used."""

    def reopened(proposal: Proposal, *_: object) -> Proposal:
        return replace(proposal, state=ProposalState.OPEN)

    with mock.patch.object(confirm, "used", reopened):
        yield


class ForgetfulHolds(MemoryStore):
    """Loses who is in a slot, so a time is free for everybody."""

    def slots(self, keys: object) -> tuple[Slot, ...]:
        assert isinstance(keys, list | tuple)
        return tuple(replace(slot, takers={}) for slot in super().slots(keys))


class SharedNonces(MemoryStore):
    """Finds a proposal in whatever call it was made."""

    def proposal(self, session_id: SessionId, nonce: Nonce) -> Proposal | None:
        return next((found for (_, known), found in self._proposals.items() if known == nonce), None)
