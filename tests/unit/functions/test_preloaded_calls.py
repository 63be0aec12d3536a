"""Calls that we place about a shipment: the agent that answers them knows what they are about, whatever the carrier forgets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea.call_memory import MEMORY
from pokea.phone_numbers import E164
from pokea.sautikit.attempts import OutboundRequest, attempt_of
from pokea.shipments import SHIPMENT, ShipmentStatus
from tests.support.control_plane import NOW, SESSION, ControlPlane, opened
from tests.unit.pokea.shipment_samples import COURIER, ID, PARCEL

RECIPIENT = PARCEL.numbers[0]


def rung(plane: ControlPlane, context: dict[str, Any] | None = None, number: E164 = RECIPIENT) -> dict[str, Any]:
    """The context of a call that we place and a bridge opens."""
    request = OutboundRequest(
        line=COURIER.line, to_number=number, agent="dispatch", context=context or {}, idempotency_key="k"
    )
    attempt = plane.calls.create_call(attempt_of(request, NOW))
    fields = {"callerNumber": COURIER.line.number, "destinationNumber": number, "direction": "Outbound"}
    document = plane.ring("Answered", **fields, clientRequestId=str(attempt.client_request_id))
    answer = opened(plane, document)
    assert answer["ok"], answer
    found: dict[str, Any] = answer["result"]["context"]
    return found


@pytest.fixture
def plane() -> ControlPlane:
    plane = ControlPlane()
    plane.bookings.put(SHIPMENT.of(replace(PARCEL, eta_at=NOW + timedelta(minutes=15))))
    return plane


def test_the_greeting_tells_the_arrival_and_the_model_knows_where_the_answer_goes(plane: ControlPlane) -> None:
    context = rung(plane, {"shipment": ID})
    assert context["greeting"].endswith("Your parcel is about 15 minutes away. Will somebody be there to receive it?")
    assert context["opening"]["tool"] == "deliveryAnswer"
    last = context["instructions"].splitlines()[-1]
    assert json.loads(last.partition("First answer: ")[2]) == context["opening"]
    memory = plane.bookings.record(MEMORY, COURIER.business_id, SESSION)
    assert memory is not None
    assert memory.notes["rung_about"] == ID


def test_the_called_number_alone_finds_the_shipment(plane: ControlPlane) -> None:
    assert "about 15 minutes away" in rung(plane)["greeting"]


def test_a_call_to_somebody_else_is_not_about_it(plane: ControlPlane) -> None:
    context = rung(plane, {"shipment": ID}, E164("+254733000077"))
    assert "minutes" not in context["greeting"]
    assert context["opening"] is None


def test_a_call_about_nothing_that_is_known_begins_as_any_other(plane: ControlPlane) -> None:
    plane.bookings.put(SHIPMENT.of(replace(PARCEL, status=ShipmentStatus.DELIVERED)))
    context = rung(plane, {"shipment": ID})
    assert (context["opening"], "First answer" in context["instructions"]) == (None, False)


def test_an_incoming_call_begins_as_any_other(plane: ControlPlane) -> None:
    document = plane.ring("Ringing", callerNumber=RECIPIENT, destinationNumber=COURIER.line.number)
    context = opened(plane, document)["result"]["context"]
    assert (context["opening"], context["agent"]) == (None, "dispatch")
    assert "parcel" not in context["greeting"]
