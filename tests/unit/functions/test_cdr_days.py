"""functions/cdr on its schedule: what of the last days is open, and what the carrier has that nobody of ours told of."""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import CdrState, Witness
from pokea.call_record import CALL_RECORD
from pokea.ids import SessionId
from tests.support.cdr_office import OTHERS, CdrOffice, about, carrier_record, closed_call, rfc3339
from tests.support.control_plane import LINE, NOW, PROFILES, SESSION

TODAY = date(2026, 11, 24)
NIGHT: dict[str, Any] = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.fixture
def office() -> CdrOffice:
    return CdrOffice()


def at_night(office: CdrOffice, days: int = 1) -> None:
    """01:30 UTC, so many days after `NOW`."""
    night = NOW.replace(hour=1, minute=30) + timedelta(days=days)
    office.plane.clock.advance((night - office.plane.clock.now()).total_seconds())


def whole_night(office: CdrOffice) -> list[str]:
    """Run the schedule and every message that comes of it; returns those about calls."""
    office.handler(NIGHT, None)
    about_calls = []
    while bodies := office.later.taken():
        about_calls += [body for body in bodies if "call" in json.loads(body)]
        for start in range(0, len(bodies), 10):
            assert office.take(*bodies[start : start + 10]) == []
    return about_calls


def test_the_night_looks_at_four_days_of_every_business_and_of_the_carrier(office: CdrOffice) -> None:
    at_night(office)
    asked = office.handler(NIGHT, None)
    messages = [json.loads(body) for body in office.later.taken()]
    assert asked == {"queued": len(messages)} and len(messages) == 4 * (len(PROFILES) + 1)
    assert {message["sweep"] for message in messages} == {str(TODAY - timedelta(days=back)) for back in range(1, 5)}
    assert sum(message["source"] == "carrier" for message in messages) == 4


def test_a_call_that_no_witness_of_ours_told_of_is_found(office: CdrOffice) -> None:
    office.books.records.append(carrier_record())
    at_night(office)
    assert len(whole_night(office)) == 1
    assert (office.cdr().state, office.cdr().witnesses) == (CdrState.FINAL, (Witness.CARRIER,))


def test_what_is_open_is_looked_at_and_what_is_final_is_left_alone(office: CdrOffice) -> None:
    final, still_open = SessionId("HD_00000000000a"), SessionId("HD_00000000000b")
    messages = [closed_call(office.plane, final), closed_call(office.plane, still_open)]
    office.books.records.append(carrier_record(final))
    office.take(*messages)
    office.later.taken()
    at_night(office)
    (body,) = whole_night(office)
    assert json.loads(body)["call"] == still_open


def changed_by_night(office: CdrOffice, **changes: Any) -> Any:
    """What becomes of a final record that the carrier changes afterwards."""
    office.books.records.append(carrier_record())
    office.take(closed_call(office.plane))
    office.later.taken()
    office.books.records[0] |= {"updated_at": "2026-11-23T22:00:00Z", **changes}
    at_night(office)
    return whole_night(office)


def test_a_correction_is_seen_in_the_list(office: CdrOffice) -> None:
    assert len(changed_by_night(office, cost_minor=250)) == 1
    assert (office.cdr().carrier_minor, office.cdr().version) == (250, 2)


def test_a_list_that_says_the_same_leads_to_nothing(office: CdrOffice) -> None:
    assert changed_by_night(office) == []


def test_a_second_record_of_a_leg_is_seen_in_the_list(office: CdrOffice) -> None:
    office.books.records.append(carrier_record())
    office.take(closed_call(office.plane))
    office.later.taken()
    office.books.records.append(carrier_record(id="rec-again"))
    at_night(office)
    assert len(whole_night(office)) == 1
    assert [finding.kind for finding in office.cdr().findings] == [Difference.DUPLICATE]


def test_a_record_that_comes_after_three_days_is_still_taken_in(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    office.later.taken()
    at_night(office, 4)
    whole_night(office)
    assert office.cdr().state is CdrState.UNRECONCILED
    office.books.records.append(carrier_record())
    whole_night(office)
    assert office.cdr().state is CdrState.FINAL


def test_a_call_whose_message_was_lost_is_found_by_its_record(office: CdrOffice) -> None:
    closed_call(office.plane)
    office.plane.write_records()
    (record,) = office.plane.bookings.all_records(CALL_RECORD)
    at_night(office)
    assert json.loads(whole_night(office)[0])["call"] == record.session_id
    assert office.cdr().outcome == record.disposition.value


def test_every_call_is_looked_at_once_more_after_three_days(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    office.later.taken()
    states = []
    for days in range(1, 6):
        at_night(office, days)
        whole_night(office)
        states.append(office.cdr().state)
    assert states == [CdrState.PROVISIONAL] * 3 + [CdrState.UNRECONCILED] * 2


def test_calls_of_other_lines_and_records_without_a_session_are_passed_over(office: CdrOffice) -> None:
    office.books.records += [
        carrier_record(local_e164="+254799000000"),
        carrier_record("", id="r1") | {"session_id": None},
        carrier_record("HD_" + "x" * 200),
    ]
    at_night(office)
    assert whole_night(office) == []


def test_the_carriers_list_is_read_page_by_page(office: CdrOffice) -> None:
    sessions = [f"HD_{number:012x}" for number in range(250)]
    office.books.records += [carrier_record(session) for session in sessions]
    at_night(office)
    assert sorted(json.loads(body)["call"] for body in whole_night(office)) == sessions
    assert len(office.cdrs.all_cdrs()) == 250
    assert whole_night(office) == []  # all of them are final


def test_a_list_that_the_carrier_does_not_give_is_asked_for_later(office: CdrOffice) -> None:
    message = json.dumps({"version": 1, "sweep": "2026-11-23", "source": "carrier"})
    office.books.records.append(carrier_record())
    office.books.down = -1
    delays = []
    while message:
        failed = office.take(message)
        delays += [delay_s for _, delay_s in office.later.sent]
        message = "" if failed else office.later.taken()[0]
    assert delays == [900] * 8  # two hours; then somebody is to look at it
    office.books.down = 0
    assert office.take(json.dumps({"version": 1, "sweep": "2026-11-23", "source": "carrier"})) == []
    assert len(office.later.sent) == 1


def test_a_long_day_is_taken_in_pieces(office: CdrOffice) -> None:
    sessions = [SessionId(f"HD_{number:012x}") for number in range(230)]
    for session in sessions:
        office.take(closed_call(office.plane, session))
    office.later.taken()

    class Hurried:
        """Time for one bundle."""

        def get_remaining_time_in_millis(self) -> int:
            return 8_000

    body = json.dumps({"version": 1, "sweep": "2026-11-23", "source": "ours", "business": LINE.business_id})
    found, rounds = [], 0
    while body:
        rounds += 1
        assert office.take(body, context=Hurried()) == []
        sent = [json.loads(one) for one in office.later.taken()]
        found += [one["call"] for one in sent if "call" in one]
        body = next((json.dumps(one) for one in sent if "sweep" in one), "")
    assert rounds == 3 and sorted(found) == sessions


def test_calls_that_become_final_meanwhile_pass_over_no_others(office: CdrOffice) -> None:
    sessions = [SessionId(f"HD_{number:012x}") for number in range(130)]  # more than are looked through at once
    for session in sessions:
        office.take(closed_call(office.plane, session))
    office.later.taken()
    day = json.dumps({"version": 1, "sweep": "2026-11-23", "source": "ours", "business": LINE.business_id})
    office.books.down = 1
    office.take(about(sessions[0], again=True), day)  # the rest of this batch has lost the carrier
    found: set[str] = set()
    for _ in range(5):
        sent = [json.loads(body) for body in office.later.taken()]
        found |= {message["call"] for message in sent if "call" in message}
        office.books.records = [carrier_record(session) for session in found]
        office.take(*[about(session, again=True) for session in found])
        office.later.taken()
        more = [json.dumps(message) for message in sent if "sweep" in message]
        assert not more or office.take(*more) == []
    assert found == set(sessions)


@pytest.mark.parametrize("is_counting", [False, True])
def test_a_list_that_heeds_no_cursor_is_read_once(
    office: CdrOffice, capsys: pytest.CaptureFixture[str], is_counting: bool
) -> None:
    office.books.records.append(carrier_record())
    answer, given = office.books.answer, itertools.count()

    def heedless(request: httpx.Request) -> httpx.Response:
        url = request.url.copy_remove_param("cursor")
        cursor = f"c{next(given)}" if is_counting else "same"
        return httpx.Response(200, json={**answer(httpx.Request("GET", url)).json(), "next_cursor": cursor})

    office.books.answer = heedless  # type: ignore[method-assign]
    office.parts = office.make_parts()
    body, rounds = json.dumps({"version": 1, "sweep": "2026-11-23", "source": "carrier"}), 0
    while body and rounds < 5:
        rounds += 1
        assert office.take(body) == []
        body = next((one for one in office.later.taken() if "sweep" in one), "")
    assert rounds == 2 and "CarrierListEndless" in capsys.readouterr().out


def test_a_list_of_a_thousand_pages_is_read_no_further(office: CdrOffice) -> None:
    office.books.records += [carrier_record(f"HD_{number:012x}") for number in range(250)]
    last = {"version": 1, "sweep": "2026-11-23", "source": "carrier", "cursor": "100", "page": 999}
    assert office.take(json.dumps(last)) == []
    assert not any("sweep" in body for body in office.later.taken())


def test_what_is_told_twice_by_the_night_is_written_once(office: CdrOffice) -> None:
    office.books.records.append(carrier_record())
    at_night(office)
    bodies = whole_night(office)
    office.take(*bodies, *bodies)
    assert office.cdr().version == 1


# --- on demand ------------------------------------------------------------------------------------------------------------------


def looked_through(office: CdrOffice) -> list[dict[str, Any]]:
    """Take every message about days; returns those about calls that come of it."""
    found = []
    for _ in range(20):
        messages = [json.loads(body) for body in office.later.taken()]
        found += [message for message in messages if "call" in message]
        days = [json.dumps(message) for message in messages if "sweep" in message]
        assert not days or office.take(*days) == []
    assert office.later.sent == []
    return found


def test_a_day_is_queued_with_every_call_that_anybody_knows(office: CdrOffice) -> None:
    settled, unknown = SessionId("HD_00000000000a"), "HD_00000000000b"
    office.books.records += [carrier_record(settled), carrier_record(unknown)]
    office.take(closed_call(office.plane, settled))
    office.later.taken()
    assert office.request("POST", "/cdr/reconcile", {"day": "2026-11-23"}) == (202, {"days": 1})
    queued = looked_through(office)
    assert sorted(message["call"] for message in queued) == [settled, unknown]
    assert all(message["again"] and message["business"] == LINE.business_id for message in queued)


def test_calls_of_other_businesses_are_not_queued(office: CdrOffice) -> None:
    other = next(profile for profile in PROFILES.values() if profile.business_id == "mizani")
    office.books.records.append(carrier_record(local_e164=other.line.number))
    assert office.request("POST", "/cdr/reconcile", {"day": "2026-11-23"})[1] == {"days": 1}
    assert looked_through(office) == []


def test_a_request_for_days_reads_nothing_itself_however_many_calls_they_have(office: CdrOffice) -> None:
    at_night(office, 3)
    office.books.records += [carrier_record(), carrier_record("HD_2", started_at=rfc3339(NOW + timedelta(days=1)))]
    office.remaining_s = 5.0
    answer = office.request("POST", "/cdr/reconcile", {"from": "2026-11-23", "to": "2026-11-24"})
    assert answer == (202, {"days": 2})
    assert office.books.asked == [] and len(office.later.sent) == 4
    assert sorted(message["call"] for message in looked_through(office)) == sorted([SESSION, "HD_2"])


@pytest.mark.parametrize(
    "wanted",
    [
        {}, {"call": "HD_1", "day": "2026-11-23"}, {"from": "2026-11-23"}, {"to": "2026-11-23"}, {"from": "2026-11-23", "to": "2026-11-22"},
        {"from": "2026-10-01", "to": "2026-11-23"}, {"day": "2026-11-24"}, {"day": "2020-01-01"}, {"day": "9999-12-31"}, {"day": "soon"},
        {"call": "../x"}, {"call": ""}, {"day": "2026-11-23", "business": "mizani"}, [], "x",
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_so(office: CdrOffice, wanted: object) -> None:
    status, answer = office.request("POST", "/cdr/reconcile", wanted)
    assert status == 400 and answer["error"]["message"], answer
    assert office.later.sent == []


def test_a_month_is_the_most_at_once(office: CdrOffice) -> None:
    assert office.request("POST", "/cdr/reconcile", {"from": "2026-10-24", "to": "2026-11-23"})[0] == 202
    assert office.request("POST", "/cdr/reconcile", {"from": "2026-10-23", "to": "2026-11-23"})[0] == 400


def test_a_call_is_answered_with_its_records_as_they_are_now(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    office.later.taken()
    office.books.records.append(carrier_record(cost_minor=400))
    status, answer = office.request("POST", "/cdr/reconcile", {"call": SESSION})
    assert status == 200 and answer["settled"] is True
    caller, stream = answer["legs"]
    assert (caller["charge"], caller["carrier_charge"], caller["versions"]) == ("0.00", "4.00", 2)
    assert caller["findings"][0]["kind"] == "wrong_rate" and SESSION in caller["findings"][0]["evidence"]
    assert (stream["leg"], stream["charge"], stream["carrier_charge"]) == ("stream", "0.60", None)
    assert office.later.sent == []


def test_records_are_shown_as_they_stand(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    asked = list(office.books.asked)
    status, answer = office.request("GET", f"/cdr/{SESSION}")
    assert status == 200 and answer["settled"] is False and answer["call"] == SESSION
    assert [leg["leg"] for leg in answer["legs"]] == ["caller", "stream"]
    assert answer["legs"][0]["model_cost"] is None  # unknown is not 0
    assert office.books.asked == asked


def test_a_call_of_another_business_is_not_found(office: CdrOffice) -> None:
    office.take(closed_call(office.plane))
    for method, path, body in (
        ("GET", f"/cdr/{SESSION}", None),
        ("POST", "/cdr/reconcile", {"call": SESSION}),
        ("GET", "/cdr/HD_unknown", None),
    ):
        status, answer = office.request(method, path, body, key="pokea.mizani.strong")
        assert (status, answer["error"]["code"]) == (404, "no_such_call")


def test_a_call_without_a_row_stays_its_businesss(office: CdrOffice) -> None:
    office.books.records.append(carrier_record())
    assert office.take(about()) == []  # a call that only the carrier knows
    before = office.cdrs.writes
    for method, path, body in (("GET", f"/cdr/{SESSION}", None), ("POST", "/cdr/reconcile", {"call": SESSION})):
        status, answer = office.request(method, path, body, key=OTHERS)
        assert (status, answer["error"]["code"]) == (404, "no_such_call")
    assert office.take(about(business="mizani", again=True)) == [about(business="mizani", again=True)]
    assert office.cdrs.writes == before
    assert office.request("GET", f"/cdr/{SESSION}")[0] == 200


def test_the_count_of_versions_is_the_records_own_and_reads_none_of_them(
    office: CdrOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(closed_call(office.plane))
    office.books.records.append(carrier_record())
    office.take(about(again=True))
    monkeypatch.delattr(type(office.cdrs), "versions")
    status, answer = office.request("GET", f"/cdr/{SESSION}")
    assert (status, [leg["versions"] for leg in answer["legs"]]) == (200, [2, 2])


def test_an_unknown_call_of_a_carrier_that_is_down_is_asked_for_later(office: CdrOffice) -> None:
    office.books.down = -1
    status, answer = office.request("POST", "/cdr/reconcile", {"call": "HD_unknown"})
    assert (status, answer["error"]["code"]) == (503, "carrier_not_asked")


@pytest.mark.parametrize(
    ("key", "method", "path", "status"),
    [
        (None, "GET", "/cdr/HD_1", 401), ("wrong", "GET", "/cdr/HD_1", 401), (None, "POST", "/cdr/reconcile", 401),
        ("pokea.whitedent.reader", "POST", "/cdr/reconcile", 403), (None, "GET", "/anything", 401),
    ],
)  # fmt: skip
def test_without_its_scope_nothing_is_answered(
    office: CdrOffice, key: str | None, method: str, path: str, status: int
) -> None:
    found, answer = office.request(method, path, {"day": "2026-11-23"} if method == "POST" else None, key)
    assert found == status and answer["error"]["code"]
    assert office.later.sent == [] and office.books.asked == []


def test_what_nobody_expected_is_a_plain_500_and_is_told(
    office: CdrOffice, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("Amina +254722000111")

    monkeypatch.setattr(office.cdrs, "cdrs", broken)
    status, answer = office.request("GET", f"/cdr/{SESSION}")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "CdrRequestFailed" in capsys.readouterr().out
    assert "Amina" not in office.logged.getvalue() + json.dumps(answer)


def test_messages_about_days_are_short(office: CdrOffice) -> None:
    office.handler(NIGHT, None)
    assert all(len(body) < 200 for body, _ in office.later.sent)
    assert json.loads(about())["version"] == 1
