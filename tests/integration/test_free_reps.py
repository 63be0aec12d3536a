"""The transfer of hot leads over the real store: eight calls ask at one moment, and as many are rung for as there are people."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.campaigns.briefing import Briefed
from pokea.campaigns.reps import CAMPAIGN_REPS
from pokea.errors import Unavailable
from pokea.lines import PACKAGED
from pokea.ports import Change
from pokea.profile import load_profile
from pokea.toolkit import ToolResult
from pokea.transfer import HANDOFF, Event, moved
from tests.fakes.conversation import Conversation

MIZANI = load_profile(PACKAGED / "mizani.toml")
CALLS = 8


def asks(call: Conversation, name: str) -> ToolResult | None:
    """None: the store was too busy, and nobody was rung."""
    try:
        return call.tool("handOver", {"department": "sales", "reason": "x"}, tool_call_id=f"{call.session}-{name}")
    except Unavailable:
        return None


@pytest.mark.parametrize("people", [pytest.param(1, marks=pytest.mark.faults), 3])
def test_eight_hot_leads_at_one_moment_ring_as_many_as_are_free(core_table: DynamoTable, people: int) -> None:
    store = DynamoStore(core_table)
    first = Conversation(profile=MIZANI, agent="leads", store=store, briefed=Briefed(campaign_id="spring", reps=people))
    calls = [first, *(first.called_by(first.a_number) for _ in range(CALLS - 1))]
    for turn in ("t1", "t2"):
        barrier = threading.Barrier(CALLS)

        def one(call: Conversation, turn: str = turn, barrier: threading.Barrier = barrier) -> ToolResult | None:
            barrier.wait()
            return asks(call, turn)

        with ThreadPoolExecutor(CALLS) as threads:
            found = list(threads.map(one, calls))
        while None in found:  # who found the store too busy asks again
            found = [result or asks(call, turn) for call, result in zip(calls, found, strict=True)]
        rung = [call for call, result in zip(calls, found, strict=True) if result and result.handoff is not None]
        assert len(rung) == people
        record = store.record(CAMPAIGN_REPS, MIZANI.business_id, "spring")
        assert record is not None
        assert {one.session_id for one in record.under_way(first.clock.now())} >= {call.session for call in rung}
        for call in rung:  # they talk, and hang up; nobody gives anybody back
            (handoff,) = [
                one
                for one in store.records_by(HANDOFF, MIZANI.business_id, call.session)
                if one.handoff_id in {held.handoff_id for held in record.held}
            ]
            ended = moved(moved(handoff, Event.JOIN), Event.LEFT)
            store.apply(Change(records=(HANDOFF.of(ended),)))
