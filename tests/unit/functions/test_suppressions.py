"""functions/campaigns over HTTP: who must not be called, as the business itself notes, finds, lists and lifts it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pokea.campaigns.contact import ContactState
from pokea.consent import SUPPRESSION, Suppression, is_suppressed, number_digest
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from tests.support.campaign_samples import BUSINESS, MONDAY
from tests.unit.functions.test_campaigns_api import ROW, Front, front

__all__ = ["front"]
NUMBER = E164("+254722000111")
WISH = {"number": "0722 000 111", "reason": "asked by letter"}


def suppress(front: Front, **changes: Any) -> Any:
    return front.ask("POST", "/suppressions", {**WISH, **changes})


def lift(front: Front, **changes: Any) -> Any:
    return front.ask("POST", "/suppressions/lift", {"number": NUMBER, "reason": "signed again", **changes})


def test_a_suppressed_number_is_noted_and_taken_off_every_list(front: Front) -> None:
    front.define()
    front.add(ROW)
    front.ask("POST", "/campaigns", {"id": "autumn", "name": "Autumn", "fields": ["plan"]})
    front.ask("POST", "/campaigns/autumn/contacts", {"contacts": [ROW]})
    answer = suppress(front)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["is_new"], found["taken_off"], found["source"], found["stands"]) == (True, 2, "business", True)
    assert is_suppressed(front.records, BUSINESS, NUMBER)
    contacts = front.store.contacts_of_number(BUSINESS, NUMBER)
    assert [(contact.state, contact.reason) for contact in contacts] == [(ContactState.EXCLUDED, "suppressed")] * 2
    assert NUMBER not in answer.text and "722" not in json.dumps(found)  # the number is not kept


def test_asked_again_the_first_word_stands_and_who_was_listed_since_is_taken_off(front: Front) -> None:
    suppress(front)
    front.define()
    front.add(ROW)
    again = suppress(front, reason="another letter").json()
    assert (again["is_new"], again["taken_off"], again["reason"]) == (False, 1, "asked by letter")


def test_who_opted_out_in_a_call_stays_so_and_is_found(front: Front) -> None:
    session = SessionId("HD_0a1b2c3d4e5f")
    front.records.put(
        SUPPRESSION.of(
            Suppression(
                business_id=BUSINESS, digest=number_digest(BUSINESS, NUMBER), session_id=session, asked_at=MONDAY
            )
        )
    )
    assert suppress(front).json()["source"] == "call"
    found = front.ask("POST", "/suppressions/find", {"number": NUMBER}).json()
    assert (found["call"], found["stands"]) == (session, True)


def test_lifting_needs_a_reason_and_leaves_a_trail(front: Front) -> None:
    suppress(front)
    for reason in ("", "   ", "x" * 301):
        assert lift(front, reason=reason).status_code == 400
    assert is_suppressed(front.records, BUSINESS, NUMBER)
    lifted = lift(front).json()
    assert (lifted["stands"], lifted["lifted_reason"], lifted["reason"]) == (False, "signed again", "asked by letter")
    assert not is_suppressed(front.records, BUSINESS, NUMBER)
    assert lift(front).json() == lifted  # whoever got no answer asks again
    assert lift(front, reason="for another reason").status_code == 404
    again = suppress(front, reason="a second letter").json()
    assert (again["is_new"], [past["lifted_reason"] for past in again["earlier"]]) == (True, ["signed again"])
    assert is_suppressed(front.records, BUSINESS, NUMBER)


def test_lifting_brings_nobody_back_on_a_list(front: Front) -> None:
    front.define()
    front.add(ROW)
    suppress(front)
    lift(front)
    (contact,) = front.store.contacts_of_number(BUSINESS, NUMBER)
    assert contact.state is ContactState.EXCLUDED


def test_those_of_a_day_are_listed(front: Front) -> None:
    suppress(front)
    suppress(front, number="+254722000112")
    listed = front.ask("GET", "/suppressions").json()["suppressions"]
    assert [one["source"] for one in listed] == ["business", "business"]
    assert front.ask("GET", "/suppressions?day=2026-11-20").json() == {"suppressions": []}
    assert front.ask("GET", f"/suppressions?day={MONDAY:%Y-%m-%d}").json()["suppressions"] == listed


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/suppressions", WISH), ("POST", "/suppressions/lift", WISH)],
)
def test_a_key_that_may_only_read_notes_and_lifts_nothing(front: Front, method: str, path: str, body: Any) -> None:
    assert front.ask(method, path, body, "reader").status_code == 403
    assert front.ask(method, path, body, "unknown").status_code == 401
    assert front.records.all_records(SUPPRESSION) == ()


def test_a_suppression_is_of_one_business(front: Front) -> None:
    suppress(front)
    assert not is_suppressed(front.records, BusinessId("kasi"), NUMBER)
    assert front.ask("POST", "/suppressions/find", {"number": NUMBER}, "other").status_code == 404
    assert front.ask("POST", "/suppressions/lift", {**WISH}, "other").status_code == 404
    assert front.ask("GET", "/suppressions", key="other").json() == {"suppressions": []}


@pytest.mark.parametrize("number", ["", "12", "+", "not a number", "0722 000 111 / 0722 000 112"])
def test_what_is_no_number_is_refused(front: Front, number: str) -> None:
    assert suppress(front, number=number).status_code == 400


def test_a_reason_is_kept_as_one_line(front: Front) -> None:
    assert suppress(front, reason="by\nletter\x1b[2J").json()["reason"] == "by letter [2J"
