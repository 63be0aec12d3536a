"""Spending caps and the wallet at each place from which a telephone is rung: the API, deliveries, hand-offs."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from functions.api.calls import CallDesk, Exchange
from functions.api.schemas import CallAccepted, NewCall
from functions.proactive.messenger import Messenger, Reach
from pokea.adapters.exchange import exchange_of
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.billing.spend import EXPECTED_S, RESERVATION, HoldState, committed
from pokea.billing.spend_ledger import SpendLedger
from pokea.billing.wallet import ACCOUNT, WALLET, WALLET_KEY, Balance, Standing, Wallet, read, standing_at
from pokea.billing.wallet_book import WalletBook, WatchedTelephony
from pokea.calls import Call, CallStatus
from pokea.delivery_calls import DELIVERY_CALL, EVENT, MAX_ATTEMPTS, CallOutcome, DeliveryCall
from pokea.errors import CallError, Conflict, Denied, Unavailable
from pokea.money import MICROS
from pokea.profile import Profile
from pokea.sautikit.labels import attempt_session, label_of
from pokea.shipments import SHIPMENT
from pokea.stored_shipments import StoredShipments
from pokea.transfer import handoff_label
from tests.fakes.conversation import SATURDAY
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.support.control_plane import LINE, LINES, PROFILES, SESSION, ControlPlane
from tests.support.dialling import DiallingPlane
from tests.support.handed_over import HandOver
from tests.support.spending import DECK, USUAL, Books, business, cost
from tests.unit.pokea.shipment_samples import COURIER, PARCEL

CALLBACK = "https://api.example.com/voice/secret"
BUSINESS = LINE.business_id
_names = itertools.count()


class RestSide:
    """The carrier behind httpx: `answers` first, then it accepts what it is asked for."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else httpx.Response(201, json={"call_id": f"c{self.asked}"})
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Office:
    """A business that places calls through the API."""

    profile: Profile
    calls: MemoryCallStore = field(default_factory=MemoryCallStore)

    def __post_init__(self) -> None:
        self.books = Books(self.profile)
        self.rest = RestSide()
        self.wallet = WalletBook(lambda: self.books.store, self.books.clock)
        carrier = Carrier(CarrierSettings("k", "https://carrier.test"), httpx.MockTransport(self.rest))
        exchange = Exchange(
            self.calls,
            WatchedTelephony(carrier, self.wallet),
            self.books.store,
            self.books.ledger,
            self.wallet.standing,
        )
        self.desk = CallDesk(
            exchange=lambda: exchange,
            lines=LINES,
            profiles=lambda: {BUSINESS: self.profile},
            voice_callback_url=lambda: CALLBACK,
            clock=self.books.clock,
        )

    def ring(self, key: object, to: str = str(USUAL)) -> CallAccepted:
        return self.desk.place(NewCall(to=to), BUSINESS, str(key))

    def refused(self, key: object, to: str = str(USUAL)) -> str:
        """The code of the refusal; "" if the call was taken."""
        try:
            self.ring(key, to)
        except CallError as refusal:
            return refusal.code
        return ""

    def attempt(self, key: object) -> Call | None:
        return self.calls.call(attempt_session(label_of(BUSINESS, str(key))))

    def held(self) -> int:
        return committed(self.books.day, self.books.clock.now())[0]


def test_a_call_over_the_cap_is_refused_before_the_carrier_hears_of_it() -> None:
    office = Office(business(daily=20))
    assert [office.refused(n) for n in range(3)] == ["", "spend_cap", "spend_cap"]
    assert office.rest.asked == 1
    assert office.refused(0) == ""  # asked again about a call that rings


def test_the_same_key_works_on_the_day_after_the_cap() -> None:
    office = Office(business(daily=20))
    assert [office.refused(n) for n in range(2)] == ["", "spend_cap"]
    office.books.clock.advance(24 * 3_600)
    assert (office.refused(1), office.rest.asked) == ("", 2)
    assert office.ring(1).call_id == "c2"


def test_the_same_key_works_once_the_books_can_be_written_again() -> None:
    office = Office(business(daily=100))
    contended = [Conflict("stale")] * 24
    apply = office.books.store.apply

    def crowded(change: Any) -> None:
        if contended:
            raise contended.pop()
        apply(change)

    office.books.store.apply = crowded
    assert (office.refused("order-7"), office.rest.asked) == ("spend_contended", 0)
    assert (office.refused("order-7"), office.rest.asked) == ("", 1)
    assert office.held() == cost(USUAL, EXPECTED_S)


def test_a_refusal_of_the_carriers_is_final_for_its_key_and_reserves_nothing() -> None:
    office = Office(business(daily=100))
    office.rest.answers = [httpx.Response(403)]
    assert office.refused(1) != ""
    assert (office.refused(1), office.rest.asked, office.held()) == ("call_refused", 1, 0)


def test_the_same_key_is_reserved_once() -> None:
    office = Office(business(daily=100))
    assert office.ring("order-7") == office.ring("order-7")
    assert office.held() == cost(USUAL, EXPECTED_S)


@pytest.mark.parametrize(
    "answer", [httpx.Response(403), httpx.Response(429), httpx.Response(409), httpx.ConnectError("no")]
)
def test_a_call_that_the_carrier_did_not_place_costs_nothing(answer: httpx.Response | Exception) -> None:
    office = Office(business(daily=100))
    office.rest.answers = [answer]
    assert office.refused(1) != ""
    assert office.held() == 0


def test_a_call_of_which_the_carrier_said_nothing_stays_reserved_and_is_given_up() -> None:
    office = Office(business(daily=100))
    office.rest.answers = [httpx.ReadTimeout("15 s")]
    assert office.ring(1).status == "unknown"
    assert office.held() == cost(USUAL, EXPECTED_S)
    (reservation,) = office.books.store.all_records(RESERVATION)
    assert reservation.state is HoldState.UNSURE
    office.books.clock.advance(3_601)
    assert office.held() == 0


def test_a_number_that_nobody_can_price_is_refused_while_there_is_a_cap() -> None:
    assert Office(business(daily=100)).refused(1, "+447400123456") == "no_price"
    assert Office(business()).refused(1, "+447400123456") == ""


def test_an_empty_wallet_is_said_before_the_carrier_is_asked_and_the_same_key_works_later() -> None:
    office = Office(business())
    office.wallet.change(lambda wallet: read(wallet, Balance(0, "KES", None), 0, office.books.clock.now()))
    with pytest.raises(Denied, match="top it up") as caught:
        office.ring("order-7")
    assert (caught.value.code, office.rest.asked) == ("wallet_empty", 0)
    office.wallet.change(lambda wallet: read(wallet, Balance(9 * MICROS, "KES", None), 0, office.books.clock.now()))
    assert office.refused("order-7") == ""


def test_a_low_wallet_and_one_that_nobody_has_read_let_a_call_through_that_somebody_wants() -> None:
    office = Office(business())
    office.wallet.change(lambda wallet: read(wallet, Balance(9, "KES", 100), 0, office.books.clock.now()))
    assert office.wallet.standing() is Standing.LOW
    assert office.refused(1) == ""
    office.books.clock.advance(3_600)
    assert office.wallet.standing() is Standing.UNKNOWN
    assert office.refused(2) == ""


def test_a_refusal_for_want_of_money_marks_the_wallet_empty_at_once() -> None:
    """F4.9, the row 402: the next call does not even ask."""
    office = Office(business())
    office.rest.answers = [httpx.Response(402, json={"error": {"code": "wallet_insufficient_funds"}})]
    assert [office.refused(1), office.refused(2)] == ["wallet.insufficient_funds", "wallet_empty"]
    assert office.rest.asked == 1
    office.books.clock.advance(901)  # nobody reads the wallet: it is asked again, and believed again
    assert office.refused(3) == ""


def test_a_wallet_that_cannot_be_written_does_not_hide_the_refusal() -> None:
    class Broken(MemoryStore):
        def apply(self, change: Any) -> None:
            raise Unavailable("store_unavailable")

    book = WalletBook(lambda: Broken(), Office(business()).books.clock)

    class Refusing:
        def place_call(self, **wish: Any) -> Any:
            raise Denied("wallet.insufficient_funds")

    with pytest.raises(Denied):
        WatchedTelephony(Refusing(), book).place_call(  # type: ignore[arg-type]
            from_number=LINE.number, to_number=USUAL, voice_callback_url="", client_request_id="", idempotency_key=""
        )


# --- deliveries ------------------------------------------------------------------------------------------------------------------


class Courier:
    """Rings recipients; what waits for money is kept in `waiting`."""

    def __init__(self, profile: Profile = COURIER, waits: bool = True) -> None:
        self.books = Books(profile)
        self.books.clock.advance((SATURDAY - self.books.clock.now()).total_seconds())
        self.store, self.calls, self.rest = self.books.store, MemoryCallStore(), RestSide()
        self.wallet = WalletBook(lambda: self.store, self.books.clock)
        self.waiting: list[str] = []
        carrier = Carrier(CarrierSettings("k", "https://carrier.test"), httpx.MockTransport(self.rest))
        reach = Reach(
            self.calls, self.store, WatchedTelephony(carrier, self.wallet), self.books.ledger, self.wallet.standing
        )
        more: dict[str, Any] = {"wait": self.waiting.append} if waits else {}
        self._messenger = Messenger(
            reach=lambda: reach,
            profiles={profile.business_id: profile},
            shipments=lambda profile, store: StoredShipments(store, profile.business_id),
            voice_callback_url=lambda: CALLBACK,
            clock=self.books.clock,
            log=Log(f"guarded-{next(_names)}", io.StringIO()),
            **more,
        )
        self.store.put(SHIPMENT.of(PARCEL))
        self.event = json.dumps(
            {"detail-type": EVENT, "detail": {"business": COURIER.business_id, "shipment": PARCEL.tracking_id}}
        )

    def take(self) -> None:
        self._messenger.take(self.event, "e")

    def balance(self, shillings: int) -> None:
        reading = Balance(shillings * MICROS, "KES", 500 * MICROS)
        self.wallet.change(lambda wallet: read(wallet, reading, 0, self.books.clock.now()))

    @property
    def outcome(self) -> DeliveryCall | None:
        found: DeliveryCall | None = self.store.record(DELIVERY_CALL, COURIER.business_id, PARCEL.tracking_id)
        return found


@pytest.mark.parametrize("balance", [0, 499])
def test_a_delivery_waits_for_money_and_is_rung_once_it_is_there(balance: int) -> None:
    courier = Courier()
    courier.balance(balance)
    for _ in range(10):  # far more than the queue's own five deliveries
        courier.take()
    assert (courier.rest.asked, courier.waiting, courier.outcome) == (0, [courier.event] * 10, None)
    courier.balance(700)
    courier.take()
    assert courier.outcome is not None and courier.outcome.outcome is CallOutcome.PLACED


def test_a_delivery_that_the_carrier_refused_for_want_of_money_is_rung_later() -> None:
    courier = Courier()
    courier.rest.answers = [httpx.Response(402)]
    courier.take()
    courier.take()
    assert (courier.rest.asked, len(courier.waiting)) == (1, 2)
    courier.balance(700)
    courier.take()
    assert courier.outcome is not None and courier.outcome.outcome is CallOutcome.PLACED
    assert courier.rest.asked == 2


def test_a_carrier_that_always_wants_money_is_not_asked_for_ever() -> None:
    courier = Courier()
    courier.rest.answers = [httpx.Response(402)] * 99
    for _ in range(20):
        courier.take()
        courier.books.clock.advance(1)
        courier.balance(9_000)
    assert courier.rest.asked == MAX_ATTEMPTS + 1
    assert courier.outcome is not None and courier.outcome.outcome is CallOutcome.REFUSED


def test_a_delivery_that_waited_past_the_calling_hours_is_not_rung_at_night() -> None:
    courier = Courier()
    courier.balance(0)
    courier.take()
    courier.books.clock.advance(11 * 3_600)
    courier.balance(9_000)
    courier.take()
    assert courier.rest.asked == 0
    assert courier.outcome is not None and courier.outcome.reason == "outside_hours"


def test_a_recipient_who_was_rung_is_not_waited_for() -> None:
    courier = Courier()
    courier.take()
    courier.balance(0)
    courier.take()
    assert (courier.waiting, courier.rest.asked) == ([], 1)


def test_without_a_queue_to_wait_in_the_message_comes_back_by_itself() -> None:
    courier = Courier(waits=False)
    courier.balance(0)
    with pytest.raises(Unavailable) as caught:
        courier.take()
    assert caught.value.code == "wallet_low"


def test_a_wallet_that_nobody_has_read_holds_nothing_back() -> None:
    courier = Courier()
    courier.balance(0)
    courier.books.clock.advance(901)
    courier.take()
    assert courier.rest.asked == 1


def test_a_delivery_over_the_cap_is_kept_as_refused() -> None:
    courier = Courier(business(daily=10, base=COURIER))
    courier.take()
    assert courier.outcome is not None
    assert (courier.outcome.outcome, courier.outcome.reason) == (CallOutcome.REFUSED, "spend_cap")
    assert (courier.rest.asked, courier.waiting) == (0, [])


def test_books_that_cannot_be_written_open_the_way_to_another_attempt() -> None:
    courier = Courier(business(daily=100, base=COURIER))
    contended = [Conflict("stale")] * 24
    apply = courier.store.apply

    def crowded(change: Any) -> None:
        if contended and any(stored.kind is RESERVATION for stored in change.records):
            raise contended.pop()
        apply(change)

    courier.store.apply = crowded
    with pytest.raises(Unavailable):
        courier.take()
    courier.take()
    assert courier.outcome is not None and courier.outcome.outcome is CallOutcome.PLACED


# --- hand-offs -------------------------------------------------------------------------------------------------------------------


def guarded(plane: ControlPlane, profile: Profile) -> Books:
    books = Books(profile, store=plane.bookings, clock=plane.clock)
    plane.reach = replace(plane.reach, guard=books.ledger)
    return books


def used_up(books: Books) -> None:
    books.settle("before", 10_000 * MICROS)


def test_a_caller_is_put_through_while_the_cap_is_not_used_up() -> None:
    over = HandOver()
    books = guarded(over.plane, business(daily=1))
    assert over.hand_over()["payload"]["status"] == "connecting"
    assert len(over.plane.rung) == 1
    label = over.plane.rung[0]["client_request_id"]
    assert books.store.record(RESERVATION, BUSINESS, label) is not None
    assert label == handoff_label(BUSINESS, over.stored.handoff_id)


def test_a_caller_is_offered_a_message_once_the_cap_is_used_up() -> None:
    over = HandOver()
    used_up(guarded(over.plane, business(daily=1)))
    result = over.hand_over()["payload"]
    assert (result["status"], over.plane.rung) == ("failed", [])
    assert result["then"]["yes"]["tool"] == "proposeMessage"


def test_word_for_the_carrier_is_reserved_too_and_refused_once_the_cap_is_used_up() -> None:
    plane = DiallingPlane()
    over = HandOver(plane)
    books = guarded(plane, business(daily=1))
    assert over.hand_over()["payload"]["status"] == "connecting"
    assert books.store.record(RESERVATION, BUSINESS, handoff_label(BUSINESS, over.stored.handoff_id)) is not None
    plane = DiallingPlane()
    over = HandOver(plane)
    used_up(guarded(plane, business(daily=1)))
    assert over.hand_over()["payload"]["status"] == "failed"
    call = plane.calls.call(SESSION)
    assert call is not None and call.onward is None


def test_word_that_the_carrier_acted_upon_keeps_its_reservation() -> None:
    plane = DiallingPlane()
    over = HandOver(plane)
    books = guarded(plane, business(daily=100))
    over.hand_over()
    exchange = exchange_of(plane.reach, PROFILES[BUSINESS])
    late = replace(over.stored, handoff_id="b" * 24)
    kept = committed(books.day, books.clock.now())[0]
    plane.ring("StreamStopped")  # the carrier dials now
    plane.ring("Completed")
    for handoff in (over.stored, late):
        with pytest.raises(Conflict):
            exchange.leave_word(handoff, "x")
    assert committed(books.day, books.clock.now())[0] >= kept > 0


def test_word_for_a_call_that_is_over_costs_nothing() -> None:
    plane = DiallingPlane()
    over = HandOver(plane)
    plane.answers = [httpx.Response(403)]
    books = guarded(plane, business(daily=100))
    over.hand_over()
    handoff = replace(over.stored, handoff_id="c" * 24)
    call = plane.calls.call(SESSION)
    assert call is not None
    plane.calls.put_call(replace(call, status=CallStatus.COMPLETED, onward=None))
    before = committed(books.day, books.clock.now())[0]
    with pytest.raises(Conflict):
        exchange_of(plane.reach, PROFILES[BUSINESS]).leave_word(handoff, "x")
    assert committed(books.day, books.clock.now())[0] == before


def test_a_ledger_in_trouble_leaves_the_caller_with_the_agent() -> None:
    class Down(SpendLedger):
        def admit(self, *_: Any, **__: Any) -> None:
            raise Unavailable("store_unavailable")

    over = HandOver()
    down = Down(
        store=lambda: over.plane.bookings, profiles=lambda: PROFILES, deck_of=lambda _: DECK, tell=lambda _: None
    )
    over.plane.reach = replace(over.plane.reach, guard=down)
    assert over.hand_over()["payload"]["status"] == "failed"
    assert over.plane.rung == []


def test_the_record_of_the_wallet_is_no_business_s() -> None:
    store = MemoryStore()
    store.put(WALLET.of(Wallet(standing=Standing.OK, read_at=SATURDAY)))
    assert standing_at(store.record(WALLET, ACCOUNT, WALLET_KEY), SATURDAY + timedelta(minutes=1)) is Standing.OK
    assert store.record(WALLET, BUSINESS, WALLET_KEY) is None
