"""Leaving a message, whatever the agent."""

from __future__ import annotations

from typing import Any

from local.caller import Rule
from local.demo.scenario import Played, Problems, Row, expect, manners
from pokea.ids import SessionId
from pokea.messages import messages_of_call
from pokea.ports import Store
from pokea.profile import Profile

CALL_ME_BACK = "please call me back about my bill"


def message_rules(wish: Any) -> list[Rule]:
    return [
        Rule(r"shall i (pass|take|send|note|write|leave)|is that (right|correct)|shall i do that", "yes please"),
        Rule(r"who is the message from", f"my name is {wish.name}"),
        Rule(r"what is the message|your message\?", getattr(wish, "message", CALL_ME_BACK)),
        *manners(wish.name),
    ]


def message_rows(store: Store, profile: Profile, session_id: str) -> list[Row]:
    found = messages_of_call(store, profile.business_id, SessionId(session_id))
    return [
        {"kind": "message", "text": one.text, "name": one.name, "department": one.department, "number": str(one.number)}
        for one in found
    ]


def messages_problems(played: Played, text: str, name: str) -> Problems:
    """Exactly one message, in these words, from this caller."""
    rows = played.rows("message")
    return [
        *expect(len(rows) == 1, f"{len(rows)} messages instead of 1"),
        *expect(
            all(row["text"].lower() == text.lower() and row["name"].lower() == name.lower() for row in rows),
            f"the message is {rows}",
        ),
    ]
