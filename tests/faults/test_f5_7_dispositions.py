"""F5.7: machine, fax, silence, busy, no answer and a carrier's block, twenty of each, by the hooks of both carriers the simulator knows:
the right disposition, another attempt only where the campaign says so, and a blocked number is rung by nobody again. F5.5: whoever opts out
is queued nowhere."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from functions.settler.clerk import Clerk, Shelves
from functions.settler.news import Newsroom
from local.carrier.behaviour import BEHAVIOURS, Behaviour
from local.carrier.hooks import LegFacts, voice_fields
from pokea.adapters.observability import Log
from pokea.billing.call_leg import Direction
from pokea.calls import CallStatus
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.settling import Known
from pokea.clock import ManualClock
from pokea.consent import suppression_of
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.attempts import OutboundRequest, place
from pokea.sautikit.closings import CloseReason
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.faults.broken import settlers as broken
from tests.properties import test_settling_laws as laws
from tests.support.billing_samples import leg
from tests.support.control_plane import LINE, ControlPlane, opened, posted
from tests.support.crm import Crm, running
from tests.support.settled import CAMPAIGN, MONDAY, POLICIES, Office, Told, closed, placed, talked, unanswered, waiting
from tests.unit.functions import test_settler as settler
from tests.unit.functions import test_webhooks as hooks
from tests.unit.pokea.campaigns import test_results as results
from tests.unit.pokea.campaigns import test_settling as table

EACH = 20
OURS = replace(CAMPAIGN, business_id=LINE.business_id, from_number=LINE.number, agent=LINE.agent)
_names = itertools.count()


@dataclass(frozen=True)
class Fate:
    """`carrier`: the word of the simulator for a call that nobody takes. `record`: of the carrier's own list. `answerer`: what the bridge
    heard of one that somebody, or something, takes."""

    disposition: Disposition
    carrier: str = ""
    record: str = ""
    answerer: str = ""
    said: tuple[str, ...] = ()


FATES = {
    "machine": Fate(Disposition.MACHINE, answerer="machine", said=("please leave a message after the tone",)),
    "fax": Fate(Disposition.FAX, answerer="fax"),
    "silence": Fate(Disposition.SILENCE, answerer="silence"),
    "busy": Fate(Disposition.BUSY, carrier="busy", record="busy"),
    "no_answer": Fate(Disposition.NO_ANSWER, carrier="no_answer", record="no_answer"),
    "blocked": Fate(Disposition.BLOCKED, carrier="failed", record="blocked"),
}
AGAIN = {name: FATES[name].disposition in OURS.retries for name in FATES}


class Dialled:
    """A campaign's calls through the real handlers: placed, rung and settled."""

    def __init__(self, behaviour: Behaviour, seed: int) -> None:
        self.behaviour, self.rng = behaviour, random.Random(seed)
        self.plane = ControlPlane(clock=ManualClock(MONDAY))
        self.campaigns, self.cdrs, self.told = MemoryCampaigns(), MemoryCdrs(), Told()
        self.campaigns.put_campaign(OURS)
        self.clerk = Clerk(
            shelves=lambda: Shelves(
                self.plane.calls, self.plane.closings, self.plane.bookings, self.cdrs, self.campaigns
            ),
            policies=POLICIES,
            newsroom=Newsroom(lambda: self.plane.bookings, self.told.emit),
            later=lambda: self.told,
            clock=self.plane.clock,
            log=Log(f"f5-7-{next(_names)}", io.StringIO()),
        )

    def dial(self, contact: Contact, fate: Fate) -> None:
        """One attempt, from the claim to the last message about it."""
        label, session = self._placed(contact)
        facts = LegFacts(
            session_id=session,
            call_id="c",
            direction="outbound",
            a_number=OURS.from_number,
            b_number=contact.number,
            client_request_id=label,
        )
        if fate.answerer:
            self._answered(facts, session, fate)
        else:
            self._post(facts, self.behaviour.unanswered_states[fate.carrier])
        messages = [*self.plane.ended, *(message for message, _ in self.plane.delayed)]
        self._heard(messages)
        if fate.record:
            self._record(contact, session, label, fate)
            news = {"detail-type": "CdrFinal", "detail": {"session": session, "business": OURS.business_id}}
            self._heard([*messages, json.dumps(news)])
        self.plane.ended.clear()
        self.plane.delayed.clear()

    def _placed(self, contact: Contact) -> tuple[str, SessionId]:
        now, store = self.plane.clock.now(), self.campaigns
        request = OutboundRequest(
            line=LINE,
            to_number=contact.number,
            agent=OURS.agent,
            context={},
            idempotency_key=f"{contact.contact_id}/{contact.version}",
        )
        outcome = place(
            request,
            store=self.plane.calls,
            telephony=self.plane.reach.telephony(),
            voice_callback_url="https://api.example.com/voice",
            now=now,
        )
        assert outcome.session_id is not None
        claimed = store.put_contact(moves.claimed(contact, now))
        asked = moves.asked(claimed, outcome.client_request_id, now)
        store.put_contact(
            moves.ringing(store.begin(asked, 100, store.attempts(OURS.business_id, contact.number)), outcome.session_id)
        )
        return outcome.client_request_id, outcome.session_id

    def _post(self, facts: LegFacts, state: str) -> str:
        fields = voice_fields(facts, state, is_active=state in ("Ringing", "Answered"))
        reply = self.plane.voice(posted("/voice", fields), None)
        assert reply["statusCode"] == 200
        return str(reply["body"])

    def _answered(self, facts: LegFacts, session: SessionId, fate: Fate) -> None:
        document = self._post(facts, self.behaviour.outbound_first_state)
        token = opened(self.plane, document, session)["result"]["call_token"]
        said = [{"who": "caller", "text": text, "at_ms": 900} for text in fate.said]
        close = {
            "operation": "close",
            "call_token": token,
            "reason": "goodbye",
            "duration_ms": 9_000,
            "transcript": said,
            "answerer": fate.answerer,
        }
        assert self.plane.tools(close, None)["ok"] is True
        self._post(facts, "Completed")

    def _heard(self, messages: list[str]) -> None:
        """Each one to three times, in any order."""
        often = [message for message in messages for _ in range(self.rng.randint(1, 3))]
        for message in self.rng.sample(often, len(often)):
            self.clerk.take(message, "m")

    def _record(self, contact: Contact, session: SessionId, label: str, fate: Fate) -> None:
        own: dict[str, Any] = {"session_id": session, "call_id": session, "business_id": OURS.business_id, "version": 0}
        own |= {
            "leg": "callee",
            "direction": Direction.OUTBOUND,
            "client_request_id": label,
            "b_number": contact.number,
        }
        self.cdrs.put_cdrs([leg(**{**own, "carrier_status": fate.record, "answered_at": None, "talk_s": None})])


def check_fates(behaviour: Behaviour, name: str, each: int, seed: int) -> None:
    fate, dialled = FATES[name], Dialled(behaviour, seed)
    people = [
        waiting(E164(f"+2547220{seed % 10}{number:04d}"), OURS, due_at=MONDAY, state=ContactState.WAITING)
        for number in range(each)
    ]
    dialled.campaigns.add_contacts(people)
    for person in people:
        found = dialled.campaigns.contact(person.business_id, person.campaign_id, person.contact_id)
        assert found is not None
        dialled.dial(found, fate)
    after = list(dialled.campaigns.contacts(OURS.business_id, OURS.campaign_id))
    assert Counter(contact.disposition for contact in after) == {fate.disposition: each}
    assert {contact.attempts for contact in after} == {1} and len(dialled.plane.rung) == each
    states = {ContactState.WAITING if AGAIN[name] else ContactState.DONE}
    assert {contact.state for contact in after} == states
    suppressed = [suppression_of(dialled.plane.bookings, OURS.business_id, contact.number) for contact in after]
    assert all((note is not None) == (name == "blocked") for note in suppressed)
    assert dialled.campaigns.live(OURS.business_id, OURS.campaign_id) == ()
    if AGAIN[name]:
        delay = timedelta(minutes=OURS.retries[fate.disposition].after_min)
        assert all(contact.due_at == MONDAY + delay for contact in after)


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
@pytest.mark.parametrize("name", FATES)
def test_every_fate_has_its_disposition(behaviour: Behaviour, name: str) -> None:
    check_fates(behaviour, name, EACH // 4, 1)


@pytest.mark.faults
@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
@pytest.mark.parametrize("name", FATES)
def test_twenty_of_each_fate_have_their_disposition(behaviour: Behaviour, name: str) -> None:
    check_fates(behaviour, name, EACH, 2)


# F5.5: three campaigns of one business and one of another, and people who opt out while they are queued, being rung or talking.
CAMPAIGNS = tuple(replace(CAMPAIGN, campaign_id=name) for name in ("a", "b", "c"))
FOREIGN = replace(CAMPAIGN, business_id=BusinessId("others"), campaign_id="a")


def check_opt_outs(people: int, seed: int) -> None:
    office, rng, numbers = Office(CAMPAIGNS[0]), random.Random(seed), [E164(f"+2547221{n:05d}") for n in range(people)]
    for campaign in (*CAMPAIGNS[1:], FOREIGN):
        office.campaigns.put_campaign(campaign)
    for number in numbers:
        for campaign in (*CAMPAIGNS, FOREIGN):
            office.queue(waiting(number, campaign))
    gone = set(rng.sample(numbers, people // 2))
    for count, number in enumerate(numbers):
        place_of_call = rng.choice(["queued", "ringing", "talking"])
        one = waiting(number, rng.choice(CAMPAIGNS[:2]))
        if rng.random() < 0.2:
            office.campaigns.put_contact(moves.claimed(office.read(waiting(number, CAMPAIGNS[2])), MONDAY))
        call = end_of_call(office, one, count, place_of_call)
        if number in gone:
            office.opt_out(number, call if place_of_call == "talking" else SessionId(f"HD_elsewhere{count}"))
            inbound = placed("", SessionId(f"HD_elsewhere{count}"), b_number=number, client_request_id=None)
            office.know(inbound)
        sessions = [call, *([SessionId(f"HD_elsewhere{count}")] if number in gone else [])]
        for session in rng.choices(sessions, k=2) + sessions:
            if office.calls.call(session) is not None:
                office.hear(session)
    for number in numbers:
        found = office.campaigns.contacts_of_number(CAMPAIGN.business_id, number)
        assert len(found) == len(CAMPAIGNS)
        queued = [one for one in found if one.state in (ContactState.WAITING, ContactState.CLAIMED)]
        assert not queued if number in gone else len(queued) >= 2
        (theirs,) = office.campaigns.contacts_of_number(FOREIGN.business_id, number)
        assert theirs.state is ContactState.WAITING
    for campaign in CAMPAIGNS:
        counts = office.campaigns.counts(campaign.business_id, campaign.campaign_id)
        assert counts.contacts == people


def end_of_call(office: Office, contact: Contact, number: int, how: str) -> SessionId:
    """The session of a call of this contact that has ended, or of none where it is only queued."""
    session = SessionId(f"HD_{number:012x}")
    if how == "queued":
        return session
    office.ring(contact, f"pk{number}")
    own = {"label": f"pk{number}", "session": session, "b_number": contact.number}
    if how == "ringing":
        office.know(unanswered(CallStatus.BUSY, **own))
    else:
        office.know(talked(**own), replace(closed(CloseReason.GOODBYE, "usinipigie tena"), session_id=session))
    return session


@pytest.mark.parametrize("seed", range(2))
def test_whoever_opts_out_is_queued_nowhere(seed: int) -> None:
    check_opt_outs(40, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3))
def test_three_hundred_who_opt_out_are_queued_nowhere(seed: int) -> None:
    check_opt_outs(300, seed)


Breaks = Callable[[], AbstractContextManager[None]]
DOCUMENTED, OBSERVED = BEHAVIOURS["documented"], BEHAVIOURS["observed"]


def in_an_office(check: Callable[[Office], None]) -> Callable[[], None]:
    return lambda: check(Office())


def with_a_crm(check: Callable[[Crm], None]) -> Callable[[], None]:
    def checked() -> None:
        with running(Crm()) as crm:
            check(crm)

    return checked


def any_order() -> None:
    for seed in range(5):
        laws.check_any_order(Known(call=unanswered(CallStatus.BUSY), carrier_status="blocked"), seed)


def settled_twice() -> None:
    laws.check_settling_twice(Known(call=unanswered(CallStatus.BUSY)))


def due_by_the_call() -> None:
    table.test_the_next_attempt_comes_after_the_time_its_disposition_has(CallStatus.BUSY, 15)


def hostile() -> None:
    for text in results.HOSTILE:
        results.check_inert(results.said_by(text))


BROKEN: list[tuple[Breaks, Callable[[], None]]] = [
    (broken.the_first_word_stands, any_order),
    (broken.the_first_word_stands, lambda: check_fates(OBSERVED, "blocked", 2, 1)),
    (broken.the_next_attempt_is_due_by_the_clock_of_the_look, due_by_the_call),
    (broken.settles_whatever_it_is_told, settled_twice),
    (broken.labels_are_not_looked_at, in_an_office(settler.test_a_later_attempt_is_not_touched_by_word_about_an_earlier_one)),
    (broken.an_opt_out_leaves_the_lists_as_they_are, lambda: check_opt_outs(20, 1)),
    (broken.rings_again_whoever_opted_out_elsewhere,
     in_an_office(settler.test_somebody_who_rings_while_they_opted_out_elsewhere_is_not_rung_again)),
    (broken.a_blocked_number_is_not_noted, lambda: check_fates(DOCUMENTED, "blocked", 2, 1)),
    (broken.a_machine_is_taken_for_a_person, lambda: check_fates(DOCUMENTED, "machine", 2, 1)),
    (broken.every_retry_is_allowed, table.test_attempts_end_with_the_rule_of_the_disposition_or_with_the_campaign),
    (broken.does_not_remember_what_it_told,
     in_an_office(settler.test_a_hot_lead_is_done_and_told_of_once_however_often_the_message_comes)),
    (broken.notes_before_it_tells, in_an_office(settler.test_a_bus_that_does_not_take_it_hears_it_with_the_next_delivery)),
    (broken.signs_the_body_alone, with_a_crm(hooks.check_signed)),
    (broken.signs_what_it_parsed_and_wrote_again, with_a_crm(hooks.check_signed)),
    (broken.a_new_id_for_every_delivery,
     with_a_crm(lambda crm: hooks.test_whatever_is_not_taken_comes_back_under_the_same_id(crm, 500))),
    (broken.writes_cells_as_they_come, hostile),
    (broken.lets_line_breaks_through, hostile),
    (broken.takes_unknown_costs_for_nothing,
     results.test_what_is_unknown_is_empty_and_who_was_never_rung_has_cost_nothing),
]  # fmt: skip


@pytest.mark.parametrize(("breaks", "law"), BROKEN, ids=[f"{one.__name__}-{n}" for n, (one, _) in enumerate(BROKEN)])
def test_without_its_safeguard_the_law_is_seen_to_fail(breaks: Breaks, law: Callable[[], None]) -> None:
    law()
    with breaks(), pytest.raises((AssertionError, pytest.fail.Exception)):
        law()
