"""F4.5, F6.5: whole days of calls, each with some witness missing, against the carrier's books: every leg has one record (L1), talk is the
carrier's (L2), no honest bill is accused, and every kind of wrong bill is named on the leg that it is wrong about."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pokea.billing.account import Account
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.reconcile import PATIENCE
from pokea.call_status import CallStatus
from pokea.ids import SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.toolkit import HandoffMode
from pokea.transfer import Handoff, HandoffState
from tests.faults.broken import reconcilers
from tests.oracles.cdr_reconcile import check, check_ledger
from tests.support.told_calls import CLINIC, NOW, Told, drafted, rfc3339

DAYS, SEED = 2_000, 4_5
PERSON = E164("+254722000111")
Json = dict[str, Any]


@dataclass
class Session:
    """One session of the switch, what we were told of it, and the carrier's records of it."""

    told: Told
    records: list[Json]
    lost: bool = False  # the carrier has no record of it, or never closes it
    expected: set[tuple[str, str]] = field(default_factory=set)  # (leg, class of difference)

    def account(self) -> Account:
        if self.records:
            self.told.carrier_said(*self.records)
        return self.told.account

    @property
    def record(self) -> Json:
        return self.records[0]


def a_session(draw: random.Random, name: str, *, outbound: bool, least_s: int = 1) -> Session:
    talk_s = draw.randrange(least_s, 900)
    told = Told(
        session=SessionId(name), outbound=outbound, talk_s=talk_s, stream_ms=max(0, talk_s * 1_000 - draw.randrange(2_000)),
        answered_at=NOW + timedelta(seconds=draw.randrange(1, 30)),
    )  # fmt: skip
    told.record_id = f"r-{name}"
    return Session(told.begun(), [told.record(cost_currency="KES")])


def witnesses(draw: random.Random, session: Session) -> Session:
    """Some of them told us how it ended; at least one did."""
    told = session.told
    ends = [told.completed, told.completed_event, told.closed, told.bridge_closed]
    for end in draw.sample(ends, draw.randint(1, 4)):
        end()
    return session


def inbound(draw: random.Random, name: str) -> list[Session]:
    return [witnesses(draw, a_session(draw, name, outbound=False))]


def placed(draw: random.Random, name: str) -> list[Session]:
    return [witnesses(draw, a_session(draw, name, outbound=True))]


def unanswered(draw: random.Random, name: str) -> list[Session]:
    session = a_session(draw, name, outbound=True)
    told = Told(session=SessionId(name), outbound=True)
    told.hook("Ringing")
    told.hook(draw.choice(("Busy", "NoAnswer", "Failed")))
    blank = {"answered_at": None, "duration_seconds": 0, "status": "no_answer", "cost_minor": 0, "cost_currency": None}
    return [Session(told, [{**session.record, **blank}])]


def handed_over(draw: random.Random, name: str) -> list[Session]:
    """The caller's call, and the call to a person that was joined to it."""
    caller, person = inbound(draw, name)[0], placed(draw, f"{name}_person")[0]
    person.told.take(lambda call: replace(call, agent="whisper"))
    person.told.handoff = Handoff(
        business_id=CLINIC, handoff_id="h", session_id=caller.told.session, person="p", person_name="P", number=PERSON,
        mode=HandoffMode.ATTENDED, state=HandoffState.ENDED, created_at=NOW, ring_until=NOW, answer_until=NOW, language="en",
        spoken_to_person="en", hop="x",
    )  # fmt: skip
    return [caller, person]


def dialled(draw: random.Random, name: str) -> list[Session]:
    """The carrier dialled the person itself, once the stream was closed."""
    session = a_session(draw, name, outbound=False)
    told = session.told
    given_at = told.answered_at + timedelta(seconds=1)
    onward = Onward(
        handoff_id="h", number=PERSON, words="", language="en", ring_s=20, given_at=given_at, outcome=CallStatus.COMPLETED
    )  # fmt: skip
    told.take(lambda call: replace(call, onward=onward))
    told.completed()
    talk_s = draw.randrange(1, 300)
    times = {
        "answered_at": rfc3339(given_at),
        "ended_at": rfc3339(given_at + timedelta(seconds=talk_s)),
        "duration_seconds": talk_s,
    }
    times |= {"id": f"d-{name}", "direction": "outbound", "remote_e164": str(PERSON), "cost_minor": 5 * talk_s}
    session.records.append({**session.record, **times})
    return [session]


CALLS: Mapping[str, Callable[[random.Random, str], list[Session]]] = {
    "inbound": inbound,
    "placed": placed,
    "unanswered": unanswered,
    "handed over": handed_over,
    "dialled": dialled,
}


# --- wrong bills ------------------------------------------------------------------------------------------------------------


def _placed_and_told(draw: random.Random, name: str, least_s: int = 130) -> Session:
    session = a_session(draw, name, outbound=True, least_s=least_s)
    session.told.completed()
    return session


def _billed(draw: random.Random, name: str, kind: str, change: Callable[[Json], Json]) -> list[Session]:
    session = _placed_and_told(draw, name)
    session.record.update(change(session.record))
    session.expected = {("callee", kind)}
    return [session]


def lost_record(draw: random.Random, name: str) -> list[Session]:
    session = _placed_and_told(draw, name)
    return [Session(session.told, [], lost=True, expected={("callee", "missing")})]


def unseen_call(draw: random.Random, name: str) -> list[Session]:
    session = _placed_and_told(draw, name)
    silent = Told(session=session.told.session, outbound=True)
    return [Session(silent, session.records, expected={("callee", "missing")})]


def twice(draw: random.Random, name: str) -> list[Session]:
    session = _placed_and_told(draw, name)
    session.records.append({**session.record, "id": f"again-{name}"})
    session.expected = {("callee", "duplicate")}
    return [session]


def stuck(draw: random.Random, name: str) -> list[Session]:
    open_ = {"status": "answered", "ended_at": None, "duration_seconds": None, "cost_minor": 0, "cost_currency": None}
    sessions = _billed(draw, name, "stuck", lambda record: open_)
    sessions[0].lost = True
    return sessions


def failed_and_billed(draw: random.Random, name: str) -> list[Session]:
    (session,) = unanswered(draw, name)
    session.record.update({"cost_minor": 300, "cost_currency": "KES"})
    session.expected = {("callee", "failed_leg_billed")}
    return [session]


def unpaired_dial(draw: random.Random, name: str) -> list[Session]:
    (session,) = dialled(draw, name)
    session.told.take(lambda call: replace(call, onward=None))
    session.expected = {("transfer", "transfer_leg_unpaired")}
    return [session]


def _of_a_rate(record: Json) -> Json:
    return {"cost_minor": -(-record["duration_seconds"] * 477 // 60)}


def _of_a_minute(record: Json) -> Json:
    seconds = record["duration_seconds"]
    return {"cost_minor": 300 * (seconds // 60 + (2 if seconds % 60 == 0 else 1))}


def _of_a_minute_more(record: Json) -> Json:
    ended = datetime.fromisoformat(record["ended_at"]) + timedelta(seconds=60)
    seconds = record["duration_seconds"] + 60
    return {"duration_seconds": seconds, "ended_at": rfc3339(ended), "cost_minor": 5 * seconds}


WRONG: Mapping[str, Callable[[random.Random, str], list[Session]]] = {
    "missing there": lost_record,
    "missing here": unseen_call,
    "duplicate": twice,
    "stuck": stuck,
    "failed leg billed": failed_and_billed,
    "unpaired dial": unpaired_dial,
    "wrong rate": lambda draw, name: _billed(draw, name, "wrong_rate", _of_a_rate),
    "wrong rounding": lambda draw, name: _billed_by_minutes(draw, name),
    "a minute more": lambda draw, name: _billed(draw, name, "duration_differs", _of_a_minute_more),
    "currency": lambda draw, name: _billed(draw, name, "currency", lambda record: {"cost_currency": "USD"}),
}


def _billed_by_minutes(draw: random.Random, name: str) -> list[Session]:
    session = _placed_and_told(draw, name)
    seconds = session.told.talk_s
    session.record.update({"cost_minor": 300 * -(-seconds // 60)})
    session.expected = {("callee", "wrong_rounding")} if seconds % 60 else set()
    return [session]


# --- the days ---------------------------------------------------------------------------------------------------------------


def reconciled(sessions: list[Session]) -> list[Cdr]:
    """Long after: whatever the carrier has not said by then it will not say."""
    at = NOW + PATIENCE + timedelta(hours=1)
    return [cdr for session in sessions for cdr in drafted(session.account(), at)]


def judged(sessions: list[Session], cdrs: list[Cdr]) -> list[str]:
    carrier = [record for session in sessions for record in session.records]
    lost = [session.told.session for session in sessions if session.lost]
    return check(carrier, [asdict(cdr) for cdr in cdrs], lost=lost)


def check_clean(calls: int, seed: int) -> None:
    draw = random.Random(seed)
    sessions = [one for number in range(calls) for one in draw.choice(list(CALLS.values()))(draw, f"HD_{number:09d}")]
    cdrs = reconciled(sessions)
    assert judged(sessions, cdrs) == [], f"seed {seed}"
    assert [cdr.findings for cdr in cdrs if cdr.findings] == [], f"seed {seed}: an honest bill was accused"
    assert {cdr.state for cdr in cdrs if cdr.leg != "stream"} == {CdrState.FINAL}
    records = [record for session in sessions for record in session.records]
    paid = [{"kind": "call", "amount_minor": -record["cost_minor"]} for record in records]
    assert check_ledger(records, [asdict(cdr) for cdr in cdrs], paid) == []


def check_wrong(each: int, seed: int) -> None:
    draw = random.Random(seed)
    for name, make in WRONG.items():
        for number in range(each):
            sessions = make(draw, f"HD_{number:09d}")
            cdrs = reconciled(sessions)
            found = {(cdr.leg, finding.kind.value) for cdr in cdrs for finding in cdr.findings}
            expected = {one for session in sessions for one in session.expected}
            assert found == expected, f"seed {seed}, {name} {number}: {found}"
            assert judged(sessions, cdrs) == [], f"seed {seed}, {name} {number}"


def test_a_day_of_honest_calls_is_reconciled_and_nobody_is_accused() -> None:
    check_clean(150, SEED)


def test_every_kind_of_wrong_bill_is_named_on_its_leg() -> None:
    check_wrong(5, SEED)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_honest_calls(seed: int) -> None:
    check_clean(DAYS, seed)


@pytest.mark.faults
def test_many_wrong_bills_of_each_kind() -> None:
    check_wrong(300, SEED + 1)


@pytest.mark.parametrize(
    "build",
    [
        reconcilers.audits_the_carrier_by_itself,
        reconcilers.bridge_before_hooks,
        reconcilers.stream_is_talk_for_the_audit,
    ],
    ids=lambda build: build.__name__,
)
def test_the_check_sees_a_build_that_asks_the_wrong_witness(build: reconcilers.Breaks) -> None:
    with build(), pytest.raises(AssertionError):
        check_clean(60, SEED)
        check_wrong(3, SEED)
