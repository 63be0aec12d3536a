"""The offline engine as a process: `python -m local.engine [--port N] [--tls CERT KEY] [--go-away-after S] [--json-ready]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from local.engine.recogniser import recogniser_for
from local.engine.session import Conversation, Memory, Parts
from local.live_server import LiveServer, LiveSession
from local.speech.voice import Voice


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.engine", description="Offline voice engine on the Gemini Live wire."
    )
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0: a free one")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), type=Path, help="serve wss:// with this certificate")
    parser.add_argument(
        "--go-away-after", type=float, metavar="S", help="announce the end of each connection after S seconds"
    )
    parser.add_argument("--json-ready", action="store_true", help="print one JSON line with the URL when ready")
    return parser.parse_args()


async def serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with Voice("agent") as voice:
        parts = Parts(voice, Memory(), recogniser_for, options.go_away_after)

        async def converse(session: LiveSession) -> None:
            await Conversation(session, parts).run()

        tls = tuple(options.tls) if options.tls else None
        async with LiveServer(converse, port=options.port, tls=tls) as server:
            await voice.say("ready")  # the speech worker starts now, not in the first call
            ready = {"event": "ready", "url": server.url, "base_url": server.base_url}
            print(json.dumps(ready) if options.json_ready else f"offline engine on {server.url}", flush=True)
            await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
