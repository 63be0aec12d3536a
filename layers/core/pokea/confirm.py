"""The confirm gate: nothing is committed that the caller has not heard and answered. The rule follows in this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pokea.ids import BusinessId, Nonce, SessionId, ToolCallId


class ProposalState(StrEnum):
    OPEN = "open"
    USED = "used"  # committed, by `used_by`
    VOID = "void"  # arguments changed, replaced by a newer proposal, or withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that waits for the caller's word. `arguments` are canonical JSON values: strings, numbers, booleans."""

    nonce: Nonce
    session_id: SessionId
    business_id: BusinessId
    action: str  # "book", "move", "cancel"
    arguments: Mapping[str, object]
    read_back: str
    proposed_at: datetime
    state: ProposalState = ProposalState.OPEN
    used_by: ToolCallId | None = None
    outcome: str | None = None  # id of what the commit made, so that a retry gets the same answer
    version: int = 0
