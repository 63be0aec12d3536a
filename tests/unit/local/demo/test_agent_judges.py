"""What each agent's scenarios take for a success, on calls that are known to be right, and wrong in one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from local.audio.analysis import Recording
from local.demo import dispatch, leads, receptionist, support
from local.demo.areas import area_of
from local.demo.scenario import Played, Scenario

TODAY = date(2026, 11, 21)
NUMBER = "+254722000200"
TOMORROW = (datetime.now(UTC) + timedelta(hours=3, days=1)).date().isoformat()
MESSAGE = {"kind": "message", "department": "", "number": NUMBER}


def wish(agent: str) -> Any:
    return area_of(agent).fixed(TODAY, NUMBER)


def call(agent: str, **known: Any) -> Played:
    silence = np.zeros(20 * 16_000, np.int16)
    played = Played(
        engine="gemini",
        wish=wish(agent),
        entries=[],
        tools=[],
        agent_said=[],
        caller_said=[],
        was_interrupted=False,
        ended_because="goodbye",
        sound=Recording(silence, silence, 16_000),
        lines=[],
        notes=[],
    )
    return replace(played, **known)


def contact(disposition: str, **other: str) -> dict[str, str]:
    """As the campaign's results have it."""
    return {"kind": "contact", "disposition": disposition, "state": "done", "attempts": "1", "rings": "1", **other}


FRONT, ACCOUNT, LEAD, PARCEL = wish("receptionist"), wish("support"), wish("leads"), wish("dispatch")
SHIPMENT = {"kind": "shipment", "tracking_id": PARCEL.tracking_id, "deliver_on": TOMORROW, "window": "12:00-18:00"}
NOTED = {**MESSAGE, "text": FRONT.message, "name": FRONT.name}
GOOD: list[tuple[Scenario, Played]] = [
    (
        receptionist.QUESTION,
        call(
            "receptionist",
            tools=[("answerQuestion", "ok"), ("openingHours", "ok")],
            agent_said=[f"Yes, {FRONT.answer}.", "On Sunday we are closed."],
        ),
    ),
    (
        receptionist.UNKNOWN,
        call("receptionist", tools=[("answerQuestion", "none"), ("commitProposal", "message_taken")], stored=[NOTED]),
    ),
    (
        receptionist.CLOSED,
        call("receptionist", tools=[("handOver", "closed"), ("commitProposal", "message_taken")], stored=[NOTED]),
    ),
    (
        receptionist.SWAHILI,
        call(
            "receptionist", tools=[("speakLanguage", "ok")], agent_said=["Unaweza kulipa kwa kadi.", "Asante. Kwaheri."]
        ),
    ),
    (
        support.BALANCE,
        call(
            "support",
            tools=[("accountStatus", "ask"), ("verifyCaller", "verified"), ("accountStatus", "ok")],
            agent_said=["You owe two shillings."],
            stored=[{"kind": "memory", "account": ACCOUNT.reference}],
        ),
    ),
    (
        support.REFUSED,
        call(
            "support",
            tools=[("verifyCaller", "ask"), ("verifyCaller", "refused")],
            stored=[{"kind": "memory", "account": ""}],
        ),
    ),
    (
        support.FIX,
        call(
            "support",
            tools=[("fixStep", "ask"), ("fixStep", "ask"), ("commitProposal", "ticket_opened")],
            stored=[
                {"kind": "ticket", "ticket": ACCOUNT.ticket, "problem": "older"},
                {"kind": "ticket", "ticket": "T1", "problem": "My internet is slow"},
            ],
        ),
    ),
    (
        leads.WARM,
        call(
            "leads",
            tools=[("commitProposal", "message_taken")],
            stored=[{"kind": "lead", "outcome": "warm"}, {**MESSAGE, "text": "call", "name": LEAD.name}],
        ),
    ),
    (leads.COLD, call("leads", stored=[{"kind": "lead", "outcome": "cold"}])),
    (leads.OPT_OUT, call("leads", stored=[{"kind": "suppression", "number": NUMBER}, contact("opted_out")])),
    (dispatch.TRACK, call("dispatch", tools=[("trackShipment", "ok")], agent_said=["It is out for delivery."])),
    (dispatch.MOVE, call("dispatch", tools=[("commitProposal", "rescheduled")], stored=[{**SHIPMENT, "notes": ""}])),
    (dispatch.STRANGER_ASKS, call("dispatch", tools=[("trackShipment", "ask"), ("trackShipment", "none")])),
    (
        dispatch.DELIVERY,
        call(
            "dispatch",
            tools=[("commitProposal", "confirmed")],
            stored=[{**SHIPMENT, "notes": "Somebody will be there to receive the parcel."}],
        ),
    ),
    (
        dispatch.DRIVER,
        call("dispatch", tools=[("findGate", "ok"), ("handOver", "no_answer")], agent_said=[PARCEL.landmark]),
    ),
]
BY_NAME = {
    f"{type(played.wish).__module__.rpartition('.')[2]} {scenario.name}": (scenario, played)
    for scenario, played in GOOD
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_call_that_did_what_it_was_for_is_as_it_must_be(name: str) -> None:
    scenario, played = BY_NAME[name]
    assert scenario.judge(played) == []


@pytest.mark.parametrize("name", BY_NAME)
def test_a_call_that_the_caller_had_to_leave_is_a_failure(name: str) -> None:
    if name == "leads warm":
        return  # a lead may hang up as soon as its wish is noted
    scenario, played = BY_NAME[name]
    assert scenario.judge(replace(played, ended_because="idle"))


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("receptionist question", {"agent_said": ["I do not know.", "We are closed."]}),
    ("receptionist unknown", {"tools": [("answerQuestion", "ok"), ("commitProposal", "message_taken")]}),
    ("receptionist unknown", {"stored": []}),
    ("receptionist unknown", {"stored": [{**NOTED, "text": "something else"}]}),
    ("receptionist unknown", {"stored": [NOTED, NOTED]}),
    ("receptionist handoff-closed", {"tools": [("handOver", "connecting"), ("commitProposal", "message_taken")]}),
    ("receptionist swahili", {"agent_said": ["You can pay by card.", "Goodbye."]}),
    ("support balance", {"tools": [("accountStatus", "ok")]}),
    ("support balance", {"stored": [{"kind": "memory", "account": ""}]}),
    ("support balance", {"notes": [{"event": "keys_pressed", "keys": ACCOUNT.pin}]}),
    ("support refused", {"tools": [("verifyCaller", "refused"), ("verifyCaller", "verified")]}),
    ("support refused", {"stored": [{"kind": "memory", "account": ACCOUNT.other_reference}]}),
    ("support refused", {"tools": [("verifyCaller", "ask")]}),
    ("support ticket", {"stored": [{"kind": "ticket", "ticket": ACCOUNT.ticket, "problem": "older"}]}),
    ("leads warm", {"stored": [{"kind": "lead", "outcome": "hot"}, {**MESSAGE, "text": "call", "name": LEAD.name}]}),
    ("leads warm", {"tools": [("commitProposal", "message_taken"), ("handOver", "connecting")]}),
    ("leads cold", {"stored": [{"kind": "lead", "outcome": "cold"}, {"kind": "suppression", "number": NUMBER}]}),
    ("leads opt-out", {"stored": [contact("opted_out")]}),
    ("leads opt-out", {"stored": [{"kind": "suppression", "number": NUMBER}]}),
    ("leads opt-out", {"stored": [{"kind": "suppression", "number": NUMBER}, contact("opted_out", rings="2")]}),
    ("leads opt-out", {"stored": [{"kind": "suppression", "number": NUMBER}, contact("hung_up")]}),
    ("dispatch track", {"agent_said": ["It is out for delivery.", f"to {PARCEL.address}"]}),
    ("dispatch reschedule", {"stored": [{**SHIPMENT, "deliver_on": "2026-01-01", "notes": ""}]}),
    ("dispatch reschedule", {"tools": [("commitProposal", "rescheduled")] * 2}),
    ("dispatch refused", {"tools": [("trackShipment", "ok")]}),
    ("dispatch refused", {"agent_said": [f"Hello {PARCEL.name}"]}),
    ("dispatch delivery", {"stored": [{**SHIPMENT, "notes": ""}]}),
    ("dispatch handoff-no-answer", {"agent_said": []}),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_call_that_is_wrong_in_one_thing_is_a_failure(name: str, wrong: dict[str, Any]) -> None:
    scenario, played = BY_NAME[name]
    assert scenario.judge(replace(played, **wrong))
