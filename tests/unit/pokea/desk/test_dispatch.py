"""The dispatch agent's tools, without audio: what callers hear and what stands in the store afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

import pytest

from pokea import agents
from pokea.agents import Desk
from pokea.backends import BackendDown
from pokea.consent import is_suppressed
from pokea.desk.base import Opening
from pokea.dispatch import WRONG_NAMES_A_PARCEL
from pokea.ids import SessionId
from pokea.phone_numbers import E164
from pokea.retention import Recording
from pokea.shipments import SHIPMENT, Shipment, ShipmentStatus
from pokea.spoken.number_words import EN_UNITS
from pokea.stored_shipments import StoredShipments
from pokea.toolkit import ToolResult
from pokea.tracking_ids import check_digit
from tests.fakes.books import books
from tests.fakes.conversation import AMINA, SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.unit.pokea.shipment_samples import COURIER, DRIVER, ID, NAME, OTHER, OTHER_ID, PARCEL, STRANGER, desk, stored

SPOKEN_ID = f"kilo lima four seven zero {EN_UNITS[int(ID[-1])]}"


def said(result: ToolResult) -> str:
    return cast(str, result.payload["say"])


def status(result: ToolResult) -> str:
    return cast(str, result.payload["status"])


def follow(result: ToolResult) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], result.payload["then"])


def answered(talk: Conversation, result: ToolResult, words: str) -> ToolResult:
    """The caller's words taken where the result's `then` says."""
    then = follow(result)
    return talk.tool(then["tool"], {**then["arguments"], then["fill"]: words})


def known(talk: Conversation) -> Conversation:
    """The caller has said the recipient's name."""
    assert status(talk.tool("reschedule", {"name": NAME})) == "ask"
    return talk


# --- where is my parcel ---------------------------------------------------------------------------------------------------------


def test_the_callers_latest_parcel_is_found_by_their_number() -> None:
    result = desk().tool("trackShipment")
    assert status(result) == "ok"
    assert "about 40 minutes away" in said(result)
    assert result.payload["eta_minutes"] == 40


def test_neither_name_nor_address_is_told_to_a_number_alone() -> None:
    payload = str(desk().tool("trackShipment").payload)
    assert PARCEL.address not in payload
    assert "Amina" not in payload


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (41, "about 40 minutes away"),
        (3, "about 3 minutes away"),
        (-4, "any minute"),
        (-45, "later than planned"),
        (240, "at about 2 o'clock in the afternoon"),
    ],
)
def test_the_arrival_is_told_as_people_say_it(minutes: int, words: str) -> None:
    parcel = replace(PARCEL, eta_at=SATURDAY + timedelta(minutes=minutes))
    assert words in said(desk(parcel).tool("trackShipment"))


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("state", list(ShipmentStatus))
def test_every_state_has_words_in_both_languages(state: ShipmentStatus, language: str) -> None:
    parcel = replace(PARCEL, status=state, eta_at=None, deliver_on=date(2026, 11, 24))
    talk = desk(parcel, language=language)
    assert status(talk.tool("trackShipment")) == "ok"
    changed = talk.tool("reschedule", {"name": NAME, "when": "tomorrow"})
    assert status(changed) == ("proposed" if parcel.is_movable else "refused")


def test_a_failed_delivery_leads_to_another_day() -> None:
    talk = desk(replace(PARCEL, status=ShipmentStatus.FAILED, eta_at=None))
    yes = follow(talk.tool("trackShipment"))["yes"]
    assert status(talk.tool(yes["tool"], yes["arguments"])) == "ask"


def test_a_number_without_parcels_is_asked_for_the_tracking_number() -> None:
    talk = desk(number=STRANGER)
    asked = talk.tool("trackShipment")
    named = answered(talk, asked, SPOKEN_ID)
    assert (follow(asked)["expect"], follow(named)["expect"]) == ("tracking", "name")
    told = answered(talk, named, NAME)
    assert "about 40 minutes away" in said(told)


def test_a_doubtful_number_is_asked_back_and_taken_after_a_yes() -> None:
    talk = desk()
    asked = talk.tool("trackShipment", {"trackingId": SPOKEN_ID.replace("zero", "blah zero", 1)})
    assert status(asked) == "ask"
    yes, no = follow(asked)["yes"], follow(asked)["no"]
    assert "about 40 minutes" in said(talk.tool(yes["tool"], yes["arguments"]))
    assert follow(talk.tool(no["tool"], no["arguments"]))["expect"] == "tracking"


def test_a_wrong_check_digit_is_never_corrected() -> None:
    wrong = ID[:-1] + str((int(ID[-1]) + 1) % 10)
    result = desk().tool("trackShipment", {"trackingId": wrong})
    assert status(result) == "ask"
    assert ID not in str(result.payload)


def test_after_several_unclear_numbers_a_person_is_offered() -> None:
    talk = desk()
    results = [talk.tool("trackShipment", {"trackingId": "where is it"}) for _ in range(4)]
    assert [status(result) for result in results] == ["ask", "ask", "ask", "refused"]
    assert follow(results[-1])["yes"]["tool"] == "handOver"


# --- another day, another place -------------------------------------------------------------------------------------------------


def test_another_day_is_proposed_heard_and_stored() -> None:
    talk = desk()
    named = answered(talk, talk.tool("reschedule", {"when": "Monday morning"}), NAME)
    assert "Monday the 23rd of November" in said(named)
    assert stored(talk) == replace(PARCEL, version=1)
    done = talk.commit(named)
    assert status(done) == "rescheduled"
    after = stored(talk)
    assert (after.deliver_on, after.window, after.eta_at) == (date(2026, 11, 23), "07:00-12:00", None)
    assert "planned for Monday" in said(talk.tool("trackShipment"))


def test_day_and_address_may_change_together() -> None:
    talk = desk()
    proposed = talk.tool("reschedule", {"name": NAME, "when": "tomorrow", "address": "Ngong Road 9"})
    assert "to Ngong Road 9" in said(proposed)
    talk.commit(proposed)
    after = stored(talk)
    assert (after.deliver_on, after.address, after.landmark) == (date(2026, 11, 22), "Ngong Road 9", "")


def test_a_second_yes_changes_nothing_more() -> None:
    talk = desk()
    proposed = talk.tool("reschedule", {"name": NAME, "when": "tomorrow"})
    talk.commit(proposed)
    once = stored(talk)
    talk.commit(proposed)
    assert stored(talk) == once


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        ("yesterday", "past"),
        ("today", "past"),
        ("the 20th of December", "too_far"),
        ("next week", "ask"),
        ("whatever suits", "ask"),
        ("25 December at night", "too_far"),
    ],
)
def test_a_day_that_cannot_be_had_is_said_and_asked_again(when: str, answer: str) -> None:
    talk = desk()
    result = talk.tool("reschedule", {"name": NAME, "when": when})
    assert status(result) == answer
    then = follow(result)
    assert (then["tool"], then["fill"]) == ("reschedule", "when")
    assert status(answered(talk, result, "Tuesday")) == "proposed"


def test_a_day_on_which_no_driver_is_out_is_refused() -> None:
    talk = desk()
    talk.clock.advance(30 * 86_400)
    assert status(talk.tool("reschedule", {"name": NAME, "when": "25 December"})) == "closed"


def test_a_time_of_day_is_not_promised() -> None:
    proposed = desk().tool("reschedule", {"name": NAME, "when": "Monday at three in the afternoon"})
    assert "3" not in said(proposed).replace("23rd", "")


def test_a_delivered_parcel_is_left_alone() -> None:
    talk = desk(replace(PARCEL, status=ShipmentStatus.DELIVERED))
    for tool in ("reschedule", "confirmAddress", "deliveryAnswer"):
        assert status(talk.tool(tool, {"name": NAME})) == "refused"
    assert talk.store.open_proposals(SessionId(talk.session)) == ()


def test_a_parcel_delivered_between_proposal_and_yes_is_not_said_to_be_moved() -> None:
    talk = desk()
    proposed = talk.tool("reschedule", {"name": NAME, "when": "tomorrow"})
    delivered = replace(stored(talk), status=ShipmentStatus.DELIVERED)
    cast(MemoryStore, talk.store).put(SHIPMENT.of(delivered))
    assert status(talk.commit(proposed)) == "refused"
    assert stored(talk).deliver_on is None


def test_the_address_is_read_back_and_confirmed() -> None:
    talk = known(desk())
    proposed = talk.tool("confirmAddress")
    assert "River Road 12" in said(proposed)
    assert "the blue gate" in said(proposed)
    assert status(talk.commit(proposed)) == "confirmed"
    assert stored(talk).address_confirmed


def test_a_no_to_the_address_leads_to_a_better_one_with_a_landmark() -> None:
    talk = known(desk())
    no = follow(talk.tool("confirmAddress"))["no"]
    asked = talk.tool(no["tool"], no["arguments"])
    near = answered(talk, asked, "Moi Avenue house number five")
    proposed = answered(talk, near, "opposite the church")
    assert status(talk.commit(proposed)) == "confirmed"
    after = stored(talk)
    assert (after.address, after.landmark, after.gate_notes) == (
        "Moi Avenue house number five",
        "opposite the church",
        "",
    )


def test_nobody_needs_to_name_a_landmark() -> None:
    talk = known(desk())
    proposed = talk.tool("confirmAddress", {"address": "Moi Avenue 5", "landmark": "no"})
    assert "Nearby" not in said(proposed)
    talk.commit(proposed)
    assert (stored(talk).address, stored(talk).landmark) == ("Moi Avenue 5", "")


def test_markup_is_no_address() -> None:
    talk = known(desk())
    for address in ("<Say>hello</Say>", "12", "x" * 121):
        assert status(talk.tool("confirmAddress", {"address": address, "landmark": "shop"})) == "ask"


def test_a_day_of_changes_is_enough() -> None:
    talk = known(desk())
    results = [talk.tool("reschedule", {"when": f"in {n} days"}) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10)]
    assert {status(result) for result in results[:8]} == {"proposed"}
    assert results[8].payload["code"] == "too_many"
    assert talk.store.open_proposals(SessionId(talk.session)) == ()


# --- who may --------------------------------------------------------------------------------------------------------------------


def test_changes_need_the_parcels_own_number_and_name() -> None:
    talk = desk(number=STRANGER)
    result = talk.tool("reschedule", {"trackingId": ID, "name": NAME, "when": "tomorrow"})
    assert (status(result), result.payload["code"]) == ("refused", "not_your_number")
    assert PARCEL.address not in str(result.payload)
    address = talk.tool("confirmAddress", {"trackingId": ID, "name": NAME})
    assert (status(address), address.payload["code"]) == ("refused", "not_your_number")


def test_a_wrong_name_an_unknown_id_and_anothers_parcel_are_one_answer() -> None:
    unknown = "ZZ999" + check_digit("ZZ999")
    answers = [
        desk(number=number).tool("trackShipment", {"trackingId": tracking_id, "name": "Somebody Else"}).payload
        for number, tracking_id in ((STRANGER, ID), (STRANGER, unknown), (AMINA, OTHER_ID), (None, ID), (None, unknown))
    ]
    assert all(payload == answers[0] for payload in answers)


def test_names_are_tried_three_times_in_a_call_and_six_times_a_day() -> None:
    store = MemoryStore()
    right = {"trackingId": ID, "name": NAME}
    for call in range(2):
        talk = desk(PARCEL, number=STRANGER, store=store)
        for name in ("Grace Wanjiru", "Peter Kamau", "Joyce Atieno"):
            assert status(talk.tool("trackShipment", {"trackingId": ID, "name": f"{name} {'ab'[call]}x"})) == "none"
        assert status(talk.tool("trackShipment", right)) == "none"
    assert status(desk(PARCEL, number=STRANGER, store=store).tool("trackShipment", right)) == "none"
    assert status(desk(PARCEL, number=E164("+254733000010"), store=store).tool("trackShipment", right)) == "ok"


@pytest.mark.parametrize("withheld", [True, False])
def test_names_for_one_parcel_are_tried_twelve_times_a_day_whoever_calls(withheld: bool) -> None:
    store = MemoryStore()
    for n in range(WRONG_NAMES_A_PARCEL):
        number = None if withheld else E164(f"+2547330001{n:02d}")
        talk = desk(number=number, store=store)
        assert (
            status(talk.tool("trackShipment", {"trackingId": f"={ID}", "name": f"Wrong {chr(65 + n)}name"})) == "none"
        )
    late = desk(number=STRANGER, store=store)
    assert status(late.tool("trackShipment", {"trackingId": f"={ID}", "name": NAME})) == "none"
    other = desk(number=STRANGER, store=store)
    assert status(other.tool("trackShipment", {"trackingId": f"={OTHER_ID}", "name": "Peter Kamau"})) == "ok"


def test_the_name_is_asked_once_in_a_call() -> None:
    talk = known(desk())
    assert status(talk.tool("reschedule", {"when": "tomorrow"})) == "proposed"
    assert status(talk.tool("confirmAddress")) == "proposed"


# --- drivers --------------------------------------------------------------------------------------------------------------------


def test_the_driver_hears_landmark_and_gate_notes_and_may_be_connected() -> None:
    result = desk(number=DRIVER).tool("findGate")
    assert "The blue gate. Ring twice" in said(result)
    assert follow(result)["no"] == {
        "tool": "handOver",
        "arguments": {"department": "dispatchers", "reason": "the driver cannot find the gate"},
    }
    assert NAME not in str(result.payload)


def test_a_driver_with_several_parcels_is_asked_which() -> None:
    talk = desk(PARCEL, replace(OTHER, driver_number=DRIVER, landmark="the petrol station"), number=DRIVER)
    asked = talk.tool("findGate")
    choices = cast(list[dict[str, str]], asked.payload["choices"])
    assert len(choices) == 2
    told = talk.tool("findGate", {"trackingId": choices[1]["value"]})
    assert "petrol station" in said(told)


def test_nobody_else_hears_how_to_get_in() -> None:
    for talk in (
        desk(),
        desk(number=STRANGER),
        desk(number=None),
        desk(replace(PARCEL, status=ShipmentStatus.DELIVERED), number=DRIVER),
    ):
        result = talk.tool("findGate", {"trackingId": ID})
        assert status(result) == "none"
        assert "blue gate" not in str(result.payload)


def test_without_notes_the_driver_is_connected() -> None:
    result = desk(replace(PARCEL, landmark="", gate_notes=""), number=DRIVER).tool("findGate")
    assert follow(result)["yes"]["tool"] == "handOver"


# --- the call ahead of a delivery -----------------------------------------------------------------------------------------------


def rung(talk: Conversation, **context: object) -> Opening | None:
    shipments = talk.shipments or StoredShipments(talk.store, COURIER.business_id)
    outside = Desk(talk.profile, talk.store, lambda: "id", *books(None, shipments))
    return agents.get("dispatch").opening(talk.caller(), outside, context, talk.clock.now())


def test_a_call_about_a_parcel_opens_with_it_and_names_nobody() -> None:
    talk = desk()
    opening = rung(talk, shipment=ID)
    assert opening is not None
    assert opening.greeting.endswith("about 40 minutes away. Will somebody be there to receive it?")
    assert not any(word in opening.greeting for word in ("Amina", "River", "gate"))
    assert opening.first == {"tool": "deliveryAnswer", "arguments": {}, "fill": "answer", "expect": "yes_no"}


@pytest.mark.parametrize(("language", "words"), [("en", "at about 5 o'clock"), ("sw", "unatarajiwa kufika")])
def test_hours_away_is_said_as_a_time_of_day(language: str, words: str) -> None:
    opening = rung(desk(replace(PARCEL, eta_at=SATURDAY + timedelta(minutes=420)), language=language), shipment=ID)
    assert opening is not None and words in opening.greeting
    assert "420" not in opening.greeting


def test_without_a_context_the_called_number_finds_the_parcel() -> None:
    assert rung(desk()) == rung(desk(), shipment=ID)


def test_a_call_is_never_about_somebody_elses_parcel() -> None:
    assert rung(desk(number=STRANGER), shipment=ID) is None
    assert rung(desk(), shipment=OTHER_ID) is None
    assert rung(desk(replace(PARCEL, status=ShipmentStatus.DELIVERED)), shipment=ID) is None


def test_a_business_that_asks_for_consent_asks_that_first() -> None:
    talk = desk()
    talk.profile = replace(talk.profile, recording=Recording.ASK)
    assert rung(talk, shipment=ID) is None
    talk.profile = replace(talk.profile, recording=Recording.NOTICE)
    opening = rung(talk, shipment=ID)
    assert opening is not None and "recorded" in opening.greeting


def test_a_yes_is_noted_for_the_driver_after_it_was_confirmed() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    proposed = talk.tool("deliveryAnswer", {"answer": "Yes, somebody will be there."})
    assert status(proposed) == "proposed"
    assert stored(talk).driver_notes == ()
    assert status(talk.commit(proposed)) == "confirmed"
    assert stored(talk).driver_notes == ("Somebody will be there to receive the parcel.",)


@pytest.mark.parametrize(
    ("language", "answers"),
    [
        ("en", ("no, nobody will be at home", "please bring it tomorrow")),
        ("sw", ("hapana, sitakuwepo", "niletee kesho mchana")),
    ],
)
def test_a_no_leads_to_another_day_without_asking_for_a_name(language: str, answers: tuple[str, str]) -> None:
    talk = desk(language=language)
    rung(talk, shipment=ID)
    asked = talk.tool("deliveryAnswer", {"answer": answers[0]})
    proposed = answered(talk, asked, answers[1])
    assert status(talk.commit(proposed)) == "rescheduled"
    assert stored(talk).deliver_on == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "please leave it with the neighbour"), ("sw", "tafadhali mwachie jirani")]
)
def test_a_neighbour_is_told_to_the_driver_in_the_callers_words(language: str, words: str) -> None:
    talk = desk(language=language)
    rung(talk, shipment=ID)
    proposed = answered(talk, talk.tool("deliveryAnswer", {"answer": "no" if language == "en" else "hapana"}), words)
    assert words in said(proposed)
    talk.commit(proposed)
    assert stored(talk).driver_notes == (words,)


def test_another_day_without_a_day_is_asked_for_and_noise_is_asked_again() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    assert follow(talk.tool("deliveryAnswer", {"answer": "on another day please"}))["fill"] == "when"
    assert follow(talk.tool("deliveryAnswer", {"answer": "hm what"}))["fill"] == "answer"


@pytest.mark.parametrize(
    "answer",
    [
        "hakuna shida", "ndiyo hakuna shida", "yes no problem", "kutakuwa na mtu", "naam", "eeh", "I am at home", "I am",
        "mke wangu atakuwepo", "nipo", "niko nyumbani", "hakutakuwa na shida", "yes my wife will be there at one",
        "yes, come at nine", "Sawa.", "yes I will", "we'll be there",
    ],
)  # fmt: skip
def test_every_way_to_say_that_somebody_is_there(answer: str) -> None:
    for language in ("en", "sw"):
        talk = desk(language=language)
        rung(talk, shipment=ID)
        proposed = talk.tool("deliveryAnswer", {"answer": answer})
        assert status(proposed) == "proposed"
        assert "Somebody will be there" in str(proposed.payload["arguments"])


@pytest.mark.parametrize(
    "answer",
    [
        "hapana", "hakutakuwa na mtu", "sipo", "sitakuwepo", "hakuna mtu", "hakuna", "nobody will be at home", "I am not at home",
        "no I will not be there", "I am at work", "I don't think I will be there", "nobody",
    ],
)  # fmt: skip
def test_every_way_to_say_that_nobody_is_there(answer: str) -> None:
    talk = desk()
    rung(talk, shipment=ID)
    assert said(talk.tool("deliveryAnswer", {"answer": answer})).startswith("Shall we bring it on another day")


@pytest.mark.parametrize("answer", ["yes no", "sijui kama nitakuwepo", "I am not sure I will be there", "purple"])
def test_what_says_neither_is_asked_twice_and_then_a_person_is_offered(answer: str) -> None:
    talk = desk()
    rung(talk, shipment=ID)
    results = [talk.tool("deliveryAnswer", {"answer": answer}) for _ in range(3)]
    assert [status(result) for result in results] == ["ask", "ask", "refused"]
    assert follow(results[-1])["yes"]["tool"] == "handOver"


def test_the_guard_is_understood_with_an_exclamation_mark() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    assert "leave it with the guard, please." in said(
        talk.tool("deliveryAnswer", {"answer": "leave it with the guard, please!"})
    )


def test_a_yes_with_another_day_is_another_day() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    proposed = talk.tool("deliveryAnswer", {"answer": "yes but bring it tomorrow"})
    assert "2026-11-22" in str(proposed.payload["arguments"])


def test_a_whole_week_is_no_day_yet() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    assert follow(talk.tool("deliveryAnswer", {"answer": "no, next week"}))["tool"] == "reschedule"


@pytest.mark.parametrize("tool", ["optOut", "deliveryAnswer"])
@pytest.mark.parametrize("number", [AMINA, None])
def test_a_recipient_can_ask_not_to_be_called_again(tool: str, number: E164 | None) -> None:
    talk = desk(number=number)
    done = talk.tool(tool, {"answer": "stop calling me"} if tool == "deliveryAnswer" else {})
    assert (status(done), done.end_call) == ("opted_out", True)
    assert is_suppressed(talk.store, COURIER.business_id, AMINA) is (number is not None)
    assert ("I cannot see your number" in said(done)) is (number is None)


def test_this_afternoon_is_no_other_day() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    assert "somebody will be there" in said(talk.tool("deliveryAnswer", {"answer": "yes, this afternoon"}))


def test_a_rung_number_does_not_hear_the_address_without_the_name() -> None:
    talk = desk()
    rung(talk, shipment=ID)
    asked = talk.tool("confirmAddress")
    assert follow(asked)["fill"] == "name"
    assert PARCEL.address not in str(asked.payload)


# --- a system that does not answer ----------------------------------------------------------------------------------------------


class DownBook:
    """A business's own system that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        def down(*_: Any, **__: Any) -> Shipment:
            raise BackendDown("backend_down", "nobody answers")

        return down


@pytest.mark.parametrize("language", ["en", "sw"])
def test_a_book_that_cannot_be_reached_is_said_honestly(language: str) -> None:
    talk = desk(language=language)
    talk.shipments = DownBook()
    for tool in ("trackShipment", "reschedule", "confirmAddress", "findGate", "deliveryAnswer"):
        assert status(talk.tool(tool, {"answer": "yes"} if tool == "deliveryAnswer" else {})) == "unknown"
    assert rung(talk, shipment=ID) is None


def test_a_commit_that_the_book_refuses_is_not_called_done() -> None:
    talk = desk()
    proposed = talk.tool("reschedule", {"name": NAME, "when": "tomorrow"})
    talk.shipments = DownBook()
    assert status(talk.commit(proposed)) == "unknown"
    assert stored(talk).deliver_on is None
