"""F1.10: what RFC 6455 asks of a server, against our listener and its settings, in the families of the Autobahn test suite.

Numbers are Autobahn's, one or a few cases for each of its groups. The listener echoes, so that content is checked too. Where ours is
stricter or milder than the suite, the case stands in EXCEPTIONS with the reason and with what happens instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import aiofastnet
import pytest

from bridge.core.frames import Buffer
from bridge.shell.doorman import Admitted, Doorman, Request
from bridge.shell.phone import MESSAGE_LIMIT_BYTES, PhoneSocket
from bridge.shell.stacks import STACKS, take_over_by
from tests.support.raw_socket import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawSocket, Reply, close_frame, frame

EXCEPTIONS = {
    "6.invalid": "text that is no UTF-8 is handed on and refused by the codec, not by the socket: switches send callers' names in"
    " whatever encoding the network had, and a name must not cost the call (the codec refuses 50 such frames, then the call)",
    "9.large": "a message over 256 KiB is refused with 1009: real ones hold a second of backlog, 40 KB",
    "7.1.2": "one stack answers the second of two close frames in one piece with 1002; the connection is over either way",
    "before an offence": "a message in one piece with an offence behind it may be lost with it: nobody is there for an answer",
    "7.13": "a close code over 4999 is a protocol error for one stack and a plain close for the other",
}


def echo_of(data: bytes) -> bytes:
    """The message; of a long one its length, because the bridge itself never sends that much at once."""
    return data if len(data) <= 65_536 else str(len(data)).encode()


class Echo:
    """A listener that answers every message with itself."""

    def __init__(self) -> None:
        self.phone: PhoneSocket | None = None
        self.closed: list[tuple[int, bool]] = []

    def on_connected(self, phone: PhoneSocket) -> None:
        self.phone = phone

    def on_binary(self, data: Buffer) -> None:
        assert self.phone is not None
        self.phone.send_binary(echo_of(bytes(data)))

    def on_text(self, data: bytes) -> None:
        assert self.phone is not None
        self.phone.send_text(echo_of(data))

    def on_congested(self, congested: bool) -> None:
        pass

    def on_closed(self, code: int, by_us: bool) -> None:
        self.closed.append((code, by_us))


@contextlib.asynccontextmanager
async def echoing(stack: str) -> AsyncIterator[int]:
    """Port of a listener with the bridge's own settings."""
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def decide(request: Request) -> Admitted:
        return Admitted(Echo(), lambda: None)

    def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    server = await aiofastnet.create_server(
        loop, lambda: Doorman(decide, spawn, take_over_by(stack)), "127.0.0.1", 0, backlog=100
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass(frozen=True)
class Case:
    """Send `data` (one byte at a time if `drip`); `echoes` and `pongs` must come back in order, then the connection ends with one of
    `codes`, or goes on where there are none."""

    name: str
    data: bytes
    echoes: tuple[tuple[int, bytes], ...] = ()
    pongs: tuple[bytes, ...] = ()
    codes: tuple[int, ...] = ()
    drip: bool = False


def message(kind: int, payload: bytes, piece: int | None = None) -> bytes:
    """One message, in fragments of `piece` bytes."""
    if piece is None:
        return frame(kind, payload)
    parts = [payload[at : at + piece] for at in range(0, len(payload), piece)] or [b""]
    return b"".join(
        frame(kind if number == 0 else CONT, part, fin=number == len(parts) - 1) for number, part in enumerate(parts)
    )


def family_1() -> Iterator[Case]:
    for kind, family in ((TEXT, "1.1"), (BINARY, "1.2")):
        for number, size in enumerate((0, 125, 126, 127, 128, 65_535, 65_536), 1):
            payload = b"*" * size
            yield Case(f"{family}.{number}", frame(kind, payload), ((kind, payload),))
        yield Case(f"{family}.8", frame(kind, b"*" * 3_000), ((kind, b"*" * 3_000),), drip=True)


def family_2() -> Iterator[Case]:
    full = bytes(range(0, 250, 2))
    yield Case("2.1", frame(PING), pongs=(b"",))
    yield Case("2.2", frame(PING, b"Hello"), pongs=(b"Hello",))
    yield Case("2.3", frame(PING, b"\x00\xff\xfe\xfd"), pongs=(b"\x00\xff\xfe\xfd",))
    yield Case("2.4", frame(PING, full), pongs=(full,))
    yield Case("2.5", frame(PING, b"x" * 126), codes=(1002,))
    yield Case("2.6", frame(PING, full), pongs=(full,), drip=True)
    yield Case("2.7", frame(PONG))
    yield Case("2.8", frame(PONG, b"unsolicited"))
    yield Case("2.9", frame(PONG, b"unsolicited") + frame(PING, b"a"), pongs=(b"a",))
    ten = tuple(f"payload-{number}".encode() for number in range(10))
    yield Case("2.10", b"".join(frame(PING, item) for item in ten), pongs=ten)
    yield Case("2.11", b"".join(frame(PING, item) for item in ten), pongs=ten, drip=True)


def family_3() -> Iterator[Case]:
    for rsv in range(1, 8):
        yield Case(f"3.{rsv}", frame(TEXT, b"small", rsv=rsv) + frame(PING), codes=(1002,))
        yield Case(f"3.{rsv} binary", frame(BINARY, bytes(640), rsv=rsv), codes=(1002,))
    yield Case(
        "3.2 before an offence", frame(TEXT, b"ok") + frame(TEXT, b"small", rsv=2), ((TEXT, b"ok"),), codes=(1002,)
    )
    yield Case(
        "3.3 in octets", frame(TEXT, b"ok") + frame(TEXT, b"x", rsv=3), ((TEXT, b"ok"),), codes=(1002,), drip=True
    )
    yield Case("unmasked", frame(TEXT, b"small", masked=False), codes=(1002,))


def family_4() -> Iterator[Case]:
    for number, opcode in enumerate((3, 4, 5, 6, 7), 1):
        yield Case(f"4.1.{number}", frame(opcode, b"x"), codes=(1002,))
    for number, opcode in enumerate((11, 12, 13, 14, 15), 1):
        yield Case(f"4.2.{number}", frame(TEXT, b"ok") + frame(opcode), ((TEXT, b"ok"),), codes=(1002,))


def family_5() -> Iterator[Case]:
    first, last = frame(TEXT, b"frag1", fin=False), frame(CONT, b"frag2")
    whole = ((TEXT, b"frag1frag2"),)
    yield Case("5.1", frame(PING, b"x", fin=False) + frame(CONT, b"y"), codes=(1002,))
    yield Case("5.2", frame(PONG, b"x", fin=False) + frame(CONT, b"y"), codes=(1002,))
    yield Case("5.3", first + last, whole)
    yield Case("5.5", first + last, whole, drip=True)
    yield Case("5.6", first + frame(PING, b"mid") + last, whole, pongs=(b"mid",))
    yield Case("5.8", first + frame(PING, b"mid") + last, whole, pongs=(b"mid",), drip=True)
    yield Case("5.9", frame(CONT, b"x") + frame(TEXT, b"y"), codes=(1002,))
    yield Case("5.11", frame(CONT, b"x") + frame(TEXT, b"y"), codes=(1002,), drip=True)
    yield Case("5.12", frame(CONT, b"x", fin=False) + frame(TEXT, b"y"), codes=(1002,))
    yield Case("5.14", frame(CONT, b"x", fin=False), codes=(1002,), drip=True)
    yield Case("5.15", first + last + frame(CONT, b"frag3", fin=False), whole, codes=(1002,))
    yield Case("5.16", frame(CONT, b"x", fin=False) + frame(TEXT, b"y", fin=False), codes=(1002,))
    yield Case("5.17", frame(CONT, b"x") + frame(TEXT, b"y", fin=False), codes=(1002,))
    yield Case("5.18", first + frame(TEXT, b"frag2"), codes=(1002,))
    yield Case("5.18 binary", frame(BINARY, bytes(640), fin=False) + frame(BINARY, bytes(640)), codes=(1002,))
    five = b"".join(
        [
            frame(TEXT, b"a", fin=False),
            frame(CONT, b"b", fin=False),
            frame(PING, b"1"),
            frame(CONT, b"c", fin=False),
            frame(CONT, b"d", fin=False),
            frame(PING, b"2"),
            frame(CONT, b"e"),
        ]
    )
    yield Case("5.19", five, ((TEXT, b"abcde"),), pongs=(b"1", b"2"))
    yield Case("5.20", five, ((TEXT, b"abcde"),), pongs=(b"1", b"2"), drip=True)


VALID_TEXTS = ["", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\u0080", "ࠀ", "\U00010000", "\x7f", "߿", "\uffff", "\U0010ffff",
    "퟿", "", "�", "￾", "Amina Otieno", "日本語"]  # fmt: skip
INVALID_TEXTS = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\x80",
    b"\xbf\x80",
    b"\xc0 ",
    b"\xe0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"Jos\xe9",
]


def family_6() -> Iterator[Case]:
    yield Case("6.1.1", frame(TEXT), ((TEXT, b""),))
    yield Case("6.1.2", frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT), ((TEXT, b""),))
    yield Case("6.1.3", frame(TEXT, fin=False) + frame(CONT, b"middle", fin=False) + frame(CONT), ((TEXT, b"middle"),))
    for number, text in enumerate(VALID_TEXTS):
        data = text.encode()
        yield Case(f"6.5.{number} whole", frame(TEXT, data), ((TEXT, data),))
        yield Case(f"6.2.{number} in pieces", message(TEXT, data, 1), ((TEXT, data),))
    for number, data in enumerate(INVALID_TEXTS):
        yield Case(f"6.invalid.{number}", frame(TEXT, data), ((TEXT, data),))


def family_7() -> Iterator[Case]:
    yield Case("7.1.1", frame(TEXT, b"Hello") + close_frame(), ((TEXT, b"Hello"),), codes=(1000,))
    yield Case("7.1.2", close_frame() + close_frame(), codes=(1000, 1002))
    yield Case("7.1.3", close_frame() + frame(PING, b"late"), codes=(1000,))
    yield Case("7.1.4", close_frame() + frame(TEXT, b"late"), codes=(1000,))
    yield Case("7.1.5", frame(TEXT, b"x", fin=False) + close_frame() + frame(CONT, b"y"), codes=(1000, 1002))
    yield Case("7.3.1", close_frame(None), codes=(0, 1000))
    yield Case("7.3.2", frame(CLOSE, b"a"), codes=(1002,))
    yield Case("7.3.3", close_frame(1000), codes=(1000,))
    yield Case("7.3.4", close_frame(1000, b"Hello World!"), codes=(1000,))
    yield Case("7.3.5", close_frame(1000, b"*" * 123), codes=(1000,))
    yield Case("7.3.6", close_frame(1000, b"*" * 124), codes=(1002,))
    yield Case("7.5.1", close_frame(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), codes=(1007, 1002))
    for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield Case(f"7.7.{number}", close_frame(code), codes=(code, 1000))
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", close_frame(code), codes=(1002,))
    for number, code in enumerate((5000, 65_535), 1):
        yield Case(f"7.13.{number}", close_frame(code), codes=(code, 1000, 1002))


def family_9() -> Iterator[Case]:
    big = bytes(65_536)
    for kind, family in ((TEXT, "9.1"), (BINARY, "9.2")):
        yield Case(f"{family}.1", frame(kind, big), ((kind, big),))
        yield Case(f"{family}.2", frame(kind, big * 4), ((kind, b"262144"),))
        yield Case(f"{family}.large", frame(kind, big * 16), codes=(1009,))
    for kind, family in ((TEXT, "9.3"), (BINARY, "9.4")):
        for number, piece in enumerate((64, 256, 1_024, 4_096, 16_384), 1):
            yield Case(f"{family}.{number}", message(kind, big, piece), ((kind, big),))
        yield Case(f"{family}.large", message(kind, big * 5, 4_096), codes=(1009,))
    for kind, family in ((TEXT, "9.7"), (BINARY, "9.8")):
        for number, size in enumerate((0, 16, 640), 1):
            yield Case(f"{family}.{number}", frame(kind, b"*" * size) * 200, ((kind, b"*" * size),) * 200)


CASES = [
    case
    for family in (family_1, family_2, family_3, family_4, family_5, family_6, family_7, family_9)
    for case in family()
]


async def outcome(port: int, case: Case) -> Reply:
    raw = await RawSocket.connect(port)
    try:
        if case.drip:
            for at in range(len(case.data)):
                raw.send(case.data[at : at + 1])
                if at % 64 == 0:
                    await asyncio.sleep(0)
        else:
            raw.send(case.data)
        return await raw.until_quiet(None if case.codes else b"still there?")
    finally:
        await raw.close()


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_listener_keeps_to_the_protocol(case: Case, stack: str) -> None:
    async with echoing(stack) as port:
        reply = await outcome(port, case)
    echoes = tuple(item for item in reply.frames if item[0] in (TEXT, BINARY))
    assert echoes == case.echoes or (case.codes and not echoes)  # see "before an offence"
    assert tuple(reply.of(PONG)) == case.pongs
    if case.codes:
        assert reply.closed
        assert reply.code in case.codes
    else:
        assert not reply.closed


def test_there_are_enough_cases_and_every_exception_is_used() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 120
    for exception in EXCEPTIONS:
        family, _, word = exception.partition(".")
        assert any(exception in name or (name.startswith(family) and word in name) for name in names), exception
    assert MESSAGE_LIMIT_BYTES == 256 * 1024
