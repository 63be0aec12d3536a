"""events/cdr*.json: what functions/cdr is given and what it tells, as the examples show it."""

from __future__ import annotations

from typing import Any

from tests.contract.test_events import event
from tests.support.cdr_office import STRONG, CdrOffice, carrier_record, closed_call
from tests.support.control_plane import SESSION


def test_the_example_of_a_bridges_word_leads_to_the_example_of_a_final_record() -> None:
    office = CdrOffice()
    closed_call(office.plane)
    assert office.handler(event("cdr"), None) == {"batchItemFailures": []}
    office.books.records.append(carrier_record())
    request: dict[str, Any] = event("cdr-reconcile")
    request["headers"]["authorization"] = f"Bearer {STRONG}"
    status, answer = office.answer(request)
    assert status == 200 and answer["settled"]
    example = event("cdr-final")
    assert (example["detail-type"], example["detail"]) in office.emitted
    assert office.cdr("stream", SESSION).model_micros is not None  # of the usage in the example


def test_the_example_of_the_schedule_begins_the_nightly_look() -> None:
    office = CdrOffice()
    assert office.handler(event("cdr-night"), None) == {"queued": len(office.later.sent)}
