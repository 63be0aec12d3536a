"""A virtual day of the whole control plane: the real handlers, a queue that delivers at least once, and the carrier's simulated books.

Nothing waits and nothing runs side by side: what is due is done in the order of its time, on one clock. The carrier's records are read
through the product's own client from the simulator's own REST application, inside this process.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from local.carrier import Carrier
from local.carrier.rest import create_app
from pokea.adapters.queues import CARRIER_CLOSES_WITHIN_S
from pokea.billing.cdr import Cdr
from pokea.errors import Unavailable
from pokea.ids import SessionId
from pokea.phone_numbers import E164
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.oracles import cdr_reconcile
from tests.support.cdr_office import CdrOffice
from tests.support.control_plane import LINES, NOW, PROFILES, ControlPlane

FALLBACK = E164("+254722000777")
DIALLING_LINE = next(line for line in LINES.values() if line.business_id == "kasi")  # its carrier puts callers through
VISIBLE_AGAIN_S = 180
MAX_RECEIVES = 5
RUN_AGAIN_S = 60
Take = Callable[[str], list[str]]  # a function's batch of one; returns what it wants back
DAYS = 5  # until every record that is late has come, and every night's look is done


class SimulatedBooks:
    """Answers the product's client from the simulator's REST application. `down_until`: answered with 503 until then."""

    def __init__(self, carrier: Carrier, now: Callable[[], datetime]) -> None:
        self._now = now
        self._loop = asyncio.new_event_loop()
        self._app = httpx.ASGITransport(create_app(carrier))
        self.down_until = NOW

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self._now() < self.down_until:
            return httpx.Response(503, json={"error": {"code": "internal_error", "message": "ordered by a test"}})
        return self._loop.run_until_complete(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._app.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def close(self) -> None:
        self._loop.close()


class ContendedCdrs(MemoryCdrs):
    """`others`: what somebody else does between our read and our write, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Callable[[], object]] = []

    def put_cdrs(self, cdrs: Any) -> tuple[Cdr, ...]:
        if self.others:
            self.others.pop()()
        return super().put_cdrs(cdrs)


class World:
    """`draw` decides every length and delay. `cdrs`: a store that misbehaves."""

    def __init__(self, draw: random.Random, cdrs: ContendedCdrs | None = None) -> None:
        self.draw = draw
        lines = {number: replace(line, fallback_number=FALLBACK) for number, line in LINES.items()}
        lines[DIALLING_LINE.number] = replace(DIALLING_LINE, dials=True)
        profiles = {name: replace(one, line=lines[one.line.number]) for name, one in PROFILES.items()}
        self.plane = ControlPlane(continues=True, numbers=lines, profiles=profiles)
        self.clock = self.plane.clock
        self.carrier = Carrier("k", now=self.clock.now)
        self.cdrs = cdrs or ContendedCdrs()
        self.office = CdrOffice(self.plane, self.cdrs)
        self.books = SimulatedBooks(self.carrier, self.clock.now)
        self.office.books = self.books  # type: ignore[assignment]
        self.office.parts = self.office.make_parts()
        self.dead: list[str] = []
        self.streams: dict[str, int] = {}
        """By session: how long its stream was open, in milliseconds, where the bridge said so to anybody."""
        self.copies: dict[str, int] = {}
        """By session: how many times each of its messages is delivered."""
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = itertools.count()

    # --- time ---------------------------------------------------------------------------------------------------------------

    def at(self, when: datetime, work: Callable[[], object]) -> None:
        heapq.heappush(self._due, (when, next(self._order), work))

    def run(self) -> None:
        """Until nothing is left to do on the last day. Every night at two the function looks through the days before."""
        for night in range(1, DAYS + 1):
            self.at(NOW.replace(hour=2) + timedelta(days=night), self._nightly)
        end = NOW + timedelta(days=DAYS + 1)
        try:
            while self._due and self._due[0][0] <= end:
                when, _, work = heapq.heappop(self._due)
                self.clock.advance(max(0.0, (when - self.clock.now()).total_seconds()))
                work()
                self._take_up()
        finally:
            self.books.close()

    def _nightly(self) -> None:
        """The schedule invokes the function asynchronously: an invocation that fails is run again a minute later (as Lambda does)."""
        try:
            self.office.handler({"source": "aws.scheduler"}, None)
        except Unavailable:
            self.at(self.clock.now() + timedelta(seconds=RUN_AGAIN_S), self._nightly)

    # --- the queue ----------------------------------------------------------------------------------------------------------

    def tell(self, body: str, delay_s: float = 0.0) -> None:
        """A message to the queue of detail records: heard at least once, some time after its delay."""
        session = str(json.loads(body).get("call", ""))
        for _ in range(self.copies.get(session, 1)):
            after_s = delay_s + self.draw.choice((0, 0, 1, 20))
            self._deliver(self.office.take, body, after_s)

    def _deliver(self, take: Take, body: str, after_s: float, receives: int = 1) -> None:
        def deliver() -> None:
            if not take(body):
                return
            if receives < MAX_RECEIVES:
                self._deliver(take, body, VISIBLE_AGAIN_S, receives + 1)
            elif take == self.office.take:
                self.dead.append(body)

        self.at(self.clock.now() + timedelta(seconds=after_s), deliver)

    def _take_up(self) -> None:
        """Whatever the functions have just put on their queues."""
        ended, self.plane.ended[:] = list(self.plane.ended), []
        delayed, self.plane.delayed[:] = list(self.plane.delayed), []
        for body, delay_s in [*((body, 0) for body in ended), *delayed]:
            self.tell(body, CARRIER_CLOSES_WITHIN_S)
            self._deliver(self.plane.write_records, body, delay_s)  # what came of the call is written on its own time
        sent, self.office.later.sent[:] = list(self.office.later.sent), []
        for body, delay_s in sent:
            self.tell(body, delay_s)

    # --- the judgement ------------------------------------------------------------------------------------------------------

    def breaches(self) -> list[str]:
        """What the independent oracle finds, and records that are not final although the carrier's is."""
        self.carrier.records.settle()
        theirs = [record.to_json() for record in self.carrier.records.newest_first()]
        ours = [row_of(cdr) for cdr in self.cdrs.all_cdrs()]
        wallet = [{"kind": line.kind, "amount_minor": line.amount_minor} for line in self.carrier.wallet.movements]
        found = cdr_reconcile.check(theirs, ours) + cdr_reconcile.check_ledger(theirs, ours, wallet)
        persons = [row for row in ours if row["direction"] != "stream"]
        found += [f"{row['leg']} is {row['state']}: {row['session_id']}" for row in persons if row["state"] != "final"]
        lengths = {row["session_id"]: row["talk_s"] for row in ours if row["direction"] == "stream"}
        for session, stream_ms in self.streams.items():
            told_s = lengths.get(session)
            if told_s is None or abs(1000 * told_s - stream_ms) > 1000:
                found.append(f"stream of {stream_ms} ms is {told_s} s: {session}")
        return found + [f"given up: {body}" for body in self.dead]

    def interfere(self, session: SessionId) -> None:
        """Somebody else looks at the call between the next read of its records and their write."""

        body = json.dumps({"version": 1, "call": session, "business": self._business(session)})
        self.cdrs.others.append(lambda: self.office.take(body))

    def _business(self, session: SessionId) -> str:
        call = self.plane.calls.call(session)
        return "" if call is None else call.business_id


def row_of(cdr: Cdr) -> dict[str, Any]:
    return {name: getattr(cdr, name) for name in Cdr.__dataclass_fields__}
