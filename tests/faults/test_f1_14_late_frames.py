"""F1.14: the loop stood still, and meanwhile the model was interrupted: what was due then is not sent any more.

A loop that stood still while it read one socket runs its overdue timers before it looks at the other sockets, so the frames would
otherwise leave before anybody knows that they are stale.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from math import inf

import pytest
import uvloop

from bridge.core.context import CallContext
from bridge.core.frames import Buffer, LegCommand, ModelAudio, ModelEvent, ModelInterrupted, ModelReady, OpenModel
from bridge.core.session import SessionSettings
from bridge.shell import call_task
from bridge.shell.call_task import Call, CallServices
from bridge.shell.carrier import CarrierHangUp
from bridge.shell.clips import ClipStore
from bridge.shell.engines import Engines
from bridge.shell.health import Health
from bridge.shell.model_link import OnEvents, OnLost, Tap
from bridge.shell.tool_client import Opened
from local.model import tone

BLOCK_S = 0.06  # longer than the lead
SPEECH = ModelAudio(tone(1_000), 24_000)


class Model:
    """A link that is ready at once and says what it is told to."""

    has_wire = False

    def __init__(self, number: int, on_events: OnEvents, _: OnLost) -> None:
        self.number = number
        self.tap: Tap | None = None
        self._on_events = on_events

    async def open(self, order: OpenModel) -> None:
        self.says(ModelReady(self.number))

    def says(self, event: ModelEvent) -> None:
        self._on_events(self, [event])

    def send_audio(self, frames: Iterable[Buffer]) -> None: ...

    def obey(self, command: LegCommand) -> None: ...

    def close(self) -> None: ...


class Phone:
    """Counts the messages that are not silence."""

    def __init__(self) -> None:
        self.sounds = 0

    def send_binary(self, data: Buffer) -> None:
        self.sounds += any(bytes(data))

    def send_text(self, data: bytes) -> None: ...

    def close(self, code: int = 1000) -> None: ...

    def check(self) -> None: ...


async def sounds_after_a_standstill() -> int:
    """How many messages with the agent's voice leave after an interruption that came while the loop stood still."""
    models: asyncio.Queue[Model] = asyncio.Queue()

    def link(number: int, on_events: OnEvents, on_lost: OnLost) -> Model:
        model = Model(number, on_events, on_lost)
        models.put_nowait(model)
        return model

    settings = SessionSettings(lead_ms=40, kill_audio=False)
    carrier, health = CarrierHangUp("http://127.0.0.1:9", ""), Health(1)
    services = CallServices(settings, Engines({"gemini": link}), None, carrier, ClipStore(None), health, None)
    call, phone = Call(services, "", Opened("", CallContext())), Phone()
    call.on_connected(phone)
    model, interrupted, over = await models.get(), asyncio.Event(), asyncio.Event()
    await asyncio.sleep(0)  # it is opened
    model.says(SPEECH)
    before = phone.sounds
    assert before
    (near, far), (news, sender) = socket.socketpair(), socket.socketpair()

    def stand_still() -> None:
        near.recv(1)
        sender.send(b"!")
        time.sleep(BLOCK_S)  # that is the fault

    def read() -> None:
        news.recv(1)
        model.says(ModelInterrupted())
        interrupted.set()

    loop = asyncio.get_running_loop()
    with near, far, news, sender:
        loop.add_reader(near, stand_still)
        loop.add_reader(news, read)
        far.send(b"!")
        await interrupted.wait()
        loop.remove_reader(near)
        loop.remove_reader(news)
    health.changed = over.set
    call.on_closed(1006, by_us=False)
    await over.wait()
    await carrier.close()
    return phone.sounds - before


def test_an_interruption_that_came_while_the_loop_stood_still_is_heeded_before_what_is_overdue() -> None:
    assert uvloop.run(sounds_after_a_standstill()) == 0


def test_a_bridge_that_sends_what_is_overdue_at_once_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_task, "_LATE_S", inf)
    assert uvloop.run(sounds_after_a_standstill()) > 0
