from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pokea.adapters.sautikit_dialects import DOCUMENTED, LIVE, Dialect
from pokea.adapters.sautikit_rest import AsyncCarrier, Carrier, CarrierSettings
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, RejectedInput, Unavailable
from pokea.ids import CallId, SessionId
from pokea.phone_numbers import E164

OURS, THEIRS = E164("+254711000001"), E164("+254700000001")
SESSION = SessionId("HD_1")
PLACE = {
    "from_number": OURS,
    "to_number": THEIRS,
    "voice_callback_url": "https://api.example.com/voice/s",
    "client_request_id": "pk1",
    "idempotency_key": "pk1",
}
Answer = Callable[[httpx.Request], httpx.Response]


class Wire:
    """A carrier of one answer, which notes what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def carrier(self, dialect: Dialect = LIVE) -> Carrier:
        settings = CarrierSettings("secret-key", "https://carrier.test", dialect)
        return Carrier(settings, httpx.MockTransport(self), pause=lambda _: None)


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def test_a_call_is_placed_in_the_words_that_live_integrations_use() -> None:
    wire = Wire(ok({"call_id": "u1", "session_id": "HD_1", "status": "ringing", "client_request_id": "pk1"}, 201))
    placed = wire.carrier().place_call(**PLACE)  # type: ignore[arg-type]
    assert (placed.call_id, placed.session_id, placed.status) == ("u1", "HD_1", "ringing")
    request = wire.requests[0]
    assert (request.method, request.url.path) == ("POST", "/v1/calls")
    assert request.headers["authorization"] == "Bearer secret-key"
    assert request.headers["idempotency-key"] == "pk1"
    assert json.loads(request.content) == {
        "from": OURS,
        "to": [THEIRS],
        "voice_callback_url": "https://api.example.com/voice/s",
        "client_request_id": "pk1",
    }


def test_the_documented_spelling_is_a_setting() -> None:
    wire = Wire(ok({"id": "u1"}, 201))
    wire.carrier(DOCUMENTED).place_call(**PLACE)  # type: ignore[arg-type]
    assert wire.requests[0].url.path == "/v1/calls/originate"
    assert json.loads(wire.requests[0].content)["to"] == THEIRS


REFUSALS: list[tuple[httpx.Response, type[CallError], str]] = [
    (ok({"error": {"code": "api_key.invalid", "message": "m", "request_id": "r"}}, 401), Denied, "api_key.invalid"),
    (ok({"error": {"code": "wallet_insufficient_funds"}}, 402), Denied, "wallet.insufficient_funds"),
    (ok({"error": {"code": "api_key.scope_denied"}}, 403), Denied, "api_key.scope_denied"),
    (ok({"error": {"code": "calls.not_found"}}, 404), NotFound, "calls.not_found"),
    (ok({"error": {"code": "idempotency.conflict"}}, 409), Conflict, "idempotency.conflict"),
    (ok({"code": "recording_unavailable", "reason": "x"}, 410), NotFound, "recording_unavailable"),
    (ok({"error": {"code": "bad"}}, 422), RejectedInput, "bad"),
    (httpx.Response(403, html="<html>denied</html>"), Denied, "carrier_http_403"),
    (ok({"error": {"code": "slow_down"}}, 429), Unavailable, "slow_down"),
    (httpx.Response(503, html="<html>"), Unavailable, "carrier_http_503"),
]
UNKNOWN: list[httpx.Response | Exception] = [
    ok({"error": {"code": "internal_error"}}, 500),
    httpx.Response(502, html="<html>bad gateway</html>"),
    httpx.Response(201, html="<html>welcome to the tunnel</html>"),
    httpx.Response(201, content=b""),
    httpx.ReadTimeout("15 s"),
    httpx.RemoteProtocolError("cut"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
]


@pytest.mark.parametrize(("reply", "kind", "code"), REFUSALS)
def test_every_refusal_is_classified(reply: httpx.Response, kind: type[CallError], code: str) -> None:
    wire = Wire(reply)
    with pytest.raises(kind) as caught:
        wire.carrier().place_call(**PLACE)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert "secret-key" not in str(caught.value) + str(caught.value.facts)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("answer", UNKNOWN)
def test_a_placed_call_without_a_usable_answer_is_indeterminate_and_never_asked_again(
    answer: httpx.Response | Exception,
) -> None:
    wire = Wire(answer)
    with pytest.raises(Indeterminate):
        wire.carrier().place_call(**PLACE)  # type: ignore[arg-type]
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "answer", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
)
def test_a_request_that_never_left_is_merely_unavailable(answer: Exception) -> None:
    with pytest.raises(Unavailable):
        Wire(answer).carrier().place_call(**PLACE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), (None, 1.0), ("soon", 1.0), ("99999999", 3_600.0), ("-1", 1.0)]
)
def test_retry_after_is_taken_over(header: str | None, seconds: float) -> None:
    reply = httpx.Response(429, json={}, headers={"retry-after": header} if header else {})
    with pytest.raises(Unavailable) as caught:
        Wire(reply).carrier().get_call(SESSION)
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("trouble", [*UNKNOWN, httpx.ConnectError("refused")])
def test_hanging_up_is_tried_again_until_it_is_confirmed(trouble: httpx.Response | Exception) -> None:
    wire = Wire(trouble, trouble, ok({"call_id": "u1", "status": "hung_up"}))
    wire.carrier().hang_up(SESSION)
    assert [request.url.path for request in wire.requests] == ["/v1/calls/HD_1/hangup"] * 3


def test_hanging_up_is_given_up_after_three_tries() -> None:
    wire = Wire(httpx.ReadTimeout("slow"))
    with pytest.raises(Unavailable):
        wire.carrier().hang_up(SESSION)
    assert len(wire.requests) == 3


def test_a_carrier_that_asks_for_patience_is_left_alone() -> None:
    wire = Wire(httpx.Response(429, json={}, headers={"retry-after": "30"}))
    with pytest.raises(Unavailable):
        wire.carrier().hang_up(SESSION)
    assert len(wire.requests) == 1


def test_an_id_cannot_climb_out_of_its_place_in_the_path() -> None:
    wire = Wire(ok({}))
    wire.carrier().hang_up(SessionId("../../wallet?x=1#"))
    assert wire.requests[0].url.raw_path == b"/v1/calls/..%2F..%2Fwallet%3Fx%3D1%23/hangup"


def test_calls_are_read_whatever_they_are_wrapped_in() -> None:
    for body in ({"call": {"id": "u1"}}, {"data": {"id": "u1"}}, {"id": "u1"}):
        assert Wire(ok(body)).carrier().get_call(CallId("u1")) == {"id": "u1"}


def test_pages_of_calls() -> None:
    wire = Wire(ok({"data": [{"id": "u1"}, 7], "next_cursor": "c2"}), ok([{"id": "u2"}]))
    carrier = wire.carrier()
    assert carrier.list_calls(session_id="HD_1") == ([{"id": "u1"}], "c2")
    assert carrier.list_calls(cursor="c2") == ([{"id": "u2"}], None)
    assert wire.requests[1].url.query == b"cursor=c2"


def test_numbers_are_listed_claimed_and_routed() -> None:
    rows = {"numbers": [{"id": "n1", "e164": OURS, "status": "active", "voice_callback_url": "https://x"}]}
    wire = Wire(ok(rows), ok({"number": {"id": "n2"}}), ok({}))
    carrier = wire.carrier()
    (number,) = carrier.list_numbers()
    assert (number.number_id, number.number, number.voice_callback_url) == ("n1", OURS, "https://x")
    assert carrier.claim_number("inv1") == {"id": "n2"}
    carrier.route_number("n1", voice_callback_url="https://v", events_url="https://e")
    assert [(r.method, r.url.path) for r in wire.requests[1:]] == [
        ("POST", "/v1/numbers/available/claim"),
        ("PUT", "/v1/numbers/n1/routing"),
    ]
    assert json.loads(wire.requests[2].content) == {"voice_callback_url": "https://v", "events_url": "https://e"}


def test_claiming_a_number_is_never_repeated() -> None:
    wire = Wire(httpx.ReadTimeout("slow"))
    with pytest.raises(Indeterminate):
        wire.carrier().claim_number("inv1")
    assert len(wire.requests) == 1


async def test_the_bridge_hangs_up_without_blocking() -> None:
    wire = Wire(ok({"status": "hung_up"}))
    carrier = AsyncCarrier(CarrierSettings("secret-key", "https://carrier.test"), httpx.MockTransport(wire))
    await carrier.hang_up(SESSION)
    await carrier.close()
    assert wire.requests[0].url.path == "/v1/calls/HD_1/hangup"


async def test_the_bridge_learns_that_a_call_is_not_known() -> None:
    carrier = AsyncCarrier(
        CarrierSettings("secret-key", "https://carrier.test"),
        httpx.MockTransport(Wire(ok({"error": {"code": "calls.not_found"}}, 404))),
    )
    with pytest.raises(NotFound):
        await carrier.hang_up(SESSION)
    await carrier.close()


def test_the_key_never_shows_in_what_is_printed() -> None:
    assert "secret-key" not in repr(CarrierSettings("secret-key"))
