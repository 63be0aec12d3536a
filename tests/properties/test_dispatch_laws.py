"""Laws of deliveries: what is said back is understood again, wishes are carried out once, and one parcel leads to one call."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.proactive.messenger import Messenger, Reach
from pokea import tracking_ids
from pokea.adapters.observability import Log
from pokea.clock import ManualClock
from pokea.delivery_calls import DELIVERY_CALL, EVENT, CallOutcome
from pokea.errors import CallError, Conflict, Denied, Indeterminate, Unavailable
from pokea.ids import CallId, IntentKey, SessionId
from pokea.money import Money
from pokea.phone_numbers import E164, parse
from pokea.shipments import NEXT, SHIPMENT, Report, Shipment, ShipmentStatus, reported
from pokea.spoken import amounts as said_amounts
from pokea.spoken import numbers as said_numbers
from pokea.stored_shipments import StoredShipments
from pokea.tracking_ids import Pattern, Understood, check_digit
from tests.fakes.conversation import AMINA, SATURDAY
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.support.sizes import examples
from tests.unit.pokea.shipment_samples import COURIER, ID, PARCEL

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_names = itertools.count()


@st.composite
def ids(draw: st.DrawFn) -> tuple[str, Pattern]:
    """An id and a pattern that it fits, with or without a check digit."""
    kinds = draw(st.text("ad", min_size=4, max_size=12).filter(lambda kinds: "d" in kinds))
    body = "".join(draw(st.sampled_from(LETTERS if kind == "a" else "0123456789")) for kind in kinds)
    return (body + check_digit(body), Pattern(kinds + "c")) if draw(st.booleans()) else (body, Pattern(kinds))


@settings(max_examples=examples(30, 300))
@given(ids(), st.sampled_from(["en", "sw"]))
def test_an_id_spoken_back_is_understood_as_itself(drawn: tuple[str, Pattern], language: str) -> None:
    tracking_id, pattern = drawn
    assert tracking_ids.understand(tracking_ids.spoken(tracking_id, language), pattern, language) == Understood(
        tracking_id
    )


@settings(max_examples=examples(20, 200))
@given(ids(), st.sampled_from(["en", "sw"]), st.lists(st.sampled_from(["um", "to", "blah", "mara"]), max_size=3))
def test_noise_never_makes_another_id_of_it(drawn: tuple[str, Pattern], language: str, noise: list[str]) -> None:
    tracking_id, pattern = drawn
    said = " ".join([*noise, tracking_ids.spoken(tracking_id, language), *noise])
    found = tracking_ids.understand(said, pattern, language)
    assert found == Understood(tracking_id) or isinstance(found, tracking_ids.Doubt)


@settings(max_examples=examples(20, 200))
@given(st.text(max_size=80), ids())
def test_any_text_is_answered_with_a_fitting_id_or_a_question(text: str, drawn: tuple[str, Pattern]) -> None:
    found = tracking_ids.understand(text, drawn[1])
    candidates = (found.tracking_id,) if isinstance(found, Understood) else found.candidates
    assert all(drawn[1].is_valid(candidate) for candidate in candidates)


@given(
    st.one_of(st.integers(0, 99_999), st.integers(0, 99_999_999)),
    st.integers(0, 99),
    st.sampled_from(["KES", "UGX", "USD", "GHS"]),
    st.sampled_from(["en", "sw"]),
)
def test_an_amount_spoken_back_is_understood_as_itself(whole: int, cents: int, currency: str, language: str) -> None:
    amount = Money(whole * 1_000_000 + (0 if currency == "UGX" else cents * 10_000), currency)
    country = "UG" if currency == "UGX" else "KE"
    found = said_amounts.understand(said_amounts.spoken(amount, language).replace("Uganda", ""), country, language)
    assert found == said_amounts.Understood(amount)


@settings(max_examples=examples(20, 200))
@given(st.sampled_from(["+2547", "+2541"]), st.integers(0, 99_999_999), st.sampled_from(["en", "sw"]))
def test_a_number_spoken_back_is_understood_as_itself(start: str, rest: int, language: str) -> None:
    try:
        number = parse(f"{start}{rest:08d}", "KE")
    except CallError:
        return
    assert said_numbers.understand(
        said_numbers.spoken(number, "KE", language), "KE", language
    ) == said_numbers.Understood(number)


# --- wishes and reports ---------------------------------------------------------------------------------------------------------

WISHES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 9)), max_size=20)


@given(WISHES)
def test_a_wish_is_carried_out_once_however_often_and_in_whatever_order_it_is_repeated(
    wishes: list[tuple[str, int]],
) -> None:
    book, seen = _book(), dict[str, int]()
    for intent, days in wishes:
        days = seen.setdefault(intent, days)  # an intent names one wish
        on = date(2026, 11, 21) + timedelta(days=days)
        book.reschedule(IntentKey(intent), ID, on=on, window="", address=None, at=SATURDAY)
    after = book.find(ID)
    assert after is not None
    assert after.intents == tuple(seen)
    if seen:
        assert after.deliver_on == date(2026, 11, 21) + timedelta(days=list(seen.values())[-1])
    assert after.version == 1 + len(seen)


@given(st.lists(st.sampled_from(list(ShipmentStatus)), max_size=12))
def test_nothing_leads_back_out_of_an_end(states: list[ShipmentStatus]) -> None:
    shipment: Shipment = replace(PARCEL, status=ShipmentStatus.CREATED)
    for state in states:
        report = Report(business_id=PARCEL.business_id, tracking_id=ID, says={"status": state})
        try:
            after = reported(shipment, report, SATURDAY)
        except Conflict:
            assert state not in NEXT[shipment.status]
            continue
        assert not shipment.is_over or after is shipment
        assert (after is shipment) == (after.status is shipment.status)
        shipment = after


def _book() -> StoredShipments:
    store = MemoryStore()
    store.put(SHIPMENT.of(PARCEL))
    return StoredShipments(store, COURIER.business_id)


# --- one parcel, one call ---------------------------------------------------------------------------------------------------------


class Carrier:
    """Answers with what it is told to, then with success; counts what rings."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = list(answers)
        self.rang: list[E164] = []

    def place_call(self, **wish: Any) -> Any:
        answer = self._answers.pop(0) if self._answers else "ok"
        if answer == "unavailable":
            raise Unavailable("carrier_busy")
        if answer == "denied":
            raise Denied("wallet.insufficient_funds")
        self.rang.append(wish["to_number"])
        if answer == "lost":
            raise Indeterminate("carrier_timeout")
        return Placed()


class Placed:
    call_id = CallId("c1")
    session_id = SessionId("HD_1")


def messenger(store: MemoryStore, calls: MemoryCallStore, carrier: Any) -> Messenger:
    return Messenger(
        reach=lambda: Reach(calls, store, carrier),
        profiles={COURIER.business_id: COURIER},
        shipments=lambda profile, store: StoredShipments(store, profile.business_id),
        voice_callback_url=lambda: "https://api.example.com/voice/secret",
        clock=ManualClock(SATURDAY),
        log=Log(f"laws-{next(_names)}", io.StringIO()),
    )


def event(tracking_id: str = ID) -> str:
    detail = {"business": COURIER.business_id, "shipment": tracking_id}
    return json.dumps({"detail-type": EVENT, "source": "pokea", "detail": detail})


@settings(deadline=None, max_examples=examples(25, 250))
@given(
    st.lists(st.sampled_from(["KL4706", "MB2155", "ZZ9991"]), min_size=1, max_size=12),
    st.lists(st.sampled_from(["ok", "unavailable", "denied", "lost"]), max_size=6),
)
def test_events_again_and_in_any_order_ring_each_recipient_once(events: list[str], answers: list[str]) -> None:
    store, calls, carrier = MemoryStore(), MemoryCallStore(), Carrier(answers)
    for number, tracking_id in enumerate(("KL4706", "MB2155", "ZZ9991")):
        own = E164(f"+25473300010{number}")
        store.put(SHIPMENT.of(replace(PARCEL, tracking_id=tracking_id, numbers=(own,))))
    desk = messenger(store, calls, carrier)
    for tracking_id in events:
        for _ in range(7):  # as often as a queue delivers
            try:
                desk.take(event(tracking_id), "e")
            except Unavailable:
                continue
            break
    assert len(set(carrier.rang)) == len(carrier.rang)
    for tracking_id in set(events):
        kept = store.record(DELIVERY_CALL, COURIER.business_id, tracking_id)
        assert kept is not None
        assert kept.outcome in (CallOutcome.PLACED, CallOutcome.UNKNOWN, CallOutcome.REFUSED)


@pytest.mark.parametrize("again", [1, 5])
def test_a_carrier_that_placed_nothing_is_asked_again(again: int) -> None:
    store, calls, carrier = MemoryStore(), MemoryCallStore(), Carrier(["unavailable"] * again)
    store.put(SHIPMENT.of(PARCEL))
    desk = messenger(store, calls, carrier)
    for _ in range(again):
        with pytest.raises(Unavailable):
            desk.take(event(), "e")
    desk.take(event(), "e")
    desk.take(event(), "e")
    assert carrier.rang == [AMINA]
