"""How a bridge says that it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bridge.shell.heart import Heart
from bridge.shell.seats import Seats
from pokea.errors import Unavailable


class ControlRoom:
    """`fails`: so many beats are not heard."""

    def __init__(self, fails: int = 0) -> None:
        self.seats: list[Seats | None] = []
        self.heard: list[tuple[str, tuple[str, ...], bool]] = []
        self.fails = fails
        self._more = asyncio.Event()

    async def beat(self, task: str, calls: Sequence[str], leaving: bool = False, seats: Seats | None = None) -> None:
        self.seats.append(seats)
        self.heard.append((task, tuple(calls), leaving))
        self._more.set()
        if self.fails:
            self.fails -= 1
            raise Unavailable("tools_unreachable")

    async def count(self, beats: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < beats:
                self._more.clear()
                await self._more.wait()


async def test_it_beats_at_once_and_says_when_it_leaves() -> None:
    room = ControlRoom()
    calls = ["HD_1"]
    heart = Heart(room.beat, lambda: tuple(calls), beat_s=60, look_s=0.001)
    heart.start()
    await room.count(1)
    calls.clear()
    await heart.close()
    assert room.heard == [("", ("HD_1",), False), ("", (), True)]


async def test_who_leaves_with_a_call_that_could_not_be_ended_says_so() -> None:
    room = ControlRoom()
    heart = Heart(room.beat, lambda: ("HD_1",), beat_s=60, look_s=0.001)
    heart.start()
    await room.count(1)
    await heart.close()
    assert room.heard[-1] == ("", ("HD_1",), False)


async def test_a_new_call_is_told_of_at_once_and_an_ended_one_with_the_next_beat() -> None:
    room, calls = ControlRoom(), ["HD_1"]
    heart = Heart(room.beat, lambda: tuple(calls), beat_s=60, apart_s=0.001, look_s=0.001)
    heart.start()
    await room.count(1)
    calls.append("HD_2")
    await room.count(2)
    calls.clear()
    calls.append("HD_3")
    await room.count(3)
    await heart.close()
    assert [told for _, told, _ in room.heard] == [("HD_1",), ("HD_1", "HD_2"), ("HD_3",), ("HD_3",)]


async def test_beats_for_new_calls_are_apart_from_each_other() -> None:
    room, looks = ControlRoom(), 0

    def sessions() -> tuple[str, ...]:
        nonlocal looks
        looks += 1
        return tuple(f"HD_{number}" for number in range(looks))

    heart = Heart(room.beat, sessions, beat_s=60, apart_s=60, look_s=0.001)
    heart.start()
    async with asyncio.timeout(10):
        while looks < 20:  # noqa: ASYNC110  # it looks by itself
            await asyncio.sleep(0.001)
    assert len(room.heard) == 1
    await heart.close()


async def test_a_new_call_that_was_not_heard_of_is_told_again() -> None:
    room = ControlRoom(fails=1)
    heart = Heart(room.beat, lambda: ("HD_1",), beat_s=60, apart_s=0.001, look_s=0.001)
    heart.start()
    await room.count(2)
    await heart.close()
    assert [told for _, told, _ in room.heard[:2]] == [("HD_1",), ("HD_1",)]


async def test_a_heart_that_breaks_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    broken = asyncio.Event()

    def sessions() -> tuple[str, ...]:
        raise RuntimeError("words of a caller")

    room = ControlRoom()
    heart = Heart(room.beat, sessions, look_s=0.001, broken=broken.set)
    heart.start()
    async with asyncio.timeout(10):
        await broken.wait()
    assert "the heart broke: RuntimeError" in caplog.text and "words" not in caplog.text


async def test_ecs_names_its_task_or_nobody_does() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = b'{"TaskARN": "arn:aws:ecs:x:1:task/c/t"}' if head.startswith(b"GET /v4/x/task ") else b"no"
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for uri, expected in (
        (f"http://127.0.0.1:{port}/v4/x", "arn:aws:ecs:x:1:task/c/t"),
        (f"http://127.0.0.1:{port}/y", ""),
    ):
        room = ControlRoom()
        heart = Heart(room.beat, lambda: (), beat_s=60, look_s=0.001)
        heart.start(uri)
        await room.count(1)
        await heart.close()
        assert room.heard[0][0] == expected
    server.close()
    await server.wait_closed()
