"""`pokea up`: the whole system, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import uvicorn

from local.cli.running import ADDRESS_FILE
from local.engines import OFFLINE, UnknownEngine, described, legs_of
from local.stack import PROFILES, Desk, DeskOptions, Stack, StackOptions, ensure_api_keys
from local.status import status_app
from pokea.profile import load_profiles


class _Server(uvicorn.Server):
    """A server whose signals are handled by the stack's supervisor, which has to stop things in order."""

    def install_signal_handlers(self) -> None:
        return


async def _serve(options: StackOptions, desk_options: DeskOptions, port: int) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    address_file = options.state_dir / ADDRESS_FILE
    stack = Stack(options, progress=lambda what: print(f"  starting {what}", flush=True))
    async with stack, stack.desk(desk_options) as desk:
        await asyncio.to_thread(ensure_api_keys, stack, desk)
        address_file.write_text(
            json.dumps(
                {
                    "carrier_url": stack.carrier.base_url,
                    "gateway_url": desk.gateway_url,
                    "records_dir": str(stack.records_dir),
                    "store": stack.aws.store_address(),
                    "settings": _harmless(desk.settings),
                }
            ),
            encoding="utf-8",
        )
        server = _Server(
            uvicorn.Config(status_app(stack, desk), host="127.0.0.1", port=port, log_level="error", lifespan="off")
        )
        tasks = [
            asyncio.create_task(stopping.wait()),
            asyncio.create_task(stack.watch()),
            asyncio.create_task(server.serve()),
        ]
        _print_banner(desk, port)
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


def _harmless(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that `pokea doctor` looks at, without any secret: those are in files of their own."""
    return {
        name: value
        for name, value in settings.items()
        if name.startswith(("POKEA_", "SAUTIKIT_", "OPENAI_", "GEMINI_", "AWS_ENDPOINT"))
        and (not name.endswith(("_KEY", "_SECRET")) or value == OFFLINE)
    }


def _print_banner(desk: Desk, port: int) -> None:
    print(f"\nPokea is answering.  Status page: http://127.0.0.1:{port}/")
    longest = max(len(profile.name) for profile in desk.profiles.values())
    for profile in sorted(desk.profiles.values(), key=lambda profile: profile.line.number):
        print(f"Ring {profile.name:<{longest}}  .venv/bin/pokea call {profile.line.number}   ({profile.line.agent})")
    print(f"Model: {described(desk.legs)}")
    if not all(leg.is_real for leg in desk.legs):
        print("The offline engine understands the demo phrases only.")
    print("Also stood in for: the carrier and AWS (emulators on this machine).")
    print("Ctrl-C stops it.\n", flush=True)


def run_up(state: Path, profiles: Path | None, port: int) -> int:
    """Raises BadProfile for a profile that cannot be used, and ChildFailed when a process does not come up or dies."""
    try:
        legs = legs_of(os.environ)
    except UnknownEngine as problem:
        print(f"pokea: {problem}", file=sys.stderr)
        return 2
    desk = DeskOptions(legs=legs, profiles_dir=(profiles or PROFILES).resolve(), gateway_port=port + 1)
    load_profiles(desk.profiles_dir)  # a bad one is told of before anything is started
    return asyncio.run(_serve(StackOptions(state_dir=state.resolve()), desk, port))
