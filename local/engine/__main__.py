"""The offline engine as a process, on the wire of the service that it stands in for.

    python -m local.engine [--wire gemini|openai|hf-s2s|localai|speaches|http] [--port N] [--tls CERT KEY] [--json-ready]
                           [--kill STATE[,STATE...]] [--down-after N] [--go-away-after S]

A killed session is reported as one JSON line on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from local.engine import realtime, session
from local.engine.conversation import KILL_STATES, Kills, Memory, Parts
from local.engine.recogniser import recogniser_for
from local.live_server import LiveServer, LiveSession
from local.realtime_server import RealtimeServer, RealtimeSession
from local.realtime_wire import SERVER_DIALECTS
from local.speech.voice import Voice

_UNAVAILABLE = 503


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.engine", description="Offline voice engine.")
    parser.add_argument("--wire", choices=["gemini", *SERVER_DIALECTS, "http"], default="gemini")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0: a free one")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), type=Path, help="serve TLS with this certificate")
    parser.add_argument(
        "--go-away-after", type=float, metavar="S", help="announce the end of each connection after S seconds"
    )
    parser.add_argument(
        "--kill",
        type=_states,
        default=(),
        metavar="STATE[,STATE...]",
        help=f"cut the n-th fresh session off in the n-th of these states, cycling: {', '.join(KILL_STATES)}",
    )
    parser.add_argument(
        "--down-after", type=int, default=0, metavar="N", help="after N killed sessions refuse new connections with 503"
    )
    parser.add_argument("--json-ready", action="store_true", help="print one JSON line with the URL when ready")
    return parser.parse_args()


def _states(text: str) -> tuple[str, ...]:
    states = tuple(text.split(","))
    if unknown := set(states) - set(KILL_STATES):
        raise argparse.ArgumentTypeError(f"no such state: {', '.join(sorted(unknown))}")
    return states


class Reaper:
    """Reports killed sessions, and closes the server's door when there were enough of them."""

    def __init__(self, down_after: int) -> None:
        self._down_after = down_after
        self._killed = 0
        self.server: Any = None

    def killed(self, state: str) -> None:
        self._killed += 1
        print(json.dumps({"event": "killed", "state": state}), flush=True)
        if self._down_after and self._killed >= self._down_after:
            self.server.refuse_status = _UNAVAILABLE


async def serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    reaper = Reaper(options.down_after)
    with Voice("agent") as voice:
        kills = Kills(options.kill, reaper.killed)
        parts = Parts(voice, Memory(), recogniser_for, options.go_away_after, kills)
        async with _server(options, parts) as server:
            reaper.server = server
            await voice.say("ready")  # the speech worker starts now, not in the first call
            ready = {"event": "ready", "url": server.url, "base_url": server.base_url}
            print(json.dumps(ready) if options.json_ready else f"offline engine on {server.url}", flush=True)
            await stopping.wait()


def _server(options: argparse.Namespace, parts: Parts) -> LiveServer | RealtimeServer:
    tls = tuple(options.tls) if options.tls else None
    if options.wire == "gemini":

        async def on_gemini(client: LiveSession) -> None:
            await session.converse(client, parts)

        return LiveServer(on_gemini, port=options.port, tls=tls)

    async def on_realtime(client: RealtimeSession) -> None:
        await realtime.converse(client, parts)

    return RealtimeServer(on_realtime, options.wire, port=options.port, tls=tls)


def main() -> None:
    options = arguments()
    if options.wire == "http":
        from local.engine import http_service

        http_service.main(options)
    else:
        asyncio.run(serve(options))


if __name__ == "__main__":
    main()
