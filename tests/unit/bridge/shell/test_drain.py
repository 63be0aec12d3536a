"""The orderly stop."""

from __future__ import annotations

import asyncio

import pytest

from bridge.settings import BridgeSettings
from bridge.shell.drain import Drain
from bridge.shell.health import Health


class LiveCall:
    """Ends a moment after it was told to."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.told = 0
        health.calls.add(self)

    def must_end(self) -> None:
        self.told += 1
        asyncio.get_running_loop().call_later(0.01, self.health.calls.discard, self)

    def must_leave(self) -> None:
        raise AssertionError("it had ended")

    def check_line(self) -> None: ...


class StubbornCall(LiveCall):
    """Has more to say than there is time for."""

    left = False

    def must_end(self) -> None:
        self.told += 1

    def must_leave(self) -> None:
        self.left = True
        self.health.calls.discard(self)


async def test_a_call_whose_last_words_take_too_long_is_cut_and_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge.shell.drain._LAST_WORDS_S", 0.05)
    health = Health(10)
    call, drain = StubbornCall(health), Drain(health, 0)
    drain.ask()
    async with asyncio.timeout(10):
        await drain.wait()
    assert (call.told, call.left) == (1, True)


async def test_a_call_that_was_cut_has_the_tools_deadline_for_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reporting(StubbornCall):
        def must_leave(self) -> None:
            self.left = True
            asyncio.get_running_loop().call_later(1.9, self.health.calls.discard, self)

    monkeypatch.setattr("bridge.shell.drain._LAST_WORDS_S", 0.05)
    health = Health(10)
    call, drain = Reporting(health), Drain(health, 0, 1.0)
    drain.ask()
    async with asyncio.timeout(5):
        await drain.wait()
    assert call.left and not health.calls


def test_by_default_everything_is_over_before_a_container_is_killed() -> None:
    """A container gets 120 s at most from the signal; what is recorded may take five of them at the very end."""
    settings = BridgeSettings()
    drain = Drain(Health(1), settings.drain_s, settings.tools_deadline_ms / 1000)
    assert drain.longest_s + 5 <= 115


async def test_an_idle_bridge_stops_at_once() -> None:
    health = Health(10)
    drain = Drain(health, 60)
    drain.ask()
    async with asyncio.timeout(10):
        await drain.wait()
    assert not health.is_ready


async def test_calls_may_finish_and_are_not_told_to_end() -> None:
    health = Health(10)
    call, drain = LiveCall(health), Drain(health, 60)
    drain.ask()
    asyncio.get_running_loop().call_later(0.05, health.calls.discard, call)
    async with asyncio.timeout(10):
        await drain.wait()
    assert call.told == 0


async def test_at_the_limit_calls_are_told_to_end() -> None:
    health = Health(10)
    call, drain = LiveCall(health), Drain(health, 0.05)
    drain.ask()
    async with asyncio.timeout(10):
        await drain.wait()
    assert call.told == 1


async def test_a_second_signal_shortens_the_wait() -> None:
    health = Health(10)
    call, drain = LiveCall(health), Drain(health, 60)
    drain.ask()
    drain.ask()
    async with asyncio.timeout(10):
        await drain.wait()
    assert call.told == 1
