"""functions/settler: one message after the other, whatever the queue, the bus and the others do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.settler import app
from functions.settler.messages import parse
from pokea.adapters.observability import Log
from pokea.billing.call_leg import Direction as LegDirection
from pokea.billing.cdr import Cdr
from pokea.calls import CallStatus, Direction
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.health import CAMPAIGN_HEALTH, FAILURES
from pokea.campaigns.reps import CAMPAIGN_REPS, Held, nobody_held
from pokea.consent import suppression_of
from pokea.errors import Conflict, NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.leads import Outcome
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CLOSE_COMES_WITHIN_S, CloseReason
from pokea.sautikit.labels import attempt_session
from tests.support.billing_samples import leg
from tests.support.settled import (
    BUSINESS,
    CAMPAIGN,
    MONDAY,
    SESSION,
    WANJIKU,
    Office,
    closed,
    lead,
    placed,
    talked,
    unanswered,
    waiting,
)

OTHER = replace(CAMPAIGN, campaign_id="alumni", name="Alumni")
KAMAU = E164("+254722000112")


@pytest.fixture
def office() -> Office:
    return Office()


def rung(office: Office, label: str = "pk1") -> Contact:
    return office.ring(office.queue(waiting()), label)


def hot(office: Office) -> Contact:
    contact = rung(office)
    office.know(talked(), closed(CloseReason.GOODBYE, "yes"), lead(Outcome.HOT))
    return contact


def callee(micros: int | None, **changes: Any) -> Cdr:
    own = {"session_id": SESSION, "call_id": SESSION, "business_id": BUSINESS, "client_request_id": "pk1", "version": 0}
    return leg(
        **{
            **own,
            "leg": "callee",
            "direction": LegDirection.OUTBOUND,
            "charge_micros": micros,
            "currency": "KES",
            **changes,
        }
    )


def test_an_unanswered_call_gives_its_channel_back_at_once_and_is_rung_again(office: Office) -> None:
    contact = rung(office)
    assert office.campaigns.live(BUSINESS, CAMPAIGN.campaign_id) == (contact.contact_id,)
    office.know(unanswered(CallStatus.BUSY))
    office.hear()
    after = office.read(contact)
    assert (after.state, after.disposition, after.attempts) == (ContactState.WAITING, Disposition.BUSY, 1)
    assert after.due_at == MONDAY + timedelta(seconds=30, minutes=15)
    assert office.campaigns.live(BUSINESS, CAMPAIGN.campaign_id) == ()


def test_a_hot_lead_is_done_and_told_of_once_however_often_the_message_comes(office: Office) -> None:
    contact = hot(office)
    office.queue(waiting(KAMAU))
    for _ in range(5):
        office.hear()
    after = office.read(contact)
    assert (after.state, after.disposition) == (ContactState.DONE, Disposition.HOT)
    assert office.told.kinds == ["lead.qualified"]
    detail = office.told.events[0][1]
    assert (detail["attempt"], detail["call"], detail["disposition"]) == ("pk1", SESSION, "hot")
    assert WANJIKU not in json.dumps(detail) and "Wanjiku" not in json.dumps(detail)


def test_a_bus_that_does_not_take_it_hears_it_with_the_next_delivery(office: Office) -> None:
    contact = hot(office)
    office.queue(waiting(KAMAU))
    office.told.fails = [Unavailable("bus_unavailable"), Unavailable("bus_unavailable")]
    for _ in range(2):
        with pytest.raises(Unavailable):
            office.hear()
    assert office.read(contact).disposition is Disposition.HOT
    office.hear()
    office.hear()
    assert office.told.kinds == ["lead.qualified"]


def test_an_answered_call_waits_for_its_bridge_and_not_for_ever(office: Office) -> None:
    contact = rung(office)
    office.know(talked())
    office.hear()
    assert office.read(contact).state is ContactState.RINGING
    ((message, delay_s),) = office.told.messages
    assert message == {"version": 1, "call": SESSION, "business": BUSINESS, "attempt": 1}
    assert 0 < delay_s <= CLOSE_COMES_WITHIN_S + 1
    office.clock.advance(delay_s)
    office.clerk.take(json.dumps(message), "m2")
    assert office.read(contact).disposition is Disposition.FAILED


def test_whoever_talked_to_a_lead_is_free_once_that_call_is_over(office: Office) -> None:
    until = MONDAY + timedelta(hours=1)
    others = Held(SessionId("HD_another"), "h2", until)
    record = replace(nobody_held(BUSINESS, CAMPAIGN.campaign_id, MONDAY), held=(Held(SESSION, "h1", until), others))
    office.store.put(CAMPAIGN_REPS.of(record))
    office.ring(waiting())
    office.know(placed(), lead=lead(Outcome.HOT))
    office.hear()
    held = office.store.record(CAMPAIGN_REPS, BUSINESS, CAMPAIGN.campaign_id)
    assert held is not None and len(held.held) == 2  # they still talk
    office.know(talked(), closed(CloseReason.GOODBYE, "yes"), lead(Outcome.HOT))
    office.hear()
    office.hear()
    freed = office.store.record(CAMPAIGN_REPS, BUSINESS, CAMPAIGN.campaign_id)
    assert freed is not None and freed.held == (others,)


def test_whoever_talked_to_a_lead_is_free_before_the_bridges_last_word_has_come(office: Office) -> None:
    people = (Held(SESSION, "h1", MONDAY + timedelta(hours=1)),)
    record = replace(nobody_held(BUSINESS, CAMPAIGN.campaign_id, MONDAY), held=people)
    office.store.put(CAMPAIGN_REPS.of(record))
    contact = rung(office)
    office.know(talked())
    office.hear()
    assert office.read(contact).state is ContactState.RINGING
    freed = office.store.record(CAMPAIGN_REPS, BUSINESS, CAMPAIGN.campaign_id)
    assert freed is not None and freed.held == ()


def test_a_call_that_goes_on_is_left_to_its_end(office: Office) -> None:
    contact = rung(office)
    office.know(placed(status=CallStatus.ANSWERED, answered_at=MONDAY))
    office.hear()
    assert (office.read(contact).state, office.told.messages) == (ContactState.RINGING, [])


def test_an_opt_out_takes_the_number_off_every_list_of_the_business(office: Office) -> None:
    office.campaigns.put_campaign(OTHER)
    foreign = replace(OTHER, business_id=BusinessId("others"))
    office.campaigns.put_campaign(foreign)
    ringing = rung(office)
    queued = office.queue(waiting(campaign=OTHER))
    theirs = office.queue(waiting(campaign=foreign))
    office.know(talked(), closed(CloseReason.GOODBYE, "usinipigie tena"), lead(Outcome.OPTED_OUT))
    office.opt_out()
    office.hear()
    assert (office.read(queued).state, office.read(queued).reason) == (ContactState.EXCLUDED, "suppressed")
    assert office.read(ringing).disposition is Disposition.OPTED_OUT
    assert office.read(theirs).state is ContactState.WAITING  # another business has its own word


def test_who_opts_out_by_ringing_us_is_taken_off_too(office: Office) -> None:
    queued = office.queue(waiting())
    call = placed(
        "", direction=Direction.INBOUND, a_number=WANJIKU, b_number=CAMPAIGN.from_number, client_request_id=None
    )
    office.know(replace(call, status=CallStatus.COMPLETED, ended_at=MONDAY))
    office.opt_out()
    office.hear()
    assert office.read(queued).state is ContactState.EXCLUDED


def test_somebody_who_rings_while_they_opted_out_elsewhere_is_not_rung_again(office: Office) -> None:
    contact = rung(office)
    office.opt_out(session=SessionId("HD_another"))
    office.know(unanswered(CallStatus.BUSY))
    office.hear()
    after = office.read(contact)
    assert (after.state, after.disposition, after.reason) == (ContactState.DONE, Disposition.BUSY, "suppressed")


def test_a_blocked_number_is_suppressed_for_every_campaign_and_is_no_opt_out(office: Office) -> None:
    office.campaigns.put_campaign(OTHER)
    contact, queued = rung(office), office.queue(waiting(campaign=OTHER))
    office.know(unanswered(CallStatus.FAILED, hangup_cause="CALL_REJECTED"))
    office.hear()
    office.hear()
    noted = suppression_of(office.store, BUSINESS, WANJIKU)
    assert noted is not None and noted.session_id == attempt_session("pk1")
    assert (office.read(contact).disposition, office.read(queued).state) == (
        Disposition.BLOCKED,
        ContactState.EXCLUDED,
    )


def test_the_last_contact_that_is_done_finishes_the_campaign_and_is_told_once(office: Office) -> None:
    hot(office)
    for _ in range(3):
        office.hear()
    campaign = office.campaigns.campaign(BUSINESS, CAMPAIGN.campaign_id)
    assert campaign is not None and (campaign.state, campaign.reason) == (CampaignState.FINISHED, "")
    assert office.told.kinds == ["lead.qualified", "campaign.finished"]


def test_an_end_that_the_bus_did_not_take_is_told_again_under_the_same_id(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot(office)
    told: list[str] = []

    def emit(kind: str, detail: Any) -> None:
        told.append(str(detail["idempotency_key"]))
        if len(told) in (2, 3):
            raise Unavailable("bus_unavailable")

    monkeypatch.setattr(office.told, "emit", emit)
    for _ in range(2):
        with pytest.raises(Unavailable):
            office.hear()
    office.hear()
    office.hear()
    assert len(told) == 4 and len(set(told)) == 2


def test_a_campaign_with_somebody_left_is_not_finished(office: Office) -> None:
    hot(office)
    office.queue(waiting(KAMAU))
    office.hear()
    campaign = office.campaigns.campaign(BUSINESS, CAMPAIGN.campaign_id)
    assert campaign is not None and campaign.state is CampaignState.RUNNING


def test_a_campaign_whose_calls_fail_is_paused_with_its_reason(office: Office) -> None:
    for number in range(6):
        person = waiting(E164(f"+25472200{number:04d}"))
        session = SessionId(f"HD_{number}")
        office.ring(person, f"pk{number}")
        office.know(unanswered(CallStatus.FAILED, label=f"pk{number}", session=session, b_number=person.number))
        office.hear(session)
    campaign = office.campaigns.campaign(BUSINESS, CAMPAIGN.campaign_id)
    assert campaign is not None and (campaign.state, campaign.reason) == (CampaignState.PAUSED, FAILURES)
    health = office.store.record(CAMPAIGN_HEALTH, BUSINESS, CAMPAIGN.campaign_id)
    assert health is not None and health.trips == 1
    assert office.logged.getvalue().count("campaign paused") == 1


def test_what_a_call_cost_is_charged_to_its_campaign_once(office: Office) -> None:
    hot(office)
    office.cdrs.put_cdrs([callee(1_500_000)])
    news = {
        "detail-type": "CdrFinal",
        "source": "pokea",
        "detail": {"session": SESSION, "business": BUSINESS, "leg": "callee"},
    }
    for _ in range(3):
        office.clerk.take(json.dumps(news), "m")
    assert office.campaigns.spent(BUSINESS, CAMPAIGN.campaign_id) == 1_500_000


def test_the_carriers_own_record_says_what_its_hooks_did_not(office: Office) -> None:
    contact = rung(office)
    office.know(unanswered(CallStatus.COMPLETED))
    office.hear()
    assert office.read(contact).disposition is Disposition.NO_ANSWER
    office.cdrs.put_cdrs([callee(0, carrier_status="busy", answered_at=None, talk_s=None)])
    office.hear()
    after = office.read(contact)
    assert (after.disposition, after.due_at) == (Disposition.BUSY, MONDAY + timedelta(seconds=30, minutes=15))


def test_a_later_attempt_is_not_touched_by_word_about_an_earlier_one(office: Office) -> None:
    contact = rung(office)
    office.know(unanswered(CallStatus.BUSY))
    office.hear()
    office.ring(contact, "pk2", MONDAY + timedelta(minutes=20))
    office.hear()
    after = office.read(contact)
    assert (after.state, after.label, after.attempts) == (ContactState.RINGING, "pk2", 2)


def test_a_writer_who_was_faster_is_read_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = rung(office)
    office.know(unanswered(CallStatus.BUSY))
    honest, lost = office.campaigns.put_contact, [1, 1]

    def contended(found: Contact) -> Contact:
        if lost:
            lost.pop()
            raise Conflict("stale")
        return honest(found)

    monkeypatch.setattr(office.campaigns, "put_contact", contended)
    office.hear()
    assert office.read(contact).disposition is Disposition.BUSY


def test_calls_of_nobodys_campaign_are_passed_over(office: Office) -> None:
    office.know(talked(client_request_id=None))
    office.hear()
    office.know(placed("pk-other", SessionId("HD_2"), status=CallStatus.BUSY, ended_at=MONDAY))
    office.hear(SessionId("HD_2"))
    assert office.told.events == [] and office.campaigns.writes == 0


def test_a_call_that_is_not_the_businesss_own_comes_back_and_news_of_one_does_not(office: Office) -> None:
    office.know(talked(business_id=BusinessId("others")))
    with pytest.raises(NotFound):
        office.hear()
    office.clerk.take(json.dumps({"detail-type": "CdrFinal", "detail": {"session": "HD_9", "business": BUSINESS}}), "m")


@pytest.mark.parametrize(
    "body",
    ["", "{}", "[]", '{"version":2,"call":"x","business":"b"}', '{"version":1,"call":"a/b","business":"b"}', "[" * 9_000,
     '{"version":1,"call":"x","business":"b","more":1}', '{"detail-type":"Other","detail":{"session":"x","business":"b"}}'],
    ids=range(8),
)  # fmt: skip
def test_what_names_no_call_is_refused_and_never_quoted(body: str) -> None:
    with pytest.raises(RejectedInput) as refused:
        parse(body)
    assert not body or body not in refused.value.message


def test_only_the_message_that_failed_comes_back(office: Office) -> None:
    rung(office)
    office.know(unanswered(CallStatus.BUSY))
    good = json.dumps({"version": 1, "call": SESSION, "business": BUSINESS})
    handler = app.make_handler(lambda: office.clerk, Log("settler-batch", office.logged))
    bodies = {"a": good, "b": "no", "c": good}
    records = [
        {"messageId": name, "body": body, "eventSource": "aws:sqs", "receiptHandle": name}
        for name, body in bodies.items()
    ]
    assert handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert WANJIKU not in office.logged.getvalue()


def test_a_campaign_that_was_cancelled_meanwhile_gets_its_last_calls_settled() -> None:
    cancelled: Campaign = replace(CAMPAIGN, state=CampaignState.CANCELLED)
    office = Office(cancelled)
    contact = rung(office)
    office.know(unanswered(CallStatus.BUSY))
    office.hear()
    assert office.read(contact).state is ContactState.DONE
    assert office.told.events == []
