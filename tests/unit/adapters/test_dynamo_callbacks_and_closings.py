from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_items import keyed
from pokea.adapters.dynamo_table import DynamoTable, Put
from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import CloseReason, Closing, Fact, RecordingPointer, Said, ToolUse, kept
from pokea.turn_latency import TurnLatency

NOW = datetime(2026, 11, 23, 9, 0, 0, 5, tzinfo=UTC)
TASK = CallbackTask(
    session_id=SessionId("HD_1"),
    business_id=BusinessId("clinic"),
    number=E164("+254700000001"),
    reason="refused",
    created_at=NOW,
)
CLOSING = Closing(
    session_id=SessionId("HD_1"),
    business_id=BusinessId("clinic"),
    reason=CloseReason.GOODBYE,
    duration_ms=61_000,
    transcript=(Said("agent", "Jambo \U0001f600", 40), Said("caller", "Hi", 900)),
    truncated=False,
    closed_at=NOW,
)


def test_a_lost_call_leaves_one_task(table: DynamoTable) -> None:
    tasks = DynamoCallbackTasks(table)
    assert tasks.add(TASK) is True
    assert tasks.add(replace(TASK, reason="other")) is False
    anonymous = replace(TASK, session_id=SessionId("HD_2"), number=None)
    assert tasks.add(anonymous) is True
    noted = replace(TASK, session_id=SessionId("HD_3"), notes=("caller: Hi", "proposeBooking(): proposed"))
    assert tasks.add(noted) is True
    assert tasks.of_business(BusinessId("clinic")) == (TASK, anonymous, noted)
    assert tasks.of_business(BusinessId("other")) == ()


def test_a_task_is_done_once_and_stays_known(table: DynamoTable) -> None:
    tasks, clinic = DynamoCallbackTasks(table), BusinessId("clinic")
    noted = replace(TASK, notes=("caller: Hi",))
    tasks.add(noted)
    assert tasks.done(clinic, TASK.session_id, NOW) is True
    assert tasks.done(clinic, TASK.session_id, NOW + timedelta(hours=1)) is True
    assert tasks.of_business(clinic) == (replace(noted, done_at=NOW),)
    assert tasks.add(noted) is False  # the same event again makes no new task of it
    assert tasks.done(BusinessId("other"), TASK.session_id, NOW) is False
    assert tasks.done(clinic, SessionId("HD_2"), NOW) is False


def test_the_first_closing_of_a_call_stands(table: DynamoTable) -> None:
    closings = DynamoClosings(table)
    assert closings.add(CLOSING) is True
    assert closings.add(replace(CLOSING, reason=CloseReason.IDLE)) is False
    assert closings.closing(SessionId("HD_1")) == CLOSING
    assert closings.closing(SessionId("HD_2")) is None


def test_a_closing_keeps_everything_that_a_bridge_reports(table: DynamoTable) -> None:
    closings = DynamoClosings(table)
    full = replace(
        CLOSING,
        language="sw",
        latency_ms=(840,),
        turns=(TurnLatency(at_ms=4_000, endpointing_ms=300, model_ms=400, tool_ms=50, pacing_ms=40, playout_ms=50),),
        tools=(ToolUse("findTimes", "ok", 130, 5_120),),
        facts=(Fact("findTimes", {"service": "cleaning"}, {"status": "ok"}),),
        recording=RecordingPointer("recordings/clinic/2026-11-23/HD_1.wav", 64_044, 1_000),
        handoff="ho_1",
        kept_until=NOW + timedelta(days=3),
        usage=(ModelUsage("gemini", "gemini-3.8-live", {Meter.TEXT_IN: 900, Meter.AUDIO_OUT: 40}, 3, 1),),
        shares=CallShares(total_ms=61_000, agent_ms=30_000, caller_ms=20_000, tools_ms=1_000, silence_ms=10_000),
    )
    assert closings.add(full) is True
    assert closings.closing(SessionId("HD_1")) == full


def test_half_a_character_that_a_model_asked_with_costs_no_closing(table: DynamoTable) -> None:
    closings = DynamoClosings(table)
    assert closings.add(replace(CLOSING, facts=(Fact("findTimes", {"service": "\ud83d"}, {}),))) is True
    found = closings.closing(SessionId("HD_1"))
    assert found is not None and found.facts == (Fact("findTimes", {"service": "?"}, {}),)


def test_a_closing_from_before_is_still_read(table: DynamoTable) -> None:
    closings = DynamoClosings(table)
    old = {
        "business_id": {"S": "clinic"},
        "reason": {"S": "goodbye"},
        "duration_ms": {"N": "61000"},
        "transcript": {"S": '[["agent","Jambo",40]]'},
        "truncated": {"BOOL": False},
        "closed_at": {"S": NOW.isoformat()},
    }
    table.put(Put(keyed(old, ("CALL#HD_1", "CLOSING")), 0, "closing"))  # type: ignore[arg-type]
    assert closings.closing(SessionId("HD_1")) == replace(CLOSING, transcript=(Said("agent", "Jambo", 40),))


def test_a_transcript_keeps_its_latest_part() -> None:
    lines = [Said("caller", "x" * 90_000, at) for at in range(3)]
    assert kept(lines) == (tuple(lines[1:]), True)
    assert kept(lines[:2]) == (tuple(lines[:2]), False)
    assert kept([]) == ((), False)


def test_a_task_is_tidied_away_when_its_business_wants_it_and_in_any_case(table: DynamoTable) -> None:
    tasks = DynamoCallbackTasks(table)
    tasks.add(TASK)
    tasks.add(replace(TASK, session_id=SessionId("HD_2"), expires=NOW + timedelta(days=2)))
    items = {item["sk"]["S"]: item for item in table.query("BIZ#clinic", "CALLBACK#")}
    assert int(items["CALLBACK#HD_1"]["expires_at"]["N"]) == int((NOW + timedelta(days=90)).timestamp())
    assert int(items["CALLBACK#HD_2"]["expires_at"]["N"]) == int((NOW + timedelta(days=2)).timestamp())
    assert [task.expires for task in tasks.of_business(BusinessId("clinic"))] == [None, NOW + timedelta(days=2)]
