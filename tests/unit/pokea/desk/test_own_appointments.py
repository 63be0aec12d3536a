"""The caller's own appointments: moved, cancelled and listed for whoever proves to be meant, on a verified store in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from pokea.profile import Profile
from tests.fakes.conversation import AMINA, CLINIC, Conversation
from tests.unit.pokea.desk.booking_words import (
    BRIAN,
    THURSDAY_HALF_PAST_TWO,
    booked_starts,
    code,
    said,
    seated,
    status,
    store_of,
)


def test_an_appointment_is_moved_offering_real_free_times() -> None:
    first = Conversation()
    reference = first.book(THURSDAY_HALF_PAST_TWO)
    call = first.called_by(AMINA)
    asked = call.tool("proposeMove", {"name": "Amina Otieno", "when": "Friday afternoon"})
    assert (status(asked), asked.payload["question"]) == ("ask", "time")
    choices = [choice["value"] for choice in cast(list[dict[str, str]], asked.payload["choices"])]
    assert choices == ["2026-11-27T12:00", "2026-11-27T14:30", "2026-11-27T16:30"]
    proposed = call.tool("proposeMove", {"name": "Amina Otieno", "when": choices[1]})
    assert "from Thursday the 26th of November at 2:30 in the afternoon to Friday the 27th" in said(proposed)
    done = call.commit(proposed)
    assert (status(done), done.payload["reference"]) == ("moved", reference)
    assert booked_starts(call) == ["11-27 14:30"]
    assert seated(call) == 2


def test_a_move_may_overlap_itself_but_not_another() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    call.called_by(BRIAN).book("Thursday at 3 pm", name="Brian Kamau")
    assert status(call.tool("proposeMove", {"name": "Amina", "when": "Thursday at 2:45 pm"})) == "taken"
    proposed = call.tool("proposeMove", {"name": "Amina", "when": "Thursday at 2:15 pm"})
    assert status(call.commit(proposed)) == "moved"
    assert booked_starts(call) == ["11-26 14:15", "11-26 15:00"]
    assert max(len(slot.takers) for slot in store_of(call).all_slots()) == 1


def test_a_move_to_the_same_time_is_no_move() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    assert code(call.tool("proposeMove", {"name": "Amina", "when": "Thursday at 2:30 pm"})) == "same_time"


def test_a_move_of_what_was_cancelled_meanwhile_changes_nothing() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    other = call.called_by(AMINA)
    move = call.tool("proposeMove", {"name": "Amina", "when": "Friday at ten"})
    cancel = other.tool("proposeCancel", {"name": "Amina"})
    assert status(other.commit(cancel)) == "cancelled"
    assert code(call.commit(move)) == "not_booked"
    assert (booked_starts(call), seated(call)) == ([], 0)


def test_what_was_cancelled_meanwhile_cannot_be_cancelled_again() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    other = call.called_by(AMINA)
    here, there = (each.tool("proposeCancel", {"name": "Amina"}) for each in (call, other))
    assert status(other.commit(there)) == "cancelled"
    assert code(call.commit(here)) == "not_booked"


def test_a_cancellation_frees_the_time() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    proposed = call.tool("proposeCancel", {"name": "Amina Otieno"})
    assert said(proposed).startswith("Let me read that back: I cancel the cleaning of Amina Otieno")
    assert status(call.commit(proposed)) == "cancelled"
    assert seated(call) == 0
    call.called_by(BRIAN).book(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")


def test_of_several_appointments_the_meant_one_is_asked() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    second = call.book("Friday at ten", "filling")
    asked = call.tool("proposeCancel", {"name": "Amina"})
    assert (status(asked), asked.payload["question"]) == ("ask", "which")
    choices = cast(list[dict[str, str]], asked.payload["choices"])
    assert choices[1] == {
        "value": second,
        "spoken": "filling on Friday the 27th of November at 10 o'clock in the morning",
    }
    proposed = call.tool("proposeCancel", {"name": "Amina", "reference": second})
    assert status(call.commit(proposed)) == "cancelled"
    assert booked_starts(call) == ["11-26 14:30"]


def test_own_appointments_are_listed_without_the_cancelled_and_the_past() -> None:
    call = Conversation()
    first = call.book("Monday at 9 am")
    call.book(THURSDAY_HALF_PAST_TWO)
    assert status(call.commit(call.tool("proposeCancel", {"name": "Amina", "reference": first}))) == "cancelled"
    call.book("Tuesday at 9 am")
    call.clock.advance(4 * 86_400)
    listed = call.tool("listAppointments", {"name": "Amina"})
    assert status(listed) == "ok"
    assert [row["starts_at"] for row in cast(list[dict[str, str]], listed.payload["appointments"])] == [
        "2026-11-26T14:30"
    ]
    assert said(listed) == "You have cleaning on Thursday the 26th of November at 2:30 in the afternoon."


def anonymous(call: Conversation) -> list[object]:
    return [
        call.tool(name, arguments).payload
        for name, arguments in (
            ("listAppointments", {"name": "Amina Otieno"}),
            ("proposeMove", {"name": "Amina Otieno", "when": "Friday at ten"}),
            ("proposeCancel", {"name": "Amina Otieno"}),
        )
    ]


def test_the_words_are_the_same_whether_or_not_an_appointment_exists() -> None:
    empty, with_one = Conversation(), Conversation()
    reference = with_one.book(THURSDAY_HALF_PAST_TWO)
    wrong_name = {"name": "Brian Kamau", "reference": reference, "when": "Friday at ten"}
    for tool in ("listAppointments", "proposeMove", "proposeCancel"):
        arguments = {key: wrong_name[key] for key in ("name",) if tool == "listAppointments"} or dict(wrong_name)
        if tool == "proposeCancel":
            del arguments["when"]
        answers = [
            call.called_by(number).tool(tool, arguments).payload
            for call in (empty, with_one)
            for number in (AMINA, BRIAN, None)
        ]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["status"] == "none"


def test_a_withheld_number_finds_nothing_even_with_the_right_name() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    assert anonymous(call.called_by(None)) == anonymous(Conversation(a_number=None))


def test_a_foreign_reference_is_nobodys() -> None:
    call = Conversation()
    theirs = call.called_by(BRIAN).book("Friday at ten", name="Brian Kamau")
    call.book(THURSDAY_HALF_PAST_TWO)
    assert status(call.tool("proposeCancel", {"name": "Amina", "reference": theirs})) == "none"
    assert status(call.tool("proposeCancel", {"name": "Amina", "reference": "*"})) == "none"


def test_names_can_be_tried_three_times_in_a_call() -> None:
    first = Conversation()
    first.book(THURSDAY_HALF_PAST_TWO)
    call = first.called_by(AMINA)
    for name in ("Ann", "Beth", "ann", "Carol"):
        assert status(call.tool("listAppointments", {"name": name})) == "none"
    assert status(call.tool("listAppointments", {"name": "Amina"})) == "none"
    assert status(call.called_by(AMINA).tool("listAppointments", {"name": "Amina"})) == "ok"


def test_two_misheard_names_still_leave_the_right_one() -> None:
    first = Conversation()
    first.book(THURSDAY_HALF_PAST_TWO)
    call = first.called_by(AMINA)
    for name in ("Ann", "Beth"):
        call.tool("listAppointments", {"name": name})
    assert status(call.tool("listAppointments", {"name": "Amina"})) == "ok"


def test_wrong_names_are_not_kept_in_clear() -> None:
    call = Conversation()
    call.tool("listAppointments", {"name": "Zawadi"})
    assert "zawadi" not in repr(vars(store_of(call))).lower()


def test_the_name_is_asked_before_anything_is_looked_up() -> None:
    call = Conversation()
    asked = call.tool("proposeCancel", {})
    assert (status(asked), asked.payload["question"]) == ("ask", "name")


def by_number(profile: Profile = CLINIC) -> Profile:
    return replace(profile, verification=type(profile.verification)("number"))


def test_a_business_may_ask_for_the_number_only() -> None:
    call = Conversation(profile=by_number())
    call.book(THURSDAY_HALF_PAST_TWO)
    assert status(call.called_by(AMINA).tool("listAppointments", {})) == "ok"
    assert status(call.called_by(BRIAN).tool("listAppointments", {})) == "none"
