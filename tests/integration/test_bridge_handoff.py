"""A hand-off on real sockets: two bridges with services of their own, a switch on either leg, and the private socket between them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.core.recording import Kind, decode
from bridge.shell.frame_recorder import FrameStore
from local.live_server import LiveServer
from local.model import scripted
from local.replay import Replay
from tests.integration.bridge_peers import (
    SPEECH,
    SUBPROTOCOL,
    TOKEN,
    HttpPeer,
    SwitchClient,
    is_sound,
    until,
    write_clip,
)
from tests.integration.handoff_peers import (
    CALLER,
    HANDOFF,
    HOP,
    PERSON,
    Desk,
    HandoffPlane,
    Models,
    handoff_desk,
    says_yes,
)
from tests.integration.test_bridge_process import free_port, get, start
from tests.support.descriptors import open_descriptors

BEARER = {"Authorization": f"Bearer {HOP}"}


def door(desk: Desk, handoff: str = HANDOFF) -> str:
    return f"{desk.plane.relay}/relay?handoff={handoff}"


def sounds_after(switch: SwitchClient, at_s: float) -> list[float]:
    return [
        at + switch.opened_s for at, message in switch.received if is_sound(message) and at + switch.opened_s >= at_s
    ]


async def passes_on(speaks: SwitchClient, hears: SwitchClient) -> float:
    """A word said on one leg comes out on the other; returns the seconds between the two sockets."""
    began = asyncio.get_running_loop().time()
    speaks.speak(200)
    await until(lambda: bool(sounds_after(hears, began)), "the other leg hears it", 3)
    await until(lambda: hears.silent_for_ms() > 100, "the word is over", 3)
    return sounds_after(hears, began)[0] - began


async def test_two_bridges_join_a_caller_and_a_person_and_part_when_one_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller, desk.person() as person:
        await desk.join(person)
        delays = [await passes_on(caller, person), await passes_on(person, caller)]
        assert max(delays) < 0.06 + 0.02, delays  # a frame lasts 20 ms; the lead is in the switch
        heard = b"".join(message for _, message in person.received if isinstance(message, bytes))
        assert SPEECH in heard, "the very samples"
        assert desk.model.active == 0, "no model hears them"
        await person.hang_up()
        await asyncio.wait_for(caller.closed.wait(), 5)
        await until(lambda: bool(desk.plane.closed("caller") and desk.plane.closed("person")), "both ends are reported")
        assert desk.one.hang_ups == [f"/v1/calls/{CALLER}/hangup"] or CALLER in desk.one.hang_ups[0]
        assert desk.one.log == ["hangup", "closed"]
        assert desk.two.hang_ups == []
        ends = {who: desk.plane.closed(who)[0] for who in ("caller", "person")}
        assert [ends[who]["reason"] for who in ends] == ["handed_over", "caller_hung_up"]
        assert [ends[who]["handoff"] for who in ends] == [HANDOFF, HANDOFF]
        assert "(handed over)" in [line["text"] for line in ends["caller"]["transcript"]]
        assert desk.plane.told("caller") == ["joined", "ended"]
        assert desk.plane.told("person") == ["briefing", "accept", "ended"]
        assert desk.models.answers == [], "the agent was never told that it could say anything"


@pytest.mark.faults  # test_handoff_whole.py goes the same way with the real control plane
async def test_a_caller_who_hangs_up_in_the_conversation_ends_the_persons_leg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller, desk.person() as person:
        await desk.join(person)
        await caller.hang_up()
        await asyncio.wait_for(person.closed.wait(), 5)
        assert desk.two.log == ["hangup", "closed"]
        await until(lambda: bool(desk.plane.closed("person")), "the end is reported")
        assert desk.plane.closed("person")[0]["reason"] == "handed_over"


async def test_a_caller_who_hangs_up_during_the_brief_is_reported_and_the_person_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller, desk.person() as person:
        await caller.hang_up()
        await asyncio.wait_for(person.closed.wait(), 5)
        await until(lambda: bool(desk.plane.closed("caller") and desk.plane.closed("person")), "both ends are reported")
        assert desk.plane.told("caller") == ["cancel"]
        said = [line["text"] for line in desk.plane.closed("person")[0]["transcript"]]
        assert "Gone." in said


@pytest.mark.faults  # test_handoff_whole.py goes the same way with the real control plane
async def test_a_person_who_declines_by_key_gives_the_caller_back_to_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller(), desk.person() as person:
        await person.socket.send(json.dumps({"event": "dtmf", "dtmf": "2", "duration": "1600"}))
        await asyncio.wait_for(person.closed.wait(), 5)
        await until(lambda: bool(desk.models.answers), "the agent is told")
        assert desk.models.answers[0]["status"] == "declined"
        assert len(desk.one.health.calls) == 1
        assert len(desk.one.relay) == 0


@pytest.mark.faults
async def test_a_socket_that_breaks_in_the_conversation_ends_both_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller, desk.person() as person:
        await desk.join(person)
        began = asyncio.get_running_loop().time()
        (call,) = desk.one.health.calls
        call._handoff.line._socket.close(1011)  # type: ignore[attr-defined]
        for switch in (caller, person):
            await asyncio.wait_for(switch.closed.wait(), 6)
            assert sounds_after(switch, began + 0.8), "words, not silence"
        await until(lambda: bool(desk.plane.closed("caller") and desk.plane.closed("person")), "both ends are reported")
        assert desk.plane.closed("caller")[0]["reason"] == "bridge_error"


# --- the private door --------------------------------------------------------------------------------------------------------


async def knock(url: str, headers: dict[str, str]) -> int:
    """The status that a stranger is answered with; 101 if they are let in."""
    try:
        async with connect(url, additional_headers=headers, subprotocols=[SUBPROTOCOL], compression=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("tries", [50, pytest.param(1_000, marks=pytest.mark.faults)])
async def test_no_wrong_hop_opens_the_door_however_often_it_is_tried(
    tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(5)
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller:
        wrong = [HOP[:-1], HOP + "x", "", HOP.upper(), "nobody is expected under this name", HOP[::-1]]
        wrong += ["".join(draw.choice(list(HOP), len(HOP))) for _ in range(tries - len(wrong))]
        places = asyncio.Semaphore(20)

        async def one(hop: str) -> int:
            async with places:
                return await knock(door(desk), {"Authorization": f"Bearer {hop}"})

        answers = await asyncio.gather(*(one(hop) for hop in wrong))
        assert answers == [401] * tries
        assert await knock(door(desk, "hf-0002"), BEARER) == 401
        assert await knock(door(desk), {}) == 401
        assert await knock(door(desk), {"Authorization": f"Basic {HOP}"}) == 401
        assert await knock(f"{desk.plane.relay}/audio?handoff={HANDOFF}", BEARER) == 404
        assert not caller.closed.is_set()
        async with desk.person() as person:  # whom it does open to
            await desk.join(person)
            assert await knock(door(desk), BEARER) == 409
            assert await passes_on(caller, person) < 0.2
        await until(lambda: len(desk.one.relay) == 0, "nobody is expected any more")
        assert await knock(door(desk), BEARER) == 401


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x01" * (64 * 1024 + 2), 1009),
        pytest.param("what?", 1008, marks=pytest.mark.faults),
        pytest.param(json.dumps({"type": "transfer"}), 1008, marks=pytest.mark.faults),
        pytest.param(json.dumps(["accepted"]), 1008, marks=pytest.mark.faults),
        pytest.param(json.dumps({"type": "briefing", "more": "x" * 400}), 1008, marks=pytest.mark.faults),
    ],
)
async def test_a_peer_that_misbehaves_is_cut_off_and_the_caller_stays_with_the_agent(
    message: Any, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller:
        async with connect(door(desk), additional_headers=BEARER, subprotocols=[SUBPROTOCOL], compression=None) as peer:
            await peer.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(peer.recv(), 3)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
        assert not caller.closed.is_set()
        desk.plane.state, desk.plane.payload = "failed", {"status": "failed", "say": "Nobody."}
        await until(lambda: bool(desk.models.answers), "the agent is told")


@pytest.mark.faults
async def test_a_flood_of_sound_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller:
        async with connect(door(desk), additional_headers=BEARER, subprotocols=[SUBPROTOCOL], compression=None) as peer:
            await peer.send(json.dumps({"type": "accepted"}))
            await until(lambda: "joined" in desk.plane.told("caller"), "the two are joined")
            with pytest.raises(ConnectionClosed):
                for _ in range(2_000):
                    await peer.send(bytes(32_000))
                    await asyncio.sleep(0)
        sent = sum(len(message) for _, message in caller.received if isinstance(message, bytes))
        assert sent < 32_000 * 4
        await asyncio.wait_for(caller.closed.wait(), 6)


@pytest.mark.faults
async def test_a_peer_that_does_not_read_costs_the_caller_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk, desk.caller() as caller:
        async with connect(
            door(desk), additional_headers=BEARER, subprotocols=[SUBPROTOCOL], compression=None, max_queue=1
        ) as peer:
            await peer.send(json.dumps({"type": "accepted"}))
            await until(lambda: "joined" in desk.plane.told("caller"), "the two are joined")
            peer.transport.pause_reading()
            for _ in range(450):
                await caller.socket.send(SPEECH)
            await asyncio.sleep(0.2)
            (call,) = desk.one.health.calls
            line = call._handoff.line  # type: ignore[attr-defined]
            held = line._socket._transport.underlying_transport.get_write_buffer_size()
            assert held < 64 * 1024
            peer.transport.resume_reading()
        await asyncio.wait_for(caller.closed.wait(), 6)


# --- what is left, and what was recorded -------------------------------------------------------------------------------------


@pytest.mark.faults
async def test_nothing_is_left_of_many_hand_offs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with handoff_desk(tmp_path, monkeypatch) as desk:
        counts: list[tuple[int, int]] = []
        for ending in ("person", "caller", "both", "brief"):
            desk.plane.asked.clear()
            desk.plane.state, desk.plane.payload = "ringing", None
            async with desk.caller() as caller, desk.person() as person:
                if ending != "brief":
                    await desk.join(person)
                if ending in ("person", "both"):
                    person.abort()
                if ending != "person":
                    caller.abort()
                await asyncio.wait_for(asyncio.gather(caller.closed.wait(), person.closed.wait()), 8)
            await until(lambda: not desk.one.health.calls and not desk.two.health.calls, "both are over")
            await until(lambda: desk.model.active == 0, "no connection to the model is left")
            await asyncio.sleep(1.1)  # a closing socket is cut after a second
            gc.collect()
            counts.append((open_descriptors(), len(asyncio.all_tasks())))
        assert len(desk.one.relay) == len(desk.two.relay) == 0
        assert counts[-1][0] <= counts[0][0]
        assert counts[-1][1] <= counts[0][1]


async def test_both_legs_of_a_hand_off_replay_to_the_byte_and_hold_no_hop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = (FrameStore(tmp_path / "frames-one"), FrameStore(tmp_path / "frames-two"))
    async with handoff_desk(tmp_path, monkeypatch, stores) as desk:
        async with desk.caller() as caller, desk.person() as person:
            await desk.join(person)
            await passes_on(caller, person)
            await passes_on(person, caller)
            await person.hang_up()
            await asyncio.wait_for(caller.closed.wait(), 5)
        await until(lambda: not desk.one.health.calls and not desk.two.health.calls, "both are over")
        for store in stores:
            store.close()
    for side, session in (("one", CALLER), ("two", PERSON)):
        (path,) = (tmp_path / f"frames-{side}").iterdir()
        assert HOP.encode() not in path.read_bytes()
        head, records = decode(path.read_bytes())
        assert head.session_id == session
        assert any(record.kind is Kind.PEER_AUDIO_IN for record in records)
        outcome = Replay(head, records).run()
        assert outcome.difference is None
        assert outcome.model_identical
        assert len(outcome.sent) > 10


# --- two processes -----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def process(model: str, door_url: str, carrier_url: str, clips: Path) -> AsyncIterator[tuple[int, int]]:
    """`python -m bridge` with a control plane; its port and process id. It must end with 0 when told to stop, unless it was killed."""
    port = free_port()
    running = await start(
        POKEA_BRIDGE_PORT=str(port),
        POKEA_BRIDGE_WORKERS="1",
        POKEA_GEMINI_URL=model,
        POKEA_TOOLS_FUNCTION="tools:live",
        POKEA_CLIPS_DIR=str(clips),
        SAUTIKIT_API_BASE=carrier_url,
        SAUTIKIT_API_KEY="carrier-key",
        GEMINI_API_KEY="key",
        AWS_ENDPOINT_URL_LAMBDA=door_url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="af-south-1",
    )
    try:
        async with asyncio.timeout(60):
            while True:  # a real process takes its time to start
                with contextlib.suppress(OSError):
                    if "200 OK" in await get(port, "/readyz"):
                        break
                await asyncio.sleep(0.05)
        yield port, running.pid
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await running.communicate()
    assert running.returncode in (0, -signal.SIGKILL)


@dataclass
class TwoProcesses:
    """Joined, a bridge process on either side."""

    plane: HandoffPlane
    hang_ups: list[str]
    processes: tuple[int, int]
    caller: SwitchClient
    person: SwitchClient


@contextlib.asynccontextmanager
async def joined_processes(folder: Path) -> AsyncIterator[TwoProcesses]:
    plane, models, hang_ups = HandoffPlane(), Models(), []

    def carrier(method: str, path: str, body: bytes) -> tuple[int, Any]:
        hang_ups.append(path)
        return 200, {"status": "hung_up"}

    clips = folder / "clips"
    for text in ("I am trying to reach somebody.", "Still trying.", "Sorry, something went wrong."):
        write_clip(clips, "Kore", text, 400)
    async with (
        LiveServer(scripted(models.play)) as model,
        HttpPeer(lambda method, path, body: (200, plane(json.loads(body)))) as lambda_door,
        HttpPeer(carrier) as carrier_peer,
        process(model.url, lambda_door.url, carrier_peer.url, clips) as (one, first),
        process(model.url, lambda_door.url, carrier_peer.url, clips) as (two, second),
        dialled(one, CALLER) as caller,
    ):
        await until(lambda: any(e.get("tool") == "handOver" for e in plane.asked), "the caller is handed over")
        await asyncio.sleep(0.1)
        async with dialled(two, PERSON) as person:
            await until(lambda: "briefing" in plane.told("person"), "the brief has begun")
            await says_yes(person)
            await until(lambda: "joined" in plane.told("caller"), "the two are joined")
            yield TwoProcesses(plane, hang_ups, (first, second), caller, person)


async def test_the_persons_leg_may_land_on_another_process(tmp_path: Path) -> None:
    async with joined_processes(tmp_path) as two:
        assert two.processes[0] != two.processes[1]
        delays = [await passes_on(two.caller, two.person), await passes_on(two.person, two.caller)]
        assert max(delays) < 0.1, delays
        await two.caller.hang_up()
        await asyncio.wait_for(two.person.closed.wait(), 5)
        await until(lambda: bool(two.plane.closed("caller") and two.plane.closed("person")), "both ends are reported")
        assert two.plane.closed("person")[0]["reason"] == "handed_over"
        assert len(two.hang_ups) == 1
        assert PERSON in two.hang_ups[0]


@pytest.mark.faults
@pytest.mark.parametrize("side", [0, 1])
async def test_a_bridge_that_is_killed_in_the_conversation_leaves_the_other_leg_with_words(
    side: int, tmp_path: Path
) -> None:
    async with joined_processes(tmp_path) as two:
        loop = asyncio.get_running_loop()
        stays, who = ((two.person, "person"), (two.caller, "caller"))[side]
        killed = loop.time()
        os.kill(two.processes[side], signal.SIGKILL)
        await asyncio.wait_for(stays.closed.wait(), 6)
        words = sounds_after(stays, killed)
        assert 0.8 <= words[0] - killed <= 2.0
        await until(lambda: bool(two.plane.closed(who)), "its end is reported")
        assert two.plane.closed(who)[0]["reason"] == "bridge_error"
        assert two.plane.closed(who)[0]["handoff"] == HANDOFF


@contextlib.asynccontextmanager
async def dialled(port: int, session_id: str) -> AsyncIterator[SwitchClient]:
    url = f"ws://127.0.0.1:{port}/g/r1/audio?call={session_id}&token={TOKEN}"
    socket = await connect(url, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None)
    switch = SwitchClient(socket, [])
    try:
        yield switch
    finally:
        await switch.stop()
