"""The messages between the planner and the dialer: what one side writes is what the other one reads, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.dialer.tickets import Ticket, ticket_of
from pokea.campaigns.claims import claim_of
from pokea.errors import RejectedInput
from tests.support.campaign_samples import contact

ONE = replace(contact(1), version=3)


def test_a_claim_is_read_as_it_was_written_and_holds_no_number() -> None:
    body = json.dumps(claim_of(ONE))
    assert ticket_of(body) == Ticket(ONE.business_id, ONE.campaign_id, ONE.contact_id, 3)
    assert ONE.number not in body and ONE.number.lstrip("+") not in body


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"contact_version": 0}, {"contact_version": True}, {"contact": ""}, {"business": 7}]
)
def test_a_message_that_is_no_claim_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RejectedInput, match="dial queue"):
        ticket_of(json.dumps({**claim_of(ONE), **change}))
