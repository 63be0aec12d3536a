"""Laws of settling: any order of the evidence and any repetition end in the same contact, and nobody is lost or made."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pokea.calls import Call, CallStatus
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.settling import WEIGHT, Known, Settled, after, disposition_of, indications, settle
from pokea.leads import Outcome
from pokea.sautikit.closings import CloseReason
from tests.support.settled import CAMPAIGN, MONDAY, POLICIES, SESSION, closed, lead, placed, ringing, talked, unanswered
from tests.support.sizes import examples

SOON, LATE = MONDAY + timedelta(minutes=2), MONDAY + timedelta(minutes=20)
Step = Callable[[Known], Known]

UNANSWERED = st.sampled_from(
    [CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.COMPLETED, CallStatus.CANCELED]
)
SAID = st.sampled_from([(), ("yes",), ("who is it", "no")])
ANSWERERS = st.sampled_from(["", "person", "machine", "fax", "silence"])
LEADS = st.sampled_from([None, *Outcome]).map(
    lambda outcome: None if outcome is None else lead(outcome, call_again="on Friday" if outcome is Outcome.UNFINISHED else "")
)  # fmt: skip


@st.composite
def calls_that_ended(draw: st.DrawFn) -> Known:
    """Everything that will ever be known of one call."""
    opted_out = draw(st.booleans())
    if draw(st.booleans()):
        status = draw(st.sampled_from(["", "busy", "no_answer", "blocked", "failed", "completed"]))
        return Known(
            call=unanswered(draw(UNANSWERED)), carrier_status=status, opted_out=opted_out, suppressed=opted_out
        )
    closing = closed(draw(st.sampled_from(list(CloseReason))), *draw(SAID), answerer=draw(ANSWERERS))
    return Known(call=talked(), closing=closing, lead=draw(LEADS), opted_out=opted_out, suppressed=opted_out)


def steps_to(known: Known) -> list[Step]:
    """The pieces in which `known` comes in. What the agent writes, it writes while the call goes on."""
    call = known.call
    begun = placed() if call.answered_at is None else talked(status=CallStatus.ANSWERED, ended_at=None)
    ended: list[Step] = [lambda so_far: replace(so_far, call=call)]
    if known.closing is not None:
        ended.append(lambda so_far: replace(so_far, call=call, closing=known.closing))
    if known.carrier_status:
        ended.append(lambda so_far: replace(so_far, call=call, carrier_status=known.carrier_status))
    first: list[Step] = [lambda _: Known(call=begun)]
    first.append(
        lambda so_far: replace(so_far, lead=known.lead, opted_out=known.opted_out, suppressed=known.suppressed)
    )
    return [*first, *ended]


def settled_by(contact: Contact, known: Known, late: bool = False) -> Contact:
    found = settle(contact, CAMPAIGN, known, POLICIES, (), LATE if late else SOON)
    return after(contact, found, SESSION) if isinstance(found, Settled) else contact


def arrived(known: Known, seed: int) -> Contact:
    """`known` piece by piece in some order, with a look after each piece, some of them repeated."""
    rng = random.Random(seed)
    steps = steps_to(known)
    ordered = [*steps[:2], *rng.sample(steps[2:], len(steps) - 2)]
    contact, so_far = ringing(), Known(call=placed())
    for step in ordered:
        so_far = step(so_far)
        for _ in range(rng.randint(1, 3)):
            contact = settled_by(contact, so_far)
    return settled_by(contact, known, late=True)


def check_any_order(known: Known, seed: int) -> None:
    at_once = settled_by(ringing(), known, late=True)
    assert arrived(known, seed) == at_once
    assert at_once.state in (ContactState.DONE, ContactState.WAITING)


def check_settling_twice(known: Known) -> None:
    once = settled_by(ringing(), known, late=True)
    assert settle(once, CAMPAIGN, known, POLICIES, (), LATE) is None
    assert settle(once, CAMPAIGN, known, POLICIES, (), LATE + timedelta(days=1)) is None


@given(calls_that_ended(), st.integers(0, 10_000))
@example(Known(call=unanswered(CallStatus.FAILED), carrier_status="busy"), 1)
@example(Known(call=unanswered(CallStatus.BUSY), carrier_status="blocked"), 1)
@settings(max_examples=examples(25, 750), deadline=None)
def test_any_order_of_the_evidence_ends_in_the_same_contact(known: Known, seed: int) -> None:
    check_any_order(known, seed)


@given(calls_that_ended())
@settings(max_examples=examples(20, 500), deadline=None)
def test_settling_again_changes_nothing_whenever_it_comes(known: Known) -> None:
    check_settling_twice(known)


@given(calls_that_ended(), st.sampled_from(list(ContactState)), st.integers(0, 3))
@settings(max_examples=examples(25, 750), deadline=None)
def test_an_attempt_is_rung_again_only_by_a_rule_of_its_campaign(
    known: Known, state: ContactState, attempts: int
) -> None:
    found = settle(ringing(state=state, attempts=attempts), CAMPAIGN, known, POLICIES, (), LATE)
    if isinstance(found, Settled) and found.due_at is not None:
        assert found.disposition in CAMPAIGN.retries
        assert attempts < CAMPAIGN.retries[found.disposition].attempts <= CAMPAIGN.max_attempts
        assert not known.suppressed


@given(calls_that_ended(), st.sampled_from([None, "", "busy", "blocked"]))
@settings(max_examples=examples(20, 500), deadline=None)
def test_more_evidence_never_makes_a_disposition_lighter(known: Known, status: str | None) -> None:
    before = disposition_of(known, LATE)
    more = (
        replace(known, opted_out=True)
        if status is None
        else replace(known, carrier_status=known.carrier_status or status)
    )
    now = disposition_of(more, LATE)
    assert before is not None and now is not None
    assert WEIGHT[now] >= WEIGHT[before]
    assert indications(known, LATE) <= indications(more, LATE)


def closing_first(call: Call) -> Known:
    return Known(call=call, closing=closed(CloseReason.GOODBYE, "yes"), lead=lead(Outcome.HOT))


def test_a_closing_that_comes_before_the_carriers_word_settles_the_call() -> None:
    begun = talked(status=CallStatus.ANSWERED, ended_at=None)
    first = settled_by(ringing(), closing_first(begun))
    assert first.disposition is Disposition.HOT
    assert settled_by(first, closing_first(talked())) == first
