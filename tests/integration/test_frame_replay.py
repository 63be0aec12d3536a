"""A real call is recorded on its sockets and run again through the core: what leaves for the switch is the same, to the byte."""

from __future__ import annotations

import asyncio
import json
import wave
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.core.recording import Kind, Record, append_record, decode, encode_head
from bridge.shell.frame_recorder import FrameStore
from local.cli.main import app
from local.live_server import LiveServer
from local.model import Stage, obedient, scripted, tone
from local.replay import Replay
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    TOKEN,
    FakeTools,
    is_sound,
    ok,
    running_bridge,
    switch_call,
    until,
    write_clip,
)

WISH = {"service": "cleaning", "when": "friday", "name": "Jane"}
SECRET = "sk-never-written-down"
METADATA = {"sessionId": SESSION, "headerMetadata": {"Authorization": f"Bearer {SECRET}"}, "token": SECRET}


async def recorded_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A booking with a greeting from a clip, key presses, tools and a goodbye."""
    write_clip(folder / "clips", "Kore", str(CONTEXT["greeting"]), 600)
    proposed = ok(payload={"status": "proposed", "nonce": "n1", "arguments": {"a": 1}, "say": "Friday?"}, nonce="n1")
    tools = FakeTools(
        {
            "proposeBooking": proposed,
            "commitProposal": ok(payload={"status": "booked", "say": "It is booked."}),
            "endCall": ok(payload={"status": "ok", "say": "Goodbye."}, end_call=True),
        }
    )
    store = FrameStore(folder / "frames")
    async with (
        LiveServer(scripted(obedient(WISH, 300))) as model,
        running_bridge(model.url, tools, folder, monkeypatch, frames=store) as bridge,
        switch_call(bridge, metadata=METADATA) as switch,
    ):
        await switch.socket.send(json.dumps({"event": "dtmf", "dtmf": "7", "duration": "1600"}))
        await switch.says_after_the_agent(300)
        await switch.says_after_the_agent(300)
        await asyncio.wait_for(switch.closed.wait(), 15)
        await until(lambda: not bridge.health.calls, "the call is over")
        store.close()
        (path,) = (folder / "frames").iterdir()
        heard = b"".join(message for _, message in switch.received if isinstance(message, bytes))
        _, records = decode(path.read_bytes())
        assert b"".join(record.payload for record in records if record.kind is Kind.SWITCH_AUDIO_OUT) == heard
    return path


async def test_a_recorded_call_replays_to_the_byte_and_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await recorded_call(tmp_path, monkeypatch)
    data = path.read_bytes()
    assert TOKEN.encode() not in data
    assert SECRET.encode() not in data
    assert b'"dtmf": "7"' not in data
    assert b'"dtmf": "0"' in data
    head, records = decode(data)
    assert head.upgrade[":path"] == "/g/r1/audio"
    outcome = Replay(head, records).run()
    assert outcome.difference is None
    assert outcome.model_identical
    assert outcome.missing_records == 0
    assert sum(len(message) for _, message in outcome.sent if is_sound(message)) > 50 * 640
    assert ("agent", "It is booked.") in [(line["who"], line["text"]) for line in outcome.transcript]

    result = CliRunner().invoke(app, ["replay", str(path), "--json", "--wav", str(tmp_path / "call.wav")])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["identical"] is True
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)

    # The same input to a core that works otherwise is seen at once, and the replay goes on by itself.
    other = replace(head, settings=replace(head.settings, lead_ms=60))
    changed = Replay(other, records).run()
    assert changed.difference is not None
    assert len(changed.sent) > len(outcome.sent) // 2


async def test_an_interruption_replays_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def long_story(stage: Stage) -> None:
        await stage.session.audio(tone(4_000), 100)
        await stage.caller_turn("Stop.")
        await stage.session.interrupted()
        await stage.session.turn_complete()
        await stage.say("Yes?", 300)

    store = FrameStore(tmp_path / "frames")
    async with (
        LiveServer(scripted(long_story)) as model,
        running_bridge(
            model.url, FakeTools(context={**CONTEXT, "greeting": ""}), tmp_path, monkeypatch, frames=store
        ) as bridge,
    ):
        async with switch_call(bridge) as switch:
            await switch.first_sound_s()
            switch.speak(300)
            await until(lambda: any(isinstance(message, str) for _, message in switch.received), "killAudio")
            await until(lambda: is_sound(switch.received[-1][1]), "the agent answers")
        await until(lambda: not bridge.health.calls, "the call is over")
        store.close()
    (path,) = (tmp_path / "frames").iterdir()
    outcome = Replay(*decode(path.read_bytes())).run()
    assert outcome.difference is None
    assert outcome.model_identical


async def test_a_placed_call_listens_greets_says_who_answered_and_replays_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked_back(stage: Stage) -> None:
        await stage.caller_turn("Who is this?")
        await stage.say("The AI of the corner shop.", 300)

    write_clip(tmp_path / "clips", "Kore", str(CONTEXT["greeting"]), 600)
    tools = FakeTools(
        context={**CONTEXT, "direction": "outbound", "answering": {"voicemail": "hang_up", "message": ""}}
    )
    store = FrameStore(tmp_path / "frames")
    async with (
        LiveServer(scripted(asked_back)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch, frames=store) as bridge,
    ):
        async with switch_call(bridge) as switch:
            switch.speak(400)
            spoke_s = asyncio.get_running_loop().time() - switch.opened_s
            assert 0.4 + 0.5 < await switch.first_sound_s() - spoke_s < 0.4 + 1.8
            await switch.says_after_the_agent(400)
            await until(lambda: len(bridge.events("agent_said")) > 1, "the model answers")
        await until(lambda: not bridge.health.calls, "the call is over")
        store.close()
    (closed,) = tools.of("close")
    assert closed["answerer"] == "person"
    (path,) = (tmp_path / "frames").iterdir()
    outcome = Replay(*decode(path.read_bytes())).run()
    assert outcome.difference is None
    assert outcome.model_identical


def test_a_file_that_is_too_long_says_what_is_missing(tmp_path: Path) -> None:
    from bridge.core.context import CallContext
    from bridge.core.session import SessionSettings

    store = FrameStore(tmp_path, file_limit_bytes=8_000)
    tape = store.tape("HD_1", SessionSettings(), CallContext(), {}, {})
    for number in range(100):
        tape.switch_said(bytes(640), float(number))
    tape.close(100.0)
    store.close()
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size < 10_000
    head, records = decode(path.read_bytes())
    heard = sum(record.kind is Kind.SWITCH_AUDIO_IN for record in records)
    assert records[-1].kind is Kind.DROPPED
    assert heard + int(records[-1].payload) == 100
    assert Replay(head, records).run().missing_records == 100 - heard


def test_what_is_no_recording_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from local.cli.main import main

    (tmp_path / "x").write_bytes(b"RIFF\n")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as exit_info:
        patch.setattr("sys.argv", ["pokea", "replay", str(tmp_path / "x")])
        main()
    assert exit_info.value.code == 2
    assert "head cannot be read" in capsys.readouterr().err


def test_a_recording_that_was_cut_off_still_replays(tmp_path: Path) -> None:
    from bridge.core.context import CallContext
    from bridge.core.recording import Head
    from bridge.core.session import SessionSettings

    data = bytearray(encode_head(Head("HD_1", "now", SessionSettings(), CallContext())))
    append_record(data, Kind.START, 0, 0.0, b"")
    append_record(data, Kind.SWITCH_AUDIO_IN, 0, 20.0, bytes(640))
    whole = len(data)
    append_record(data, Kind.SWITCH_AUDIO_IN, 0, 40.0, bytes(640))
    head, records = decode(bytes(data[: whole + 100]))
    assert records[-1] == Record(Kind.SWITCH_AUDIO_IN, 0, 20.0, bytes(640))
    assert Replay(head, records).run().identical
