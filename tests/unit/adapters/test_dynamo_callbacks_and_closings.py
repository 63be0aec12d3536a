from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_table import DynamoTable
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import CloseReason, Closing, Said, kept

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


def test_the_first_closing_of_a_call_stands(table: DynamoTable) -> None:
    closings = DynamoClosings(table)
    assert closings.add(CLOSING) is True
    assert closings.add(replace(CLOSING, reason=CloseReason.IDLE)) is False
    assert closings.closing(SessionId("HD_1")) == CLOSING
    assert closings.closing(SessionId("HD_2")) is None


def test_a_transcript_keeps_its_latest_part() -> None:
    lines = [Said("caller", "x" * 90_000, at) for at in range(3)]
    assert kept(lines) == (tuple(lines[1:]), True)
    assert kept(lines[:2]) == (tuple(lines[:2]), False)
    assert kept([]) == ((), False)
