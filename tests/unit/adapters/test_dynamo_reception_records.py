"""What the receptionist and the lead agent write survives the table, field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pokea.adapters.dynamo_records import puts_of_record, read_record
from pokea.allowance import COUNT, Count
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, Answer, AnswerState, Lead, Outcome, Reason
from pokea.messages import MESSAGE, Message, MessageState
from pokea.records import Stored
from tests.fakes.conversation import AMINA, SATURDAY

ONE, CALL = BusinessId("one"), SessionId("HD_1")
ANSWER = Answer(value="12", quote="kumi na mbili", at=SATURDAY, state=AnswerState.GIVEN)
RECORDS: list[Stored[Any]] = [
    MESSAGE.of(
        Message(
            business_id=ONE, message_id="M-1", session_id=CALL, name="Wanjikũ", number=AMINA, text="call me", department="",
            language="sw", taken_at=SATURDAY, day=date(2026, 11, 21), state=MessageState.DONE,
        )
    ),
    LEAD.of(
        Lead(
            business_id=ONE, session_id=CALL, number=None, language="en", began_at=SATURDAY, answers={"users": ANSWER},
            missed={"start": 1}, outcome=Outcome.WARM, score=40, call_again="kesho", call_again_at=SATURDAY,
            reasons=(Reason(question="users", points=40, reason="many", quote="kumi na mbili"),),
        )
    ),
    SUPPRESSION.of(Suppression(business_id=ONE, digest=number_digest(ONE, AMINA), session_id=CALL, asked_at=SATURDAY)),
    COUNT.of(Count(business_id=ONE, key="knock.2026-11-21.all", day=date(2026, 11, 21), used=3)),
]  # fmt: skip


@pytest.mark.parametrize("stored", RECORDS, ids=lambda stored: str(stored.kind.name))
def test_a_record_comes_back_as_it_was_written(stored: Stored[Any]) -> None:
    put = puts_of_record(stored)[0]
    assert read_record(stored.kind, put.item) == replace(stored.value, version=1)


def test_no_number_stands_in_a_key() -> None:
    for stored in RECORDS:
        for put in puts_of_record(stored):
            assert AMINA[1:] not in put.item["pk"]["S"]
            assert AMINA[1:] not in put.item["sk"]["S"]
