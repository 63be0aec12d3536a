"""Whole calls through the simulated carrier over real sockets, on both behaviours. Each test stays a fraction of a second on the line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from local.audio.analysis import load, speech_segments
from local.carrier import DOCUMENTED, OBSERVED, Behaviour, Call, Carrier, CarrierError, Quirks
from local.carrier.switch import StreamEvent
from tests.integration.carrier_peers import (
    EMPTY,
    MediaServer,
    Person,
    VoiceApp,
    media_server,
    sine,
    stream_xml,
    voice_app,
)

CALLER, OWN, HUMAN = "+254711000001", "+254200000001", "+254711000009"
QUICK_OBSERVED = replace(OBSERVED, stream_open_delay_ms=40, backlog_bytes=0, completed_to_close_ms=200)
BOTH = pytest.mark.parametrize("behaviour", [DOCUMENTED, QUICK_OBSERVED], ids=lambda row: row.name)
ZEROS_160_MS = bytes(5120)


class House:
    def __init__(self, carrier: Carrier, app: VoiceApp) -> None:
        self.carrier, self.app = carrier, app
        carrier.add_number(OWN, app.voice_url, f"{app.url}/events")

    async def call(
        self, person: Person, behaviour: Behaviour = DOCUMENTED, quirks: Quirks | None = None, **settings: object
    ) -> Call:
        call = await self.carrier.dial(CALLER, OWN, person, behaviour, quirks=quirks, **settings)  # type: ignore[arg-type]
        await call.ended(10)
        assert person.is_over
        return call


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with voice_app() as app, Carrier("key") as carrier:
        yield House(carrier, app)


def loud_ms(pcm: bytes) -> int:
    return int(np.count_nonzero(np.abs(np.frombuffer(pcm, "<i2")) > 300)) // 16


def notes(call: Call) -> list[str]:
    return [moment.what for moment in call.timeline]


# --- sound ----------------------------------------------------------------------------------------------------------------------


@BOTH
async def test_the_recording_is_what_the_caller_said_and_what_was_played_sample_by_sample(
    house: House, behaviour: Behaviour, tmp_path: Path
) -> None:
    async def greet(ws: ServerConnection) -> None:
        await ws.send(sine(300) + ZEROS_160_MS)

    async with media_server(greet) as media:
        house.app.document = stream_xml(media.url)
        person = Person(stays_ms=700, says=sine(200, 600.0))
        call = await house.call(person, behaviour, record=tmp_path / "call.wav")
    heard = load(tmp_path / "call.wav")
    assert heard.caller.tobytes() == bytes(person.said)
    assert heard.agent.tobytes() == bytes(person.heard)
    assert heard.duration_ms == call.line.answered_ms == 700
    assert bytes(person.said)[:6400] in bytes(media.audio), "the media server got what the caller said"
    (greeting,) = speech_segments(heard.agent, 16_000)
    assert greeting.duration_ms == pytest.approx(300, abs=20)


async def test_every_frame_after_the_backlog_is_20_ms_and_the_backlog_is_one_message(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        call = await house.call(
            Person(stays_ms=1400), replace(OBSERVED, stream_open_delay_ms=1000, completed_to_close_ms=0)
        )
    assert media.sizes[0] == 39_040
    assert set(media.sizes[1:]) == {640}
    assert call.stream is not None
    assert call.stream.opened_at_ms is not None
    assert call.stream.opened_at_ms >= 1000


async def test_an_8_khz_leg_still_carries_speech_both_ways(house: House) -> None:
    async def greet(ws: ServerConnection) -> None:
        await ws.send(sine(300) + ZEROS_160_MS)

    async with media_server(greet) as media:
        house.app.document = stream_xml(media.url)
        person = Person(stays_ms=700, says=sine(400))
        await house.call(person, leg_rate_hz=8000)
    assert 270 <= loud_ms(bytes(person.heard)) <= 310
    assert 360 <= loud_ms(bytes(media.audio)) <= 410
    assert set(media.sizes[1:]) == {640}


async def test_kill_audio_silences_what_was_sent_ahead(house: House) -> None:
    async def talk_then_stop(ws: ServerConnection) -> None:
        await ws.send(sine(5000))
        await asyncio.sleep(0.3)
        await ws.send(json.dumps({"type": "killAudio"}))

    async with media_server(talk_then_stop) as media:
        house.app.document = stream_xml(media.url)
        person = Person(stays_ms=1100)
        call = await house.call(person)
    assert 200 <= loud_ms(bytes(person.heard)) <= 700
    assert "killAudio" in [event.event for event in call.stream_events]


async def test_without_a_bidirectional_rate_nothing_the_server_sends_is_heard(house: House) -> None:
    async def greet(ws: ServerConnection) -> None:
        await ws.send(sine(300) + ZEROS_160_MS)

    async with media_server(greet) as media:
        house.app.document = stream_xml(media.url, bidirectionalSamplingRate="")
        person = Person(stays_ms=400)
        call = await house.call(person)
    assert loud_ms(bytes(person.heard)) == 0
    assert call.stream is not None
    assert call.stream.received_bytes == 9600 + 5120


@pytest.mark.parametrize(("track", "hears_playback"), [("inbound_track", False), ("both_tracks", True)])
async def test_only_both_tracks_carry_the_playback_back(house: House, track: str, hears_playback: bool) -> None:
    async def greet(ws: ServerConnection) -> None:
        await ws.send(sine(300) + ZEROS_160_MS)

    async with media_server(greet) as media:
        house.app.document = stream_xml(media.url, track=track)
        await house.call(Person(stays_ms=600))
    assert (loud_ms(bytes(media.audio)) > 200) is hears_playback


async def test_fragmented_empty_and_odd_messages_are_one_stream_of_sound(house: House) -> None:
    pcm = sine(300) + ZEROS_160_MS

    async def mumble(ws: ServerConnection) -> None:
        await ws.send([pcm[:1001], pcm[1001:3000]])
        await ws.send(b"")
        await ws.send(pcm[3000:5555])
        await ws.send(pcm[5555:])

    async with media_server(mumble) as media:
        house.app.document = stream_xml(media.url)
        person = Person(stays_ms=600)
        await house.call(person)
    assert pcm[:9600] in bytes(person.heard)


async def test_pings_are_answered_and_junk_texts_survived(house: House) -> None:
    answered = asyncio.Event()

    async def ping(ws: ServerConnection) -> None:
        await ws.send("{not json")
        await ws.send("[]")
        await ws.send(json.dumps({"type": "disconnect"}))
        await (await ws.ping())
        answered.set()

    async with media_server(ping) as media:
        house.app.document = stream_xml(media.url)
        call = await house.call(Person(stays_ms=300))
    assert answered.is_set()
    assert {"text_not_json", "disconnect"} <= {event.event for event in call.stream_events}


# --- the socket closes ---------------------------------------------------------------------------------------------------------


async def close_soon(ws: ServerConnection) -> None:
    await asyncio.sleep(0.1)
    await ws.close(1000)


async def test_documented_what_stands_behind_the_stream_runs_after_our_close(house: House) -> None:
    house.carrier.answer_with(HUMAN, lambda: Person(stays_ms=200, says=sine(200, 500.0)), ring_s=0.02)
    async with media_server(close_soon) as media:
        house.app.document = stream_xml(media.url, behind=f"<Say>x</Say><Dial>{HUMAN}</Dial>")
        person = Person(stays_ms=3000)
        call = await house.call(person)
    (leg,) = call.dial_legs
    assert (leg.number, leg.caller_id, leg.status) == (HUMAN, OWN, "completed")
    assert leg.duration_s == 1
    assert leg.cost_minor == 5
    told = [(one.id, one.direction, one.cost_minor) for one in house.carrier.records.newest_first(call.session_id)]
    assert told == [(leg.id, "outbound", 5), (call.call_id, "inbound", 0)]
    assert [(line.kind, line.reference) for line in house.carrier.wallet.movements] == [("dial", leg.id)]
    assert 180 <= loud_ms(bytes(person.heard)) <= 220, "the caller heard the human"
    assert call.voice_states == ["Ringing", "DialCompleted", "Completed"]
    assert call.socket_close_code == 1000


async def test_documented_with_nothing_behind_the_stream_the_voice_url_is_asked_again(house: House) -> None:
    async with media_server(close_soon) as media:
        house.app.document = stream_xml(media.url)
        house.app.documents = {"StreamStopped": "<Response><Say>ok</Say></Response>"}
        call = await house.call(Person(stays_ms=3000))
    assert call.voice_states == ["Ringing", "StreamStopped", "Completed"]
    assert [moment.detail for moment in call.timeline if moment.what == "verb"] == ["Stream", "Say"]
    assert call.released_by == "carrier"


async def test_observed_our_close_leaves_dead_air_until_the_caller_hangs_up(house: House) -> None:
    async with media_server(close_soon) as media:
        house.app.document = stream_xml(
            media.url, behind=f"<Redirect>{house.app.url}/next</Redirect><Dial>{HUMAN}</Dial>"
        )
        person = Person(stays_ms=800)
        call = await house.call(person, QUICK_OBSERVED)
    assert call.voice_states == ["Ringing", "Completed"]
    assert house.app.at("/next") == []
    assert call.dial_legs == []
    assert "dead_air" in notes(call)
    assert len(person.heard) == 800 * 32
    assert call.released_by == "party"


async def test_dead_air_ends_at_the_carriers_own_limit(house: House) -> None:
    async with media_server(close_soon) as media:
        house.app.document = stream_xml(media.url)
        call = await house.call(Person(stays_ms=10_000), QUICK_OBSERVED, max_call_s=0.5)
    assert call.released_by == "limit"
    assert call.status == "completed"


async def test_observed_the_socket_outlives_completed_and_carries_filled_silence(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        call = await house.call(Person(stays_ms=300), QUICK_OBSERVED)
    completed = call.hooks[-1]
    assert completed.state == "Completed"
    assert call.stream is not None
    assert call.stream.closed_at_ms is not None
    assert call.stream.closed_at_ms - completed.sent_at_ms >= 190
    assert bytes(media.audio).endswith(b"\xff\xff" * 320)
    assert media.close_codes == [1000]


async def test_a_lost_connection_is_1006_on_both_sides(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        person = Person(stays_ms=500)
        call = await house.carrier.dial(CALLER, OWN, person)
        await media.hears.wait()
        call.drop_stream()
        await call.ended(10)
    assert call.socket_close_code == 1006
    assert media.close_codes == [1006]


async def test_a_stream_without_connect_ends_the_leg_within_about_a_second(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url, connect="", behind="<Say>never said</Say>")
        person = Person(stays_ms=10_000)
        call = await house.call(person)
    assert media.close_codes == [1006]
    assert media.sizes == []
    assert call.socket_close_code == 1006
    assert call.voice_states == ["Ringing", "Completed"]
    assert not person.is_answered
    assert call.status == "failed"
    assert 900 <= call.timeline[-1].at_ms <= 2500


@BOTH
async def test_a_rest_hang_up_before_our_close_leaves_no_dial_leg(house: House, behaviour: Behaviour) -> None:
    house.carrier.answer_with(HUMAN, Person)
    calls: list[Call] = []

    async def hang_up_then_close(ws: ServerConnection) -> None:
        await asyncio.sleep(0.1)
        calls[-1].hang_up("api")
        await ws.close(1000)

    async with media_server(hang_up_then_close) as media:
        house.app.document = stream_xml(media.url, behind=f"<Dial>{HUMAN}</Dial>")
        for _ in range(3):
            calls.append(await house.carrier.dial(CALLER, OWN, Person(stays_ms=10_000), behaviour))
            await calls[-1].ended(10)
    assert [call.dial_legs for call in calls] == [[], [], []]
    assert {call.released_by for call in calls} == {"api"}


# --- the stream never opens ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["nobody listens", "refuses", "other subprotocol"])
async def closed_door(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    def refuse(ws: ServerConnection, _request: Request) -> Response:
        return ws.respond(HTTPStatus.UNAUTHORIZED, "no")

    def another(ws: ServerConnection, _request: Request, response: Response) -> Response:
        response.headers["Sec-WebSocket-Protocol"] = "audio.other.org"
        return response

    settings = {"refuses": {"process_request": refuse}, "other subprotocol": {"process_response": another}}
    options = settings.get(request.param, {})
    async with serve(MediaServer().handle, "127.0.0.1", 0, subprotocols=[Subprotocol("x")], **options) as server:  # type: ignore[arg-type]
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/audio"
        if request.param == "nobody listens":
            server.close()
            await server.wait_closed()
        yield url


async def test_documented_a_stream_that_never_opens_is_reported_and_the_document_goes_on(
    house: House, closed_door: str
) -> None:
    house.app.document = stream_xml(closed_door, behind="<Say>x</Say>", statusCallback=f"{house.app.url}/stream-status")
    call = await house.call(Person(stays_ms=3000))
    (status,) = house.app.at("/stream-status")
    assert status.fields["streamEvent"] == "stream-error"
    assert status.fields["reason"]
    assert [moment.detail for moment in call.timeline if moment.what == "verb"] == ["Stream", "Say"]
    assert call.socket_close_code is None


async def test_observed_a_stream_that_never_opens_is_silence(house: House, closed_door: str) -> None:
    house.app.document = stream_xml(closed_door, behind="<Say>x</Say>", statusCallback=f"{house.app.url}/stream-status")
    call = await house.call(Person(stays_ms=400), QUICK_OBSERVED)
    assert house.app.at("/stream-status") == []
    assert call.voice_states == ["Ringing", "Completed"]


# --- hooks ---------------------------------------------------------------------------------------------------------------------


@BOTH
async def test_the_first_hook_is_ringing_and_the_last_one_completed(house: House, behaviour: Behaviour) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        call = await house.call(Person(stays_ms=200), behaviour)
    assert call.voice_states == ["Ringing", "Completed"]
    assert {hook.fields["sessionId"] for hook in call.hooks if hook.kind == "voice"} == {call.session_id}
    assert call.document is not None
    assert b"<Stream" in call.document
    ringing = call.hooks[0 if behaviour is QUICK_OBSERVED else 1]
    assert ringing.status_code == 200
    assert ringing.answered_at_ms is not None
    assert ringing.answered_at_ms >= ringing.sent_at_ms


async def test_duplicates_late_copies_and_a_completed_ahead_of_time_on_demand(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        quirks = Quirks(
            copies={"Ringing": 3, "Completed": 2},
            late_copies={"Ringing": 0.05},
            completed_first=True,
            swap_numbers=True,
        )
        call = await house.call(Person(stays_ms=200), QUICK_OBSERVED, quirks)
    assert call.voice_states == ["Completed"] * 2 + ["Ringing"] * 3 + ["Completed"] * 2 + ["Ringing"]
    assert {one.fields["callerNumber"] for one in house.app.received} == {OWN}
    assert len({one.body for one in house.app.received if one.state == "Ringing"}) == 1


async def test_stream_states_may_hit_the_voice_url_and_their_answer_is_ignored(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        house.app.documents = {"StreamStarted": stream_xml(media.url)}
        call = await house.call(Person(stays_ms=300), QUICK_OBSERVED, Quirks(stream_states_on_voice_url=True))
    assert sorted(call.voice_states) == ["Completed", "Ringing", "StreamStarted", "StreamStopped"]
    assert len(call.streams) == 1


async def test_documented_events_and_stream_states_are_posted_in_order(house: House) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(
            media.url, statusCallback=f"{house.app.url}/s", statusEvents="stream-started stream-stopped"
        )
        await house.call(Person(stays_ms=300))
    assert [one.headers["x-sautikit-event"] for one in house.app.at("/events")] == [
        "call.started",
        "call.answered",
        "call.completed",
    ]
    assert [one.fields["streamEvent"] for one in house.app.at("/s")] == ["stream-started", "stream-stopped"]


async def test_json_hooks_on_demand(house: House) -> None:
    await house.call(Person(), quirks=Quirks(hook_format="json"))
    assert json.loads(house.app.at("/voice")[0].body)["callSessionState"] == "Ringing"


@pytest.mark.parametrize("metadata", ["absent", "concatenated"])
async def test_the_first_text_frame_may_be_missing_or_glued_to_the_next(house: House, metadata: str) -> None:
    async with media_server() as media:
        house.app.document = stream_xml(media.url, openMetadata='{"a":1}')
        await house.call(Person(stays_ms=200), quirks=Quirks(first_text=metadata))  # type: ignore[arg-type]
    assert media.texts == (
        [] if metadata == "absent" else ['{"a":1}{"event": "dtmf", "dtmf": "1", "duration": "1600"}']
    )


# --- documents -----------------------------------------------------------------------------------------------------------------


async def test_json_actions_are_executed_too(house: House) -> None:
    async with media_server() as media:
        stream = {"url": media.url, "connect": True, "outputSamplingRate": 16000, "bidirectionalSamplingRate": 16000}
        house.app.document = json.dumps({"actions": [{"say": {"text": "x"}}, {"stream": stream}]})
        house.app.media_type = "application/json"
        call = await house.call(Person(stays_ms=500))
    assert call.stream is not None
    assert call.stream.opened_at_ms is not None
    assert media.sizes


@pytest.mark.parametrize("answer", ["server error", "not xml", "nobody"])
async def test_without_a_usable_answer_the_carrier_speaks_itself_and_the_media_socket_never_opens(
    house: House, answer: str
) -> None:
    if answer == "server error":
        house.app.status = 500
    elif answer == "nobody":
        house.carrier.numbers.by_e164(OWN).voice_url = "http://127.0.0.1:9/voice"  # type: ignore[union-attr]
    house.app.document = "<Response><Stream" if answer == "not xml" else EMPTY
    call = await house.call(Person(stays_ms=300))
    assert "downtime_message" in notes(call)
    assert call.streams == []


async def test_an_empty_first_document_and_a_reject_end_the_call_unanswered(house: House) -> None:
    empty = await house.call(Person())
    house.app.document = '<Response><Reject reason="busy"/></Response>'
    busy = await house.call(Person())
    assert (empty.status, empty.failure_code) == ("failed", "document_ended")
    assert (busy.status, busy.failure_code) == ("busy", "busy")
    for call in (empty, busy):
        assert call.answered_at is None
        assert call.duration_s == 0
        assert call.voice_states == ["Ringing", "Completed"]


async def test_a_redirect_fetches_the_next_document(house: House) -> None:
    house.app.document = f"<Response><Redirect>{house.app.url}/voice?next=1</Redirect></Response>"
    house.app.documents = {"Redirected": "<Response><Say>x</Say><Hangup/></Response>"}
    call = await house.call(Person(stays_ms=3000))
    assert call.voice_states == ["Ringing", "Redirected", "Completed"]
    assert call.status == "completed"


async def test_a_say_is_spoken_with_the_voice_the_carrier_was_given() -> None:
    async def voice(text: str, language: str) -> bytes:
        assert (text, language) == ("Karibu", "sw-KE")
        return sine(200)

    async with (
        voice_app('<Response><Say language="sw-KE">Karibu</Say></Response>') as app,
        Carrier("key", say_voice=voice) as carrier,
    ):
        carrier.add_number(OWN, app.voice_url)
        person = Person(stays_ms=3000)
        call = await carrier.dial(CALLER, OWN, person)
        await call.ended(10)
    assert sine(200) in bytes(person.heard)


async def test_a_dial_that_nobody_answers_is_a_leg_without_cost(house: House) -> None:
    house.carrier.answer_with(HUMAN, "busy", ring_s=0.02)
    house.app.document = f"<Response><Dial>{HUMAN}</Dial></Response>"
    call = await house.call(Person(stays_ms=3000), QUICK_OBSERVED)
    (leg,) = call.dial_legs
    assert (leg.status, leg.duration_s, leg.cost_minor) == ("busy", 0, 0)
    assert call.voice_states == ["Ringing", "Completed"]
    dialled, own = house.carrier.records.newest_first(call.session_id)
    assert (dialled.status, dialled.failure_code, dialled.answered_at, own.id) == ("busy", "busy", None, call.call_id)


# --- the ends of a call --------------------------------------------------------------------------------------------------------


async def test_a_caller_who_gives_up_while_it_rings_was_never_answered(house: House) -> None:
    person = Person()
    person.hung_up = True
    house.app.delay_s = 0.1
    call = await house.call(person)
    assert (call.status, call.duration_s) == ("canceled", 0)
    assert not person.is_answered
    assert call.cdr is not None
    assert (call.cdr.cost_minor, call.cdr.duration_seconds) == (0, 0)


async def test_the_record_and_the_wallet_agree(house: House) -> None:
    before = house.carrier.wallet.balance_minor
    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        documented = await house.call(Person(stays_ms=300))
        observed = await house.call(Person(stays_ms=300), QUICK_OBSERVED)
    assert documented.cdr is not None
    assert observed.cdr is not None
    assert (documented.cdr.cost_minor, documented.cdr.stream_cost_minor) == (0, 0)
    assert (observed.cdr.cost_minor, observed.cdr.stream_cost_minor) == (0, 1)
    assert house.carrier.wallet.balance_minor == before - 1
    assert [one.kind for one in house.carrier.wallet.movements] == ["stream"]


async def test_a_party_that_breaks_its_contract_breaks_its_call_and_no_other(house: House) -> None:
    class Mute(Person):
        def speak(self, samples: int) -> bytes:
            return b""

    async with media_server() as media:
        house.app.document = stream_xml(media.url)
        good = await house.carrier.dial(CALLER, OWN, Person(stays_ms=400))
        bad = await house.carrier.dial(CALLER, OWN, Mute())
        with pytest.raises(ExceptionGroup, match="unhandled") as failure:
            await bad.ended(10)
        await good.ended(10)
    assert failure.group_contains(Exception, match="returned 0 bytes")
    assert good.status == "completed"
    assert bad.cdr is None


async def test_leaving_the_carrier_hangs_up_what_is_still_on_the_line() -> None:
    async with media_server() as media, voice_app(stream_xml(media.url)) as app:
        async with Carrier("key") as carrier:
            carrier.add_number(OWN, app.voice_url)
            call = await carrier.dial(CALLER, OWN, Person(stays_ms=10_000))
            await media.hears.wait()
        assert call.is_finished
        assert (call.released_by, call.hangup_cause) == ("carrier", "carrier_shutdown")
        assert media.close_codes == [1000]


async def test_only_own_numbers_can_be_dialled(house: House) -> None:
    with pytest.raises(CarrierError, match="not a number of this workspace"):
        await house.carrier.dial(CALLER, HUMAN, Person())
    with pytest.raises(ValueError, match="expected one of documented, observed"):
        await house.carrier.dial(CALLER, OWN, Person(), "ideal")


async def test_sixteen_calls_side_by_side_keep_their_sound_apart(house: House) -> None:
    async def echo(ws: ServerConnection) -> None:
        number = int(str(ws.request.path).rsplit("=", 1)[-1]) if ws.request else 0
        await ws.send(np.full(3200, 1000 + number, "<i2").tobytes() + ZEROS_160_MS)

    async with media_server(echo) as media:
        people, calls = [], []
        for number in range(16):
            house.app.document = stream_xml(f"{media.url}&n={number}")
            people.append(Person(stays_ms=800))
            calls.append(await house.carrier.dial(CALLER, OWN, people[-1]))
            await house.app.asked.wait()
            house.app.asked.clear()
        await asyncio.gather(*(call.ended(10) for call in calls))
    for number, person in enumerate(people):
        heard = np.frombuffer(bytes(person.heard), "<i2")
        assert set(heard[heard > 0]) == {1000 + number}
        assert np.count_nonzero(heard) == 3200


def test_stream_events_are_plain_values() -> None:
    assert StreamEvent(5, "open") == StreamEvent(5, "open", "")
