"""Every move that a contact of a campaign can make, as one table. Pure: a contact in, the next one out; the store fences the write.

Between CLAIMED and ASKED nothing can ring: the label of the attempt is stored before the carrier hears of it. From ASKED on a telephone
may be ringing, and only what is certain leads out of it: the carrier's own word, or that its list does not know the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.errors import Misuse
from pokea.ids import SessionId

_WAITING, _CLAIMED, _ASKED = ContactState.WAITING, ContactState.CLAIMED, ContactState.ASKED
_RINGING, _DONE, _EXCLUDED = ContactState.RINGING, ContactState.DONE, ContactState.EXCLUDED


class Move(StrEnum):
    CLAIM = "claim"
    DEFER = "defer"
    HOLD = "hold"
    ASK = "ask"
    REFUSED = "certainly not rung"
    PLACED = "placed"
    SEEK = "looked for"
    TRY_AGAIN = "try again"
    END = "end"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Edge:
    starts: tuple[ContactState, ...]
    ends: ContactState


TABLE: Mapping[Move, Edge] = {
    Move.CLAIM: Edge((_WAITING,), _CLAIMED),
    Move.DEFER: Edge((_WAITING, _CLAIMED), _WAITING),
    Move.HOLD: Edge((_CLAIMED,), _CLAIMED),
    Move.ASK: Edge((_CLAIMED,), _ASKED),
    Move.REFUSED: Edge((_ASKED,), _WAITING),
    Move.PLACED: Edge((_ASKED,), _RINGING),
    Move.SEEK: Edge((_ASKED,), _ASKED),
    Move.TRY_AGAIN: Edge((_ASKED, _RINGING), _WAITING),
    Move.END: Edge((_ASKED, _RINGING), _DONE),
    # Not out of ASKED and RINGING: what may be ringing ends with a disposition.
    Move.EXCLUDE: Edge((_WAITING, _CLAIMED), _EXCLUDED),
}


def can(contact: Contact, move: Move) -> bool:
    return contact.state in TABLE[move].starts


def claimed(contact: Contact, now: datetime) -> Contact:
    return _moved(contact, Move.CLAIM, claimed_at=now, reason="")


def held(contact: Contact, at: datetime, reason: str, now: datetime) -> Contact:
    """Not now, but so soon that its message only comes later: it stays queued, and the planner queues nobody in its place."""
    return _moved(contact, Move.HOLD, due_at=at, claimed_at=now, reason=reason)


def waiting(contact: Contact, at: datetime, reason: str) -> Contact:
    """Not now: from `at` on, because of `reason`."""
    return _moved(contact, Move.DEFER, due_at=at, claimed_at=None, reason=reason)


def asked(contact: Contact, label: str, now: datetime) -> Contact:
    """The carrier is about to be asked for the call `label`; it counts as an attempt from here on."""
    if not label or label == contact.label:
        raise Misuse("label_used", "every attempt has a label of its own")
    return _moved(
        contact,
        Move.ASK,
        label=label,
        asked_at=now,
        attempts=contact.attempts + 1,
        sought_at=None,
        session_id=None,
        disposition=None,
        reason="",
    )


def not_rung(contact: Contact, at: datetime, reason: str) -> Contact:
    """The carrier has certainly not placed the call: the attempt does not count, and the next one has another label."""
    return _moved(
        contact,
        Move.REFUSED,
        due_at=at,
        attempts=max(contact.attempts - 1, 0),
        claimed_at=None,
        asked_at=None,
        sought_at=None,
        reason=reason,
    )


def ringing(contact: Contact, session_id: SessionId | None) -> Contact:
    return _moved(contact, Move.PLACED, session_id=session_id, sought_at=None)


def sought(contact: Contact, now: datetime) -> Contact:
    """Nothing is known of its call; from now on it is looked for in the carrier's list."""
    return _moved(contact, Move.SEEK, sought_at=contact.sought_at or now)


def again(contact: Contact, at: datetime, disposition: Disposition, reason: str = "") -> Contact:
    """The attempt ended like that, and there is to be another one from `at` on."""
    return _moved(
        contact, Move.TRY_AGAIN, due_at=at, claimed_at=None, sought_at=None, disposition=disposition, reason=reason
    )


def done(contact: Contact, disposition: Disposition, reason: str = "") -> Contact:
    return _moved(contact, Move.END, claimed_at=None, sought_at=None, disposition=disposition, reason=reason)


def excluded(contact: Contact, reason: str) -> Contact:
    """Never rung, or never again."""
    return _moved(contact, Move.EXCLUDE, claimed_at=None, reason=reason)


def unclaimed(contact: Contact, now: datetime) -> Contact:
    """Whoever claimed it is gone."""
    return waiting(contact, now, "claim_lapsed")


def diagram() -> str:
    """A Mermaid state diagram of `TABLE`."""
    lines = ["stateDiagram-v2", f"    [*] --> {_WAITING}"]
    lines += [f"    {start} --> {edge.ends}: {move}" for move, edge in TABLE.items() for start in edge.starts]
    lines += [f"    {state} --> [*]" for state in (_DONE, _EXCLUDED)]
    return "\n".join(lines) + "\n"


def _moved(contact: Contact, move: Move, **changes: Any) -> Contact:
    if not can(contact, move):
        raise Misuse("no_such_move", f"{move} is no move of a contact that is {contact.state}")
    return replace(contact, state=TABLE[move].ends, **changes)
