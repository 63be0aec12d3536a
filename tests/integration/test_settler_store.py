"""The settler over the real store: two of them take the same messages at once, and every attempt is settled, charged and told of once."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.settler.clerk import Clerk, Shelves
from functions.settler.news import Newsroom
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.observability import Log
from pokea.billing.call_leg import Direction
from pokea.calls import CallStatus
from pokea.campaigns import moves
from pokea.campaigns.campaign import CampaignState, Retry
from pokea.campaigns.contact import ContactState, Disposition
from pokea.campaigns.health import CAMPAIGN_HEALTH
from pokea.clock import ManualClock
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import CallError
from pokea.ids import SessionId
from pokea.leads import LEAD, Outcome
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.sautikit.closings import CloseReason
from tests.support.billing_samples import leg
from tests.support.settled import BUSINESS, CAMPAIGN, MONDAY, POLICIES, Told, closed, lead, talked, unanswered, waiting

SAMPLE, WHOLE = 8, 40
MICROS = 1_250_000
OURS = replace(CAMPAIGN, retries={Disposition.BUSY: Retry(15, 3)})
_names = itertools.count()


def number_of(n: int) -> E164:
    return E164(f"+2547220{n:05d}")


def session_of(n: int) -> SessionId:
    return SessionId(f"HD_{n:012x}")


def rung(shelves: Shelves, people: int) -> None:
    """Every fourth is hot, busy, opted out (in that call) or answered; every call has a detail record."""
    campaigns = shelves.campaigns
    campaigns.put_campaign(OURS)
    campaigns.add_contacts([waiting(number_of(n), OURS) for n in range(people)])
    for n in range(people):
        number, session, label = number_of(n), session_of(n), f"pk{n}"
        found = campaigns.contact(BUSINESS, OURS.campaign_id, waiting(number, OURS).contact_id)
        assert found is not None
        claimed = campaigns.put_contact(moves.claimed(found, MONDAY))
        asked = campaigns.begin(moves.asked(claimed, label, MONDAY), people, campaigns.attempts(BUSINESS, number))
        campaigns.put_contact(moves.ringing(asked, session))
        own = {"label": label, "session": session, "b_number": number}
        fate = n % 4
        shelves.calls.create_call(unanswered(CallStatus.BUSY, **own) if fate == 1 else talked(**own))
        if fate != 1:
            shelves.closings.add(replace(closed(CloseReason.GOODBYE, "yes"), session_id=session))
        if fate == 0:
            told = replace(lead(Outcome.HOT), session_id=session, number=number)
            shelves.store.apply(Change(records=(LEAD.of(told),)))
        if fate == 2:
            digest = number_digest(BUSINESS, number)
            asked_for = Suppression(business_id=BUSINESS, digest=digest, session_id=session, asked_at=MONDAY)
            shelves.store.apply(Change(records=(SUPPRESSION.of(asked_for),)))
        callee = leg(
            leg="callee",
            direction=Direction.OUTBOUND,
            session_id=session,
            call_id=session,
            business_id=BUSINESS,
            client_request_id=label,
            charge_micros=MICROS,
            version=0,
        )
        shelves.cdrs.put_cdrs([callee])


def check(core_table: DynamoTable, people: int) -> None:
    shelves = Shelves(
        DynamoCallStore(core_table),
        DynamoClosings(core_table),
        DynamoStore(core_table),
        DynamoCdrs(core_table),
        DynamoCampaigns(core_table),
    )
    told, lock = Told(), threading.Lock()
    clerk = Clerk(
        shelves=lambda: shelves,
        policies=POLICIES,
        newsroom=Newsroom(lambda: shelves.store, told.emit),
        later=lambda: told,
        clock=ManualClock(MONDAY + timedelta(minutes=2)),
        log=Log(f"settlers-{next(_names)}", io.StringIO()),
    )
    rung(shelves, people)
    messages = [json.dumps({"version": 1, "call": session_of(n), "business": BUSINESS}) for n in range(people)] * 3
    random.Random(5).shuffle(messages)
    came_back: list[str] = []

    def take(message: str) -> None:
        try:
            clerk.take(message, "m")
        except CallError:
            with lock:
                came_back.append(message)

    with ThreadPoolExecutor(2) as two:
        list(two.map(take, messages))
    for message in came_back:
        clerk.take(message, "again")
    contacts = list(shelves.campaigns.contacts(BUSINESS, OURS.campaign_id))
    quarter = people // 4
    found = Counter((contact.state, contact.disposition) for contact in contacts)
    assert found == {
        (ContactState.DONE, Disposition.HOT): quarter,
        (ContactState.WAITING, Disposition.BUSY): quarter,
        (ContactState.DONE, Disposition.OPTED_OUT): quarter,
        (ContactState.DONE, Disposition.ANSWERED): quarter,
    }
    counts = shelves.campaigns.counts(BUSINESS, OURS.campaign_id)
    assert (counts.contacts, counts.states[ContactState.WAITING]) == (people, quarter)
    assert shelves.campaigns.live(BUSINESS, OURS.campaign_id) == ()
    assert shelves.campaigns.spent(BUSINESS, OURS.campaign_id) == people * MICROS
    ids = [str(detail["idempotency_key"]) for kind, detail in told.events if kind == "lead.qualified"]
    assert len(set(ids)) == quarter
    campaign = shelves.campaigns.campaign(BUSINESS, OURS.campaign_id)
    assert campaign is not None and campaign.state is CampaignState.RUNNING
    health = shelves.store.record(CAMPAIGN_HEALTH, BUSINESS, OURS.campaign_id)
    assert health is not None and 0 < len(health.seen) <= people and health.trips == 0


def test_two_settlers_settle_every_attempt_once(core_table: DynamoTable) -> None:
    check(core_table, SAMPLE)


@pytest.mark.faults
def test_two_settlers_settle_forty_attempts_once(core_table: DynamoTable) -> None:
    check(core_table, WHOLE)
