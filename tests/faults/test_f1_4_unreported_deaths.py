"""F1.4: a switch's connection that the kernel has ended without the event loop saying so is found and cut."""

from __future__ import annotations

import asyncio
import socket
import struct

import aiofastnet
import pytest

from bridge.core.frames import Buffer
from bridge.shell.dead_legs import DeadLegs
from bridge.shell.doorman import Admitted, Doorman, Request
from bridge.shell.health import Health
from bridge.shell.phone import PhoneListener, PhoneSocket, Upgrade
from bridge.shell.stacks import STACKS, take_over_by
from tests.integration.bridge_peers import until
from tests.support.raw_socket import RawSocket

RESET = struct.pack("ii", 1, 0)  # linger for no time


class Leg:
    """A call that does nothing but hold its line."""

    def __init__(self) -> None:
        self.phone: PhoneSocket | None = None
        self.closed: list[int] = []

    def on_connected(self, phone: PhoneSocket) -> None:
        self.phone = phone

    def on_closed(self, code: int, by_us: bool) -> None:
        self.closed.append(code)

    def on_binary(self, data: Buffer) -> None: ...

    def on_text(self, data: bytes) -> None: ...

    def on_congested(self, congested: bool) -> None: ...

    def must_end(self) -> None: ...

    def must_leave(self) -> None: ...

    def check_line(self) -> None:
        if self.phone is not None:
            self.phone.check()


@pytest.mark.parametrize("stack", STACKS)
async def test_a_reset_that_the_poller_never_reports_ends_the_leg_within_a_second_and_no_other(stack: str) -> None:
    legs: list[Leg] = []
    transports: list[asyncio.Transport] = []
    loop = asyncio.get_running_loop()

    async def admit(request: Request) -> Admitted:
        legs.append(Leg())
        return Admitted(legs[-1], lambda: None)

    def take_over(transport: asyncio.Transport, upgrade: Upgrade, listener: PhoneListener) -> None:
        transports.append(transport)
        take_over_by(stack)(transport, upgrade, listener)

    server = await aiofastnet.create_server(
        loop, lambda: Doorman(admit, loop.create_task, take_over), "127.0.0.1", 0
    )  # as in production, for its transports
    port, health = server.sockets[0].getsockname()[1], Health(2)
    switches = [await RawSocket.connect(port) for _ in range(2)]
    dead_legs = DeadLegs(health)
    try:
        for leg in legs:
            health.take(leg)
        transports[0].pause_reading()  # what a poller that has lost the socket looks like from here
        switches[0].writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        switches[0].abort()
        await asyncio.sleep(0.1)
        assert legs[0].closed == []
        dead_legs.start()
        await until(lambda: legs[0].closed == [1006], "the dead leg is cut", 2)
        assert legs[1].closed == []
    finally:
        dead_legs.stop()
        switches[1].abort()
        await until(lambda: len(legs[1].closed) == 1, "the other leg ends by itself", 2)
        server.close()
