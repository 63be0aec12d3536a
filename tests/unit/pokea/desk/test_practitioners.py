"""Several diaries in one business, and the time that is kept free behind an appointment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from pokea.booking import Practitioner
from pokea.hours import Opening, OpeningHours
from pokea.phone_numbers import E164
from pokea.profile import BadProfile, Profile, load_profile
from tests.fakes.conversation import CLINIC, Conversation

NJERI = Practitioner("njeri", {"en": ("Doctor Njeri",), "sw": ("Daktari Njeri",)}, frozenset({"cleaning", "checkup"}))
KAMAU = Practitioner("kamau", {"en": ("Doctor Kamau",), "sw": ("Daktari Kamau",)})
FRIDAYS = OpeningHours({4: (Opening.parse("08:00-12:00"),)})
THURSDAY = "next Thursday at two thirty in the afternoon"


def clinic(*people: Practitioner, buffer_minutes: int = 0) -> Profile:
    services = {
        key: replace(service, buffer_minutes=buffer_minutes) for key, service in CLINIC.booking.services.items()
    }
    rules = replace(CLINIC.booking, practitioners={who.key: who for who in people}, services=services)
    return replace(CLINIC, booking=rules)


def call(profile: Profile) -> Conversation:
    return Conversation(profile=profile)


def wish(call: Conversation, **more: str) -> dict[str, Any]:
    arguments = {"service": "cleaning", "when": THURSDAY, "name": "Amina Otieno", **more}
    return cast(dict[str, Any], call.tool("proposeBooking", arguments).payload)


def another(call: Conversation, number: int) -> Conversation:
    return call.called_by(E164(f"+25472200{number:04d}"))


def test_a_caller_may_name_somebody_and_the_read_back_says_so() -> None:
    payload = wish(call(clinic(NJERI, KAMAU)), practitioner="Doctor Kamau")
    assert payload["arguments"]["practitioner"] == "kamau"
    assert "cleaning with Doctor Kamau for Amina Otieno" in payload["say"]


def test_two_callers_who_want_anybody_get_two_diaries_and_the_third_is_offered_another_time() -> None:
    first = call(clinic(NJERI, KAMAU))
    taken = []
    for number in range(3):
        one = another(first, number)
        payload = wish(one)
        if payload["status"] == "proposed":
            taken.append(payload["arguments"]["practitioner"])
            proposed = one.tool("proposeBooking", {"service": "cleaning", "when": THURSDAY, "name": "Amina Otieno"})
            assert one.commit(proposed).payload["status"] == "booked"
    assert taken == ["njeri", "kamau"]
    assert payload["status"] == "taken"
    assert payload["times"]


def test_somebody_who_does_not_do_the_service_is_asked_about() -> None:
    payload = wish(call(clinic(NJERI, KAMAU)), service="filling", practitioner="Doctor Njeri")
    assert (payload["status"], payload["question"]) == ("ask", "which")
    assert [choice["value"] for choice in payload["choices"]] == ["kamau"]


def test_a_wish_for_anybody_goes_to_somebody_who_does_it() -> None:
    assert wish(call(clinic(NJERI, KAMAU)), service="filling")["arguments"]["practitioner"] == "kamau"


def test_a_practitioners_own_hours_hold() -> None:
    payload = wish(call(clinic(replace(KAMAU, hours=FRIDAYS))), practitioner="kamau")
    assert payload["status"] == "closed"
    assert all("Friday" in time["spoken"] for time in payload["times"])


def test_a_booked_appointment_is_moved_within_its_own_diary() -> None:
    one = call(clinic(NJERI, KAMAU))
    booked = one.commit(
        one.tool(
            "proposeBooking", {"service": "cleaning", "when": THURSDAY, "name": "Amina Otieno", "practitioner": "kamau"}
        )
    )
    assert "with Doctor Kamau" in str(booked.payload["say"])
    moved = one.tool("proposeMove", {"name": "Amina", "when": "next Friday at nine in the morning"})
    assert cast(dict[str, str], moved.payload["arguments"])["practitioner"] == "kamau"
    assert one.commit(moved).payload["status"] == "moved"
    # the old time is free again in that very diary
    assert wish(another(one, 7), practitioner="kamau")["status"] == "proposed"


def test_the_time_behind_an_appointment_is_kept_free() -> None:
    one = call(clinic(buffer_minutes=30))
    one.commit(one.propose(THURSDAY))
    assert another(one, 1).propose("next Thursday at three in the afternoon").payload["status"] == "taken"
    assert another(one, 2).propose("next Thursday at half past three in the afternoon").payload["status"] == "proposed"


def test_what_is_said_is_the_appointment_without_the_time_behind_it() -> None:
    one = call(clinic(buffer_minutes=30))
    one.commit(one.propose("next Thursday at half past four in the afternoon"))  # ends at five, when the clinic closes
    assert one.tool("listAppointments", {"name": "Amina"}).payload["status"] == "ok"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('key = "cleaning"\nnames = {en = ["A"]}', "booking.practitioners.cleaning.names.sw: is missing"),
        ('key = "a"\nservices = ["tea"]\nnames = {en = ["A"], sw = ["A"]}', "booking.practitioners.a.services: 'tea' is not a service"),
        ('key = "main"\nnames = {en = ["A"], sw = ["A"]}', "booking.practitioners: two diaries have the same key"),
        ('key = "a"\nservices = ["cleaning"]\nnames = {en = ["A"], sw = ["A"]}', "booking.services.filling: no practitioner does it"),
    ],
)  # fmt: skip
def test_a_profile_with_a_practitioner_that_cannot_work_is_refused_in_one_line(
    tmp_path: Any, table: str, complaint: str
) -> None:
    from pokea.lines import PACKAGED

    path = tmp_path / "clinic.toml"
    text = (PACKAGED / "whitedent.toml").read_text(encoding="utf-8")
    path.write_text(f"{text}\n[[booking.practitioners]]\n{table}\n", encoding="utf-8")
    with pytest.raises(BadProfile, match=r"clinic\.toml: ") as refused:
        load_profile(path)
    assert complaint in refused.value.message
