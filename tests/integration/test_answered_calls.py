"""A placed call that a person, a machine, a fax or nobody picks up: the bridge's own process and the simulated carrier, over real sockets.

The verdict on synthetic greetings of every kind is tested beside `bridge.core.machine`; here it is what the line is told, and what not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.audio.analysis import load, speech_segments
from local.carrier import AnsweringMachine, Call, Carrier, Fax, Mute, Party
from local.carrier.machines import quiet, tone
from local.carrier.rest import RestServer
from local.live_server import LiveServer
from local.model import Stage, scripted
from local.speech.voice import Voice
from tests.integration.bridge_peers import CONTEXT, TOKEN, FakeTools, HttpPeer, until, write_clip
from tests.integration.carrier_peers import EMPTY, RINGING, Person, stream_xml
from tests.integration.test_bridge_process import free_port, get, start

LINE, CALLEE = "+254711000004", "+254722000301"
GREETING, GREETING_MS, GREETING_LEVEL = "Hello, this is an AI.", 1_200, 3_000
MESSAGE, MESSAGE_MS, MESSAGE_LEVEL = "This is an automatic message.", 1_600, 5_000
ON_THE_MACHINE = "You have reached my mailbox. Please leave a message after the tone."
RATE_HZ = 16_000
ROUGHLY_MS = 120  # frames come late on a busy machine
CONTEXT_OF_PLACED = {
    **CONTEXT,
    "direction": "outbound",
    "agent": "leads",
    "greeting": GREETING,
    "answering": {"voicemail": "message", "message": MESSAGE},
}


@dataclass
class Floor:
    carrier: Carrier
    tools: FakeTools
    stages: list[Stage]
    folder: Path

    async def call(self, party: Party, behaviour: str = "documented") -> Call:
        """Rings the number, whoever `party` is, and returns when the call is over."""
        record = self.folder / "call.wav"
        self.carrier.answer_with(CALLEE, lambda: party, 0.05, behaviour=behaviour, record=record)
        number = self.carrier.numbers.by_e164(LINE)
        assert number is not None
        call = self.carrier.place(number, CALLEE)
        await call.ended(30)
        await until(lambda: bool(self.tools.of("close")), "the bridge has told of the end")
        return call

    @property
    def closing(self) -> dict[str, Any]:
        (closing,) = self.tools.of("close")
        return closing

    @property
    def model_heard_ms(self) -> int:
        return sum(stage.heard_bytes for stage in self.stages) // 32

    def said_to_line(self) -> list[tuple[int, int, int]]:
        """What the line was told: (from_ms, to_ms, level) of each clip."""
        heard = load(self.folder / "call.wav").agent
        spans = speech_segments(heard, RATE_HZ, pause_ms=100)
        at = RATE_HZ // 1000
        return [(s.start_ms, s.end_ms, int(np.median(heard[s.start_ms * at : s.end_ms * at]))) for s in spans]


@contextlib.asynccontextmanager
async def application(floor_url: Callable[[str], str]) -> AsyncIterator[str]:
    """Sends whoever picks up to the bridge. Yields its voice URL."""

    async def answer(request: Request) -> Response:
        told = dict(parse_qsl((await request.body()).decode()))
        is_first = told["callSessionState"] in RINGING
        return Response(stream_xml(floor_url(told["sessionId"])) if is_first else EMPTY, media_type="text/xml")

    server = RestServer(Starlette(routes=[Route("/voice", answer, methods=["POST"])]), 0)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/voice"
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def bridge(folder: Path, model_url: str, tools_url: str, carrier: Carrier) -> AsyncIterator[int]:
    """Its own process; it must end with 0 when told to. Yields its port."""
    port = free_port()
    process = await start(
        POKEA_BRIDGE_PORT=str(port),
        POKEA_BRIDGE_WORKERS="1",
        POKEA_GEMINI_URL=model_url,
        POKEA_CLIPS_DIR=str(folder),
        POKEA_CALL_RECORDS_DIR=str(folder.parent / "records"),
        POKEA_FRAMES_DIR=str(folder.parent / "frames"),
        POKEA_TOOLS_FUNCTION="tools",
        AWS_ENDPOINT_URL_LAMBDA=tools_url,
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_DEFAULT_REGION="af-south-1",
        SAUTIKIT_API_BASE=carrier.base_url,
        SAUTIKIT_API_KEY=carrier.api_key,
    )
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    if "200 OK" in await get(port, "/readyz"):
                        break
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.communicate()
    assert process.returncode == 0


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    clips = tmp_path / "clips"
    write_clip(clips, "Kore", GREETING, GREETING_MS, GREETING_LEVEL)
    write_clip(clips, "Kore", MESSAGE, MESSAGE_MS, MESSAGE_LEVEL)
    tools, stages = FakeTools(context=CONTEXT_OF_PLACED), list[Stage]()

    async def listens(stage: Stage) -> None:
        stages.append(stage)
        await asyncio.Event().wait()

    def lambda_door(method: str, path: str, body: bytes) -> tuple[int, Any]:
        return 200, tools(json.loads(body))

    async with (
        LiveServer(scripted(listens)) as model,
        HttpPeer(lambda_door) as door,
        Carrier("carrier-key") as carrier,
        bridge(clips, model.url, door.url, carrier) as port,
        application(lambda session: f"ws://127.0.0.1:{port}/g/r1/audio?call={session}&token={TOKEN}") as voice_url,
    ):
        carrier.add_number(LINE, voice_url)
        yield Floor(carrier, tools, stages, tmp_path)


def spoken(*pieces: str | int) -> bytes:
    """Words, and pauses in milliseconds. 16 kHz mono PCM16LE."""
    with Voice() as voice:
        return b"".join(voice.say_now(one) if isinstance(one, str) else quiet(one) for one in pieces)


async def test_a_machine_is_left_the_whole_message_behind_its_beep(floor: Floor) -> None:
    machine = AnsweringMachine(spoken(ON_THE_MACHINE), records_s=15)
    call = await floor.call(machine)
    ((begins_ms, ends_ms, level),) = floor.said_to_line()
    assert begins_ms >= machine.records_from_ms - 40
    assert begins_ms <= machine.records_from_ms + 1_500
    assert level == MESSAGE_LEVEL and abs(ends_ms - begins_ms - MESSAGE_MS) <= ROUGHLY_MS
    on_tape = np.abs(np.frombuffer(machine.recorded, dtype="<i2").astype(np.int32)) > MESSAGE_LEVEL // 2
    assert 1000 * int(on_tape.sum()) / RATE_HZ == pytest.approx(MESSAGE_MS, abs=ROUGHLY_MS)
    assert (floor.closing["reason"], floor.closing["answerer"]) == ("machine", "machine")
    assert floor.model_heard_ms == 0, "no model has anything to do with a machine"
    assert call.released_by == "api"


@pytest.mark.faults
async def test_a_person_hears_who_calls_after_their_hello_and_whatever_they_say_meanwhile(floor: Floor) -> None:
    says = spoken(500, "hello", 1_700, "who is this please")
    hello_ms = len(spoken("hello")) // 32
    await floor.call(Person(stays_ms=6_000, says=says))
    ((begins_ms, ends_ms, level),) = floor.said_to_line()
    assert 500 + hello_ms + 600 <= begins_ms <= 500 + hello_ms + 1_600
    assert level == GREETING_LEVEL and abs(ends_ms - begins_ms - GREETING_MS) <= ROUGHLY_MS
    assert (floor.closing["reason"], floor.closing["answerer"]) == ("caller_hung_up", "person")
    assert 0 < floor.model_heard_ms < 6_000 - begins_ms + 500, (
        "the model heard what came after the verdict, and nothing before"
    )


@pytest.mark.faults
async def test_a_hello_that_the_switch_held_back_is_heard(floor: Floor) -> None:
    """One carrier opens the stream more than a second after the answer, and begins it with what was said until then."""
    await floor.call(Person(stays_ms=6_000, says=spoken(200, "hello")), "observed")
    ((begins_ms, _, level),) = floor.said_to_line()
    assert level == GREETING_LEVEL and begins_ms <= 3_000, "it did not wait for another word"
    assert floor.closing["answerer"] == "person"


@pytest.mark.faults
@pytest.mark.parametrize("calls", [False, True])
async def test_a_fax_is_told_nothing_and_put_down(floor: Floor, calls: bool) -> None:
    call = await floor.call(Fax(calls=calls))
    assert floor.said_to_line() == []
    assert (floor.closing["reason"], floor.closing["answerer"]) == ("machine", "fax")
    assert call.released_by == "api" and call.duration_s <= 7
    assert floor.model_heard_ms == 0


@pytest.mark.faults
async def test_a_machine_without_a_message_to_leave_is_put_down_as_soon_as_it_is_one(floor: Floor) -> None:
    floor.tools.context = {**CONTEXT_OF_PLACED, "answering": {"voicemail": "hang_up", "message": ""}}
    machine = AnsweringMachine(spoken(ON_THE_MACHINE))
    call = await floor.call(machine)
    assert floor.said_to_line() == []
    assert (floor.closing["reason"], floor.closing["answerer"]) == ("machine", "machine")
    assert call.released_by == "api" and call.duration_s <= machine.records_from_ms // 1000 + 3


@pytest.mark.faults
async def test_a_short_greeting_that_was_taken_for_a_person_is_found_out_by_its_beep(floor: Floor) -> None:
    machine = AnsweringMachine(spoken("Hi, leave a message."), pause_ms=2_200)
    await floor.call(machine)
    *_, (begins_ms, ends_ms, level) = floor.said_to_line()
    assert begins_ms >= machine.records_from_ms - 40
    assert level == MESSAGE_LEVEL and abs(ends_ms - begins_ms - MESSAGE_MS) <= ROUGHLY_MS
    assert floor.closing["answerer"] == "machine"


@pytest.mark.faults
async def test_somebody_who_says_nothing_is_told_who_calls_after_four_seconds(floor: Floor) -> None:
    await floor.call(Mute(sigma=3, stays_s=7))
    ((begins_ms, ends_ms, level),) = floor.said_to_line()
    assert 3_800 <= begins_ms <= 5_000
    assert level == GREETING_LEVEL and abs(ends_ms - begins_ms - GREETING_MS) <= ROUGHLY_MS
    assert floor.closing["answerer"] == "silence"


@pytest.mark.faults
async def test_busy_tones_are_told_nothing(floor: Floor) -> None:
    """The exchange picks up for somebody who does not: nobody records there."""
    bursts = b"".join(tone(425, 500) + quiet(500) for _ in range(12))
    await floor.call(Person(stays_ms=12_000, says=quiet(300) + bursts))
    assert floor.said_to_line() == []
    assert (floor.closing["reason"], floor.closing["answerer"]) == ("machine", "machine")
