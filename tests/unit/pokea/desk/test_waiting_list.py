"""Who waits is owed a call when a time becomes free: the one who has waited longest and would come then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.toolkit import ToolResult
from pokea.waiting import NOTICE, WAITING, Waiting, WaitingState, decide_offer
from tests.fakes.conversation import CLINIC, Conversation
from tests.fakes.memory_store import MemoryStore

THURSDAY = "next Thursday at two thirty in the afternoon"
NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def entries(call: Conversation) -> tuple[Waiting, ...]:
    return cast(MemoryStore, call.store).all_records(WAITING)


def wait(call: Conversation, when: str = "next Thursday", name: str = "Juma Mwangi") -> dict[str, Any]:
    proposed = call.tool("proposeWaitingList", {"service": "cleaning", "when": when, "name": name})
    return cast(dict[str, Any], call.commit(proposed).payload)


def test_a_caller_is_put_on_the_list_once_the_read_back_was_heard_and_answered() -> None:
    call = Conversation()
    proposed = call.tool("proposeWaitingList", {"service": "cleaning", "when": "next Thursday", "name": "Juma Mwangi"})
    assert "Juma Mwangi waits for cleaning" in str(proposed.payload["say"])
    assert entries(call) == ()
    assert call.commit(proposed).payload["status"] == "waiting"
    entry = entries(call)[0]
    assert (entry.first_day, entry.last_day) == (date(2026, 11, 26), date(2026, 11, 26))


def test_the_same_wish_twice_is_one_entry() -> None:
    call = Conversation()
    assert wait(call)["reference"] == wait(call)["reference"]
    assert len(entries(call)) == 1


def test_without_days_any_day_will_do() -> None:
    call = Conversation()
    call.commit(call.tool("proposeWaitingList", {"service": "cleaning", "name": "Juma Mwangi"}))
    assert entries(call)[0].last_day == CLINIC.booking.last_day(call.clock.now())


def test_a_withheld_number_cannot_be_called_back() -> None:
    refused = Conversation(a_number=None).tool("proposeWaitingList", {"service": "cleaning", "name": "Juma Mwangi"})
    assert refused.payload["code"] == "number_withheld"


def test_one_number_waits_for_a_few_things_at_most() -> None:
    call = Conversation()
    for name in ("Juma One", "Juma Two", "Juma Three"):
        call.commit(call.tool("proposeWaitingList", {"service": "cleaning", "name": name}))
    assert call.tool("proposeWaitingList", {"service": "cleaning", "name": "Juma Four"}).payload["code"] == "too_many"


def test_a_cancelled_appointment_is_owed_to_who_waits_for_that_day() -> None:
    amina = Conversation()
    amina.book(THURSDAY)
    juma = amina.called_by(E164("+254722000222"))
    wait(juma)
    assert amina.commit(amina.tool("proposeCancel", {"name": "Amina"})).payload["status"] == "cancelled"
    entry = entries(juma)[0]
    assert entry.state is WaitingState.OFFERED
    assert entry.offered_start == datetime(2026, 11, 26, 11, 30, tzinfo=UTC)


def test_a_moved_appointment_frees_its_old_time() -> None:
    amina = Conversation()
    amina.book(THURSDAY)
    wait(juma := amina.called_by(E164("+254722000222")))
    amina.commit(amina.tool("proposeMove", {"name": "Amina", "when": "next Friday at nine in the morning"}))
    assert entries(juma)[0].state is WaitingState.OFFERED


def entry(name: str, asked: int = 0, **more: Any) -> Waiting:
    given = {
        "business_id": BusinessId("clinic"),
        "entry_id": name,
        "service": "cleaning",
        "practitioner": "",
        "first_day": NOW.date(),
        "last_day": NOW.date() + timedelta(days=7),
        "name": name,
        "number": E164("+254722000222"),
        "session_id": SessionId("HD_1"),
        "asked_at": NOW + timedelta(minutes=asked),
    }
    return Waiting(**{**given, **more})


def test_whoever_has_waited_longest_comes_first_and_nobody_is_offered_twice() -> None:
    start = NOW + timedelta(days=2)
    one = decide_offer([entry("b", 5), entry("a", 1)], "", start, start.date(), NOW)
    assert one is not None and one.entry_id == "a"
    assert decide_offer([replace(one, version=1)], "", start, start.date(), NOW) is None


def test_a_time_that_is_too_near_or_on_another_day_or_with_somebody_else_is_nobodys() -> None:
    soon, later = NOW + NOTICE - timedelta(minutes=1), NOW + timedelta(days=9)
    assert decide_offer([entry("a")], "", soon, soon.date(), NOW) is None
    assert decide_offer([entry("a")], "", later, later.date(), NOW) is None
    tomorrow = NOW + timedelta(days=1)
    assert decide_offer([entry("a", practitioner="njeri")], "kamau", tomorrow, tomorrow.date(), NOW) is None
    assert decide_offer([entry("a", practitioner="njeri")], "njeri", tomorrow, tomorrow.date(), NOW) is not None


def test_one_caller_does_not_fill_the_diary() -> None:
    call = Conversation()
    for hour in ("nine", "ten", "eleven"):
        call.book(f"next Thursday at {hour} in the morning", name=f"Person {hour}")
    for hour in ("nine", "ten"):
        call.book(f"next Friday at {hour} in the morning", name=f"Person {hour}")
    refused = call.propose("next Friday at eleven in the morning", name="Person Six")
    assert refused.payload["code"] == "too_many"


def test_a_withheld_number_books_twice_a_call_at_most() -> None:
    call = Conversation(a_number=None)
    for hour in ("nine", "ten"):
        call.book(f"next Thursday at {hour} in the morning", name=f"Person {hour}")
    assert call.propose("next Thursday at eleven in the morning").payload["code"] == "too_many"


def refused_days(when: str, language: str = "en") -> ToolResult:
    call = Conversation(language=language)
    result = call.tool("proposeWaitingList", {"service": "cleaning", "when": when, "name": "Juma Mwangi"})
    assert "nonce" not in result.payload
    return result


@pytest.mark.parametrize("when", ["15 June 2027", "15 June 2027 at ten in the morning"])
def test_nobody_waits_for_a_day_beyond_the_diary(when: str) -> None:
    assert refused_days(when).payload["status"] == "too_far"


@pytest.mark.parametrize("when", ["29 November 2026", "29 November 2026 at ten in the morning"])
def test_nobody_waits_for_a_day_on_which_we_are_closed(when: str) -> None:
    result = refused_days(when)
    assert result.payload["status"] == "closed"
    assert "closed" in str(result.payload["say"])


@pytest.mark.parametrize(
    ("language", "when", "span"), [("en", "next week", ", from "), ("sw", "wiki ijayo", ", kuanzia ")]
)
def test_days_stand_in_the_sentence_as_part_of_it(language: str, when: str, span: str) -> None:
    call = Conversation(language=language)
    proposed = call.tool("proposeWaitingList", {"service": "cleaning", "when": when, "name": "Juma Mwangi"})
    assert span in str(proposed.payload["say"])
