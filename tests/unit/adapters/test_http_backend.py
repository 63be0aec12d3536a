"""A business's own system, asked over HTTP: what is sent, what is tried again, what is said about what is not known."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pokea.accounts import Factor, OrderStatus, TicketStatus
from pokea.adapters.breaker import Breaker
from pokea.adapters.http_accounts import HttpAccounts
from pokea.adapters.http_backend import TRIES, Budget, HttpBackend, picked
from pokea.adapters.http_shipments import HttpShipments
from pokea.backends import Auth, Backend, BackendCannot, BackendDown, BackendUnsure, Unit
from pokea.errors import Conflict, Denied, Indeterminate, NotFound, Unavailable
from pokea.ids import BusinessId, IntentKey
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.shipments import ShipmentStatus

INTENT = IntentKey("0123456789abcdef0123456789abcdef")
NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
BUSINESS = BusinessId("kasi")
AMINA = E164("+254722000111")
PATHS = {
    "find": "/accounts/{reference}",
    "by_number": "/accounts?phone={number}",
    "verify": "/accounts/{reference}/verify",
    "orders": "/accounts/{reference}/orders",
    "tickets": "/accounts/{reference}/tickets",
    "outage": "/outages/{area}",
    "open_ticket": "/accounts/{reference}/tickets",
    "add_note": "/tickets/{ticket}/notes",
}
BACKEND = Backend(
    base_url="https://api.example.com/v1", paths=PATHS, auth=Auth.BEARER, secret="BACKEND_KEY", currency="KES"
)
BUDGET_S = 2.4
REFUSED = Unavailable("not_reachable")
LOST = Indeterminate("no_reply")


@dataclass(frozen=True)
class Sent:
    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    timeout_s: float


@dataclass(frozen=True)
class Replied:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(content: object) -> Replied:
    return Replied(200, json.dumps(content).encode())


@dataclass
class Wire:
    """Answers in the order given, the last one for ever; a failure is raised. Time passes only here."""

    answers: list[Replied | Exception]
    took_s: float = 0.01
    now_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Replied:
        assert timeout_s is not None
        self.sent.append(Sent(method, url, dict(headers or {}), json.loads(content) if content else None, timeout_s))
        self.now_s += min(self.took_s, timeout_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds


def system(
    *answers: Replied | Exception, backend: Backend = BACKEND, wire: Wire | None = None, **parts: Any
) -> tuple[HttpBackend, Wire]:
    line = wire or Wire(list(answers))
    made = HttpBackend(
        backend,
        line,
        parts.pop("secret", lambda name: f"value of {name}"),
        parts.pop("breaker", None) or Breaker(monotonic=lambda: line.now_s),
        Budget(BUDGET_S, monotonic=lambda: line.now_s),
        line.sleep,
        lambda: 0.5,
    )
    return made, line


def accounts(*answers: Replied | Exception, **parts: Any) -> tuple[HttpAccounts, Wire]:
    made, line = system(*answers, **parts)
    return HttpAccounts(BUSINESS, "KE", made), line


# --- what is sent ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "secret", "expected"),
    [
        (Auth.BEARER, "", "abc", ("authorization", "Bearer abc")),
        (Auth.BASIC, "", "user:pass", ("authorization", "Basic " + base64.b64encode(b"user:pass").decode())),
        (Auth.HEADER, "X-Api-Key", "abc", ("x-api-key", "abc")),
    ],
)
def test_each_way_to_prove_who_asks(auth: Auth, header: str, secret: str, expected: tuple[str, str]) -> None:
    made, line = system(ok({}), backend=replace(BACKEND, auth=auth, header=header), secret=lambda name: secret)
    made.read("find", reference="1042")
    assert line.sent[0].headers[expected[0]] == expected[1]


@pytest.mark.parametrize("value", ["", "a\nb", "ключ"])
def test_a_secret_that_is_missing_or_no_header_value_asks_nothing(value: str) -> None:
    made, line = system(ok({}), secret=lambda name: value)
    with pytest.raises(BackendDown, match="BACKEND_KEY"):
        made.read("find", reference="1042")
    assert line.sent == []


def test_values_are_encoded_into_the_url() -> None:
    made, line = system(ok([]))
    made.read("by_number", number=AMINA)
    assert line.sent[0].url == "https://api.example.com/v1/accounts?phone=%2B254722000111"


@pytest.mark.parametrize("value", ["..", ".", "", "a/b", "a b", "{x}", "1042?x=1", "x" * 65, "\u0661"])
def test_a_value_that_could_change_the_url_asks_nothing(value: str) -> None:
    made, line = system(ok({}))
    with pytest.raises(BackendDown):
        made.read("find", reference=value)
    assert line.sent == []


def test_a_write_has_its_intent_as_idempotency_key_and_the_bodys_names_of_the_profile() -> None:
    backend = replace(BACKEND, send={"open_ticket": {"problem": "issue.text", "at": "issue.reported"}})
    made, line = system(ok({"ticket_id": "T1"}), backend=backend)
    made.write("open_ticket", INTENT, {"problem": "slow", "at": "now", "left_out": None}, reference="1042")
    assert line.sent[0].headers["idempotency-key"] == INTENT
    assert line.sent[0].body == {"issue": {"text": "slow", "reported": "now"}}


# --- what is tried again ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Replied(500), Replied(503), Replied(429), Replied(200, b"<html>"), REFUSED, LOST])
def test_a_try_that_failed_is_made_again_with_the_same_key(trouble: Replied | Exception) -> None:
    made, line = system(trouble, ok({"ticket_id": "T1"}))
    assert made.write("open_ticket", INTENT, {}, reference="1042") == {"ticket_id": "T1"}
    assert [sent.headers["idempotency-key"] for sent in line.sent] == [INTENT, INTENT]


@pytest.mark.parametrize("trouble", [Replied(500), Replied(429), Replied(200, b"{"), REFUSED, LOST])
def test_there_are_at_most_two_more_tries_with_pauses_that_grow_and_vary(trouble: Replied | Exception) -> None:
    made, line = system(trouble)
    with pytest.raises((BackendDown, BackendUnsure)):
        made.write("open_ticket", INTENT, {}, reference="1042")
    assert len(line.sent) == TRIES == 3
    assert line.pauses_s == [0.025, 0.05]


def test_all_tries_of_a_tool_call_stay_within_one_budget() -> None:
    made, line = system(wire=Wire([LOST], took_s=9.0))
    with pytest.raises(BackendDown):
        made.read("find", reference="1042")
    with pytest.raises(BackendDown):
        made.read("orders", reference="1042")
    assert line.now_s <= BUDGET_S
    assert all(sent.timeout_s <= BACKEND.timeout_s for sent in line.sent)


def test_a_pause_that_the_system_asks_for_is_kept_or_not_waited_for() -> None:
    made, line = system(Replied(429, headers={"retry-after": "1"}), ok({"x": 1}))
    made.read("find", reference="1042")
    assert line.pauses_s == [1.025]
    made, line = system(Replied(429, headers={"retry-after": "60"}))
    with pytest.raises(BackendDown):
        made.read("find", reference="1042")
    assert (len(line.sent), line.pauses_s) == (1, [])


# --- what is not known -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Replied(500), Replied(200, b"<html>"), LOST, Unavailable("reply_too_large")])
def test_a_write_that_may_have_been_carried_out_is_unsure(trouble: Replied | Exception) -> None:
    for answers in (
        [trouble],
        [trouble, Replied(429)],
        [REFUSED, trouble, REFUSED],
        [trouble, Replied(409)],
        [trouble, Replied(403)],
    ):
        made, _ = system(*answers)
        with pytest.raises(BackendUnsure):
            made.write("open_ticket", INTENT, {}, reference="1042")


@pytest.mark.parametrize(
    "trouble",
    [Replied(429), Replied(403), Replied(401), Replied(422), Replied(302), REFUSED, Denied("address_not_public")],
)
def test_a_write_that_was_certainly_not_carried_out_is_down(trouble: Replied | Exception) -> None:
    made, _ = system(trouble)
    with pytest.raises(BackendDown):
        made.write("open_ticket", INTENT, {}, reference="1042")


@pytest.mark.parametrize("trouble", [Replied(500), Replied(200, b"\xff"), LOST, REFUSED, Replied(403)])
def test_a_read_that_failed_is_down(trouble: Replied | Exception) -> None:
    made, _ = system(trouble)
    with pytest.raises(BackendDown):
        made.read("find", reference="1042")


def test_nothing_there_is_no_failure() -> None:
    made, line = system(Replied(404))
    assert made.read("find", reference="1042") is None
    assert len(line.sent) == 1


def test_a_conflict_is_theirs_to_explain() -> None:
    made, line = system(Replied(409))
    with pytest.raises(Conflict):
        made.write("open_ticket", INTENT, {}, reference="1042")
    assert len(line.sent) == 1


# --- the breaker -----------------------------------------------------------------------------------------------------------------


def test_a_system_that_failed_five_times_is_left_alone_and_then_tried_by_one() -> None:
    now = [0.0]
    breaker = Breaker(monotonic=lambda: now[0])
    for _ in range(5):
        assert breaker.may_ask()
        breaker.failed()
    assert not breaker.may_ask()
    now[0] = 15.0
    assert [breaker.may_ask() for _ in range(3)] == [True, False, False]
    breaker.answered()
    assert breaker.may_ask()


def test_a_resting_system_is_not_asked() -> None:
    breaker = Breaker(failures=1)
    made, line = system(LOST, breaker=breaker)
    with pytest.raises(BackendDown):
        made.read("find", reference="1042")
    tries = len(line.sent)
    made, line = system(ok({}), breaker=breaker)
    with pytest.raises(BackendDown, match="left alone"):
        made.read("find", reference="1042")
    assert (tries, len(line.sent)) == (3, 0)


# --- their fields as ours --------------------------------------------------------------------------------------------------------


def test_dotted_paths_pick_from_objects_and_lists() -> None:
    content = {"data": [{"name": {"full": "Amina"}}]}
    assert picked(content, "data.0.name.full") == "Amina"
    assert picked(content, "") == content
    for path in ("data.1", "data.x", "name", "data.0.name.full.more", "data.-1"):
        assert picked(content, path) is None


ROW = {
    "id": "1042",
    "holder": {"full": "Amina Otieno", "phones": ["0722 000111", "junk"], "born": "1990-03-14T00:00:00Z"},
    "plan": "Home 20",
    "cents": -125050,
}
MAPPED = replace(
    BACKEND,
    fields={
        "account": {
            "account_id": "id",
            "name": "holder.full",
            "numbers": "holder.phones",
            "birth_date": "holder.born",
            "balance": "cents",
        },
        "order": {"order_id": "no", "status": "state"},
    },
    values={"order_status": {"On its way": "shipped"}},
    lists={"orders": "data.items"},
    money=Unit.MINOR,
)


def test_an_account_is_read_by_the_profiles_map() -> None:
    book, _ = accounts(ok(ROW), backend=MAPPED)
    account = book.find("1042")
    assert account is not None
    assert (account.name, account.plan, account.numbers) == ("Amina Otieno", "Home 20", (AMINA,))
    assert account.birth_date == date(1990, 3, 14)
    assert account.balance == Money.parse("-1250.50", "KES")


def test_amounts_never_go_through_a_float() -> None:
    book, _ = accounts(Replied(200, b'{"account_id": "1042", "balance": 1234567890.07}'))
    account = book.find("1042")
    assert account is not None
    assert str(account.balance) == "KES 1,234,567,890.07"


@pytest.mark.parametrize("balance", [b'"much"', b"1e9", b"NaN", b"1.23456789"])
def test_an_amount_that_is_none_is_not_guessed(balance: bytes) -> None:
    book, _ = accounts(Replied(200, b'{"account_id": "1042", "balance": ' + balance + b"}"))
    with pytest.raises(BackendDown, match="no amount"):
        book.find("1042")


def test_an_answer_about_another_account_is_nobodys() -> None:
    book, _ = accounts(ok({"account_id": "2086", "name": "Brian Kamau"}))
    assert book.find("1042") is None


def test_orders_and_tickets_of_another_account_are_left_out() -> None:
    rows = [{"no": "1", "state": "On its way"}, {"no": "2", "state": "placed", "account_id": "2086"}]
    book, _ = accounts(ok({"data": {"items": rows}}), backend=MAPPED)
    assert [(order.order_id, order.status) for order in book.orders_of("1042")] == [("1", OrderStatus.SHIPPED)]


def test_a_state_that_nobody_explained_is_not_guessed() -> None:
    book, _ = accounts(ok({"data": {"items": [{"no": "1", "state": "lost in space"}]}}), backend=MAPPED)
    with pytest.raises(BackendDown, match="values"):
        book.orders_of("1042")


def test_text_from_outside_is_bounded_and_speakable() -> None:
    book, _ = accounts(ok({"account_id": "1042", "name": "A\u0000\n<say>" + "x" * 5_000}))
    account = book.find("1042")
    assert account is not None
    assert len(account.name) <= 200
    assert account.name.isprintable()


@pytest.mark.parametrize("content", [[], None, {}, False])
def test_an_empty_reply_is_no_account(content: object) -> None:
    book, _ = accounts(ok(content))
    assert book.find("1042") is None


@pytest.mark.parametrize("content", ["x", 7, {"data": 1}])
def test_a_reply_of_another_shape_is_down(content: object) -> None:
    book, _ = accounts(ok(content))
    with pytest.raises(BackendDown):
        book.orders_of("1042")


# --- accounts and shipments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        (ok({"ok": True}), True),
        (Replied(204, b""), True),
        (ok({"ok": False}), False),
        (Replied(403), False),
        (Replied(404), False),
    ],
)
def test_a_pin_is_checked_by_the_system_itself(reply: Replied, is_right: bool) -> None:
    book, line = accounts(reply)
    assert book.check("1042", Factor.PIN, "4711") is is_right
    assert line.sent[0].body == {"factor": "pin", "answer": "4711"}
    assert "4711" not in line.sent[0].url


def test_our_own_rejection_by_the_system_is_not_a_wrong_pin() -> None:
    book, _ = accounts(Replied(401))
    with pytest.raises(BackendDown):
        book.check("1042", Factor.PIN, "4711")


def test_a_ticket_without_a_name_in_the_reply_is_unsure() -> None:
    book, _ = accounts(ok({}))
    with pytest.raises(BackendUnsure):
        book.open_ticket(INTENT, "1042", "slow", NOW)


def test_a_ticket_and_a_note_are_written() -> None:
    book, line = accounts(ok({"ticket_id": 77, "status": "whatever"}))
    ticket = book.open_ticket(INTENT, "1042", "slow", NOW)
    assert (ticket.ticket_id, ticket.status) == ("77", TicketStatus.OPEN)
    book, line = accounts(Replied(204, b""))
    assert book.add_note(INTENT, "1042", "77", "slower", NOW) is not None
    assert line.sent[0].body["note"] == "slower"
    book, line = accounts(Replied(404))
    assert book.add_note(INTENT, "1042", "77", "slower", NOW) is None


def test_what_the_system_has_no_path_for_is_not_known_and_not_nothing() -> None:
    book, line = accounts(ok({}), backend=replace(BACKEND, paths={"find": "/a/{reference}"}))
    for asked in (book.orders_of, book.tickets_of, book.outage_in):
        with pytest.raises(BackendCannot):
            asked("1")
    assert book.by_number(AMINA) == ()
    assert line.sent == []


SHIPPING = replace(
    BACKEND,
    paths={
        "find": "/s/{tracking_id}",
        "latest_of": "/s?to={number}",
        "of_driver": "/s?driver={number}",
        "reschedule": "/s/{tracking_id}/day",
        "confirm_address": "/s/{tracking_id}/address",
        "note_for_driver": "/s/{tracking_id}/notes",
    },
)
PARCEL = {"tracking_id": "KL4702", "status": "out-for-delivery", "numbers": ["+254722000111"], "recipient": "Amina"}


def shipments(*answers: Replied | Exception) -> tuple[HttpShipments, Wire]:
    made, line = system(*answers, backend=SHIPPING)
    return HttpShipments(BUSINESS, "KE", made), line


def test_a_shipment_is_found_and_is_the_one_that_was_asked_for() -> None:
    book, _ = shipments(ok(PARCEL))
    found = book.find("KL4702")
    assert found is not None
    assert found.status is ShipmentStatus.OUT_FOR_DELIVERY
    assert book.find("KL4703") is None


def test_a_callers_latest_shipment_is_one_with_their_number() -> None:
    book, _ = shipments(ok([{**PARCEL, "numbers": ["+254733000222"]}, PARCEL]))
    found = book.latest_of(AMINA)
    assert found is not None
    assert found.numbers == (AMINA,)


Write = Callable[[HttpShipments], object]
WRITES: list[Write] = [
    lambda book: book.reschedule(INTENT, "KL4702", on=date(2026, 11, 24), window="", address=None, at=NOW),
    lambda book: book.confirm_address(INTENT, "KL4702", address=None, landmark="the blue gate", at=NOW),
    lambda book: book.note_for_driver(INTENT, "KL4702", "ring twice", at=NOW),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_change_answers_with_the_shipment_asking_again_if_need_be(write: Write) -> None:
    book, line = shipments(Replied(204, b""), ok(PARCEL))
    assert write(book) is not None
    assert [sent.method for sent in line.sent] == ["POST", "GET"]


@pytest.mark.parametrize("write", WRITES)
def test_a_change_that_was_made_but_cannot_be_read_back_is_unsure(write: Write) -> None:
    book, _ = shipments(Replied(204, b""), Replied(404))
    with pytest.raises(BackendUnsure):
        write(book)


@pytest.mark.parametrize("write", WRITES)
def test_no_such_shipment_and_not_movable_are_told_apart(write: Write) -> None:
    book, _ = shipments(Replied(404))
    with pytest.raises(NotFound):
        write(book)
    book, _ = shipments(Replied(409))
    with pytest.raises(Conflict) as conflict:
        write(book)
    assert conflict.value.code == "not_movable"
