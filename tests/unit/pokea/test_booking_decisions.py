from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea.booking import AppointmentStatus, Reason, Refused, Taker
from pokea.booking_decisions import decide_book, decide_cancel, decide_hold, decide_move, keys_for, release, why_not
from tests.unit.pokea.booking_samples import CLEANING, FILLING, NOW, Diary, booked, nairobi, rules, soon


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (nairobi(9), None),
        (nairobi(16, 30), None),
        (nairobi(16, 45), Reason.CLOSED),  # would end after closing time
        (nairobi(7, 45), Reason.CLOSED),
        (nairobi(9, day=28), Reason.CLOSED),  # Saturday
        (datetime(2026, 12, 25, 9, 0, tzinfo=nairobi(9).tzinfo), Reason.CLOSED),
        (nairobi(9, 10), Reason.OFF_GRID),
        (NOW, None),
        (NOW - timedelta(seconds=1), Reason.PAST),
        (nairobi(9) + timedelta(days=57), None),
        (nairobi(9) + timedelta(days=60), Reason.TOO_FAR),
    ],
)
def test_hours_horizon_and_grid_bar_times_for_everybody(start: datetime, reason: Reason | None) -> None:
    assert why_not(rules(), CLEANING, start, NOW) == (Refused(reason) if reason else None)


def test_a_hold_takes_every_slot_of_the_service_until_it_lapses() -> None:
    held = decide_hold(rules(), FILLING, nairobi(9), Diary(), "n1", soon(90), NOW)
    assert not isinstance(held, Refused)
    assert [slot.takers for slot in held] == [{"n1": Taker(soon(90))}] * 3


def test_one_taken_quarter_is_enough_to_refuse() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9, 30)))
    assert decide_hold(rules(), FILLING, nairobi(9), diary, "n1", soon(90), NOW) == Refused(Reason.TAKEN)
    assert not isinstance(decide_hold(rules(), CLEANING, nairobi(9), diary, "n1", soon(90), NOW), Refused)


def test_a_live_hold_of_another_refuses_and_a_lapsed_one_does_not() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "n0"), held_until=soon(30))
    assert decide_hold(rules(), CLEANING, nairobi(9), diary, "n1", soon(90), NOW) == Refused(Reason.TAKEN)
    held = decide_hold(rules(), CLEANING, nairobi(9), diary, "n1", soon(120), soon(30))
    assert not isinstance(held, Refused)
    assert all(set(slot.takers) == {"n1"} for slot in held)


def test_a_hold_is_renewed_in_place() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "n1"), held_until=soon(90))
    held = decide_hold(rules(), CLEANING, nairobi(9), diary, "n1", soon(170), soon(80))
    assert not isinstance(held, Refused)
    assert all(slot.takers == {"n1": Taker(soon(170))} for slot in held)


def test_booking_puts_the_appointment_in_place_of_its_hold() -> None:
    diary, appointment = Diary(), booked(nairobi(9))
    diary.seat(booked(nairobi(9), "n1"), held_until=soon(90))
    slots = decide_book(rules(), appointment, diary, "n1", soon(20))
    assert not isinstance(slots, Refused)
    assert [(slot.takers, slot.version) for slot in slots] == [({"A1": Taker()}, 1)] * 2


def test_a_lapsed_hold_still_books_if_nobody_came_in_between() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "n1"), held_until=soon(90))
    assert not isinstance(decide_book(rules(), booked(nairobi(9)), diary, "n1", soon(200)), Refused)


def test_a_lapsed_hold_is_refused_if_somebody_did() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "n1"), held_until=soon(90))
    diary.seat(booked(nairobi(9), "n2"), held_until=soon(250))
    assert decide_book(rules(), booked(nairobi(9)), diary, "n1", soon(200)) == Refused(Reason.TAKEN)


def test_a_start_that_passed_while_confirming_is_refused() -> None:
    assert decide_book(rules(), booked(nairobi(9)), Diary(), "n1", nairobi(9, 1)) == Refused(Reason.PAST)


def test_capacity_counts_takers_side_by_side() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "A1"))
    diary.seat(booked(nairobi(9), "n2"), held_until=soon(90))
    assert isinstance(decide_book(rules(2), booked(nairobi(9), "A3"), diary, "n3", NOW), Refused)
    assert not isinstance(decide_book(rules(3), booked(nairobi(9), "A3"), diary, "n3", NOW), Refused)


def test_a_move_leaves_the_old_slots_and_enters_the_new() -> None:
    diary, before = Diary(), booked(nairobi(9))
    diary.seat(before)
    moved = decide_move(rules(), before, nairobi(14), diary, "n1", NOW)
    assert not isinstance(moved, Refused)
    after, slots = moved
    assert (after.starts_at, after.ends_at - after.starts_at) == (nairobi(14).astimezone(UTC), CLEANING.length)
    diary.write(slots)
    assert [set(diary[key].takers) for key in keys_for(rules(), CLEANING, nairobi(9))] == [set(), set()]
    assert [set(diary[key].takers) for key in keys_for(rules(), CLEANING, nairobi(14))] == [{"A1"}, {"A1"}]


def test_a_move_by_a_quarter_of_an_hour_overlaps_itself() -> None:
    diary, before = Diary(), booked(nairobi(9))
    diary.seat(before)
    held = decide_hold(rules(), CLEANING, nairobi(9, 15), diary, "n1", soon(90), NOW, frozenset({"A1"}))
    assert not isinstance(held, Refused)
    assert [slot.key.starts_at for slot in held] == [nairobi(9, 30)]  # no slot ever has more takers than room
    diary.write(held)
    moved = decide_move(rules(), before, nairobi(9, 15), diary, "n1", soon(20))
    assert not isinstance(moved, Refused)
    diary.write(moved[1])
    taken = {key.starts_at for key, slot in diary.items() if slot.takers}
    assert taken == {nairobi(9, 15), nairobi(9, 30)}


def test_a_move_into_taken_slots_is_refused() -> None:
    diary, before = Diary(), booked(nairobi(9))
    diary.seat(before)
    diary.seat(booked(nairobi(14, 15), "A2"))
    assert decide_move(rules(), before, nairobi(14), diary, "n1", NOW) == Refused(Reason.TAKEN)
    assert decide_move(rules(), before, NOW - timedelta(minutes=15), diary, "n1", NOW) == Refused(Reason.PAST)


def test_a_cancelled_or_past_appointment_is_neither_moved_nor_cancelled() -> None:
    gone = replace(booked(nairobi(9)), status=AppointmentStatus.CANCELLED)
    assert decide_move(rules(), gone, nairobi(14), Diary(), "n1", NOW) == Refused(Reason.NOT_BOOKED)
    assert decide_cancel(rules(), gone, Diary(), NOW) == Refused(Reason.NOT_BOOKED)
    assert decide_cancel(rules(), booked(nairobi(9)), Diary(), nairobi(9, 1)) == Refused(Reason.NOT_BOOKED)


def test_a_cancellation_frees_the_slots() -> None:
    diary, before = Diary(), booked(nairobi(9))
    diary.seat(before)
    cancelled = decide_cancel(rules(), before, diary, NOW)
    assert not isinstance(cancelled, Refused)
    after, slots = cancelled
    assert after.status is AppointmentStatus.CANCELLED
    assert [(slot.takers, slot.version) for slot in slots] == [({}, 1)] * 2


def test_releasing_touches_only_slots_that_hold() -> None:
    diary = Diary()
    diary.seat(booked(nairobi(9), "n1"), held_until=soon(90))
    diary.seat(booked(nairobi(14), "A2"))
    slots = [diary[key] for start in (nairobi(9), nairobi(14)) for key in keys_for(rules(), CLEANING, start)]
    freed = release(slots, frozenset({"n1"}), NOW)
    assert [slot.key.starts_at for slot in freed] == [nairobi(9), nairobi(9, 15)]
    assert all(not slot.takers for slot in freed)
