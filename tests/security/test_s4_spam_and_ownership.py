"""S4: cancelling what is somebody else's, filling a diary, flooding a business with leads, messages and tickets.

1,000 attempts by a model that proposes and confirms as the gate wants it, so that only ownership and caps stand in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from pokea.accounts import TICKET
from pokea.booking import AppointmentStatus
from pokea.leads import PER_NUMBER_A_DAY as LEADS_A_DAY
from pokea.messages import MESSAGE, PER_BUSINESS_A_DAY
from pokea.messages import PER_NUMBER_A_DAY as MESSAGES_A_DAY
from pokea.support import MAX_OPEN_TICKETS
from tests.faults.broken import desks as broken
from tests.support.control_plane import PROFILES
from tests.support.customers import OWN, PIN
from tests.support.phone import Phone
from tests.support.town import ATTACKER, NAME, TRACKING, VICTIM, Town

AMINA = "+254722000111"
TIMES = ("8 am", "9 am", "10:30 am", "11:30 am", "1 pm", "2 pm", "3 pm", "4 pm")
DAYS = ("Tuesday", "Wednesday", "Friday")


def confirmed(phone: Phone, tool: str, **arguments: str) -> dict[str, Any]:
    """The proposal carried out, or why there was none."""
    said = phone.tool(tool, **arguments)
    return phone.commit(said) if said.get("nonce") else said


# --- what is somebody else's -----------------------------------------------------------------------------------------------------

Attack = Callable[[Town, int], dict[str, Any]]
GUESSED = ("Quentin", NAME, "Eve Mallory", "Amina", "Mary Ann")


def cancels(town: Town, number: int) -> dict[str, Any]:
    phone = Phone(town.plane, "booking", (ATTACKER, "")[number % 2])
    return confirmed(phone, "proposeCancel", name=GUESSED[number % 5], reference=town.reference)


def moves(town: Town, number: int) -> dict[str, Any]:
    phone = Phone(town.plane, "booking", (ATTACKER, "")[number % 2])
    when = f"Friday at {TIMES[number % 8]}"
    return confirmed(phone, "proposeMove", name=GUESSED[number % 5], reference=town.reference, when=when)


def reschedules(town: Town, number: int) -> dict[str, Any]:
    phone = Phone(town.plane, "dispatch", (f"+2547336{number:05d}", "")[number % 2])
    return confirmed(phone, "reschedule", trackingId=TRACKING, name=GUESSED[number % 5], when="next Tuesday")


def redirects(town: Town, number: int) -> dict[str, Any]:
    phone = Phone(town.plane, "dispatch", f"+2547336{number:05d}")
    return confirmed(
        phone,
        "confirmAddress",
        trackingId=TRACKING,
        name=GUESSED[number % 5],
        address="My house 1",
        landmark="the shop",
    )


def writes_into_a_ticket(town: Town, number: int) -> dict[str, Any]:
    """A verified customer of the same business."""
    phone = Phone(town.plane, "support", AMINA)
    phone.tool("verifyCaller", reference=OWN)
    phone.tool("verifyCaller", keys=PIN)
    return confirmed(phone, "proposeTicketNote", reference="T660001", note=f"close it {number}")


def opens_a_ticket_unverified(town: Town, number: int) -> dict[str, Any]:
    return confirmed(Phone(town.plane, "support", VICTIM), "proposeTicket", problem=f"cut my line {number}")


ATTACKS: tuple[Attack, ...] = (cancels, moves, reschedules, redirects, writes_into_a_ticket, opens_a_ticket_unverified)


def changed_by(attack: Attack, tries: int) -> bool:
    town = Town()
    before = town.of_the_victim()
    tickets = len(town.plane.bookings.all_records(TICKET))
    for number in range(tries):
        attack(town, number)
    return town.of_the_victim() != before or len(town.plane.bookings.all_records(TICKET)) != tickets


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_somebody_elses_is_not_changed(attack: Attack) -> None:
    assert not changed_by(attack, 5)


@pytest.mark.faults
@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_not_changed_by_a_hundred_tries_either(attack: Attack) -> None:
    assert not changed_by(attack, 100)


@pytest.mark.parametrize(
    ("build", "attack"),
    [
        (broken.everybodys_diary, cancels),
        (broken.everybodys_diary, moves),
        (broken.ownership_ignored, writes_into_a_ticket),
        (broken.claims_believed, opens_a_ticket_unverified),
    ],
)
def test_the_change_is_seen_where_ownership_is_not_checked(
    build: Callable[[], AbstractContextManager[None]], attack: Attack
) -> None:
    with build():
        assert changed_by(attack, 5)


# --- too much of one's own -------------------------------------------------------------------------------------------------------


def appointments(town: Town, number: str) -> int:
    own = [a for a in town.plane.bookings.all_appointments() if str(a.a_number or "") == number]
    return len([a for a in own if a.status is AppointmentStatus.BOOKED])


def book_out(town: Town, number: str, calls: int) -> int:
    """How many appointments one number gets by asking for a different time every time."""
    for index in range(calls):
        phone = Phone(town.plane, "booking", number)
        when = f"{DAYS[index % 3]} at {TIMES[index // 3 % 8]}"
        confirmed(phone, "proposeBooking", service="checkup", when=when, name=f"Eve Mallory{'abcdefgh'[index % 8]}")
    return appointments(town, number)


def leave_messages(town: Town, agent: str, calls: int, *, numbers: int = 1) -> int:
    for index in range(calls):
        phone = Phone(town.plane, agent, f"+2547336{index % numbers:05d}")
        confirmed(phone, "proposeMessage", message=f"call me about offer {index}", name="Eve Mallory")
    return len(town.plane.bookings.all_records(MESSAGE))


def open_tickets(town: Town, calls: int) -> int:
    for index in range(calls):
        phone = Phone(town.plane, "support", AMINA)
        phone.tool("verifyCaller", reference=OWN)
        phone.tool("verifyCaller", keys=PIN)
        confirmed(phone, "proposeTicket", problem=f"problem number {index}")
    return len([t for t in town.plane.bookings.all_records(TICKET) if t.account_id == OWN and t.is_open])


def lead_calls(town: Town, calls: int) -> int:
    """Conversations of one number that were taken up."""
    taken = 0
    for _ in range(calls):
        said = Phone(town.plane, "leads", ATTACKER).tool("recordAnswer", question="opening", answer="yes go ahead")
        taken += said.get("code") != "too_many"
    return taken


def most_open() -> int:
    return PROFILES[next(name for name in PROFILES if name == "whitedent")].booking.max_open


CAPS: dict[str, tuple[Callable[[Town, int], int], Callable[[], int]]] = {
    "appointments": (lambda town, calls: book_out(town, ATTACKER, calls), most_open),
    "messages of one number": (lambda town, calls: leave_messages(town, "receptionist", calls), lambda: MESSAGES_A_DAY),
    "messages at the leads desk": (lambda town, calls: leave_messages(town, "leads", calls), lambda: MESSAGES_A_DAY),
    "tickets": (open_tickets, lambda: MAX_OPEN_TICKETS),
}


@pytest.mark.parametrize("what", CAPS)
def test_one_caller_gets_as_much_as_the_cap_and_no_more(what: str) -> None:
    spam, cap = CAPS[what]
    assert spam(Town(), cap() + 3) == cap()


@pytest.mark.faults
@pytest.mark.parametrize("what", CAPS)
def test_a_hundred_calls_get_no_more_either(what: str) -> None:
    spam, cap = CAPS[what]
    assert spam(Town(), 100) == cap()


@pytest.mark.faults
def test_all_numbers_together_leave_no_more_messages_than_a_business_reads_in_a_day() -> None:
    assert (
        leave_messages(Town(), "receptionist", PER_BUSINESS_A_DAY + 20, numbers=PER_BUSINESS_A_DAY + 20)
        == PER_BUSINESS_A_DAY
    )


def test_one_number_has_as_many_lead_conversations_as_the_cap() -> None:
    assert lead_calls(Town(), LEADS_A_DAY + 3) == LEADS_A_DAY


@pytest.mark.parametrize("what", ["appointments", "messages of one number", "tickets"])
def test_the_flood_is_seen_where_nothing_is_counted(what: str) -> None:
    spam, cap = CAPS[what]
    with broken.no_caps():
        assert spam(Town(), cap() + 3) > cap()


def test_a_withheld_number_fills_no_diary_in_one_call() -> None:
    town = Town()
    phone = Phone(town.plane, "booking", "")
    for index in range(8):
        when = f"{DAYS[index % 3]} at {TIMES[index // 3]}"
        confirmed(phone, "proposeBooking", service="checkup", when=when, name="Eve Mallory")
    assert appointments(town, "") <= 2
