"""Recordings and opt-outs over real sockets: the production bridge, a raw switch, a storage that speaks S3."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.shell.recorder import Recorder, s3_put
from local.live_server import LiveServer
from local.model import Stage, scripted
from pokea.consent import STOP_KEY, STOP_PHRASES
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    FakeTools,
    ok,
    running_bridge,
    switch_call,
    until,
    write_clip,
)
from tests.support.store import RunningAws

NOTICE = "This call is recorded."
LAST_WORDS = "We will not call again. Goodbye."


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


def context(**changes: Any) -> dict[str, Any]:
    return {**CONTEXT, "greeting": NOTICE, **changes}


async def test_a_call_is_recorded_after_its_notice_and_stored_as_its_bucket_says_with_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local_aws: RunningAws
) -> None:
    write_clip(tmp_path / "clips", "Kore", NOTICE, 400)
    tools = FakeTools(context=context(recording="notice", retention={"recording_days": 90}))
    s3 = local_aws.aws.s3()
    bucket = local_aws.aws.environ()["POKEA_RECORDINGS_BUCKET"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", local_aws.aws.endpoint_url)
    async with LiveServer(scripted(mute)) as model:
        recorder = Recorder(tmp_path / "spool", lambda: s3_put(bucket))
        async with (
            running_bridge(model.url, tools, tmp_path, monkeypatch, recorder=recorder) as bridge,
            switch_call(bridge) as switch,
        ):
            recorder.start()
            await switch.first_sound_s()
            switch.speak(2_000)
            await asyncio.sleep(1.6)  # the call lasts so long
            await switch.hang_up()
            await until(lambda: bool(tools.of("close")), "the end is reported")
        await asyncio.to_thread(recorder.close)
    (close,) = tools.of("close")
    pointer = close["recording"]
    assert pointer["key"].startswith("recordings/corner-shop/") and pointer["key"].endswith(f"/{SESSION}.wav")
    stored = s3.get_object(Bucket=bucket, Key=pointer["key"])
    content = stored["Body"].read()
    assert len(content) == pointer["bytes"]
    assert "ServerSideEncryption" not in stored  # the bucket decides: this one says nothing, the template's does
    assert set(stored["Metadata"]) == {"channels"}
    assert s3.get_object_tagging(Bucket=bucket, Key=pointer["key"])["TagSet"] == [{"Key": "keep", "Value": "90"}]
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert 800 <= pointer["ms"] <= 1_700
    assert np.abs(sound[:, 0].astype(int)).max() > 3_000  # the caller
    assert not sound[:, 1].any()  # the notice itself is not part of it, and the agent said nothing else
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


async def test_a_caller_who_says_no_is_served_and_leaves_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(stage: Stage) -> None:
        await stage.call("recordingConsent", answer="no")

    write_clip(tmp_path / "clips", "Kore", NOTICE, 300)
    consent = {
        "name": "recordingConsent",
        "description": "x",
        "parameters": {"type": "object", "properties": {}},
        "effect": "note",
    }
    tools = FakeTools(
        {"recordingConsent": ok(payload={"status": "ok", "say": "All right."}, recording=False)},
        context=context(recording="notice", tools=[*CONTEXT["tools"], consent]),
    )
    recorder = Recorder(tmp_path / "spool")
    recorder.start()
    async with (
        LiveServer(scripted(refuses)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch, recorder=recorder) as bridge,
        switch_call(bridge) as switch,
    ):
        await until(lambda: bool(tools.of("tool")), "the caller has said no")
        await asyncio.sleep(1.2)
        await switch.hang_up()
        await until(lambda: bool(tools.of("close")), "the end is reported")
    await asyncio.to_thread(recorder.close)
    assert "recording" not in tools.of("close")[0]
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


async def test_key_nine_writes_the_opt_out_before_the_last_words_and_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "clips", "Kore", NOTICE, 5_000)
    write_clip(tmp_path / "clips", "Kore", LAST_WORDS, 400)
    stop = {"words": list(STOP_PHRASES), "key": STOP_KEY, "tool": "optOut"}
    tools = FakeTools(
        {"optOut": ok(payload={"status": "opted_out", "say": LAST_WORDS}, end_call=True)},
        context=context(stop=stop, phrases={"opted_out": LAST_WORDS}),
    )
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        await switch.first_sound_s()
        await switch.socket.send(json.dumps({"event": "dtmf", "digit": STOP_KEY, "duration": 120}))
        await asyncio.wait_for(switch.closed.wait(), 10)
    (tool,) = tools.of("tool")
    assert tool["tool"] == "optOut"
    (close,) = tools.of("close")
    assert close["reason"] == "goodbye"
    assert [(used["name"], used["status"]) for used in close["tools"]] == [("optOut", "opted_out")]
    assert close["transcript"][-1]["text"] == LAST_WORDS


async def test_an_opt_out_is_written_even_if_the_caller_hangs_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = {"words": list(STOP_PHRASES), "key": STOP_KEY, "tool": "optOut"}
    tools = FakeTools({"optOut": ok(payload={"status": "opted_out", "say": LAST_WORDS})}, context=context(stop=stop))
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        await asyncio.sleep(0.1)
        await switch.socket.send(json.dumps({"event": "dtmf", "digit": STOP_KEY, "duration": 120}))
        await switch.hang_up()
        await until(lambda: bool(tools.of("close")), "the end is reported")
        await until(lambda: bool(tools.of("tool", tool="optOut")), "the opt-out is written")
