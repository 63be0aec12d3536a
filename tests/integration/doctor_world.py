"""A whole set-up on real sockets for `pokea doctor` to look at: carrier, hooks, bridge, model and AWS, each of which can be broken."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from local.carrier import Carrier as Simulator
from local.cli.deployed import Door
from local.cli.doctor.command import examine
from local.cli.doctor.place import Examined
from local.clips import missing_clips
from local.live_server import LiveServer
from local.model import Stage, scripted
from pokea.clock import ManualClock
from pokea.doctor.findings import Finding, Standing
from pokea.profile import load_profiles
from tests.integration.bridge_peers import Bridge, refused, running_bridge
from tests.support.control_plane import LINE, PATH_SECRET, SIGNING_SECRET, TOKEN_KEY, ControlPlane, posted
from tests.support.store import RunningAws

PROFILE = "whitedent.toml"


class Front:
    """The voice function's real handler behind a socket, as API Gateway puts it there."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.ahead_s = 0.0
        self.url = ""

    async def __aenter__(self) -> Front:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, kind, text = await asyncio.to_thread(self._answer, lines[0].split(" ")[1], headers, body)
            date = formatdate(datetime.now(UTC).timestamp() + self.ahead_s, usegmt=True)
            writer.write(
                f"HTTP/1.1 {status} -\r\nDate: {date}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                f"Content-Length: {len(text)}\r\n\r\n".encode()
                + text
            )
            await writer.drain()
        writer.close()

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        if not path.startswith("/voice"):
            return 200, "application/json", b"{}"
        self.plane.clock.set(datetime.now(UTC))
        _, _, secret = path.partition("?")[0].strip("/").partition("/")
        event = posted("/voice", body, secret=secret or None, headers=headers)
        reply = self.plane.voice(event, None)
        kind = reply.get("headers", {}).get("Content-Type") or reply["multiValueHeaders"]["Content-Type"][0]
        return reply["statusCode"], kind, reply["body"].encode()


class WallClock(ManualClock):
    """The control plane's clock in this world, moved on with every request."""

    def set(self, at: datetime) -> None:
        self._now = at


async def silent(stage: Stage) -> None:
    await stage.listen()


@dataclass
class World:
    simulator: Simulator
    front: Front
    bridge: Bridge
    model: LiveServer
    folder: Path
    settings: dict[str, str]
    door: Door
    hook_logs: Path | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Examined:
        values: dict[str, Any] = {
            "name": "the world",
            "settings": self.settings,
            "is_complete": True,
            "profiles_dir": self.folder / "profiles",
            "door": self.door,
            "hook_logs": self.hook_logs,
        }
        return Examined(**values | self.changes)

    @property
    def profile(self) -> Path:
        return self.folder / "profiles" / PROFILE

    async def findings(self, *names: str) -> Sequence[Finding]:
        from pokea.doctor.findings import CHECKS

        return await asyncio.to_thread(examine, self.place, names or tuple(CHECKS))

    async def troubles(self, *names: str) -> set[str]:
        bad = (Standing.PROBLEM, Standing.WARNING)
        return {finding.code for finding in await self.findings(*names) if finding.standing in bad}


@contextlib.asynccontextmanager
async def world(aws: RunningAws, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Everything as it should be."""
    environ = aws.aws.environ()
    _furnish(folder)
    plane = ControlPlane(environ={"SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET}, clock=WallClock(datetime.now(UTC)))
    async with (
        Simulator("key-of-the-carrier", SIGNING_SECRET) as simulator,
        Front(plane) as front,
        LiveServer(scripted(silent)) as model,
        running_bridge(model.url, lambda event: refused("Unauthorized", "bad_token"), folder, monkeypatch) as bridge,
    ):
        simulator.add_number(LINE.number, f"{front.url}/voice/{PATH_SECRET}", f"{front.url}/call-events/{PATH_SECRET}")
        settings = {
            "POKEA_CORE_TABLE": environ["POKEA_CORE_TABLE"],
            "POKEA_CDRS_TABLE": environ["POKEA_CDRS_TABLE"],
            "POKEA_CAMPAIGNS_TABLE": environ["POKEA_CAMPAIGNS_TABLE"],
            "POKEA_REPORTS_BUCKET": environ["POKEA_REPORTS_BUCKET"],
            "POKEA_PUBLIC_URL": front.url,
            "POKEA_BRIDGE_URL": f"ws://127.0.0.1:{bridge.port}",
            "POKEA_RELEASE": "r1",
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
            "POKEA_TOKEN_KEY": TOKEN_KEY,
            "POKEA_GEMINI_URL": model.url,
            "POKEA_CLIPS_DIR": str(folder / "rendered"),
            "SAUTIKIT_API_KEY": "key-of-the-carrier",
            "SAUTIKIT_API_BASE": simulator.base_url,
            "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
        }
        door = Door(environ["AWS_REGION"], environ["AWS_ENDPOINT_URL"])
        yield World(simulator, front, bridge, model, folder, settings, door)


def _furnish(folder: Path) -> None:
    """One profile with all that it must be able to say at once."""
    from pokea.lines import PACKAGED

    (folder / "profiles").mkdir()
    shutil.copy(PACKAGED / PROFILE, folder / "profiles" / PROFILE)
    (folder / "rendered").mkdir()
    for clip in missing_clips(load_profiles(folder / "profiles").values(), folder / "rendered"):
        (folder / "rendered" / f"{clip.key}.wav").write_bytes(b"")
