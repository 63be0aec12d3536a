"""The simulated carrier's messages, held to golden ones that each name the source they were taken from.

The golden files were written first and are the fixed side: a change to one is a change of what is known about the carrier. In them "*"
stands for anything and "re:…" for a text that the regular expression matches as a whole.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from websockets.asyncio.server import ServerConnection

from local.carrier import DOCUMENTED, OBSERVED, Behaviour, Call, Carrier, Quirks
from tests.integration.carrier_peers import MediaServer, Person, Received, VoiceApp, media_server, stream_xml, voice_app

GOLDEN = Path(__file__).parent / "golden" / "carrier"
CALLER, OWN, PERSON = "+254711000001", "+254200000001", "+254722000001"
KEY = "key_of_the_test"
AUTHORISED = {"Authorization": f"Bearer {KEY}"}


def golden(name: str) -> dict[str, Any]:
    content = json.loads((GOLDEN / f"{name}.json").read_text())
    message: dict[str, Any] = content["message"]
    return message


def check(actual: object, expected: object, at: str = "message") -> None:
    """Same keys, same lengths, same values, with the wildcards of the golden files."""
    if expected == "*":
        return
    if isinstance(expected, str) and expected.startswith("re:"):
        assert isinstance(actual, str), f"{at}: {actual!r}"
        assert re.fullmatch(expected[3:], actual), f"{at}: {actual!r} does not match {expected}"
    elif isinstance(expected, dict):
        assert isinstance(actual, dict), f"{at}: {actual!r}"
        assert actual.keys() == expected.keys(), f"{at}: keys {sorted(actual)} instead of {sorted(expected)}"
        for key, value in expected.items():
            check(actual[key], value, f"{at}.{key}")
    elif isinstance(expected, list):
        assert isinstance(actual, list | tuple), f"{at}: {actual!r}"
        assert len(actual) == len(expected), f"{at}: {actual!r}"
        for position, value in enumerate(expected):
            check(actual[position], value, f"{at}[{position}]")
    else:
        assert actual == expected, f"{at}: {actual!r} instead of {expected!r}"


def check_headers(one: Received, expected: dict[str, str]) -> None:
    for name, value in expected.items():
        check(one.headers.get(name), value, f"header {name}")


def check_hook(one: Received, name: str) -> None:
    message = golden(name)
    check(one.fields, message["method_fields"], name)
    check_headers(one, message["headers"])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_message_names_its_source(path: Path) -> None:
    content = json.loads(path.read_text())
    assert content.keys() == {"source", "message"}
    assert re.match(r"(vendor |seen in production|measured|open-source)", content["source"])


def test_every_golden_message_is_used() -> None:
    used = Path(__file__).read_text()
    for path in GOLDEN.glob("*.json"):
        assert f'"{path.stem}"' in used or path.stem.startswith("event-completed-"), f"{path.name} proves nothing"


async def answer_and_wait(ws: ServerConnection) -> None:
    await ws.send(json.dumps({"type": "mark", "data": {"name": "m1"}}))
    await asyncio.sleep(60)


class House:
    """A carrier with one number, the voice application it asks and the media server it streams to."""

    def __init__(self, carrier: Carrier, app: VoiceApp, media: MediaServer) -> None:
        self.carrier, self.app, self.media = carrier, app, media
        self.number = carrier.add_number(OWN, app.voice_url, f"{app.url}/events")

    async def call(self, behaviour: Behaviour, quirks: Quirks | None = None, *, press: str = "") -> Call:
        person = Person(stays_ms=300 + behaviour.stream_open_delay_ms)
        call = await self.carrier.dial(CALLER, OWN, person, behaviour, quirks=quirks)
        if press:
            await self.media.hears.wait()
            call.press(press)
        await call.ended(15)
        return call


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with (
        media_server(answer_and_wait) as media,
        voice_app() as app,
        Carrier(KEY, "whsec_golden", behaviour=DOCUMENTED) as carrier,
    ):
        app.document = stream_xml(
            media.url,
            name="desk",
            statusCallback=f"{app.url}/stream-status",
            openMetadata='{"lead":7}',
            headerMetadata='{"X-Lead":"7"}',
        )
        yield House(carrier, app, media)


async def test_a_documented_call_says_what_the_pages_say(house: House) -> None:
    await house.call(DOCUMENTED, press="5")
    ringing, completed = house.app.at("/voice")
    check_hook(ringing, "voice-ringing")
    check_hook(completed, "voice-completed")
    check_hook(house.app.at("/stream-status")[0], "stream-started")
    signature = golden("signature")
    check(ringing.headers[signature["header"]], signature["value"])
    (sent,) = house.media.request_headers
    handshake = golden("handshake")
    assert house.media.request_lines == [handshake["path"]]
    check([list(header) for header in sent][: len(handshake["headers"])], handshake["headers"])
    assert tuple(golden("handshake-header-metadata")["header"]) in sent
    first, *later = house.media.texts
    assert first == golden("first-text-documented")["text"]
    assert json.loads(later[0]) == golden("mark")["json"]
    assert json.loads(later[1]) == golden("dtmf")["json"]
    size = golden("audio-frames-documented")["size"]
    assert set(house.media.sizes[1:]) == {size}
    assert house.media.sizes[0] % size == 0


async def test_an_observed_call_says_what_production_saw(house: House) -> None:
    quick = Behaviour(**{**_fields(OBSERVED), "stream_open_delay_ms": 1000, "completed_to_close_ms": 100})
    await house.call(quick)
    check_hook(house.app.at("/voice")[0], "voice-ringing")
    assert {one.path for one in house.app.received} == {"/voice"}, "no events, no stream status"
    check([list(header) for header in house.media.request_headers[0]], golden("handshake")["headers"])
    check(json.loads(house.media.texts[0]), golden("first-text-observed")["json"])
    assert house.media.sizes[:4] == golden("audio-frames-observed")["sizes"]


def _fields(behaviour: Behaviour) -> dict[str, Any]:
    return {name: getattr(behaviour, name) for name in Behaviour.__slots__}


@pytest.mark.parametrize("envelope", ["A", "B", "C"])
async def test_call_events_come_in_the_envelope_that_was_asked_for(house: House, envelope: Any) -> None:
    await house.call(DOCUMENTED, Quirks(event_envelope=envelope))
    message = golden(f"event-completed-{envelope.lower()}")
    completed = [one for one in house.app.at("/events") if one.headers["x-sautikit-event"] == "call.completed"]
    assert len(completed) == 1
    check(json.loads(completed[0].body), message["json"])
    check_headers(completed[0], message["headers"])
    check(completed[0].headers["x-sautikit-signature"], golden("signature")["value"])


async def test_the_rest_answers_about_a_call(house: House) -> None:
    call = await house.call(DOCUMENTED)
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        for either_id in (call.session_id, call.call_id):
            check_response(await http.get(f"/v1/calls/{either_id}"), "get-call")
            check_response(await http.post(f"/v1/calls/{either_id}/hangup"), "hangup")
        check_response(await http.get("/v1/calls"), "list-calls")
        check_response(await http.get("/v1/calls", headers={"Authorization": "Bearer other"}), "error")


async def test_the_leg_that_a_dial_makes_has_a_record_of_its_own(house: House) -> None:
    house.carrier.answer_with(PERSON, lambda: Person(stays_ms=200), ring_s=0.02)
    house.app.document = f"<Response><Dial>{PERSON}</Dial><Hangup/></Response>"
    call = await house.carrier.dial(CALLER, OWN, Person(stays_ms=3000))
    await call.ended(10)
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        listed = (await http.get("/v1/calls", params={"session_id": call.session_id})).json()["data"]
        dialled, own = listed
        assert (own["id"], dialled["session_id"]) == (call.call_id, call.session_id)
        check_response(await http.get(f"/v1/calls/{dialled['id']}"), "dial-leg")
        assert (await http.get(f"/v1/calls/{call.session_id}")).json()["call"] == own


async def test_placing_a_call(house: House) -> None:
    house.carrier.answer_with(CALLER, lambda: Person(stays_ms=100))
    message = golden("create-call")
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        check_response(await http.post("/v1/calls", json=message["request"]), "create-call")
        (call,) = house.carrier.calls
        await call.ended(10)
        hook = golden("voice-answered-outbound")
        check_hook(house.app.at("/voice")[0], "voice-answered-outbound")
        assert parse_qsl(house.app.at("/voice")[0].query) == parse_qsl(hook["query"])
        house.carrier.behaviour = OBSERVED
        check_response(
            await http.post("/v1/calls", json=golden("create-call-observed")["request"]), "create-call-observed"
        )
        house.carrier.wallet.balance_minor = 0
        check_response(await http.post("/v1/calls", json=message["request"]), "error-wallet")


async def test_recordings(house: House, tmp_path: Path) -> None:
    call = await house.carrier.dial(CALLER, OWN, Person(stays_ms=400), record=tmp_path / "call.wav")
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        check_response(await http.get(f"/v1/calls/{call.session_id}/recording"), "recording-pending")
        await call.ended(10)
        moved = await http.get(f"/v1/calls/{call.session_id}/recording")
        assert moved.status_code == 302
        fetched = await http.get(moved.headers["location"])
        assert fetched.content == (tmp_path / "call.wav").read_bytes()
        call.recording_expired = True
        check_response(await http.get(f"/v1/calls/{call.session_id}/recording"), "recording-gone")


async def test_numbers_and_wallet(house: House) -> None:
    house.carrier.numbers.offer("+254200000002")
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        check_response(await http.get("/v1/numbers"), "numbers")
        check_response(await http.get("/v1/wallet"), "wallet")
        check_response(await http.get("/v1/numbers/available"), "numbers-available")
        routing = golden("number-routing")
        check_response(
            await http.put(f"/v1/numbers/{house.number.id}/routing", json=routing["request"]), "number-routing"
        )


async def test_every_printed_way_to_route_a_number(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        address = f"/v1/numbers/{house.number.id}"
        for name, path in (("number-routing-patch", f"{address}/routing"), ("number-routing-url", address)):
            house.number.voice_url = ""
            check_response(await http.patch(path, json=golden(name)["request"]), name)
    assert house.number.signing_secret == "whsec_of_the_number"


@pytest.mark.parametrize("path", ["/available/claim", "/claim", "", "/{id}/claim"])
async def test_every_printed_way_to_claim_a_number(house: House, path: str) -> None:
    inventory_id = house.carrier.numbers.offer("+254200000002")
    body = {} if "{id}" in path else dict.fromkeys(golden("number-claim")["request"], inventory_id)
    async with httpx.AsyncClient(base_url=house.carrier.base_url, headers=AUTHORISED, verify=False) as http:
        check_response(await http.post("/v1/numbers" + path.format(id=inventory_id), json=body), "number-claim")
        house.carrier.numbers.offer("+254200000002")
        house.carrier.numbers.bare_inventory = True
        check_response(await http.get("/v1/numbers/available"), "numbers-available-bare")


def check_response(response: httpx.Response, name: str) -> None:
    message = golden(name)
    assert response.status_code == message["status"], response.text
    check(response.json(), message["response"], name)
