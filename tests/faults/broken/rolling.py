"""`python -m tests.faults.broken.rolling BUILD`: a bridge process whose task protection ages in seconds, with one safeguard taken out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from bridge import __main__ as process
from bridge.core import protection
from bridge.settings import BridgeSettings
from bridge.shell import worker
from bridge.shell.call_task import Call
from bridge.shell.crew import Place
from bridge.shell.drain import Drain
from bridge.shell.health import Health
from bridge.shell.protection import TaskProtection

RENEW_MS = 900.0  # what takes ten minutes on ECS


def hangs_up() -> None:
    """SIGTERM ends its calls."""
    ask = Drain.ask

    def cut(self: Drain) -> None:
        ask(self)
        for call in tuple(self._health.calls):
            call.must_leave()

    Drain.ask = cut  # type: ignore[method-assign]


def does_not_wait() -> None:
    """Leaves at SIGTERM, whoever is on the line."""

    async def wait(self: Drain) -> None:
        await self._asked.wait()

    Drain.wait = wait  # type: ignore[method-assign]


def refuses_to_drain() -> None:
    """Takes no notice of SIGTERM."""
    Drain.ask = lambda self: None  # type: ignore[method-assign]


def stays_ready() -> None:
    """Waits for its calls, and takes new ones meanwhile."""
    Health.is_ready = property(lambda self: not self.is_full)  # type: ignore[assignment]


def stays_for_ever() -> None:
    """Waits for calls that are over."""
    Health.release = lambda self, call: None  # type: ignore[method-assign]


def gives_back_at_once() -> None:
    """Takes a bridge that drains for one without calls."""

    def early(settings: BridgeSettings, health: Health, place: Place | None) -> TaskProtection:
        made = TaskProtection(settings.ecs_agent_uri, lambda: health.busy > 0 and not health.draining)
        made.start()
        return made

    protection.LINGER_MS = 0.0
    worker._protection = early


def never_renews() -> None:
    protection.RENEW_MS = float("inf")


def keeps_it() -> None:
    """Leaves without giving protection back."""

    async def close(self: TaskProtection) -> None:
        assert self._task is not None
        self._task.cancel()
        await self._client.aclose()

    TaskProtection.close = close  # type: ignore[method-assign]


def takes_everybody() -> None:
    """Has no limit."""
    Health.is_full = property(lambda self: False)  # type: ignore[assignment]


def says_nothing() -> None:
    """Hangs up at the limit without a word."""
    Call.must_end = Call.must_leave  # type: ignore[method-assign]


BUILDS: Mapping[str, tuple[Callable[[], None], str]] = {
    build.__name__: (build, breach)
    for build, breach in (
        (hangs_up, "closed as bridge_error"),
        (does_not_wait, "released by"),
        (refuses_to_drain, "the old release does not leave"),
        (stays_ready, "the old release stays ready"),
        (stays_for_ever, "the old release does not leave"),
        (gives_back_at_once, "protection was given back under calls"),
        (never_renews, "protection was not renewed"),
        (keeps_it, "protection was kept at the end"),
    )
}
"""With what must be said of each."""


FULL: Mapping[str, tuple[Callable[[], None], str]] = {takes_everybody.__name__: (takes_everybody, "calls were taken")}
"""The same, of bridges that are full."""


LIMIT: Mapping[str, tuple[Callable[[], None], str]] = {says_nothing.__name__: (says_nothing, "ms heard")}
"""The same, at the limit."""


def main(build: str) -> int:
    protection.RENEW_MS = RENEW_MS
    if build:
        {**BUILDS, **FULL, **LIMIT}[build][0]()
    return process.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
