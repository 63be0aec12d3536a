"""Two hundred callers talk to the booking agent at the same moment and want the same half hour: the agent, its gate and the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import pokea
from pokea import agents
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.ids import new_id
from pokea.agents import Caller, Desk
from pokea.ids import Nonce, SessionId, ToolCallId
from pokea.phone_numbers import E164
from pokea.profile import load_profile
from pokea.toolkit import CallerTurn, Evidence, Level, ReadBack, ToolCall, ToolResult
from tests.fakes.books import books
from tests.support.booker import final_read
from tests.support.store import RunningAws

CALLERS = 200
NOW = datetime(2031, 3, 3, 6, 0, tzinfo=UTC)
WANTED = {"service": "cleaning", "when": "2031-03-06T14:30", "name": "Amina Otieno"}
PROFILE = load_profile(Path(pokea.__file__).parent / "profiles/whitedent.toml")


@dataclass
class Line:
    """One caller on the line with the agent; each tool call has an id of its own unless it is a repetition."""

    number: int
    table: DynamoTable
    capacity: int

    def ask(self, tool: str, arguments: dict[str, Any], evidence: Evidence, tool_call: str) -> ToolResult:
        profile = replace(PROFILE, booking=replace(PROFILE.booking, capacity=self.capacity))
        desk = Desk(profile, DynamoStore(self.table), new_id, *books())
        session, claimed = SessionId(f"HD_{self.number:012}"), E164(f"+2547110{self.number:05}")
        caller = Caller(session, profile.business_id, claimed, Level.CLAIMED, "en")
        call = ToolCall(ToolCallId(tool_call), tool, arguments, evidence)
        return agents.get("booking").run(call, caller, desk, NOW + timedelta(seconds=5))

    def propose(self) -> ToolResult:
        return self.ask("proposeBooking", WANTED, Evidence(), "t1")

    def commit(self, proposed: ToolResult) -> ToolResult:
        nonce = Nonce(str(proposed.nonce))
        heard = Evidence(9_000, ReadBack(nonce, 1_000, 4_000, 4_000, 5_000), (CallerTurn(5_500, 6_500),))
        arguments = {"nonce": nonce, "arguments": proposed.payload["arguments"]}
        return self.ask("commitProposal", arguments, heard, "t2")


@pytest.fixture
def patient_table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    with local_aws.fresh_table(read_timeout=60, connect_timeout=60, max_pool_connections=CALLERS) as table:
        yield table


def test_one_slot_is_promised_and_booked_once(patient_table: DynamoTable) -> None:
    assert_one_round_is_right(patient_table, capacity=1)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(25))
@pytest.mark.parametrize("capacity", [1, 3])
def test_it_is_so_every_time(number: int, capacity: int, patient_table: DynamoTable) -> None:
    assert_one_round_is_right(patient_table, capacity)


def assert_one_round_is_right(table: DynamoTable, capacity: int) -> None:
    lines = [Line(number, table, capacity) for number in range(CALLERS)]
    gate = threading.Barrier(CALLERS)

    def one(line: Line) -> tuple[Line, ToolResult]:
        gate.wait()
        return line, line.propose()

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(one, lines))
    promised = [(line, answer) for line, answer in answers if answer.payload["status"] == "proposed"]
    losers = [answer for _, answer in answers if answer.payload["status"] == "taken"]
    assert (len(promised), len(losers)) == (capacity, CALLERS - capacity)
    assert all(loser.payload["times"] for loser in losers)

    booked = [(line, answer, line.commit(answer)) for line, answer in promised]
    assert [result.payload["status"] for _, _, result in booked] == ["booked"] * capacity
    for line, answer, result in booked:
        assert line.commit(answer).payload["reference"] == result.payload["reference"]
    final = final_read(table._client, table.name)
    assert sorted(final["appointments"]) == sorted(str(result.payload["reference"]) for _, _, result in booked)
    assert {len(takers) for takers in final["slots"].values()} == {capacity}
