"""`pokea up`: the whole system, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import uvicorn

from local.stack import PROFILES, Stack, StackOptions
from local.status import status_app

ADDRESS_FILE = "stack.json"  # how `pokea call` finds the running stack


class _Server(uvicorn.Server):
    """A server whose signals are handled by the stack's supervisor, which has to stop things in order."""

    def install_signal_handlers(self) -> None:
        return


async def _serve(options: StackOptions, port: int) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    address_file = options.state_dir / ADDRESS_FILE
    async with Stack(options, progress=lambda what: print(f"  starting {what}", flush=True)) as stack:
        address_file.write_text(
            json.dumps(
                {
                    "carrier_url": stack.carrier.base_url,
                    "gateway_url": stack.gateway_url,
                    "records_dir": str(stack.records_dir),
                }
            ),
            encoding="utf-8",
        )
        server = _Server(
            uvicorn.Config(status_app(stack), host="127.0.0.1", port=port, log_level="error", lifespan="off")
        )
        tasks = [
            asyncio.create_task(stopping.wait()),
            asyncio.create_task(stack.watch()),
            asyncio.create_task(server.serve()),
        ]
        _print_banner(stack, port)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        print("  stopping: data stays in", options.state_dir, flush=True)
        address_file.unlink(missing_ok=True)
        server.should_exit = True
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                if task not in done:
                    await task
        for task in done:
            task.result()  # a dead process of the stack surfaces here
    return 0


def _print_banner(stack: Stack, port: int) -> None:
    profile = next(iter(stack.profiles.values()))
    print(f"\nPokea is answering.  Status page: http://127.0.0.1:{port}/")
    print(f"Ring {profile.name}:   .venv/bin/pokea call {profile.line.number}")
    print("Stood in for: the carrier and AWS (emulators on this machine)", end="")
    print(", and the model: offline engine: understands the demo phrases only." if stack.engine_is_offline else ".")
    print("Ctrl-C stops it.\n", flush=True)


def run_up(state: Path, profiles: Path | None, port: int) -> int:
    options = StackOptions(
        state_dir=state.resolve(),
        profiles_dir=(profiles or PROFILES).resolve(),
        gateway_port=port + 1,
        gemini_key=os.environ.get("GEMINI_API_KEY", ""),
    )
    return asyncio.run(_serve(options, port))
