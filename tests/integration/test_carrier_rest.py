"""The simulated carrier's REST API and its phone over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.asyncio.client import connect

from local.carrier import Call, Carrier, Fault
from tests.integration.carrier_peers import Person, VoiceApp, media_server, sine, stream_xml, voice_app

CALLEE, OWN, CALLER = "+254711000001", "+254200000001", "+254711000002"
PLACE = {"from": OWN, "to": [CALLEE]}


class House:
    def __init__(self, carrier: Carrier, app: VoiceApp, http: httpx.AsyncClient) -> None:
        self.carrier, self.app, self.http = carrier, app, http
        carrier.add_number(OWN, app.voice_url)

    async def refused(self, path: str, body: object, **headers: str) -> tuple[int, str]:
        response = await self.http.post(path, json=body, headers=headers)
        return response.status_code, response.json()["error"]["code"]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with (
        voice_app("<Response><Say>hello</Say></Response>") as app,
        Carrier("key") as carrier,
        httpx.AsyncClient(base_url=carrier.base_url, headers={"Authorization": "Bearer key"}, verify=False) as http,
    ):
        yield House(carrier, app, http)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/calls"),
        ("GET", "/v1/calls"),
        ("GET", "/v1/calls/HD_000000000000"),
        ("POST", "/v1/calls/HD_000000000000/hangup"),
        ("GET", "/v1/numbers"),
        ("PUT", "/v1/numbers/n/routing"),
        ("GET", "/v1/wallet"),
    ],
)
async def test_every_route_needs_the_key(house: House, method: str, path: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
        response = await house.http.request(method, path, headers=headers)
        assert response.status_code == 401
        assert response.json()["error"]["code"] == "api_key.invalid"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"to": CALLEE}, (400, "calls.invalid_to")),
        ({"to": [CALLEE, CALLER]}, (400, "calls.invalid_to")),
        ({"to": ["0711000001"]}, (400, "calls.invalid_to")),
        ({"from": CALLER}, (403, "calls.from_not_owned")),
        ({"caller_id": CALLER}, (403, "calls.caller_id_not_owned")),
        ({"client_request_id": "mcp:1"}, (400, "calls.invalid_client_request_id")),
        ({"client_request_id": "x" * 5001}, (400, "calls.invalid_client_request_id")),
        ({"client_request_id": "a\nb"}, (400, "calls.invalid_client_request_id")),
    ],
)
async def test_a_wrong_call_is_refused_and_nothing_rings(
    house: House, change: dict[str, object], refusal: tuple[int, str]
) -> None:
    assert await house.refused("/v1/calls", PLACE | change) == refusal
    assert house.carrier.calls == []


@pytest.mark.parametrize("body", [b"{", b"[]"])
async def test_a_body_that_is_not_an_object_is_refused(house: House, body: bytes) -> None:
    response = await house.http.post("/v1/calls", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "request.invalid_json")


async def test_a_placed_call_asks_its_own_voice_url_when_somebody_picks_up(house: House) -> None:
    house.carrier.answer_with(CALLEE, lambda: Person(stays_ms=2000), ring_s=0.05)
    body = PLACE | {"voice_callback_url": f"{house.app.url}/voice?of=campaign", "client_request_id": "attempt-7"}
    made = (await house.http.post("/v1/calls", json=body)).json()
    (call,) = house.carrier.calls
    assert made == {
        "session_id": call.session_id,
        "status": "ringing",
        "call_id": call.call_id,
        "client_request_id": "attempt-7",
    }
    assert house.app.received == [], "nothing is asked before somebody picked up"
    await call.ended(10)
    assert call.voice_states == ["Answered", "Completed"]
    assert house.app.received[0].query == "of=campaign&clientRequestId=attempt-7"
    assert call.cdr is not None
    assert call.cdr.cost_minor == 5 * call.duration_s
    assert [one.amount_minor for one in house.carrier.wallet.movements] == [-call.cdr.cost_minor]
    assert call.cdr.to_json()["metadata"] == {"client_request_id": "attempt-7"}


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [("busy", "busy", "busy"), ("no_answer", "no_answer", "no-answer"), ("failed", "failed", "failed")],
)
async def test_a_call_that_nobody_picks_up_costs_nothing_and_says_why(
    house: House, answer: str, status: str, state: str
) -> None:
    house.carrier.answer_with(CALLEE, answer, ring_s=0.02)  # type: ignore[arg-type]
    await house.http.post("/v1/calls", json=PLACE)
    (call,) = house.carrier.calls
    await call.ended(10)
    assert (call.status, call.voice_states) == (status, [state])
    assert house.carrier.wallet.movements == []


async def test_an_idempotency_key_replays_while_the_leg_lives_and_dials_anew_afterwards(house: House) -> None:
    house.carrier.answer_with(CALLEE, lambda: Person(stays_ms=200), ring_s=0.05)
    headers = {"Idempotency-Key": "k1"}
    first = await house.http.post("/v1/calls", json=PLACE, headers=headers)
    again = await house.http.post("/v1/calls", json=PLACE, headers=headers)
    assert again.json() == first.json()
    assert len(house.carrier.calls) == 1
    assert await house.refused("/v1/calls", PLACE | {"client_request_id": "x"}, **headers) == (
        409,
        "idempotency.conflict",
    )
    await house.carrier.calls[0].ended(10)
    later = await house.http.post("/v1/calls", json=PLACE, headers=headers)
    assert later.json()["session_id"] != first.json()["session_id"]
    assert len(house.carrier.calls) == 2


async def test_hanging_up_is_idempotent_and_takes_either_id(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        call = await house.carrier.dial(CALLER, OWN, Person(stays_ms=10_000))
        await media.hears.wait()
        for either_id in (call.call_id, call.session_id):
            response = await house.http.post(f"/v1/calls/{either_id}/hangup")
            assert response.json() == {"call_id": call.call_id, "status": "hung_up"}
        await call.ended(10)
    assert call.released_by == "api"
    assert (await house.http.post("/v1/calls/HD_unknown/hangup")).status_code == 404


async def test_the_list_filters_and_pages_newest_first(house: House) -> None:
    house.app.document = "<Response/>"
    calls = []
    for _ in range(5):
        calls.append(await house.carrier.dial(CALLER, OWN, Person()))
        await calls[-1].ended(10)
    first = (await house.http.get("/v1/calls", params={"limit": 2})).json()
    second = (await house.http.get("/v1/calls", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    listed = [record["session_id"] for record in first["data"] + second["data"]]
    assert listed == [call.session_id for call in reversed(calls[1:])]
    one = {"session_id": calls[2].session_id, "status": "failed,busy", "direction": "inbound", "q": CALLER}
    assert [record["id"] for record in (await house.http.get("/v1/calls", params=one)).json()["data"]] == [
        calls[2].call_id
    ]
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for nothing in ({"direction": "outbound"}, {"status": "completed"}, {"from": future}, {"to": "1000000000"}):
        answer = (await house.http.get("/v1/calls", params=nothing)).json()
        assert answer == {"data": [], "next_cursor": None}
    for wrong in ({"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"from": "yesterday"}):
        assert (await house.http.get("/v1/calls", params=wrong)).status_code == 400


async def test_numbers_are_claimed_routed_and_released(house: House) -> None:
    inventory_id = house.carrier.numbers.offer("+254200000002")
    claimed = await house.http.post("/v1/numbers/available/claim", json={"inventory_id": inventory_id})
    number_id = claimed.json()["number"]["id"]
    again = await house.http.post("/v1/numbers/available/claim", json={"inventory_id": inventory_id})
    assert (claimed.status_code, again.status_code) == (201, 404)
    routed = await house.http.put(f"/v1/numbers/{number_id}/routing", json={"voice_callback_url": house.app.voice_url})
    assert routed.json()["number"]["voice_callback_url"] == house.app.voice_url
    call = await house.carrier.dial(CALLER, "+254200000002", Person(stays_ms=100))
    await call.ended(10)
    assert call.voice_states[0] == "Ringing"
    assert (await house.http.delete(f"/v1/numbers/{number_id}")).status_code == 204
    assert (await house.http.delete(f"/v1/numbers/{number_id}")).status_code == 404
    assert (await house.http.put(f"/v1/numbers/{number_id}/routing", json={})).status_code == 404


@pytest.mark.parametrize("status", [401, 402, 403, 404, 409, 429, 500])
async def test_ordered_failures_come_once_and_have_no_effect(house: House, status: int) -> None:
    house.carrier.answer_with(CALLEE, "busy")
    house.carrier.fail(Fault(status=status, retry_after_s=3 if status == 429 else None))
    response = await house.http.post("/v1/calls", json=PLACE)
    assert response.status_code == status
    assert response.json()["error"]["code"]
    assert response.headers.get("retry-after") == ("3" if status == 429 else None)
    assert house.carrier.calls == []
    assert (await house.http.post("/v1/calls", json=PLACE)).status_code == 201
    assert [entry[2] for entry in house.carrier.requests] == [status, 201]


async def test_a_failure_may_come_after_the_effect_late_bare_or_as_a_page(house: House) -> None:
    house.carrier.answer_with(CALLEE, "busy")
    house.carrier.fail(Fault(status=500, after_effect=True, shape="html", delay_s=0.05))
    lost = await house.http.post("/v1/calls", json=PLACE)
    assert lost.status_code == 500
    assert lost.headers["content-type"].startswith("text/html")
    assert len(house.carrier.calls) == 1, "the call was placed; only the answer was lost"
    house.carrier.fail(Fault(status=503, method="GET", path="/v1/wallet", shape="bare", code="busy"))
    assert (await house.http.get("/v1/wallet")).json() == {"code": "busy", "reason": "ordered by a test"}


async def test_the_status_page_lists_calls_without_a_key(house: House) -> None:
    call = await house.carrier.dial(CALLER, OWN, Person(stays_ms=100))
    await call.ended(10)
    async with httpx.AsyncClient(verify=False) as anybody:
        listed = (await anybody.get(f"{house.carrier.base_url}/_sim/calls")).json()["calls"]
    assert listed[0]["session_id"] == call.session_id
    assert listed[0]["status"] == "completed"
    assert listed[0]["timeline"][0]["what"] == "hook"


# --- a phone in another process -------------------------------------------------------------------------------------------------


def phone_url(house: House, query: str) -> str:
    return f"{house.carrier.base_url.replace('http', 'ws')}/_sim/phone?{query.replace('+', '%2B')}"


async def test_a_phone_over_a_websocket_talks_and_hears(house: House) -> None:
    async def greet(ws: object) -> None:
        await ws.send(sine(200) + bytes(5120))  # type: ignore[attr-defined]

    async with media_server(greet) as media:
        house.app.document = stream_xml(media.url)
        async with connect(phone_url(house, f"from={CALLER}&to={OWN}&behaviour=documented")) as phone:
            events, heard = [json.loads(await phone.recv())], bytearray()
            await phone.send(sine(100, 600.0))
            await phone.send(json.dumps({"event": "dtmf", "digit": "5"}))
            async for message in phone:
                if isinstance(message, str):
                    events.append(json.loads(message))
                else:
                    heard += message
                    if len(heard) == 640 * 25:
                        await phone.send(json.dumps({"event": "dtmf", "digit": "7"}))
                        await phone.send(json.dumps({"event": "hang_up"}))
        assert [event["event"] for event in events] == ["ringing", "answered", "ended"]
        assert events[0]["session_id"] == house.carrier.calls[0].session_id
        assert events[-1]["status"] == "completed"
        assert sine(200)[:3200] in bytes(heard)
        assert sine(100, 600.0)[:1600] in bytes(media.audio)
        assert json.loads(media.texts[-1])["dtmf"] == "7"


async def test_a_phone_that_dies_hangs_up_and_one_with_a_wrong_number_is_told(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        phone = await connect(phone_url(house, f"from={CALLER}&to={OWN}"))
        await media.hears.wait()
        phone.transport.abort()
        await house.carrier.calls[0].ended(10)
        assert house.carrier.calls[0].released_by == "party"
    async with connect(phone_url(house, "to=+254299999999")) as wrong:
        assert json.loads(await wrong.recv())["event"] == "refused"


async def test_a_phone_can_wait_for_a_placed_call(house: House) -> None:
    async with connect(phone_url(house, f"answer={CALLEE}")) as phone:
        assert json.loads(await phone.recv()) == {"event": "waiting"}
        await house.http.post("/v1/calls", json=PLACE)
        assert json.loads(await phone.recv()) == {"event": "answered"}
        assert isinstance(await phone.recv(), bytes)
        await phone.send(json.dumps({"event": "hang_up"}))
        await house.carrier.calls[0].ended(10)
        assert house.carrier.calls[0].released_by == "party"


@pytest.mark.parametrize(
    ("who", "status"), [("busy", "busy"), ("silence", "answered"), ("machine", "answered"), ("fax", "answered")]
)
async def test_who_picks_up_is_told_over_http(house: House, who: str, status: str) -> None:
    told = await house.http.put(f"/_sim/answers/{CALLEE}", json={"who": who, "ring_s": 0})
    assert told.status_code == 204
    await house.http.post("/v1/calls", json=PLACE)
    (call,) = house.carrier.calls
    await asyncio.wait_for(call.ended() if status == "busy" else until_answered(call), 5)
    assert call.status == status


async def until_answered(call: Call) -> None:
    while call.answered_at is None:  # noqa: ASYNC110  # the simulator tells nobody
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "order", "named"),
    [
        (CALLEE, {"who": "cat"}, "who is one of machine, fax"),
        (CALLEE, {"who": "fax", "wait_s": 3}, "greeting, language, ring_s, who"),
        (CALLEE, {"who": "fax", "ring_s": -1}, "ring_s"),
        (CALLEE, {"who": "fax", "behaviour": "polite"}, "documented, observed"),
        (CALLEE, {"who": "machine", "language": "fr"}, "en, sw"),
        ("0711000001", {"who": "fax"}, "E.164"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_in_a_sentence(
    house: House, number: str, order: dict[str, object], named: str
) -> None:
    told = await house.http.put(f"/_sim/answers/{number}", json=order)
    assert told.status_code == 400 and named in told.json()["error"]["message"]
