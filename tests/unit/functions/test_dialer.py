"""The dialer: one message is one attempt, and what every word of the carrier leads to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.dialer.app import make_handler
from functions.dialer.dialer import Dialer
from pokea.adapters.observability import Log
from pokea.billing.wallet import Standing
from pokea.call_status import CallStatus
from pokea.campaigns import moves
from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.claims import claim_of
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.reps import CAMPAIGN_REPS, Held, nobody_held
from pokea.consent import is_suppressed
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, RejectedInput, Unavailable
from pokea.ids import SessionId
from pokea.leads import LEAD, Lead, Outcome
from pokea.phone_numbers import E164
from pokea.sautikit.labels import attempt_session
from pokea.toolkit import HandoffMode
from pokea.transfer import HANDOFF, Handoff, HandoffState
from tests.support.dial_room import NOON, Board, Room


@pytest.fixture
def room() -> Room:
    return Room()


def dialled(room: Room, dialer: Dialer | None = None) -> Contact:
    """The only contact, after one message was taken."""
    room.plan()
    body = room.ready()
    assert body is not None
    (dialer or room.dialer()).take(body)
    return room.one()


def saying(room: Room, error: CallError) -> None:
    def script(board: Board, label: str) -> None:
        raise error

    room.board.script = script


def state_of(room: Room) -> tuple[str, str]:
    campaign = room.campaigns.campaign(room.business, "spring")
    assert campaign is not None
    return campaign.state.value, campaign.reason


def test_somebody_who_is_due_is_rung_and_the_agent_knows_who_it_is(room: Room) -> None:
    room.open(1)
    contact = dialled(room)
    assert contact.state is ContactState.RINGING and contact.attempts == 1
    assert contact.session_id == f"HD_{contact.label}"
    assert list(room.board.per_label.values()) == [1]
    assert room.campaigns.live(room.business, "spring") == (contact.contact_id,)
    call = room.calls.call(attempt_session(contact.label))
    assert call.agent == "leads" and call.b_number == contact.number
    told = json.loads(call.open_metadata)["campaign"]
    assert told == {
        "id": "spring",
        "contact": contact.contact_id,
        "name": "Wanjiku",
        "language": "sw",
        "voicemail": "hang_up",
        "reps": 0,
        "fields": {"car": "Vitz"},
    }


def test_a_message_holds_no_number_and_no_name(room: Room) -> None:
    room.open(1)
    room.plan()
    body = room.queue[0][2]
    assert "2547221" not in body and "Wanjiku" not in body
    assert set(json.loads(body)) == {"version", "business", "campaign", "contact", "contact_version"}


def test_a_copy_of_a_message_rings_nobody(room: Room) -> None:
    room.open(1)
    room.plan(copies=5)
    dialer = room.dialer()
    while body := room.ready():
        dialer.take(body)
    assert len(room.board.rings) == 1 and room.one().attempts == 1


def test_a_message_of_an_earlier_state_rings_nobody(room: Room) -> None:
    room.open(1)
    old = claim_of(room.one())
    contact = dialled(room)
    room.campaigns.put_contact(moves.again(contact, room.clock.now(), Disposition.BUSY))
    room.dialer().take(json.dumps(old))
    assert len(room.board.rings) == 1


def test_the_planners_own_claim_is_taken_over(room: Room) -> None:
    room.open(1)
    claimed = room.campaigns.put_contact(moves.claimed(room.one(), room.clock.now()))
    for _ in range(2):
        room.dialer().take(json.dumps(claim_of(claimed)))
    assert room.one().state is ContactState.RINGING and len(room.board.rings) == 1


@pytest.mark.parametrize(
    ("error", "state", "reason", "campaign"),
    [
        (Denied("wallet.insufficient_funds"), "waiting", "wallet_empty", ("paused", "wallet_empty")),
        (Denied("api_key.scope_denied"), "waiting", "api_key.scope_denied", ("paused", "carrier_refuses")),
        (Unavailable("rate_limited", retry_after_s=7), "waiting", "carrier_busy", ("running", "")),
        (Unavailable("carrier_unreachable"), "waiting", "carrier_busy", ("running", "")),
        (RejectedInput("calls.invalid_to"), "done", "calls.invalid_to", ("running", "")),
        (NotFound("calls.not_found"), "done", "calls.not_found", ("paused", "carrier_refuses")),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_certain_refusal_is_no_attempt(
    room: Room, error: CallError, state: str, reason: str, campaign: tuple[str, str]
) -> None:
    room.open(1)
    saying(room, error)
    contact = dialled(room)
    assert (contact.state.value, contact.reason) == (state, reason)
    assert state_of(room) == campaign
    assert room.campaigns.live(room.business, "spring") == ()
    assert room.campaigns.attempts(room.business, contact.number).rung_at == ()
    if state == "waiting":
        assert contact.attempts == 0 and contact.due_at > room.clock.now()
    else:
        is_blocked = error.code == "calls.invalid_to"
        assert contact.disposition is (Disposition.BLOCKED if is_blocked else Disposition.FAILED)
        assert is_suppressed(room.store, room.business, contact.number) == is_blocked


def test_no_more_calls_are_placed_than_people_could_take_hot_leads_from(room: Room) -> None:
    room.open(6, reps=2)
    dialer = room.dialer()
    room.run([dialer])
    assert room.states() == {"ringing": 2, "claimed": 4}
    first = next(contact for contact in room.contacts() if contact.state is ContactState.RINGING)
    assert first.session_id is not None
    talking = Lead(
        business_id=room.business, session_id=first.session_id, number=first.number, language="sw",
        began_at=room.clock.now(), outcome=Outcome.HOT,
    )  # fmt: skip
    room.store.put(LEAD.of(talking))
    room.run([dialer])
    assert room.states() == {"ringing": 2, "claimed": 4}  # one of two people talks; the other one may be needed
    room.campaigns.put_contact(moves.done(first, Disposition.HOT))
    room.run([dialer])
    assert room.states() == {"done": 1, "ringing": 2, "claimed": 3}


def test_who_is_held_by_a_hand_off_counts_until_their_call_is_over(room: Room) -> None:
    campaign = room.open(6, reps=2)
    until = room.clock.now() + timedelta(hours=1)
    elsewhere = Held(
        SessionId("HD_elsewhere"), "h1", until
    )  # the contact is done, and their call goes on with a person
    record = replace(nobody_held(room.business, campaign.campaign_id, room.clock.now()), held=(elsewhere,))
    room.store.put(CAMPAIGN_REPS.of(record))
    room.run([room.dialer()])
    assert room.states() == {"ringing": 1, "claimed": 5}
    room.store.put(CAMPAIGN_REPS.of(replace(record, held=())))
    room.run([room.dialer()])
    assert room.states() == {"ringing": 2, "claimed": 4}


def hot(room: Room, session_id: SessionId, number: E164) -> Lead:
    return Lead(
        business_id=room.business, session_id=session_id, number=number, language="sw",
        began_at=room.clock.now(), outcome=Outcome.HOT,
    )  # fmt: skip


def handed_over(room: Room, session_id: SessionId, state: HandoffState) -> None:
    """A hand-off of this call, and the person it was given."""
    now = room.clock.now()
    handoff = Handoff(
        business_id=room.business, handoff_id="h1", session_id=session_id, person="sales", person_name="Ann",
        number=E164("+254711000009"), mode=HandoffMode.ATTENDED, state=state, created_at=now,
        expires=now + timedelta(days=1), ring_until=now + timedelta(seconds=30),
        answer_until=now + timedelta(seconds=60), language="en", spoken_to_person="en", hop="",
    )  # fmt: skip
    person = Held(session_id, "h1", now + timedelta(hours=1))
    room.store.put(HANDOFF.of(handoff))
    room.store.put(CAMPAIGN_REPS.of(replace(nobody_held(room.business, "spring", now), held=(person,))))


@pytest.mark.parametrize(("state", "are_rung"), [(HandoffState.BRIEFING, False), (HandoffState.DECLINED, True)])
def test_a_lead_whose_hand_off_came_to_nothing_is_one_more_call_in_the_air(
    room: Room, state: HandoffState, are_rung: bool
) -> None:
    room.open(110, reps=1)
    # Hardly anybody becomes hot, so one person is enough for some calls at once.
    for contact in list(room.contacts())[:100]:
        room.campaigns.put_contact(replace(contact, state=ContactState.DONE, disposition=Disposition.NO_ANSWER))
    room.run([room.dialer()])
    first, *others = [contact for contact in room.contacts() if contact.state is ContactState.RINGING]
    assert others and first.session_id is not None
    room.store.put(LEAD.of(hot(room, first.session_id, first.number)))
    handed_over(room, first.session_id, state)
    for contact in others:
        room.campaigns.put_contact(moves.done(contact, Disposition.NO_ANSWER))
    room.run([room.dialer()])
    assert (room.states()["ringing"] > 1) == are_rung


def test_a_hand_off_that_is_over_holds_nobody_back_after_its_contact_is_done(room: Room) -> None:
    room.open(6, reps=1)
    handed_over(room, SessionId("HD_elsewhere"), HandoffState.BRIEFING)
    room.run([room.dialer()])
    assert room.states() == {"claimed": 6}
    handed_over(room, SessionId("HD_elsewhere"), HandoffState.DECLINED)
    room.run([room.dialer()])
    assert room.states() == {"ringing": 1, "claimed": 5}


def test_a_hot_lead_whose_call_is_over_takes_nobody_while_the_bridges_last_word_is_awaited(room: Room) -> None:
    room.open(6, reps=1)
    room.run([room.dialer()])
    (first,) = [contact for contact in room.contacts() if contact.state is ContactState.RINGING]
    assert first.session_id is not None
    room.store.put(LEAD.of(hot(room, first.session_id, first.number)))
    room.run([room.dialer()])
    assert room.states() == {"ringing": 1, "claimed": 5}
    attempt = room.calls.call(attempt_session(first.label))
    assert attempt is not None
    call = replace(attempt, session_id=first.session_id, version=0)
    room.calls.put_call(replace(call, status=CallStatus.COMPLETED, ended_at=room.clock.now()))
    room.run([room.dialer()])
    assert room.states() == {"ringing": 2, "claimed": 4}


def test_a_hot_lead_who_was_told_that_nobody_is_free_takes_nobody(room: Room) -> None:
    room.open(6, reps=1)
    room.run([room.dialer()])
    (first,) = [contact for contact in room.contacts() if contact.state is ContactState.RINGING]
    assert first.session_id is not None
    told = Lead(
        business_id=room.business, session_id=first.session_id, number=first.number, language="sw",
        began_at=room.clock.now(), outcome=Outcome.HOT, unserved_at=room.clock.now(),
    )  # fmt: skip
    room.store.put(LEAD.of(told))
    room.run([room.dialer()])
    assert room.states() == {"ringing": 1, "claimed": 5}  # they are on the line still, as one call in the air


@pytest.mark.parametrize("error", [Indeterminate("carrier_unanswered"), Conflict("idempotency.conflict")])
def test_an_answer_that_settles_nothing_leaves_the_contact_asked_for(room: Room, error: CallError) -> None:
    room.open(1)
    saying(room, error)
    contact = dialled(room)
    assert contact.state is ContactState.ASKED and len(room.board.asked) == 1
    assert room.campaigns.live(room.business, "spring") == (contact.contact_id,)
    room.board.script = lambda board, label: None
    room.run([room.dialer()], ticks=2)
    assert room.board.rings == []  # not by a second question either
    room.run([room.dialer()], ticks=2)
    after = room.one()
    assert after.state is ContactState.RINGING and after.label != contact.label
    assert list(room.board.per_label.values()) == [1]


def test_a_busy_carrier_is_left_alone_by_the_whole_campaign(room: Room) -> None:
    room.open(2)
    saying(room, Unavailable("rate_limited", retry_after_s=30))
    room.plan()
    dialer = room.dialer()
    while body := room.ready():
        dialer.take(body)
    assert len(room.board.asked) == 1
    room.board.script = lambda board, label: None
    told_at = room.board.asked[0]
    room.run([dialer], ticks=2)
    assert all(at >= told_at + timedelta(seconds=30) for at in room.board.asked[1:])
    assert room.states() == {"ringing": 2}


def test_who_may_not_be_rung_now_waits_until_it_is_lawful_and_counts_as_no_failure() -> None:
    evening = Room()
    evening.open(1)
    evening.clock.advance(12 * 3_600)
    contact = dialled(evening)
    assert contact.state is ContactState.WAITING and contact.reason == "hours"
    assert contact.due_at == datetime(2026, 11, 24, 5, 0, tzinfo=UTC) and evening.board.asked == []
    assert evening.queue == []  # the planner finds them tomorrow


@pytest.mark.parametrize(
    ("changes", "reason"), [({"state": CampaignState.CANCELLED}, "cancelled"), ({"countries": frozenset({"UG"})}, "not_in_campaign")]
)  # fmt: skip
def test_who_may_never_be_rung_is_excluded(room: Room, changes: dict[str, object], reason: str) -> None:
    room.open(1, **changes)
    contact = dialled(room)
    assert (contact.state, contact.reason) == (ContactState.EXCLUDED, reason) and room.board.asked == []


def test_nobody_is_rung_for_a_campaign_that_does_not_run(room: Room) -> None:
    campaign = room.open(1)
    for state in (CampaignState.PAUSED, CampaignState.DRAFT, CampaignState.FINISHED):
        campaign = room.campaigns.put_campaign(replace(campaign, state=state))
        assert dialled(room).state is ContactState.WAITING
        room.clock.advance(120)
    assert room.board.asked == []


def test_while_money_is_low_everybody_waits(room: Room) -> None:
    room.open(1)
    contact = dialled(room, room.dialer(standing=lambda: Standing.LOW))
    assert (contact.state, contact.reason) == (ContactState.WAITING, "wallet_low") and room.board.asked == []


def test_a_campaign_never_costs_more_than_its_budget(room: Room) -> None:
    room.open(3, budget_micros=250)
    dialer = room.dialer(price=lambda *_: 100)
    room.run([dialer])
    assert room.states() == {"ringing": 2, "claimed": 1}
    rung = [contact for contact in room.contacts() if contact.state is ContactState.RINGING]
    for contact in rung:
        room.campaigns.charge(room.business, "spring", contact.label, 120)
        room.campaigns.put_contact(moves.done(contact, Disposition.COLD))
    room.run([dialer], ticks=2)
    assert state_of(room) == ("paused", "budget_spent") and len(room.board.rings) == 2


def test_without_a_price_there_is_no_budget_to_keep(room: Room) -> None:
    room.open(1, budget_micros=250)
    assert dialled(room).reason == "no_price"


def test_no_more_calls_are_under_way_than_there_are_channels(room: Room) -> None:
    room.open(5, channels=2)
    dialer = room.dialer()
    room.run([dialer])
    assert room.states() == {"ringing": 2, "claimed": 3}
    for contact in list(room.contacts()):
        if contact.state is ContactState.RINGING:
            room.campaigns.put_contact(moves.done(contact, Disposition.NO_ANSWER))
    room.run([dialer])
    assert room.states() == {"done": 2, "ringing": 2, "claimed": 1}


class _Guard:
    def __init__(self, error: CallError) -> None:
        self._error = error

    def admit(self, *_: object) -> None:
        raise self._error

    def release(self, *_: object) -> None: ...
    def unsure(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("error", "state", "until"),
    [
        (Denied("spend_cap"), "waiting", datetime(2026, 11, 23, 21, 0, tzinfo=UTC)),
        (Denied("no_price"), "done", None),
        (Unavailable("spend_contended", retry_after_s=0.5), "waiting", None),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_the_guard_of_the_businesss_money_is_asked_first(
    room: Room, error: CallError, state: str, until: datetime | None
) -> None:
    room.open(1)
    contact = dialled(room, room.dialer(guard=_Guard(error)))
    assert contact.state.value == state and room.board.asked == []
    if until is not None:
        assert until <= contact.due_at <= until + timedelta(seconds=30)


def test_two_campaigns_ring_one_number_once_a_day(room: Room) -> None:
    other = Room(clock=room.clock, campaigns=room.campaigns, calls=room.calls, store=room.store, campaign_id="autumn")
    room.open(1)
    other.open(1)
    for _ in range(4):
        for one in (room, other):
            one.run([one.dialer()], tick_s=1)
            for contact in list(one.contacts()):
                if contact.state is ContactState.RINGING:
                    again = moves.again(contact, one.clock.now(), Disposition.BUSY)
                    one.campaigns.put_contact(again)
    rung = len(room.board.rings) + len(other.board.rings)
    caps = [pack.attempts.per_day for pack in room.policies.of("KE")]
    assert rung == min(caps)


def test_what_is_no_message_is_named_and_the_others_are_taken(room: Room) -> None:
    room.open(1)
    room.plan()
    good = room.ready()
    assert good is not None
    said = json.loads(good)
    bad = [
        "", "[]", "{}", "x", json.dumps({**said, "version": 2}), json.dumps({**said, "contact_version": "1"}),
        json.dumps({**said, "contact": 7}), json.dumps({**said, "business": "nobody"}), json.dumps({**said, "campaign": ""}),
    ]  # fmt: skip
    dialer = room.dialer()
    handler = make_handler(lambda: dialer, Log("dialer-batch", room.logged))
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs", "receiptHandle": "r", "attributes": {}}
        for number, body in enumerate([*bad, good])
    ]
    answer = handler({"Records": records}, None)
    failed = [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]
    assert failed == [str(number) for number in range(len(bad))]
    assert len(room.board.rings) == 1


def test_the_example_event_is_taken(room: Room) -> None:
    example = json.loads((Path(__file__).resolve().parents[3] / "events" / "dial.json").read_text(encoding="utf-8"))
    handler = make_handler(room.dialer, Log("dialer-example", room.logged))
    assert handler(example, None) == {"batchItemFailures": []}
    assert room.board.asked == []  # nobody of that name is on a list here


def test_a_campaign_or_a_contact_that_is_not_there_is_nobodys_to_ring(room: Room) -> None:
    room.open(1)
    gone = replace(room.one(), contact_id="gone")
    room.dialer().take(json.dumps(claim_of(gone)))
    assert room.board.asked == []


def test_logs_hold_neither_numbers_nor_names(room: Room) -> None:
    room.open(3)
    room.run([room.dialer()])
    logged = room.logged.getvalue()
    assert "dialled" in logged and "unclassified" not in logged
    assert "2547221" not in logged and "Wanjiku" not in logged


class SlowCalls:
    """A store of calls that takes `slow_s` to note an attempt, while `meanwhile` happens."""

    def __init__(self, room: Room, slow_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._room, self._meanwhile = room, meanwhile
        self.slow_s = slow_s

    def __getattr__(self, name: str) -> object:
        if name == "create_call":
            self._room.clock.advance(self.slow_s)
            self._meanwhile()
        return getattr(self._room.calls, name)


@pytest.mark.parametrize("slow_s", [0.5, 1.5, 20.0])
def test_whoever_misses_a_turn_takes_another_one_and_asks_the_gate_again(room: Room, slow_s: float) -> None:
    room.open(1)
    contact = dialled(room, room.dialer(calls=SlowCalls(room, slow_s)))
    assert contact.state is ContactState.RINGING and contact.attempts == 1
    assert slow_s <= (room.clock.now() - NOON).total_seconds() < slow_s + 1


def test_the_request_goes_out_in_its_turn_or_not_at_all(room: Room) -> None:
    """Every turn that the store gives out is over by the time it is known: nobody is asked, and the contact comes back."""

    class SlowTurns:
        slow = True

        def __getattr__(self, name: str) -> object:
            if name == "take_turn" and self.slow:
                return self._late
            return getattr(room.campaigns, name)

        def _late(self, *wish: Any) -> datetime:
            turn: datetime = room.campaigns.take_turn(*wish)
            room.clock.advance((turn - room.clock.now()).total_seconds() + 0.2)
            return turn

    room.open(1)
    campaigns = SlowTurns()
    dialer = room.dialer(campaigns=campaigns)
    contact = dialled(room, dialer)
    assert (contact.state, contact.reason, contact.attempts) == (ContactState.WAITING, "turn_missed", 0)
    assert room.board.asked == [] and room.campaigns.live(room.business, "spring") == ()
    campaigns.slow = False
    room.run([dialer])
    assert room.one().state is ContactState.RINGING


@pytest.mark.parametrize("wish", ["paused", "cancelled", "suppressed"])
def test_what_changed_while_the_store_was_slow_is_seen_before_the_other_turn(room: Room, wish: str) -> None:
    def meanwhile() -> None:
        if wish == "suppressed":
            room.suppress(room.one().number)
            return
        campaign = room.campaigns.campaign(room.business, "spring")
        assert campaign is not None
        room.campaigns.put_campaign(replace(campaign, state=CampaignState(wish)))

    room.open(1)
    contact = dialled(room, room.dialer(calls=SlowCalls(room, 3.0, meanwhile)))
    assert room.board.asked == [] and contact.attempts == 0 and contact.reason == "gate_shut"
    room.run([room.dialer()])
    kept = ContactState.WAITING if wish == "paused" else ContactState.EXCLUDED
    assert room.one().state is kept and room.board.asked == []


def test_the_time_before_a_turn_follows_what_the_store_takes(room: Room) -> None:
    """The second one is early enough for its first turn."""
    room.open(2)
    room.plan()
    dialer = room.dialer(calls=SlowCalls(room, 0.45))
    for body in (room.ready(), room.ready()):
        assert body is not None
        dialer.take(body)
    first, second = room.board.asked
    assert (first - NOON).total_seconds() == pytest.approx(0.75)  # the turn at 0.3 s was missed by then
    assert (second - first).total_seconds() == pytest.approx(0.675, abs=0.01)  # one and a half times what it took


def test_who_is_put_off_for_seconds_stays_queued_and_only_the_latest_message_counts(room: Room) -> None:
    room.open(1, channels=1)
    room.campaigns.add_contacts([room.somebody(1)])
    room.plan(copies=2)
    dialer = room.dialer()
    while body := room.ready():
        dialer.take(body)
    held = next(contact for contact in room.contacts() if contact.state is ContactState.CLAIMED)
    assert held.reason == "channels" and held.claimed_at == room.clock.now() and len(room.queue) == 1


def test_who_is_put_off_and_cannot_be_told_to_the_queue_is_left_to_the_planner(room: Room) -> None:
    room.open(2, channels=1)
    room.plan()
    dialer = room.dialer()
    first = room.ready()
    assert first is not None
    dialer.take(first)

    def refuses(message: object, delay_s: float = 0) -> None:
        raise Unavailable("queue_unavailable")

    body = room.ready()
    assert body is not None
    room.send = refuses  # type: ignore[method-assign]
    room.dialer().take(body)
    assert room.states() == {"ringing": 1, "waiting": 1} and room.queue == []
