"""A business's own system over a real socket: the support agent reads and writes there, and says what is true when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from pokea.verification import TRIES, target_of
from tests.support.business_system import Trouble
from tests.support.customers import OWN, PIN
from tests.support.outside import business_system, outside, verified
from tests.support.phone import Phone

CHANGED_NOTHING = "nothing has been changed"
TELLS_NOT = "I do not know yet whether that was done"


def test_a_whole_call_works_against_the_businesss_own_system() -> None:
    system = business_system()
    with outside(system) as plane:
        phone = verified(plane)
        assert "one thousand two hundred and fifty shillings and fifty cents" in phone.tool("accountStatus")["say"]
        assert phone.tool("orderStatus")["reference"] == "7301"
        done = phone.commit(phone.tool("proposeTicket", problem="slow"))
        assert done["status"] == "ticket_opened"
    assert [ticket["account_id"] for ticket in system.tickets.values()] == [OWN]
    keys = [key for method, path, key in system.requests if method == "POST" and path.endswith("tickets")]
    assert len(keys) == 1
    assert len(keys[0]) == 32


def test_the_pin_is_asked_of_the_system_and_stands_in_no_url_or_log() -> None:
    system = business_system()
    with outside(system) as plane:
        phone = Phone(plane, "support")
        phone.tool("verifyCaller", reference=OWN)
        assert phone.tool("verifyCaller", keys="8642")["code"] == "no_match"
        assert "8642" not in plane.logged.getvalue()
    assert not any("8642" in path for _, path, _ in system.requests)


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.BUSY, Trouble.RESET, Trouble.BAD_JSON, Trouble.SLOW])
def test_what_cannot_be_read_is_said_to_be_so(trouble: Trouble) -> None:
    system = business_system(slow_s=1.0)
    with outside(system, budget_s=1.2, timeout_s=0.5) as plane:
        phone = verified(plane)
        system.always = trouble
        told = phone.tool("accountStatus", topic="balance")
        assert told["status"] == "unknown"
        assert "cannot reach our system" in told["say"]
        assert told["then"]["yes"] == {"tool": "proposeMessage", "arguments": {}}


def propose(plane: Any, system: Any) -> tuple[Phone, dict[str, Any]]:
    phone = verified(plane)
    proposed = phone.tool("proposeTicket", problem="slow")
    assert proposed["status"] == "proposed"
    return phone, proposed


@pytest.mark.parametrize("trouble", [Trouble.LOST_REPLY, Trouble.BAD_JSON, Trouble.ERROR, Trouble.RESET])
def test_a_reply_that_is_lost_once_is_asked_for_again_and_the_ticket_is_one(trouble: Trouble) -> None:
    system = business_system()
    with outside(system) as plane:
        phone, proposed = propose(plane, system)
        system.troubles.append(trouble)
        assert phone.commit(proposed)["status"] == "ticket_opened"
    assert len(system.tickets) == 1


def test_a_write_that_was_refused_says_that_nothing_was_changed() -> None:
    system = business_system()
    with outside(system, budget_s=0.4) as plane:
        phone, proposed = propose(plane, system)
        system.always = Trouble.BUSY
        told = phone.commit(proposed)
        assert told["status"] == "unknown"
        assert CHANGED_NOTHING in told["say"]
    assert system.tickets == {}


def test_a_write_of_which_nothing_is_known_says_so_and_is_finished_when_asked_again() -> None:
    system = business_system()
    with outside(system) as plane:
        phone, proposed = propose(plane, system)
        system.troubles.extend([Trouble.LOST_REPLY] * 3)
        told = phone.commit(proposed)
        assert told["status"] == "unknown"
        assert TELLS_NOT in told["say"]
        assert told["then"]["yes"]["tool"] == "commitProposal"
        again = phone.answer("commitProposal", told["then"]["yes"]["arguments"])["result"]["payload"]
        assert (again["status"], again["reference"]) == ("ticket_opened", "T000001")
    assert len(system.tickets) == 1


def test_a_private_address_is_not_asked_without_the_setting_for_desks() -> None:
    system = business_system()
    with outside(system, allow_private=False) as plane:
        told = Phone(plane, "support").tool("verifyCaller", reference="this number")
        assert told["status"] == "unknown"
    assert system.requests == []


def hyphenated() -> Any:
    """A business that writes KN-1042 and finds it under both spellings."""
    system = business_system()
    for spelling in ("KN1042", "KN-1042"):
        system.accounts[spelling] = {**system.accounts[OWN], "account_id": "KN-1042"}
        system.pins[spelling] = PIN
    return system


def test_a_ticket_is_opened_where_ids_have_a_hyphen() -> None:
    system = hyphenated()
    with outside(system) as plane:
        phone = Phone(plane, "support", "+254722000111")
        phone.tool("verifyCaller", reference="KN 1042")
        assert phone.tool("verifyCaller", keys=PIN)["status"] == "verified"
        assert phone.commit(phone.tool("proposeTicket", problem="slow"))["status"] == "ticket_opened"
    assert [ticket["account_id"] for ticket in system.tickets.values()] == ["KN-1042"]


def test_failures_count_for_the_account_however_it_was_claimed() -> None:
    with outside(hyphenated()) as plane:
        phone = Phone(plane, "support", "+254722000111")
        phone.tool("verifyCaller", reference="KN 1042")
        phone.tool("verifyCaller", keys="0000")
        targets = {tries.target for tries in plane.bookings.all_records(TRIES)}
    assert targets == {target_of("KN-1042")}


def test_an_account_that_answers_to_another_spelling_is_never_opened_by_it() -> None:
    """Else each spelling had its own ten tries a day at the same PIN."""
    system = business_system()
    system.accounts["01042"], system.pins["01042"] = system.accounts[OWN], PIN
    with outside(system) as plane:
        phone = Phone(plane, "support", "+254722000111")
        phone.tool("verifyCaller", reference="01042")
        assert phone.tool("verifyCaller", keys=PIN)["code"] == "no_match"


def test_what_the_system_cannot_tell_is_not_said_to_be_nothing() -> None:
    with outside(business_system()) as plane:  # without a path for outages
        phone = verified(plane)
        told = phone.tool("accountStatus")["say"]
        assert "Home 20" in told
        assert "outage" not in told
        assert phone.tool("accountStatus", topic="outage", area="")["status"] == "unknown"
