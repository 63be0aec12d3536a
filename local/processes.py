"""Child processes of the local stack: started together, logged to files, ended by their own pid."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN_S = 60.0  # a second on an idle machine; a desk machine may have other things to do
STOP_WITHIN_S = 10.0
POLITE = 5  # of 19: a third of the share of what keeps time
FIRST_PORT, LAST_PORT = 20_000, 32_000  # below the range that kernels take ports for connections from


def let_others_first(pid: int) -> None:
    """What keeps time (the carrier's clock, the bridge) must not wait for what does not. Linux shares the processors out by session, so the
    session's own figure counts; where there is none, or it cannot be set, everybody is equal as before."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, POLITE)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(POLITE), encoding="ascii")


class ChildFailed(RuntimeError):
    """A process of the stack did not come up or died; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port on loopback that is free now and that the kernel gives to nobody by itself.

    A port from the kernel's own range could go to any outgoing connection before the child that it is meant for binds it.
    """
    for _ in range(100):
        port = secrets.randbelow(LAST_PORT - FIRST_PORT) + FIRST_PORT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ChildFailed(f"no free port found between {FIRST_PORT} and {LAST_PORT}")


class Child:
    """One process. With `ready_line`, it is up when it prints one JSON object on standard output; that object is `ready`. One that
    `keeps_time` goes before the others where processors are short."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        *,
        ready_line: bool,
        keeps_time: bool = False,
    ) -> None:
        self.name = name
        self.ready: dict[str, Any] = {}
        self._arguments = [sys.executable, *arguments]
        self._environ = {**os.environ, "PYTHONUNBUFFERED": "1", **environ}
        self._log = log
        self._ready_line = ready_line
        self._keeps_time = keeps_time
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                cwd=ROOT,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self._ready_line else log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone; it ends its children in order
            )
        if not self._keeps_time:
            let_others_first(self._process.pid)
        if self._ready_line:
            await self._wait_until_ready()
            self._drain = asyncio.create_task(self._copy_output_to_log())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def failure(self) -> ChildFailed:
        code = self._process.returncode if self._process else None
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
        return ChildFailed(f"{self.name} ended with code {code}; the end of {self._log}:\n{tail}")

    async def stop(self) -> None:
        """SIGTERM, a bounded wait, and only then SIGKILL."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._drain is not None:
            await self._drain

    async def _copy_output_to_log(self) -> None:
        """A pipe that nobody reads would block the child sooner or later."""
        assert self._process is not None and self._process.stdout is not None
        with self._log.open("ab", buffering=0) as log:  # whoever looks sees what was said last
            async for line in self._process.stdout:
                log.write(line)

    async def _wait_until_ready(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_WITHIN_S)
            self.ready = json.loads(line)
        except (TimeoutError, json.JSONDecodeError):
            await self.stop()
            raise self.failure() from None
        except asyncio.CancelledError:  # another child did not come up: nobody would ever stop this one
            await self.stop()
            raise
