"""Hand-offs as they run on a desk: the simulated carrier, the gateway, the real handlers, the local AWS. The test is both bridges."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.calls import CallStatus
from pokea.lines import PACKAGED
from pokea.transfer import HANDOFF, Handoff
from tests.integration.carrier_peers import Person, media_server
from tests.integration.test_control_plane import Desk, first_document, running
from tests.support.control_plane import CALLER, LINE, PROFILES, token_in
from tests.support.store import RunningAws

FRONT_DESK = PROFILES[LINE.business_id].directory.people["front_desk"].number
NO_EVIDENCE: dict[str, Any] = {"at_ms": 0, "read_back": None, "caller_turns": []}
WITHIN_S = 15
# The handlers' connections to the carrier live as long as their process, which is this one here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def clinic_that_never_closes(folder: Path, mode: str) -> None:
    """Open day and night, and with short words for a lost bridge: the carrier speaks them in real time."""
    text = re.sub(r'fallback_say = ".*"', 'fallback_say = "Sorry."', (PACKAGED / "whitedent.toml").read_text())
    head, _, rest = text.partition("[directory.front_desk.hours]")
    week = "\n".join(
        f'{day} = ["00:00-24:00"]'
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    )
    rest = rest[rest.index("\n[") :]
    folder.mkdir(exist_ok=True)
    (folder / "clinic.toml").write_text(
        f'{head}[directory.front_desk.hours]\n{week}\n{rest}\n[handoff]\nmode = "{mode}"\n'
    )


class Line:
    """The caller's stream, as far as this test needs it: it can be closed."""

    def __init__(self) -> None:
        self.close = asyncio.Event()

    async def conduct(self, ws: ServerConnection) -> None:
        await self.close.wait()
        await ws.close()


@asynccontextmanager
async def a_desk(
    local_aws: RunningAws,
    table: DynamoTable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
    continues: str,
) -> AsyncIterator[tuple[Desk, Line]]:
    clinic_that_never_closes(tmp_path / "profiles", mode)
    monkeypatch.setenv("POKEA_PROFILES_DIR", str(tmp_path / "profiles"))
    monkeypatch.setenv("POKEA_CARRIER_CONTINUES", continues)
    # A machine that stands still for a second is not what is tried here; what voice does then is tests/faults/test_f4_6's.
    monkeypatch.setattr("functions.voice.reception.STORE_DEADLINE_S", 5.0)
    line = Line()
    async with (
        media_server(line.conduct) as media,
        running(local_aws, table, monkeypatch, media.url.partition("/audio")[0]) as desk,
    ):
        yield desk, line


async def opened(desk: Desk, ringing: Any, relay: str = "") -> dict[str, Any]:
    document = await first_document(desk, ringing)
    request = {"operation": "open", "session_id": ringing.session_id, "token": token_in(document), "bridge": "b1"}
    reply = await desk.tools({**request, "relay": relay})
    assert reply["ok"], reply
    return dict(reply["result"])


async def hand_over(desk: Desk, token: str) -> dict[str, Any]:
    reply = await desk.tools(
        {
            "operation": "tool", "call_token": token, "tool_call_id": "t1", "tool": "handOver",
            "arguments": {"reason": "a broken tooth"}, "evidence": NO_EVIDENCE, "last_turns": [["caller", "help"]],
        }
    )  # fmt: skip
    assert reply["ok"], reply
    return dict(reply["result"])


async def asked(desk: Desk, token: str, handoff_id: str, what: str) -> dict[str, Any]:
    request = {"operation": "handoff", "call_token": token, "handoff_id": handoff_id, "asked": what}
    reply = await desk.tools(request)
    assert reply["ok"], reply
    return dict(reply["result"])


async def until(desk: Desk, token: str, handoff_id: str, *states: str) -> str:
    for _ in range(100):
        state = str((await asked(desk, token, handoff_id, "status"))["state"])
        if state in states:
            return state
        await asyncio.sleep(0.05)
    raise AssertionError(f"{states} were not reached: {state}")


async def stored(desk: Desk, handoff_id: str) -> Handoff:
    found = await asyncio.to_thread(DynamoStore(desk.table).record, HANDOFF, LINE.business_id, handoff_id)
    assert found is not None
    return found


@pytest.mark.parametrize("behaviour", ["documented", "observed"])
async def test_an_attended_hand_off_on_either_carrier(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, behaviour: str
) -> None:
    async with a_desk(local_aws, core_table, monkeypatch, tmp_path, "attended", "off") as (desk, _):
        desk.carrier.answer_with(FRONT_DESK, lambda: Person(stays_ms=60_000))
        caller = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=60_000), behaviour=behaviour)
        token = (await opened(desk, caller, "ws://127.0.0.1:4100"))["call_token"]
        order = (await hand_over(desk, token))["handoff"]
        human = desk.carrier.calls[-1]
        assert (human.facts.a_number, human.facts.b_number) == (LINE.number, FRONT_DESK)
        context = await opened(desk, human)
        assert context["context"]["handoff"] == {
            "id": order["handoff_id"], "owner_url": "ws://127.0.0.1:4100", "hop": order["hop"],
        }  # fmt: skip
        assert "a broken tooth" in context["context"]["greeting"]
        assert await until(desk, token, order["handoff_id"], "briefing") == "briefing"
        accepted = await asked(desk, context["call_token"], order["handoff_id"], "accept")
        assert accepted["state"] == "accepted"
        assert (await asked(desk, token, order["handoff_id"], "joined"))["state"] == "joined"
        assert (await asked(desk, token, order["handoff_id"], "ended"))["state"] == "ended"
        await human.ended(WITHIN_S)  # hung up by REST
        assert (await stored(desk, order["handoff_id"])).last_turns == (("caller", "help"),)
        caller.hang_up("party")
        await caller.ended(WITHIN_S)


async def test_a_human_whose_line_is_busy_is_learnt_from_the_carrier(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with a_desk(local_aws, core_table, monkeypatch, tmp_path, "attended", "off") as (desk, _):
        desk.carrier.answer_with(FRONT_DESK, "busy")
        caller = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=60_000))
        token = (await opened(desk, caller))["call_token"]
        order = (await hand_over(desk, token))["handoff"]
        assert await until(desk, token, order["handoff_id"], "busy") == "busy"
        caller.hang_up("party")
        await caller.ended(WITHIN_S)


async def test_a_carrier_that_continues_dials_once_when_the_stream_is_closed(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with a_desk(local_aws, core_table, monkeypatch, tmp_path, "dial", "on") as (desk, line):
        human = Person(stays_ms=300)
        desk.carrier.answer_with(FRONT_DESK, lambda: human)
        caller = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=20_000), behaviour="documented")
        token = (await opened(desk, caller))["call_token"]
        order = (await hand_over(desk, token))["handoff"]
        assert order["mode"] == "dial"
        line.close.set()
        closing = {
            "operation": "close", "call_token": token, "reason": "handed_over", "duration_ms": 900, "transcript": [],
        }  # fmt: skip
        assert (await desk.tools(closing))["ok"]
        await caller.ended(WITHIN_S)
        assert [(leg.number, leg.caller_id, leg.status) for leg in caller.dial_legs] == [
            (FRONT_DESK, LINE.number, "completed")
        ]
        assert human.is_over and re.search(r"Dial", str(caller.timeline))
        call = await desk.call(caller.session_id)
        assert call.onward is not None
        assert (call.status, call.onward.outcome) == (CallStatus.COMPLETED, CallStatus.COMPLETED)


async def test_a_carrier_that_does_not_continue_is_never_asked_to_dial(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with a_desk(local_aws, core_table, monkeypatch, tmp_path, "dial", "off") as (desk, _):
        caller = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=20_000), behaviour="observed")
        token = (await opened(desk, caller))["call_token"]
        result = await hand_over(desk, token)
        assert result["handoff"] is None
        assert result["payload"]["then"]["yes"]["tool"] == "proposeMessage"
        caller.hang_up("party")
        await caller.ended(WITHIN_S)
        assert (caller.dial_legs, len(desk.carrier.calls)) == ([], 1)


async def test_a_lost_bridge_on_a_line_that_dials_leads_to_its_fallback_and_no_dial(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with a_desk(local_aws, core_table, monkeypatch, tmp_path, "dial", "on") as (desk, line):
        caller = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=20_000), behaviour="documented")
        await opened(desk, caller)
        line.close.set()
        await caller.ended(WITHIN_S)
        assert caller.dial_legs == []
        assert [moment.detail for moment in caller.timeline if moment.what == "verb"] == ["Stream", "Say", "Hangup"]
