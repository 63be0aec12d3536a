"""ECS's agent as a task sees it: one HTTP endpoint on loopback that says yes, no, or nothing."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

BLOCKED = {"failure": {"Arn": "arn:aws:ecs:local:0:task/t", "Detail": None, "Reason": "DEPLOYMENT_BLOCKED"}}


class EcsAgent:
    """`answer`: "granted", "blocked", "broken" (no JSON) or "gone" (closes without a word). `heard`: what it was told."""

    def __init__(self) -> None:
        self.answer = "granted"
        self.heard: list[dict[str, Any]] = []
        self.told = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.uri = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api/t"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def next(self) -> dict[str, Any]:
        """What it is told next."""
        await asyncio.wait_for(self.told.wait(), 10)
        self.told.clear()
        return self.heard[-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"PUT /api/t/task-protection/v1/state HTTP/1.1\r\n"), head
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len")
        )
        wanted = json.loads(await reader.readexactly(length))
        self.heard.append(wanted)
        granted = {"protection": {"ProtectionEnabled": wanted["ProtectionEnabled"], "TaskArn": "t"}}
        body = (
            b"<html>"
            if self.answer == "broken"
            else json.dumps(BLOCKED if self.answer == "blocked" else granted).encode()
        )
        if self.answer != "gone":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()
        self.told.set()
