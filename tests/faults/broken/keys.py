"""`python -m tests.faults.broken.keys BUILD`: a bridge process that reads its secrets every second instead of every five minutes, and may
handle them badly."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping

from bridge import __main__ as process
from bridge.shell import keys
from bridge.shell.socket_link import Headers, SocketTarget

EVERY_S, APART_S = 1.0, 0.2


def keeps_what_it_read_first() -> None:
    async def never(self: keys.KeyRenewal) -> None:
        await asyncio.Event().wait()

    keys.KeyRenewal._keep = never  # type: ignore[method-assign]


def logs_a_header() -> None:
    sound = SocketTarget.current_headers

    async def told(self: SocketTarget) -> Headers:
        headers = await sound(self)
        logging.getLogger("bridge").warning("to %s with %s", self.url, headers)
        return headers

    SocketTarget.current_headers = told  # type: ignore[method-assign]


BUILDS: Mapping[str, Callable[[], None]] = {
    build.__name__: build for build in (keeps_what_it_read_first, logs_a_header)
}


def main(build: str) -> int:
    keys.EVERY_S, keys.APART_S = EVERY_S, APART_S
    if build:
        BUILDS[build]()
    return process.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
