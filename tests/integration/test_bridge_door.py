"""Who gets in: everything that is refused is refused before a model is connected, and quickly (row F4.3 over sockets)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    SUBPROTOCOL,
    TOKEN,
    Bridge,
    FakeTools,
    running_bridge,
    switch_call,
    until,
)

pytestmark = pytest.mark.usefixtures("each_stack")
AT_ONCE = 50
SEED = 4_3


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


async def refusal(url: str, *subprotocols: str) -> int:
    """HTTP status with which a stream is refused; 101 if it is not."""
    try:
        async with connect(url, subprotocols=[Subprotocol(name) for name in subprotocols] or None, compression=None):
            return 101
    except InvalidStatus as problem:
        return problem.response.status_code


def upgrade(path: str, **headers: str) -> bytes:
    lines = {
        "Host": "bridge",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return "\r\n".join([f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in lines.items()), "", ""]).encode()


async def test_only_the_right_subprotocol_path_and_token_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with LiveServer(scripted(mute)) as model, running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge:
        assert await refusal(bridge.url()) == 400
        assert await refusal(bridge.url(), "audio.example.org") == 400
        assert await refusal(bridge.url("/elsewhere"), SUBPROTOCOL) == 404
        assert await refusal(bridge.url("/g/../audio"), SUBPROTOCOL) == 404
        assert await refusal(bridge.url(token=""), SUBPROTOCOL) == 401
        assert await refusal(bridge.url(token="not-a-token"), SUBPROTOCOL) == 401
        assert await refusal(bridge.url(call=""), SUBPROTOCOL) == 400
        assert await refusal(bridge.url(call="HD_/../x"), SUBPROTOCOL) == 400
        assert tools.asked == []
        assert await refusal(bridge.url(token=TOKEN[:-4] + "AAAA"), SUBPROTOCOL) == 401
        assert model.connections == 0
        assert await refusal(bridge.url(), "audio.example.org", SUBPROTOCOL) == 101
        assert await refusal(bridge.url(), SUBPROTOCOL) == 403  # the same token once more
        await until(lambda: not bridge.health.calls, "the call is over")
    assert model.connections <= 1


@pytest.mark.parametrize("knocks", [150, pytest.param(1_000, marks=pytest.mark.faults)])
async def test_any_number_of_bad_tokens_is_refused_in_bounded_time_without_a_model_or_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, knocks: int
) -> None:
    caplog.set_level("DEBUG", "bridge")  # the AWS client writes ten lines for each
    draw = random.Random(SEED)
    tools = FakeTools()
    places = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    def offence() -> str:
        at = draw.randrange(len(TOKEN))
        return draw.choice(
            ["", "x", TOKEN.rpartition(".")[0], TOKEN[:at] + draw.choice("AZ-_") + "b" + TOKEN[at + 1 :], TOKEN * 40, "..", TOKEN + "x"]
        )  # fmt: skip

    async def knock(bridge: Bridge, token: str) -> int:
        async with places:
            return (await bridge.raw(upgrade(f"/g/r1/audio?call={SESSION}&token={token}")))[0]

    async with LiveServer(scripted(mute)) as model, running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge:
        start = loop.time()
        tokens = [offence() for _ in range(knocks)]
        statuses = await asyncio.gather(*(knock(bridge, token) for token in tokens))
        assert loop.time() - start < 30
        assert set(statuses) <= {401, 403, 503}  # 503: on a busy machine more knock at once than threads may wait
        assert model.connections == 0
        assert bridge.health.admitting == 0
        assert not bridge.health.calls
    assert caplog.records
    assert TOKEN[:20] not in "".join(record.getMessage() for record in caplog.records)


async def test_a_full_bridge_says_so_without_spending_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch, max_calls=1) as bridge,
    ):
        async with switch_call(bridge):
            assert await refusal(bridge.url(call="HD_000000000002"), SUBPROTOCOL) == 503
            assert len(tools.of("open")) == 1
            assert (await bridge.get("/readyz"))[0] == 503
            assert (await bridge.get("/livez"))[0] == 200
        await until(lambda: not bridge.health.calls, "the call is over")
        assert (await bridge.get("/readyz"))[0] == 200


async def test_a_draining_bridge_takes_nobody_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = FakeTools()
    async with LiveServer(scripted(mute)) as model, running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge:
        bridge.health.draining = True
        assert await refusal(bridge.url(), SUBPROTOCOL) == 503
        assert (await bridge.get("/readyz"))[0] == 503
        assert tools.asked == []


async def test_a_control_plane_that_is_down_is_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(event: dict[str, object]) -> dict[str, object]:
        return {"ok": False, "error": {"kind": "Unavailable", "code": "store_down"}}

    async with LiveServer(scripted(mute)) as model, running_bridge(model.url, broken, tmp_path, monkeypatch) as bridge:
        assert await refusal(bridge.url(), SUBPROTOCOL) == 503
        assert model.connections == 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"POST /audio HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET /audio HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (b"GET /audio\r\n\r\n", 400),
        (b"GET /audio HTTP/1.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET /audio HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /audio HTTP/1.1\r\nX: " + b"a" * 20_000, 431),
        (upgrade("/audio", Sec_WebSocket_Key="short"), 426),
        (upgrade("/audio", Sec_WebSocket_Version="12"), 426),
    ],
)
async def test_what_is_no_stream_gets_an_honest_answer(
    request_bytes: bytes, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_bridge("ws://127.0.0.1:9", FakeTools(), tmp_path, monkeypatch) as bridge:
        assert (await bridge.raw(request_bytes))[0] == status


async def test_slow_handshakes_are_closed_and_do_not_hold_up_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch, head_within_s=2.0) as bridge,
        contextlib.AsyncExitStack() as opened,
    ):
        slow = []
        for _ in range(100):
            reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
            opened.callback(
                writer.close
            )  # also when something fails: who is left open is collected in another test's time
            writer.write(b"GET /audio HT")
            slow.append(reader)
        async with switch_call(bridge):
            await until(lambda: model.active == 1, "a good call goes on")
            async with asyncio.timeout(15):
                ends = await asyncio.gather(*(reader.read() for reader in slow), return_exceptions=True)
        assert all(end == b"" or isinstance(end, ConnectionError) for end in ends)


async def test_a_head_in_pieces_with_audio_right_behind_it_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    async def listen(stage: Stage) -> None:
        await until(lambda: stage.heard_bytes >= 6_400, "the audio arrives")
        heard.append(stage.heard_bytes)

    async with (
        LiveServer(scripted(listen)) as model,
        running_bridge(model.url, FakeTools(context={**CONTEXT, "greeting": ""}), tmp_path, monkeypatch) as bridge,
    ):
        frame = bytes([0x82, 0xFE, 0x02, 0x80, 0, 0, 0, 0]) + bytes(640)
        request = upgrade(f"/audio?call={SESSION}&token={TOKEN}") + frame * 10
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        for at in range(0, 60, 7):
            writer.write(request[at : at + 7])
            await writer.drain()
        writer.write(request[63:])
        assert b"101 Switching Protocols" in await reader.readuntil(b"\r\n\r\n")
        await until(lambda: bool(heard), "the model heard it")
        writer.close()
