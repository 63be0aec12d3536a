"""functions/cdr: from the queue to detail records, whatever the witnesses, the carrier and the queue do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pokea.adapters.cdr_items import statement_item
from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import CdrState, Witness
from pokea.billing.cdr_asking import AFTER_S, NO_MORE, PUT_OFF_S, PUT_OFF_TIMES
from pokea.calls import Call, CallStatus, Direction
from pokea.errors import Conflict
from pokea.ids import CallId, SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.sautikit.labels import attempt_session
from pokea.toolkit import HandoffMode
from pokea.transfer import HANDOFF, Handoff, HandoffState, attempt_of, handoff_label
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.support.cdr_office import CdrOffice, about, carrier_record, closed_call
from tests.support.control_plane import CALLER, LINE, NOW, SESSION, opened

TRANSFER = SessionId("HD_00000000beef")
PERSON = E164("+254722000999")
CLOSED = {
    "event": "closed",
    "index": 2,
    "at": "2026-11-23T09:01:12Z",
    "bridge": "b1",
    "stream_ms": 71_900,
    "reason": "goodbye",
}
OPENED = {"event": "opened", "index": 1, "at": "2026-11-23T09:00:01Z", "bridge": "b1"}


@pytest.fixture
def office() -> CdrOffice:
    return CdrOffice()


def settled(office: CdrOffice, **changes: Any) -> None:
    """A call that both have closed, and its records."""
    message = closed_call(office.plane)
    office.books.records.append(carrier_record(**changes))
    assert office.take(message) == []


def test_a_call_leaves_one_record_for_each_leg(office: CdrOffice) -> None:
    settled(office)
    assert [cdr.leg for cdr in office.cdrs.cdrs(SESSION)] == ["caller", "stream"]
    caller = office.cdr()
    assert (caller.state, caller.talk_s, caller.charge_micros, caller.findings) == (CdrState.FINAL, 73, 0, ())
    assert caller.witnesses == (Witness.CLOSING, Witness.HOOKS, Witness.CARRIER)
    assert office.cdr("stream").charge_micros == 600_000  # 72 s at KES 0.50 a minute


def test_until_the_carrier_has_spoken_the_record_is_provisional_and_asked_for_again(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    assert office.take(message) == []
    assert office.cdr().state is CdrState.PROVISIONAL
    delays = []
    while office.later.sent:
        ((_, delay_s),) = office.later.sent
        delays.append(delay_s)
        assert office.take(*office.later.taken()) == []
    assert delays == list(AFTER_S)
    assert office.cdr().version == 1  # nothing was learnt, so nothing was written


def test_the_carriers_record_makes_a_further_version(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    office.books.records.append(carrier_record())
    assert office.take(*office.later.taken()) == []
    assert [cdr.state for cdr in office.cdrs.versions(SESSION, "caller")] == [CdrState.PROVISIONAL, CdrState.FINAL]


def test_a_carrier_that_is_down_costs_nothing_but_time(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    office.books.records.append(carrier_record())
    office.books.down = -1
    assert office.take(message) == []
    provisional = office.cdr()
    assert (provisional.state, provisional.carrier_minor) == (CdrState.PROVISIONAL, None)
    office.books.down = 0
    assert office.take(*office.later.taken()) == []
    assert office.cdr().state is CdrState.FINAL


def test_once_the_carrier_has_failed_the_rest_of_the_batch_does_not_wait_for_it(office: CdrOffice) -> None:
    sessions = [SessionId(f"HD_{number:012x}") for number in range(5)]
    messages = [closed_call(office.plane, session) for session in sessions]
    office.books.down = -1
    assert office.take(*messages) == []
    assert len(office.books.asked) == 1
    assert len(office.later.sent) == 5


def test_a_batch_that_runs_out_of_time_gives_the_rest_back(office: CdrOffice) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 2_000

    message = closed_call(office.plane)
    assert office.take(message, context=Context()) == [message]
    assert office.cdrs.writes == 0


class Slow:
    """The time of one batch, of which each request to the carrier takes almost three seconds."""

    def __init__(self, office: CdrOffice, left_s: float = 29.0) -> None:
        self.left_s = left_s
        self._answer = office.books.answer
        office.books.answer = self.answer  # type: ignore[method-assign]
        office.parts = office.make_parts()

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.left_s -= 2.9
        return self._answer(request)

    def get_remaining_time_in_millis(self) -> float:
        return self.left_s * 1_000


def test_a_slow_carrier_gives_no_message_back(office: CdrOffice) -> None:
    sessions = [SessionId(f"HD_{number:012x}") for number in range(10)]
    messages = [closed_call(office.plane, session) for session in sessions]
    slow = Slow(office)
    assert office.take(*messages, context=slow) == []
    assert slow.left_s > 3 and len(office.later.sent) == 10


def test_what_is_to_be_asked_again_is_put_off_by_a_slow_carrier_and_not_for_ever(office: CdrOffice) -> None:
    settled(office)
    office.later.taken()
    office.books.down = -1
    body, delays = about(again=True, attempt=NO_MORE), []
    while body:
        assert office.take(body) == []
        delays += [delay_s for _, delay_s in office.later.sent]
        body = next(iter(office.later.taken()), "")
    assert delays == [PUT_OFF_S] * PUT_OFF_TIMES


def test_the_bridges_word_is_kept_where_there_is_time_for_nothing_else(office: CdrOffice) -> None:
    opened(office.plane, office.plane.ring())
    message = about(said=CLOSED)
    assert office.take(message, context=Slow(office, 2.0)) == [message]
    (said,) = office.cdrs.statements(SESSION)
    assert json.loads(said.content) == CLOSED


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "2024-11-23T09:00:00Z", "9999-12-31T23:59:59Z", "soon"])
def test_a_word_is_kept_as_long_as_its_call_whatever_the_bridges_clock_says(office: CdrOffice, at: str) -> None:
    opened(office.plane, office.plane.ring())
    assert office.take(about(said={**CLOSED, "at": at}), about(said={**CLOSED, "at": at})) == []
    (said,) = [s for s in office.cdrs.statements(SESSION) if s.witness is Witness.BRIDGE]
    assert NOW <= said.said_at <= NOW + timedelta(days=1)
    kept_until = int(statement_item(said)["expires_at"]["N"])
    assert kept_until >= (NOW + timedelta(days=400)).timestamp()


def test_the_bridges_word_is_kept_as_it_came(office: CdrOffice) -> None:
    office.plane.ring()
    opened(office.plane, office.plane.ring())
    assert office.take(about(said=OPENED), about(said=CLOSED), about(said=CLOSED)) == []
    said = [s for s in office.cdrs.statements(SESSION) if s.witness is Witness.BRIDGE]
    assert [json.loads(statement.content) for statement in said] == [OPENED, CLOSED]
    assert [statement.index for statement in said] == [1, 2]
    assert office.cdr("stream").talk_s == 72


def test_a_bridge_that_has_just_taken_a_call_leads_to_no_question(office: CdrOffice) -> None:
    opened(office.plane, office.plane.ring())
    assert office.take(about(said=OPENED)) == []
    assert office.books.asked == []
    assert [delay_s for _, delay_s in office.later.sent] == [900]
    assert office.cdr().ended_at is None


def test_a_call_whose_end_nobody_tells_is_noticed_within_a_quarter_of_an_hour(office: CdrOffice) -> None:
    opened(office.plane, office.plane.ring())
    office.take(about(said=OPENED))
    office.plane.clock.advance(900)
    office.books.records.append(carrier_record())
    assert office.take(*office.later.taken()) == []
    assert (office.cdr().state, office.cdr().talk_s) == (CdrState.FINAL, 73)


def test_a_call_that_only_the_carrier_knows_gets_its_record(office: CdrOffice) -> None:
    office.books.records.append(carrier_record())
    assert office.take(about()) == []
    assert (office.cdr().state, office.cdr().witnesses) == (CdrState.FINAL, (Witness.CARRIER,))


def test_a_call_of_another_line_is_nobodys(office: CdrOffice) -> None:
    office.books.records.append(carrier_record(local_e164="+254799000000"))
    assert office.take(about()) == [about()]
    assert office.cdrs.writes == 0 and office.cdrs.statements(SESSION) == ()


def test_whether_a_call_exists_is_not_decided_while_the_carrier_is_down(office: CdrOffice) -> None:
    office.books.down = -1
    assert office.take(about()) == [about()]
    office.books.down = 0
    office.books.records.append(carrier_record())
    assert office.take(about()) == []


def test_the_same_reading_is_kept_once(office: CdrOffice) -> None:
    settled(office)
    for _ in range(3):
        assert office.take(about(again=True)) == []
    assert len([s for s in office.cdrs.statements(SESSION) if s.witness is Witness.CARRIER]) == 1


def test_what_happened_in_a_call_is_not_kept_with_the_carriers_record(office: CdrOffice) -> None:
    settled(office)
    (reading,) = [s for s in office.cdrs.statements(SESSION) if s.witness is Witness.CARRIER]
    assert "events" not in json.loads(reading.content)


def test_a_correction_of_the_carriers_is_a_further_version_and_told_again(office: CdrOffice) -> None:
    settled(office)
    office.books.records[0] |= {"cost_minor": 500, "updated_at": "2026-11-24T09:00:00Z"}
    office.plane.clock.advance(86_400)
    assert office.take(about(again=True)) == []
    assert [kind.kind for kind in office.cdr().findings] == [Difference.WRONG_RATE]
    assert [d["cdr_version"] for _, d in office.emitted if d["leg"] == "caller"] == [1, 2]


def test_a_final_record_is_told_once_however_often_it_is_looked_at(office: CdrOffice) -> None:
    settled(office)
    told = list(office.emitted)
    assert [(kind, detail["leg"]) for kind, detail in told] == [("CdrFinal", "caller"), ("CdrFinal", "stream")]
    office.take(about(), about(again=True), about(attempt=3))
    assert office.emitted == told


def test_what_the_bus_did_not_take_is_told_when_the_message_comes_back(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    office.books.records.append(carrier_record())
    office.bus_down = 1
    assert office.take(message) == [message]
    assert office.cdr().state is CdrState.FINAL  # stored first, told afterwards
    assert office.take(message) == []
    assert len(office.emitted) == 2


def test_a_follow_up_that_was_not_taken_brings_the_message_back(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    office.later.down = 1
    assert office.take(message) == [message]
    assert office.take(message) == []
    assert len(office.later.sent) == 1


def test_after_three_days_nobody_waits_any_longer_and_somebody_is_told(
    office: CdrOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    office.take(closed_call(office.plane))
    office.plane.clock.advance(timedelta(hours=73).total_seconds())
    assert office.take(about(attempt=3)) == []
    assert office.cdr().state is CdrState.UNRECONCILED
    assert office.emitted == []
    assert capsys.readouterr().out.count('"CdrUnreconciled":[1.0]') == 2  # each leg


def test_a_difference_to_the_carriers_charge_is_counted_once(
    office: CdrOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(office, cost_minor=400)
    office.take(about(), about(again=True))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "AuditDifference" in line]
    (line,) = lines
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]  # as the alarm watches it


class Racing(MemoryCdrs):
    """Somebody else writes in between, once."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def put_cdrs(self, cdrs: Any) -> Any:
        if not self.lost:
            self.lost += 1
            super().put_cdrs([replace(cdr, agent="somebody else's") for cdr in cdrs])
            raise Conflict("stale")
        return super().put_cdrs(cdrs)


def test_a_lost_race_is_decided_again_on_fresh_state() -> None:
    office = CdrOffice(cdrs=Racing())
    settled(office)
    assert (office.cdr().version, office.cdr().agent) == (2, "booking")


# --- placed calls and hand-offs -------------------------------------------------------------------------------------------------


def placed_call(office: CdrOffice, label: str = "pk-outbound") -> None:
    office.plane.ring(
        "Ringing", callerNumber=LINE.number, destinationNumber=CALLER, direction="Outbound", clientRequestId=label
    )
    office.plane.ring("Completed", durationInSeconds="40", callerNumber=LINE.number, destinationNumber=CALLER)


def test_a_placed_call_is_charged_and_settled_with_the_guard(office: CdrOffice) -> None:
    placed_call(office)
    record = carrier_record(talk_s=40, direction="outbound", cost_minor=200)
    office.books.records.append(record)
    assert office.take(about()) == []
    callee = office.cdr("callee")
    assert (callee.charge_micros, callee.findings, callee.state) == (2_000_000, (), CdrState.FINAL)
    assert office.settled == [("pk-outbound", 2_000_000)]
    office.take(about(again=True))
    assert len(office.settled) == 1


@pytest.mark.parametrize("placed_as", [None, SESSION])
def test_a_placed_call_of_which_no_hook_came_is_known_by_its_attempt(
    office: CdrOffice, placed_as: SessionId | None
) -> None:
    attempt_of_call(office, placed_as=placed_as)
    office.books.records.append(placed_record())
    assert office.take(about()) == []
    callee = office.cdr("callee")
    assert (callee.agent, callee.findings, callee.charge_micros) == ("booking", (), 2_000_000)
    assert office.settled == [("pklabel", 2_000_000)]


@pytest.mark.parametrize("changes", [{"placed_as": "HD_another"}, {"business_id": "mizani"}])
def test_an_attempt_that_is_anothers_tells_nothing(office: CdrOffice, changes: dict[str, Any]) -> None:
    attempt_of_call(office, **changes)
    office.books.records.append(placed_record())
    assert office.take(about()) == []
    assert office.cdr("callee").agent == "" and office.settled == []


def placed_record() -> dict[str, Any]:
    metadata = {"client_request_id": "pklabel"}
    return carrier_record(talk_s=40, direction="outbound", cost_minor=200, metadata=metadata)


def attempt_of_call(office: CdrOffice, **changes: Any) -> None:
    attempt = Call(
        session_id=attempt_session("pklabel"), business_id=LINE.business_id, agent="booking", direction=Direction.OUTBOUND,
        a_number=LINE.number, b_number=E164(CALLER), status=CallStatus.RINGING, created_at=NOW, client_request_id="pklabel",
    )  # fmt: skip
    office.plane.calls.create_call(replace(attempt, **changes))


def test_a_leg_that_the_price_list_does_not_have_is_counted_and_a_stream_is_not(
    office: CdrOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(office)
    assert "CdrUnrated" not in capsys.readouterr().out
    unknown = carrier_record(TRANSFER, 40, direction="outbound", remote_e164="+99912345678", cost_minor=200)
    office.books.records.append(unknown)
    assert office.take(about(TRANSFER)) == []
    assert office.cdr("callee", TRANSFER).charge_micros is None
    assert capsys.readouterr().out.count('"CdrUnrated":[1.0]') == 1


def test_what_the_guard_did_not_take_comes_back(office: CdrOffice) -> None:
    placed_call(office)
    office.books.records.append(carrier_record(talk_s=40, direction="outbound", cost_minor=200))
    keep, office._settle = office._settle, _refuse  # type: ignore[method-assign]
    office.parts = office.make_parts()
    assert office.take(about()) == [about()]
    office._settle = keep  # type: ignore[method-assign]
    office.parts = office.make_parts()
    assert office.take(about()) == []
    assert office.settled == [("pk-outbound", 2_000_000)]


def _refuse(*_: Any) -> None:
    raise Conflict("stale")


def hand_off(office: CdrOffice) -> Handoff:
    """A caller who was put through to a person by a second call."""
    closed_call(office.plane)
    later = NOW + timedelta(minutes=2)
    handoff = Handoff(
        business_id=LINE.business_id, handoff_id="h1", session_id=SESSION, person="desk", person_name="Njeri", number=PERSON,
        mode=HandoffMode.ATTENDED, state=HandoffState.ENDED, created_at=NOW, ring_until=later, answer_until=later, language="en",
        spoken_to_person="en", hop="x",
    )  # fmt: skip
    office.plane.bookings.put(HANDOFF.of(handoff))
    caller = office.plane.calls.call(SESSION)
    assert caller is not None
    label = attempt_of(handoff).removeprefix(attempt_session(""))
    placed = replace(
        caller, session_id=TRANSFER, agent="whisper", b_number=PERSON, a_number=LINE.number, direction="outbound",
        client_request_id=label, open_metadata=json.dumps({"handoff": "h1"}), carrier_call_id=None, opened_at=None, version=0,
    )  # fmt: skip
    office.plane.calls.create_call(placed)
    office.plane.calls.create_call(replace(placed, session_id=attempt_of(handoff), placed_as=TRANSFER))
    return handoff


def test_a_hand_off_s_second_call_is_a_leg_of_the_callers(office: CdrOffice) -> None:
    handoff = hand_off(office)
    record = carrier_record(TRANSFER, 40, direction="outbound", remote_e164=PERSON, cost_minor=200)
    office.books.records += [carrier_record(), record]
    assert office.take(about(), about(TRANSFER)) == []
    transfer = office.cdr("transfer", TRANSFER)
    assert (transfer.call_id, transfer.agent, transfer.charge_micros) == (SESSION, "booking", 2_000_000)
    assert office.settled == [(attempt_of(handoff).removeprefix(attempt_session("")), 2_000_000)]


def test_a_hand_off_that_named_itself_falsely_is_no_leg_of_it(office: CdrOffice) -> None:
    hand_off(office)
    stored = office.plane.calls.call(TRANSFER)
    assert stored is not None
    office.plane.calls.put_call(replace(stored, client_request_id="pk-another"))
    office.books.records += [carrier_record(TRANSFER, 40, direction="outbound", remote_e164=PERSON)]
    assert office.take(about(TRANSFER)) == []
    assert {cdr.call_id for cdr in office.cdrs.cdrs(TRANSFER)} == {TRANSFER}


def test_what_the_carrier_dialled_itself_is_asked_for_and_settled(office: CdrOffice) -> None:
    closed_call(office.plane)
    call = office.plane.calls.call(SESSION)
    assert call is not None
    onward = Onward(handoff_id="h2", number=PERSON, words="", language="en", ring_s=20, given_at=NOW)
    answered = replace(onward, outcome=CallStatus.ANSWERED)
    office.plane.calls.put_call(replace(call, onward=answered))
    dialled = carrier_record(SESSION, 40, id="rec-dial", direction="outbound", remote_e164=PERSON, cost_minor=200)
    office.books.records += [carrier_record(), dialled]
    assert office.take(about()) == []
    assert office.cdr("transfer").charge_micros == 2_000_000
    assert (handoff_label(LINE.business_id, "h2"), 2_000_000) in office.settled


def test_a_record_under_the_carriers_own_id_is_found(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    call = office.plane.calls.call(SESSION)
    assert call is not None
    office.plane.calls.put_call(replace(call, carrier_call_id=CallId("rec-7")))
    office.books.records.append(carrier_record("", id="rec-7") | {"session_id": None})
    assert office.take(message) == []
    assert office.cdr().state is CdrState.FINAL


def test_a_carrier_whose_list_heeds_no_question_tells_of_this_call_alone(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    office.books.heeds_session = False
    office.books.records += [carrier_record(f"HD_{number:012x}") for number in range(300)]
    office.books.records.append(carrier_record())
    assert office.take(message) == []
    assert office.cdr().carrier_id == f"rec-{SESSION}"
    assert len(office.books.asked) == 2  # its list once, then the call itself
    (reading,) = [s for s in office.cdrs.statements(SESSION) if s.witness is Witness.CARRIER]
    assert len(reading.content) < 2_000


def test_whom_the_carrier_dialled_after_a_lost_stream_is_a_leg(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    fallback = carrier_record(id="rec-fallback", direction="outbound", remote_e164=PERSON, cost_minor=365)
    office.books.records += [carrier_record(), fallback]
    assert office.take(message) == []
    assert (office.cdr("transfer").b_number, office.cdr("transfer").state) == (PERSON, CdrState.FINAL)


# --- what is no message ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "", "not json", "[]", "null", "{}", '{"version":1}', about(version=2), about(version="1"), about("../x"),
        about(business="Nobody!"),
        about(business="nobody"), about(extra=1), about(attempt="1"), about(said="closed"), about(said={"event": "closed"}),
        about(said={"event": "sang", "index": 1}), about(said={"event": "closed", "index": -1}),
        about(said={"event": "closed", "index": True}),
        about("HD_unknown"), about("HD_unknown", said=CLOSED), about(said={**CLOSED, "x": "y" * 70_000}), "x" * 262_144,
        json.dumps({"call": SESSION, "business": LINE.business_id}), '{"version":1,"call":"HD_1","business":"b","said":' + "[" * 5_000,
        json.dumps({"version": 1, "sweep": "yesterday", "source": "ours"}),
        json.dumps({"version": 1, "sweep": "2026-11-22", "source": "theirs"}),
        json.dumps({"version": 1, "sweep": "2026-11-22", "source": "ours", "business": "nobody"}),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_comes_back_alone(office: CdrOffice, body: str) -> None:
    message = closed_call(office.plane)
    assert office.take(body, message) == [body]
    assert office.cdr()
    assert office.cdrs.statements(SessionId("HD_unknown")) == ()


def test_a_call_of_another_business_cannot_be_asked_for(office: CdrOffice) -> None:
    settled(office)
    before = office.cdrs.writes
    assert office.take(about(business="mizani")) == [about(business="mizani")]
    assert office.cdrs.writes == before


def test_no_word_of_a_message_and_no_number_is_logged(office: CdrOffice, capsys: pytest.CaptureFixture[str]) -> None:
    settled(office)
    office.take(about(said={**CLOSED, "reason": "Amina Otieno"}), '{"call": "Amina +254722000111"')
    logged = office.logged.getvalue() + capsys.readouterr().out
    assert "Amina" not in logged and "254722" not in logged and "unclassified" not in logged
