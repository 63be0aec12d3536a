"""Which legs a session has, and who is believed for what of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pokea.billing.account import Account, is_news, own_json, wants_carrier
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState, Statement, Witness
from pokea.billing.reconcile import changed, legs_of
from pokea.billing.reconcile_charges import NO_STREAM_RECORDS, ONLY_THE_CARRIER
from pokea.billing.reconcile_sights import BELIEFS, Fact
from pokea.billing.usage import Meter, ModelUsage
from pokea.call_status import CallStatus
from pokea.ids import SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CloseReason
from pokea.toolkit import HandoffMode
from pokea.transfer import Handoff, HandoffState
from tests.support.told_calls import CALLER, CLINIC, LINE, NOW, SHARES, TALK_S, Told, drafted, rfc3339

PERSON = E164("+254722000111")
OTHER = SessionId("HD_ffffffffffff")
LATER = NOW + timedelta(hours=73)
Rows = dict[str, Cdr]


def by_leg(cdrs: tuple[Cdr, ...]) -> Rows:
    assert [cdr.leg for cdr in cdrs] == sorted(cdr.leg for cdr in cdrs)
    return {cdr.leg: cdr for cdr in cdrs}


def legs(told: Told, **more: Any) -> Rows:
    return by_leg(drafted(replace(told.account, **more), told.clock))


def talked(told: Told) -> Told:
    told.begun()
    for tell in (told.completed, told.closed, told.bridge_closed, told.carrier_said):
        tell()
    return told


def given(told: Told, **changes: Any) -> Told:
    """The carrier was told to dial the person once the stream was closed."""
    onward = Onward(
        handoff_id="h1", number=PERSON, words="", language="en-KE", ring_s=25, given_at=NOW + timedelta(seconds=40), **changes
    )  # fmt: skip
    told.take(lambda call: replace(call, onward=onward))
    return told


def dial_record(told: Told, **changes: Any) -> dict[str, Any]:
    answered = NOW + timedelta(seconds=50)
    times: dict[str, Any] = {"started_at": rfc3339(NOW + timedelta(seconds=41)), "answered_at": rfc3339(answered)}
    times |= {"ended_at": rfc3339(answered + timedelta(seconds=30)), "duration_seconds": 30}
    changed = {"remote_e164": PERSON, "cost_minor": 150, **changes}
    return {**told.record(), "id": "dial-1", "direction": "outbound", **times, **changed}


HANDOFF = Handoff(
    business_id=CLINIC, handoff_id="h1", session_id=OTHER, person="reception", person_name="Amina", number=PERSON,
    mode=HandoffMode.ATTENDED, state=HandoffState.JOINED, created_at=NOW, ring_until=NOW, answer_until=NOW, language="en",
    spoken_to_person="en", hop="x",
)  # fmt: skip


def test_an_inbound_call_has_the_callers_leg_and_the_streams() -> None:
    rows = legs(talked(Told()))
    assert set(rows) == {"caller", "stream"}
    caller, stream = rows["caller"], rows["stream"]
    assert (caller.direction, caller.a_number, caller.b_number) == (Direction.INBOUND, CALLER, LINE.number)
    assert (caller.talk_s, caller.charge_micros, caller.carrier_minor, caller.state) == (TALK_S, 0, 0, CdrState.FINAL)
    assert caller.agent == "booking" and caller.call_id == caller.session_id
    assert caller.witnesses == tuple(Witness)
    assert (stream.direction, stream.talk_s, stream.charge_micros) == (Direction.STREAM, 73, 608_333)
    assert stream.shares == SHARES and stream.usage and caller.usage == ()
    assert stream.unknowns == (NO_STREAM_RECORDS,)


def test_a_placed_call_has_a_callee_who_is_charged() -> None:
    rows = legs(talked(Told(outbound=True, talk_s=40, stream_ms=39_000)))
    assert set(rows) == {"callee", "stream"}
    callee = rows["callee"]
    assert (callee.direction, callee.a_number, callee.b_number) == (Direction.OUTBOUND, LINE.number, CALLER)
    assert (callee.talk_s, callee.charge_micros, callee.carrier_minor) == (40, 2_000_000, 200)
    assert (callee.deck_id, callee.rule, callee.rate_prefix) == ("sautikit-kes-2026-06-27", "per_second", "+254")
    assert callee.findings == () and callee.unknowns == ()


def test_the_call_to_a_person_is_a_transfer_of_the_callers_call() -> None:
    told = talked(Told(outbound=True))
    told.take(lambda call: replace(call, agent="whisper"))
    rows = legs(told, handoff=HANDOFF, agent="booking")
    assert set(rows) == {"transfer", "stream"}
    assert {row.call_id for row in rows.values()} == {OTHER}
    assert {row.session_id for row in rows.values()} == {told.session}
    assert (rows["transfer"].direction, rows["transfer"].agent) == (Direction.TRANSFER, "booking")
    assert rows["transfer"].charge_micros == rows["transfer"].talk_s * 50_000  # type: ignore[operator]
    assert set(legs(told)) == {"transfer", "stream"}, "the name does not depend on the hand-off's record"


def test_a_dial_of_the_carriers_is_a_leg_of_the_callers_session() -> None:
    told = given(talked(Told()), outcome=CallStatus.COMPLETED)
    told.carrier_said(told.record(), dial_record(told))
    transfer = legs(told)["transfer"]
    assert (transfer.call_id, transfer.session_id, transfer.carrier_id) == (told.session, told.session, "dial-1")
    assert (transfer.a_number, transfer.b_number) == (LINE.number, PERSON)
    assert (transfer.talk_s, transfer.charge_micros, transfer.state) == (30, 1_500_000, CdrState.FINAL)
    assert transfer.witnesses == (Witness.HOOKS, Witness.CARRIER)
    assert transfer.findings == () and transfer.unknowns == (ONLY_THE_CARRIER,)


def test_a_dial_that_was_asked_for_and_is_in_no_book_has_no_known_talk() -> None:
    told = given(talked(Told()), outcome=CallStatus.COMPLETED)
    transfer = legs(told)["transfer"]
    assert (transfer.talk_s, transfer.charge_micros, transfer.state) == (None, None, CdrState.PROVISIONAL)
    assert transfer.unrated and transfer.b_number == PERSON
    late = by_leg(drafted(told.account, LATER))["transfer"]
    assert late.state is CdrState.UNRECONCILED


def test_a_dial_that_nobody_answered_is_known_to_be_free() -> None:
    told = given(talked(Told()), outcome=CallStatus.BUSY)
    transfer = legs(told)["transfer"]
    assert (transfer.status, transfer.talk_s, transfer.charge_micros) == ("busy", 0, 0)


def test_word_left_for_a_dial_that_the_carrier_never_asked_for_is_no_leg() -> None:
    told = talked(Told())
    told.take(
        lambda call: replace(call, onward=Onward(handoff_id="h", number=PERSON, words="", language="en", ring_s=9))
    )
    assert set(legs(told)) == {"caller", "stream"}


def test_a_dial_that_nobody_asked_for_is_a_leg_and_a_finding_unless_it_is_the_fallback() -> None:
    told = talked(Told())
    told.carrier_said(told.record(), dial_record(told))
    assert [one.kind for one in legs(told)["transfer"].findings] == ["transfer_leg_unpaired"]
    assert legs(told, fallback_number=str(PERSON))["transfer"].findings == ()


def test_two_dials_are_two_legs_and_two_records_of_one_dial_a_duplicate() -> None:
    told = given(talked(Told()))
    late: dict[str, Any] = {"started_at": rfc3339(NOW + timedelta(seconds=90)), "answered_at": None}
    late |= {"ended_at": rfc3339(LATER)}
    late |= {"status": "no_answer", "duration_seconds": 0, "cost_minor": 0}
    second = dial_record(told, id="dial-2", remote_e164="+254722000112", **late)
    told.carrier_said(told.record(), dial_record(told), second, dial_record(told, id="dial-3"))
    rows = legs(told)
    assert [rows[leg].carrier_id for leg in ("transfer", "transfer-2")] == ["dial-1", "dial-2"]
    assert [one.kind for one in rows["transfer"].findings] == ["duplicate"]
    assert (rows["transfer-2"].talk_s, rows["transfer-2"].charge_micros) == (0, 0)


def test_a_second_record_of_the_callers_leg_is_a_duplicate_and_no_second_leg() -> None:
    told = talked(Told(outbound=True))
    told.carrier_said(told.record(), told.record(id="again"))
    rows = legs(told)
    assert set(rows) == {"callee", "stream"}
    assert [one.kind for one in rows["callee"].findings] == ["duplicate"]


def test_a_session_that_only_the_carrier_knows_gets_its_legs_and_a_finding() -> None:
    told = Told(outbound=True)
    told.carrier_said()
    rows = legs(told)
    callee = rows["callee"]
    assert set(rows) == {"callee"}
    assert (callee.agent, callee.outcome, callee.a_number, callee.b_number) == ("", "", LINE.number, CALLER)
    assert (callee.talk_s, callee.charge_micros, callee.state) == (TALK_S, TALK_S * 50_000, CdrState.FINAL)
    assert callee.witnesses == (Witness.CARRIER,)
    assert [one.kind for one in callee.findings] == ["missing"]


def test_a_session_that_only_the_bridge_knows_gets_its_legs_too() -> None:
    told = Told()
    told.said("opened", 0)
    told.bridge_closed()
    rows = legs(told)
    assert set(rows) == {"caller", "stream"}
    assert (rows["stream"].talk_s, rows["caller"].talk_s) == (73, 73)
    assert rows["caller"].state is CdrState.PROVISIONAL
    assert by_leg(drafted(told.account, LATER))["caller"].state is CdrState.UNRECONCILED


def test_of_nothing_there_is_no_leg_and_of_an_attempt_neither() -> None:
    assert legs_of(Account(business_id=CLINIC, session_id=OTHER), NOW) == ()
    told = Told().begun()
    assert legs_of(replace(told.account, session_id=SessionId("attempt/pk1")), NOW) == ()
    told.take(lambda call: replace(call, placed_as=OTHER))
    assert legs_of(told.account, NOW) == ()


def test_a_call_that_we_had_placed_and_no_hook_told_of_is_no_surprise() -> None:
    told = Told(outbound=True)
    told.carrier_said()
    placed = Told(outbound=True).begun().call
    assert placed is not None
    attempt = replace(
        placed, session_id=SessionId("attempt/pk1"), placed_as=told.session, status=CallStatus.RINGING, answered_at=None, opened_at=None
    )  # fmt: skip
    callee = legs(told, call=attempt)["callee"]
    assert (callee.agent, callee.talk_s, callee.findings) == ("booking", TALK_S, ())
    assert callee.witnesses == (Witness.CARRIER,) and callee.unknowns == (ONLY_THE_CARRIER,)


def test_a_leg_that_nobody_answered_is_final_and_free() -> None:
    told = Told(outbound=True)
    told.hook("Ringing")
    told.hook("NoAnswer")
    told.carrier_said(
        told.record(answered_at=None, duration_seconds=0, status="no_answer", cost_minor=0, cost_currency=None)
    )
    rows = legs(told)
    assert set(rows) == {"callee"}
    callee = rows["callee"]
    assert (callee.status, callee.talk_s, callee.charge_micros, callee.rule) == ("no_answer", 0, 0, "unanswered")
    assert callee.state is CdrState.FINAL and callee.findings == ()


def test_a_leg_that_nobody_answered_and_is_billed_is_a_finding() -> None:
    told = Told(outbound=True)
    told.hook("Ringing")
    told.hook("Busy")
    told.carrier_said(told.record(answered_at=None, duration_seconds=0, status="busy", cost_minor=300))
    assert [one.kind for one in legs(told)["callee"].findings] == ["failed_leg_billed"]


def test_a_lost_stream_does_not_make_the_callers_leg_unanswered() -> None:
    told = Told()
    told.hook("Ringing")
    told.hook("StreamError")
    assert told.call is not None and told.call.status is CallStatus.FAILED
    caller = legs(told)["caller"]
    assert (caller.status, caller.talk_s, caller.charge_micros) == ("unknown", None, None)
    told.carrier_said()
    assert legs(told)["caller"].findings == ()


def test_a_withheld_number_stays_withheld_unless_the_carrier_names_it() -> None:
    told = Told().begun()
    told.take(lambda call: replace(call, a_number=None))
    assert legs(told)["caller"].a_number == ""
    told.carrier_said()
    assert legs(told)["caller"].a_number == CALLER


def test_a_call_that_goes_on_is_in_progress_and_has_no_price() -> None:
    rows = legs(Told().begun())
    assert {leg: (row.status, row.talk_s, row.charge_micros) for leg, row in rows.items()} == {
        "caller": ("in_progress", None, None),
        "stream": ("in_progress", None, None),
    }


def test_the_streams_length_does_not_stand_for_a_call_that_went_on_after_it() -> None:
    told = given(Told().begun())
    told.closed(CloseReason.HANDED_OVER)
    assert legs(told)["caller"].talk_s is None
    assert legs(told)["stream"].talk_s == 73
    lost = Told().begun()
    lost.closed(CloseReason.BRIDGE_ERROR)
    assert legs(lost)["caller"].talk_s == 73
    assert legs(lost, fallback_number=str(PERSON))["caller"].talk_s is None


def test_a_record_without_times_is_laid_at_the_answer_that_the_hooks_know() -> None:
    told = Told().begun()
    told.carrier_said(told.record(answered_at=None, ended_at=None, duration_seconds=61))
    caller = legs(told)["caller"]
    assert (caller.answered_at, caller.talk_s) == (told.answered_at, 61)
    assert caller.ended_at == told.answered_at + timedelta(seconds=61)


def test_a_record_that_ends_before_its_answer_measures_nothing() -> None:
    told = Told().begun()
    told.completed()
    wrong = told.record(ended_at=rfc3339(NOW - timedelta(seconds=60)), duration_seconds=None)
    told.carrier_said(wrong)
    assert legs(told)["caller"].talk_s == TALK_S, "the hooks measured it"
    told.clock += timedelta(minutes=1)
    told.carrier_said({**wrong, "duration_seconds": 75})
    assert legs(told)["caller"].talk_s == 75, "the carrier's count stands"


def test_the_newest_reading_of_a_record_counts_and_a_final_one_is_not_reopened() -> None:
    told = talked(Told(outbound=True))
    told.clock += timedelta(hours=1)
    told.carrier_said(told.record(cost_minor=250))
    assert legs(told)["callee"].carrier_minor == 250
    told.clock += timedelta(hours=1)
    told.carrier_said(told.record(status="answered", ended_at=None, cost_minor=0, cost_currency=None))
    assert (legs(told)["callee"].carrier_minor, legs(told)["callee"].state) == (250, CdrState.FINAL)
    told.clock += timedelta(hours=1)
    told.carrier_said(told.record(cost_minor=365))
    assert legs(told)["callee"].carrier_minor == 365, "what it said long before, it says again"


def test_the_carriers_own_clock_tells_an_old_reading_from_a_new_one() -> None:
    told = talked(Told(outbound=True))
    times = [rfc3339(NOW + timedelta(hours=hours)) for hours in (1, 2)]
    told.clock += timedelta(minutes=1)
    told.carrier_said(told.record(cost_minor=250, updated_at=times[1]))
    told.clock += timedelta(minutes=1)
    told.carrier_said(told.record(cost_minor=300, updated_at=times[0]))
    assert legs(told)["callee"].carrier_minor == 250


def test_records_of_other_sessions_in_a_page_are_not_ours() -> None:
    told = talked(Told())
    told.carrier_said(told.record(), {**told.record(), "id": "other", "session_id": OTHER})
    assert legs(told)["caller"].findings == ()
    assert set(legs(told)) == {"caller", "stream"}


@pytest.mark.parametrize(
    "content", ["", "nonsense", "[]", "null", '{"event": 7}', '{"event": "closed", "stream_ms": -4}']
)
def test_a_word_that_nobody_understands_says_nothing(content: str) -> None:
    told = Told().begun()
    for witness in (Witness.BRIDGE, Witness.CARRIER):
        told.cdrs.keep(
            Statement(
                business_id=CLINIC, session_id=told.session, witness=witness, said_at=NOW, content=content, index=9
            )
        )  # fmt: skip
    rows = legs(told)
    assert {row.talk_s for row in rows.values()} == {None}


def reading(told: Told, *records: dict[str, Any]) -> Statement:
    """What the carrier answers now."""
    content = own_json({"data": list(records)})
    return Statement(
        business_id=CLINIC, session_id=told.session, witness=Witness.CARRIER, said_at=told.clock, content=content
    )  # fmt: skip


def test_only_what_is_new_is_worth_keeping() -> None:
    told = talked(Told())
    kept = told.account.statements
    assert not any(is_news(kept, one) for one in kept)
    told.clock += timedelta(hours=1)
    same, other, dear = told.record(), dial_record(told), told.record(cost_minor=9)
    assert not is_news(kept, reading(told, same)) and not is_news(kept, reading(told))
    assert is_news(kept, reading(told, same, other)) and is_news(kept, reading(told, dear))
    more = (*kept, reading(told, other))
    assert not is_news(more, reading(told, same)), (
        "asked for one by one, each record is compared with its own last reading"
    )
    later = (*more, reading(told, dear))
    told.clock += timedelta(hours=1)
    assert is_news(later, reading(told, same)), "what it says again after something else"
    word = next(one for one in kept if one.witness is Witness.BRIDGE)
    assert is_news(kept, replace(word, index=17))


def test_the_carrier_is_asked_until_every_leg_has_its_last_word() -> None:
    told = Told().begun()
    assert wants_carrier(()) and wants_carrier(told.drafts())
    assert not wants_carrier(legs_of(told.account, LATER))
    assert not wants_carrier(tuple(legs(talked(Told())).values()))


def test_the_models_cost_stands_on_the_streams_leg_in_dollars_and_in_our_currency() -> None:
    told = Told().begun()
    told.completed()
    before = legs(told)["stream"]
    assert (before.usage, before.model_micros, before.model_charge_micros) == ((), None, None)
    assert before.model_unpriced, "nobody has said: that is unknown, not 0"
    assert (before.charge_micros, before.currency) == (None, "KES"), "in which a model's cost on it would be"
    told.bridge_closed()
    rows = legs(told)
    stream = rows["stream"]
    assert stream.model_micros == 9_000 * 3 + 4_000 * 12
    assert stream.model_charge_micros and stream.exchange and stream.model_prices and not stream.model_unpriced
    assert (rows["caller"].model_micros, rows["caller"].usage, rows["caller"].shares) == (None, (), None)
    told.closed()
    assert legs(told)["stream"].usage == stream.usage
    unpriced = ModelUsage("gemini", "no-such-model", {Meter.AUDIO_IN: 1}, 1)
    assert told.closing is not None
    other = legs(told, closing=replace(told.closing, usage=(unpriced,)))["stream"]
    assert (other.model_micros, other.model_charge_micros) == (None, None) and "no-such-model" in other.model_unpriced


def test_each_version_says_why_it_was_made() -> None:
    told = Told(outbound=True).begun()
    reasons = [{cdr.leg: cdr.reason for cdr in told.round()}]
    for tell in (told.completed, told.closed, told.bridge_closed, told.carrier_said):
        tell()
        reasons.append({cdr.leg: cdr.reason for cdr in told.round()})
    assert reasons == [
        {"callee": "first account", "stream": "first account"},
        {"callee": "its talk became known: unknown to 73 s", "stream": "status in_progress to unknown"},
        {
            "callee": "heard from the closing",
            "stream": "the bridge told what the model used; its talk became known: unknown to 73 s",
        },
        {},
        {"callee": "the carrier's record came", "stream": "the call is closed"},
    ]
    drafts = drafted(replace(told.account, outcome="booked"), told.clock)
    (callee, stream) = changed(told.cdrs.cdrs(told.session), drafts, told.clock)
    assert callee.reason == stream.reason == "the call came to booked"


def test_every_fact_has_an_order_of_belief_and_a_reason_that_the_page_tells() -> None:
    assert set(BELIEFS) == set(Fact)
    page = (Path(__file__).resolve().parents[4] / "docs" / "cdr.md").read_text(encoding="utf-8")
    for belief in BELIEFS.values():
        assert len(set(belief.order)) == len(belief.order)
        assert belief.reason in page
