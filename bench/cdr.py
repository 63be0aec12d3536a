"""How many detail records a second the function that keeps them makes, on one core.

    python -m bench.cdr [--quick] [--calls 1500] [--limit 500] [--json]

In process: the real handler over stores in memory and a carrier that answers at once, so that what is measured is ours. Each message is one
ended call that has a closing, a bridge's word and a final record: two legs, stored, rated, audited, priced, versioned and told of. Best of
three runs in CPU seconds; exits with 1 below the limit. Then, without a limit, the same against the local AWS: one consumer, by the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from functions.cdr.app import make_handler
from functions.cdr.clerk import Clerk
from functions.cdr.evidence import Shelves
from functions.cdr.polling import Patience, Pollster
from functions.cdr.pricing import PriceBooks, Prices
from functions.cdr.reporter import Reporter
from functions.cdr.sweep import Sweeper
from functions.cdr.wiring import Parts
from pokea.adapters.observability import Log
from pokea.billing.business_deck import deck_for
from pokea.billing.cdr import Cdr
from pokea.billing.model_cost import prices_of
from pokea.calls import Call, CallStatus, Direction
from pokea.clock import ManualClock
from pokea.ids import BusinessId, SessionId
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profiles
from pokea.sautikit.closings import CloseReason, Closing

CALLS = 1_500
QUICK_CALLS = 300
STORED_CALLS = 150  # against the local AWS, whose emulator is the slower part
LIMIT = 500.0
RUNS = 3
BATCH = 10
START = datetime(2031, 3, 1, 9, tzinfo=UTC)
CLOSED_AT = START + timedelta(seconds=95)
CALLER = E164("+254722000111")
USAGE = [
    {
        "engine": "gemini",
        "model": "gemini-2.5-flash-native-audio",
        "meters": {"audio_in": 41_000, "text_in": 9_000, "audio_out": 6_000},
        "turns": 12,
        "silent_turns": 0,
    }
]


CLOSED = {"stream_ms": 89_400, "reason": "goodbye", "usage": USAGE, "shares": None}


class Books:
    """A carrier that has every call in its books."""

    def __init__(self, profile: Profile) -> None:
        self._number = profile.line.number

    def get_call(self, call: str) -> Mapping[str, object]:
        return {
            "id": f"r{call}", "session_id": call, "direction": "outbound", "local_e164": self._number, "remote_e164": CALLER,
            "started_at": START.isoformat(), "answered_at": (START + timedelta(seconds=4)).isoformat(),
            "ended_at": (START + timedelta(seconds=94)).isoformat(), "duration_seconds": 90, "status": "completed", "cost_minor": 450,
            "cost_currency": "KES",
        }  # fmt: skip

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        return [self.get_call(query["session_id"])], None


class Queue:
    def __init__(self) -> None:
        self.sent = 0

    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None:
        self.sent += 1

    def send_all(self, messages: Sequence[Mapping[str, object]]) -> None:
        self.sent += len(messages)


def nothing(*_: Any) -> None:
    """For whoever is told and does nothing about it."""


class Office:
    """The function over `shelves`."""

    def __init__(self, shelves: Shelves, profile: Profile) -> None:
        log = Log("bench-cdr", io.StringIO())  # a name of its own: Powertools keeps one output per name
        clock = ManualClock(START + timedelta(minutes=5))
        profiles, books, queue = {profile.business_id: profile}, Books(profile), Queue()
        prices = PriceBooks(*prices_of(None))
        clerk = Clerk(
            shelves=lambda: shelves,
            profiles=profiles,
            pollster=Pollster(lambda: books, log),
            prices=Prices(lambda one: deck_for(one, PACKAGED), lambda: prices),
            reporter=Reporter(shelves=lambda: shelves, emit=nothing, settle=nothing, log=log),
            later=lambda: queue,
            clock=clock,
            log=log,
        )
        sweeper = Sweeper(
            shelves=lambda: shelves, profiles=profiles, books=lambda: books, later=lambda: queue, clock=clock, log=log
        )
        parts = Parts(clerk, sweeper, _no_keys, clock, Patience)
        self.handler = make_handler(lambda: parts, log)

    def take(self, bodies: Sequence[str]) -> None:
        for start in range(0, len(bodies), BATCH):
            answer = self.handler({"Records": [_message(body) for body in bodies[start : start + BATCH]]}, None)
            if answer["batchItemFailures"]:
                raise RuntimeError("a message was not taken")


def _no_keys() -> Any:
    raise AssertionError("no request is made here")


def _message(body: str) -> dict[str, Any]:
    known = {"receiptHandle": "", "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs"}
    return {"messageId": str(hash(body)), "body": body, **known}


def lay_out(shelves: Shelves, profile: Profile, calls: int) -> list[str]:
    """So many ended calls in the stores; returns the messages about them."""
    bodies = []
    for number in range(calls):
        session = SessionId(f"HD_{number:012x}")
        shelves.calls.create_call(_call(session, profile))
        shelves.closings.add(_closing(session, profile.business_id))
        said = {"event": "closed", "index": 2, "at": CLOSED_AT.isoformat(), "bridge": "b", **CLOSED}
        bodies.append(json.dumps({"version": 1, "call": session, "business": profile.business_id, "said": said}))
    return bodies


def _call(session: SessionId, profile: Profile) -> Call:
    return Call(
        session_id=session, business_id=profile.business_id, agent=profile.line.agent, direction=Direction.OUTBOUND,
        a_number=profile.line.number, b_number=CALLER, status=CallStatus.COMPLETED, created_at=START, answered_at=START,
        opened_at=START + timedelta(seconds=5), ended_at=CLOSED_AT, duration_s=90, client_request_id=f"pk{session}",
    )  # fmt: skip


def _closing(session: SessionId, business_id: BusinessId) -> Closing:
    return Closing(
        session_id=session, business_id=business_id, reason=CloseReason.GOODBYE, duration_ms=89_400, transcript=(), truncated=False,
        closed_at=CLOSED_AT, kept_until=CLOSED_AT + timedelta(days=30),
    )  # fmt: skip


def checked(shelves: Shelves, calls: int) -> int:
    """How many records there are: two for each call, each final and written once."""
    found: list[Cdr] = []
    for number in range(calls):
        found += shelves.cdrs.cdrs(SessionId(f"HD_{number:012x}"))
    if len(found) != 2 * calls or any((cdr.version, cdr.state.value) != (1, "final") for cdr in found):
        raise RuntimeError("not every call has its two records, each written once")
    return len(found)


def in_process(profile: Profile, calls: int) -> float:
    """Records per second of CPU."""
    from tests.fakes.memory_cdrs import MemoryCdrs
    from tests.fakes.memory_store import MemoryCallStore, MemoryStore
    from tests.support.control_plane import MemoryClosings

    best = 0.0
    for _ in range(RUNS):
        shelves = Shelves(MemoryCallStore(), MemoryClosings(), MemoryStore(), MemoryCdrs())
        office, bodies = Office(shelves, profile), lay_out(shelves, profile, calls)
        office.take(bodies[:BATCH])
        gc.collect()
        started_s = time.process_time()
        office.take(bodies[BATCH:])
        took_s = time.process_time() - started_s
        best = max(best, (checked(shelves, calls) - 2 * BATCH) / took_s)
    return best


async def against_aws(profile: Profile, calls: int) -> float | None:
    """Records per second of the clock, by one consumer; None where the local AWS does not run."""
    from local.aws import LocalAws
    from local.processes import ROOT, ChildFailed

    with tempfile.TemporaryDirectory() as folder:
        try:
            async with LocalAws(Path(folder), ROOT / "template.yaml") as aws:
                return await asyncio.to_thread(_stored, aws.client(), aws.environ(), profile, calls)
        except ChildFailed as problem:
            print(f"skipped against the local AWS: {str(problem).splitlines()[0]}", file=sys.stderr)
            return None


def _stored(client: Any, environ: Mapping[str, str], profile: Profile, calls: int) -> float:
    from pokea.adapters.dynamo_calls import DynamoCallStore
    from pokea.adapters.dynamo_cdrs import DynamoCdrs
    from pokea.adapters.dynamo_closings import DynamoClosings
    from pokea.adapters.dynamo_store import DynamoStore
    from pokea.adapters.dynamo_table import DynamoTable

    core = DynamoTable(client, environ["POKEA_CORE_TABLE"])
    cdrs = DynamoCdrs(DynamoTable(client, environ["POKEA_CDRS_TABLE"]))
    shelves = Shelves(DynamoCallStore(core), DynamoClosings(core), DynamoStore(core), cdrs)
    office, bodies = Office(shelves, profile), lay_out(shelves, profile, calls)
    started_s = time.perf_counter()
    office.take(bodies)
    took_s = time.perf_counter() - started_s
    return checked(shelves, calls) / took_s


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Metrics are written to standard output: here they are made, and go nowhere."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cdr", description="Detail records per second of one core")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--limit", type=float, default=LIMIT, help="records per second of one core that will do")
    parser.add_argument("--quick", action="store_true", help="fewer calls")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    calls = QUICK_CALLS if options.quick else options.calls
    profile = next(iter(load_profiles(PACKAGED).values()))
    with silenced():
        rate = in_process(profile, calls)
        stored = asyncio.run(against_aws(profile, calls // 10 if options.quick else STORED_CALLS))
    is_kept = rate >= options.limit
    if options.json:
        figures = {"per_second": round(rate), "stored_per_second": None if stored is None else round(stored)}
        print(json.dumps({**figures, "limit": options.limit, "ok": is_kept}))
    else:
        verdict = "kept" if is_kept else "BROKEN"
        print(f"{rate:,.0f} detail records per second of one core; limit {options.limit:,.0f}: {verdict}")
        if stored is not None:
            print(f"{stored:,.0f} per second by one consumer against the local AWS (an emulator): reported, not judged")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
