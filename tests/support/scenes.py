"""Every agent at the moment before a commit: a caller who is known as far as the agent wants, and what could be proposed for them.

An agent that joins the house needs a scene here, or the laws of the gate say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pokea.accounts import ACCOUNT
from pokea.call_memory import MEMORY, CallMemory
from pokea.ids import SessionId
from pokea.lines import PACKAGED
from pokea.profile import load_profile
from pokea.shipments import SHIPMENT
from tests.fakes.conversation import CLINIC, SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.support.customers import KASI, OWN, accounts, belongings
from tests.unit.pokea.shipment_samples import COURIER, NAME, OTHER, PARCEL

Wish = tuple[str, Mapping[str, str]]
MESSAGE: Wish = ("proposeMessage", {"message": "please call me back", "name": "Amina Otieno"})
SCHOOL = load_profile(PACKAGED / "kilele.toml")
SELLER = load_profile(PACKAGED / "mizani.toml")

# What a call notes about itself or counts against itself. Everything else that stands in the store outlives the call, and only a commit
# may change it.
OF_THE_CALL = frozenset({"memory", "verification_tries", "count", "handoff", "lead", "suppression"})


@dataclass(frozen=True)
class Scene:
    """`begin` gives a fresh store and a call in it. `wishes`: tool calls that yield proposals."""

    begin: Callable[[], Conversation]
    wishes: tuple[Wish, ...]


def world(line: Conversation) -> object:
    """Everything that outlives the call: for comparing only."""
    store = line.store
    assert isinstance(store, MemoryStore)
    records = {name: record for name, record in store._records.items() if name[0] not in OF_THE_CALL}
    return {appointment.appointment_id: appointment for appointment in store.all_appointments()}, records


def _clinic() -> Conversation:
    line = Conversation(profile=CLINIC)
    line.book("Friday at 9 am", name="Amina Otieno")
    return line.called_by(line.a_number)


def _support() -> Conversation:
    store = MemoryStore()
    store.put(*(ACCOUNT.of(account) for account in accounts()), *belongings())
    line = Conversation(store=store, profile=KASI, agent="support")
    memory = _memory(line)
    store.put(MEMORY.of(replace(memory, account=OWN)))
    return line


def _courier() -> Conversation:
    store = MemoryStore()
    store.put(*(SHIPMENT.of(parcel) for parcel in (replace(PARCEL, eta_at=SATURDAY + timedelta(hours=5)), OTHER)))
    return Conversation(store=store, profile=COURIER, agent="dispatch")


def _memory(line: Conversation) -> CallMemory:
    return CallMemory(business_id=line.profile.business_id, session_id=SessionId(line.session), began_at=SATURDAY)


def _plain(profile: Any, agent: str) -> Callable[[], Conversation]:
    return lambda: Conversation(profile=profile, agent=agent)


SCENES: Mapping[str, Scene] = {
    "booking": Scene(
        _clinic,
        (
            ("proposeBooking", {"service": "cleaning", "when": "Thursday at 10 am", "name": "Amina Otieno"}),
            ("proposeBooking", {"service": "checkup", "when": "Thursday at 2 pm", "name": "Zawadi Njeri"}),
            ("proposeMove", {"name": "Amina Otieno", "when": "Friday at 11 am"}),
            ("proposeCancel", {"name": "Amina Otieno"}),
            ("proposeWaitingList", {"service": "cleaning", "when": "next Thursday", "name": "Juma Mwangi"}),
            MESSAGE,
        ),
    ),
    "dispatch": Scene(
        _courier,
        (
            ("reschedule", {"when": "next Tuesday", "name": NAME}),
            ("reschedule", {"address": "Moi Avenue house number five", "when": "next Tuesday", "name": NAME}),
            ("confirmAddress", {"address": "Ngong Road house number nine", "landmark": "the church", "name": NAME}),
            ("deliveryAnswer", {"answer": "please leave it with the neighbour", "name": NAME}),
            MESSAGE,
        ),
    ),
    "leads": Scene(_plain(SELLER, "leads"), (MESSAGE,)),
    "receptionist": Scene(_plain(SCHOOL, "receptionist"), (MESSAGE,)),
    "support": Scene(
        _support,
        (
            ("proposeTicket", {"problem": "my internet is slow"}),
            ("proposeTicket", {"problem": "the router does not start"}),
            ("proposeTicketNote", {"note": "it is worse in the evening"}),
            MESSAGE,
        ),
    ),
}
