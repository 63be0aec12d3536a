"""A bridge that is killed with SIGKILL under live calls of the simulated carrier, and what the control plane makes of them.

The bridge, the carrier's legs and its REST side are real; the control plane's handlers are, too, on a clock that jumps over the time in
which nothing happens. A second bridge lives elsewhere: its beats are given here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from bridge.shell.heart import BEAT_S
from functions.reaper.reaper import Books, Reaper
from local.carrier.machines import quiet, tone
from local.live_server import LiveServer
from local.model import Play, Stage, scripted
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.ids import SessionId
from pokea.orphans import LEASE
from tests.integration.bridge_peers import SPEECH, HttpPeer
from tests.support.cdr_office import CdrOffice
from tests.support.control_plane import PROFILES
from tests.support.rolling import OLD, Conversation, House, Talker, house

MOMENTS = ("greeting", "caller speaking", "model speaking", "tool running")
SWEEP_S = 60  # as the template has it
_LONG_MS = 20_000
_BABBLE = tone(500, 1_000)
_ANSWER = SPEECH * 20 + quiet(3_200)
_DAYS = tuple(f"2026-{day}" for day in ("11-26", "11-27", "11-30", "12-01", "12-02", "12-03", "12-04", "12-07"))


class Customer(Talker):
    """Says something again and again that is no mere tone: the bridge itself has to hear that a booking was answered."""

    def speak(self, samples: int) -> bytes:
        at = self.now_ms * 32 % len(_ANSWER)
        return (_ANSWER + _ANSWER)[at : at + 2 * samples]


class Babbler(Talker):
    """Speaks all the time."""

    def speak(self, samples: int) -> bytes:
        return (_BABBLE * (1 + 2 * samples // len(_BABBLE)))[: 2 * samples]


_KINDS = {"caller speaking": Babbler, "tool running": Customer}


def plays(moment: str) -> Play:
    """What the model does with each call until the bridge dies."""
    numbers = itertools.count()

    async def play(stage: Stage) -> None:
        number = next(numbers)
        await stage.told()
        await stage.say("Hello.", _LONG_MS if moment == "greeting" else 300)
        if moment == "tool running":
            await _books(stage, wish_of(number))
        elif moment == "model speaking":
            await stage.caller_turn("And then?")
            await stage.say("It is a long story.", _LONG_MS)

    return play


async def _books(stage: Stage, wish: dict[str, str]) -> None:
    await stage.caller_turn("I would like to book.")
    proposed = await stage.call("proposeBooking", **wish)
    await stage.say(str(proposed.get("say", "")), 400)
    for _ in range(2):  # the first may have been spoken before
        await stage.caller_turn("Yes.")
    await stage.call("commitProposal", nonce=proposed.get("nonce"), arguments=proposed.get("arguments"))


def wish_of(number: int) -> dict[str, str]:
    """One of the clinic's half hours, and no other's: sixteen a day."""
    day, half = _DAYS[number // 16], number % 16
    return {
        "service": "cleaning",
        "when": f"{day}T{8 + half // 2:02d}:{30 * (half % 2):02d}",
        "name": "Amina Otieno",
    }


class HeldTools(HttpPeer):
    """Runs each commit, or lets it wait, until the bridge that asked is dead: no answer arrives. `begun`: whose."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.begun: set[str] = set()  # call tokens: an answer that is late is asked for again
        self.killed = asyncio.Event()
        self.came = asyncio.Event()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"100-continue" in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = head.replace(b"100-continue", b"nothing")
        length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        body = await reader.readexactly(length)
        inner = asyncio.StreamReader()
        inner.feed_data(head + body)
        inner.feed_eof()
        asked = json.loads(body)
        if asked.get("tool") == "commitProposal":
            self.begun.add(asked["call_token"])
            self.came.set()
            if len(self.begun) % 2:  # this one is made after the death of whoever asked, its neighbour before it
                await self.killed.wait()
        await super()._exchange(inner, writer)


@dataclass
class Night:
    """`live` calls in one moment, and the bridge is killed. `took_s`: until the last leg was ended, on the control plane's clock."""

    moment: str
    live: int
    reaper_class: type[Reaper] = Reaper
    took_s: dict[str, int] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)

    async def run(self) -> None:
        async with (
            house(peer=HeldTools) as here,
            here.release(
                OLD, serve=lambda _: LiveServer(scripted(plays(self.moment))), POKEA_TOOLS_DEADLINE_MS="20000"
            ) as bridge,
        ):
            held = here.tools
            assert isinstance(held, HeldTools)
            calls = await here.dial(self.live, 0.05, _KINDS.get(self.moment, Talker))
            self._vouch(here)
            await self._moment_comes(calls, held)
            await known(here, {one.call.session_id for one in calls})
            bridge.process.kill()
            held.killed.set()
            await bridge.process.wait()
            self._check(all(one.call.is_live for one in calls), "the carrier ended a leg by itself")
            await self._until_ended(here, calls)
            await self._records(here, calls)
            self._bookings(here, calls)
            self._owed(here, calls)

    async def _moment_comes(self, calls: list[Conversation], held: HeldTools) -> None:
        async with asyncio.timeout(60):
            if self.moment == "model speaking":
                while any(one.talker.heard_ms < 900 for one in calls):  # noqa: ASYNC110  # the line's clock
                    await asyncio.sleep(0.05)
            if self.moment == "tool running":
                while len(held.begun) < len(calls):
                    held.came.clear()
                    await held.came.wait()

    async def _until_ended(self, here: House, calls: list[Conversation]) -> None:
        """Second by second on the control plane's clock; the reaper's REST calls take what they take."""
        plane = here.plane
        books = Books(plane.calls, plane.bookings, plane.closings, plane.callbacks, plane._ended)
        carrier = Carrier(CarrierSettings(here.carrier.api_key, here.carrier.base_url))
        reaper = self.reaper_class(
            books=lambda: books, carrier=lambda: carrier, profiles=PROFILES, continues=False, clock=plane.clock,
            log=plane._log("reaper"),
        )  # fmt: skip
        for second in range(180):
            if second % BEAT_S == 0:
                self._vouch(here)
            if second % SWEEP_S == SWEEP_S - 1:
                await asyncio.to_thread(reaper.run)
                for one in calls:
                    if plane.closings.closing(SessionId(one.call.session_id)) is not None:  # the carrier has said yes
                        await one.call.ended(20)
                        self.took_s.setdefault(one.call.session_id, second + 1)
            plane.clock.advance(1)
        for one in calls:
            self._check(one.call.released_by == "api", f"a leg was released by {one.call.released_by or 'nobody'}")

    async def _records(self, here: House, calls: list[Conversation]) -> None:
        """The function that writes detail records takes what the control plane was told, against the carrier's own list."""
        async with httpx.AsyncClient(base_url=here.carrier.base_url) as client:
            headers = {"Authorization": f"Bearer {here.carrier.api_key}"}
            reply = await client.get("/v1/calls", params={"limit": "100"}, headers=headers)
        office = CdrOffice(here.plane)
        office.books.records = reply.json()["data"]
        again = office.take(*here.plane.ended)
        self._check(again == [], "a record was not written")
        for one in calls:
            legs = Counter(cdr.leg for cdr in office.cdrs.cdrs(SessionId(one.call.session_id)))
            self._check(legs == {"caller": 1, "stream": 1}, f"detail records by leg: {dict(legs)}")

    def _bookings(self, here: House, calls: list[Conversation]) -> None:
        made = Counter(one.starts_at for one in here.plane.bookings.all_appointments())
        wanted = len(calls) if self.moment == "tool running" else 0
        self._check(
            sum(made.values()) == len(made) == wanted,
            f"{sum(made.values())} bookings at {len(made)} times, not {wanted}",
        )

    def _owed(self, here: House, calls: list[Conversation]) -> None:
        for one in calls:
            session = SessionId(one.call.session_id)
            task, closing = here.plane.callbacks.tasks.get(session), here.plane.closings.closing(session)
            self._check(
                closing is not None and closing.reason == "bridge_error", f"closed as {closing and closing.reason}"
            )
            self._check(task is not None and task.reason == "bridge_lost", f"owed for {task and task.reason}")
            if self.moment == "tool running":
                self._check(
                    task is not None and "cleaning" in " ".join(task.notes), f"the task says {task and task.notes}"
                )

    def _vouch(self, here: House) -> None:
        request = {"operation": "beat", "bridge": "another", "task": "", "calls": []}
        assert here.plane.tools(request, None)["ok"] is True

    def _check(self, holds: bool, breach: str) -> None:
        if not holds:
            self.breaches.append(breach)


async def known(here: House, sessions: set[str]) -> None:
    """Until a lease names all of them."""
    async with asyncio.timeout(60):
        while not any(  # noqa: ASYNC110  # another process
            sessions <= set(lease.calls) for lease in here.plane.bookings.all_records(LEASE)
        ):
            await asyncio.sleep(0.1)
