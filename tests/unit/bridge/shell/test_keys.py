"""Secrets of a bridge, read anew by a thread: in their time, and when somebody refused one."""

from __future__ import annotations

import asyncio
import json
from math import inf

import pytest

from bridge.shell import keys
from bridge.shell.keys import KeyRenewal
from pokea.adapters.secrets import Secrets
from pokea.errors import Unavailable


class Manager:
    """Secrets Manager. `reads`: told of each."""

    def __init__(self) -> None:
        self.value, self.down = "old", False
        self.reads: asyncio.Queue[None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def __call__(self, secret_id: str) -> str:
        down = self.down  # before anybody hears of this read and changes it
        self._loop.call_soon_threadsafe(self.reads.put_nowait, None)
        if down:
            raise Unavailable("secrets_unavailable", "down")
        return json.dumps({"A": self.value})


async def test_a_refused_key_is_read_again_also_after_a_time_in_which_nothing_can_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys, "APART_S", 0.0)
    monkeypatch.setattr(keys, "EVERY_S", 3_600.0)
    manager = Manager()
    secrets = Secrets({}, secret_id="pokea", fetch=manager, cache_s=inf)
    secrets.renew()
    renewal = KeyRenewal(secrets)
    renewal.start()
    await manager.reads.get()
    manager.value, manager.down = "new", True
    renewal.refused()
    await asyncio.wait_for(manager.reads.get(), 5)
    assert secrets.required("A") == "old"
    manager.down = False
    renewal.refused()
    await asyncio.wait_for(manager.reads.get(), 5)
    async with asyncio.timeout(5):
        while secrets.required("A") != "new":  # noqa: ASYNC110  # another thread
            await asyncio.sleep(0)
    renewal.stop()
    assert renewal.refusals == 2
    assert "secrets are as they were before" in caplog.text


async def test_without_a_refusal_it_is_read_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "APART_S", 0.0)
    monkeypatch.setattr(keys, "EVERY_S", 0.0)
    manager = Manager()
    renewal = KeyRenewal(Secrets({}, secret_id="pokea", fetch=manager, cache_s=inf))
    renewal.start()
    for _ in range(3):
        await asyncio.wait_for(manager.reads.get(), 5)
    renewal.stop()
