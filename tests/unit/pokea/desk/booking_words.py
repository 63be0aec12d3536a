"""What tests of the booking agent's tools read out of their answers and their store."""

from __future__ import annotations

from typing import cast

from pokea.booking import AppointmentStatus
from pokea.phone_numbers import E164
from pokea.toolkit import ToolResult
from tests.fakes.conversation import Conversation
from tests.fakes.memory_store import MemoryStore

BRIAN = E164("+254733000222")
THURSDAY_HALF_PAST_TWO = "next Thursday at two thirty"


def status(result: ToolResult) -> str:
    return cast(str, result.payload["status"])


def code(result: ToolResult) -> str:
    assert status(result) == "refused", result.payload
    return cast(str, result.payload["code"])


def said(result: ToolResult) -> str:
    return cast(str, result.payload["say"])


def times(result: ToolResult) -> list[str]:
    return [time["starts_at"] for time in cast(list[dict[str, str]], result.payload["times"])]


def store_of(conversation: Conversation) -> MemoryStore:
    assert isinstance(conversation.store, MemoryStore)
    return conversation.store


def booked_starts(conversation: Conversation) -> list[str]:
    tz = conversation.profile.tz
    return sorted(
        a.starts_at.astimezone(tz).strftime("%m-%d %H:%M")
        for a in store_of(conversation).all_appointments()
        if a.status is AppointmentStatus.BOOKED
    )


def seated(conversation: Conversation) -> int:
    """Takers in all slots together."""
    return sum(len(slot.takers) for slot in store_of(conversation).all_slots())
