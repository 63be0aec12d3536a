"""Laws of reconciliation over whatever witnesses may say: order and repetition decide nothing, each record is one leg, talk is never
negative and agrees with its own times, and what is written once is not written again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.billing import reconcile
from pokea.billing.account import Account, carrier_records
from pokea.billing.cdr import CdrState, Statement, Witness
from pokea.calls import Call, CallStatus, Direction
from pokea.ids import BusinessId, CallId, SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CloseReason, Closing
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.support.sizes import examples
from tests.support.told_calls import CALLER, CLINIC, LINE, NOW, content, drafted, rfc3339

SESSION = SessionId("HD_0123456789ab")
RANK = {CdrState.PROVISIONAL: 0, CdrState.UNRECONCILED: 1, CdrState.FINAL: 2}
moments = st.integers(-400, 4_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
texts = moments.map(rfc3339)
maybe = st.none() | texts

records = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["r1", "r2", "r3", ""]),
        "session_id": st.sampled_from([SESSION, SESSION, "", "HD_other"]),
        "direction": st.sampled_from(["inbound", "outbound", "stream", ""]),
        "local_e164": st.just(str(LINE.number)),
        "remote_e164": st.sampled_from([CALLER, "+254722000111", "", "anonymous"]),
        "started_at": maybe,
        "answered_at": maybe,
        "ended_at": maybe,
        "updated_at": maybe,
        "duration_seconds": st.none() | st.integers(-5, 5_000),
        "status": st.sampled_from(["ringing", "answered", "completed", "failed", "no_answer", "busy", "canceled", "?"]),
        "cost_minor": st.none() | st.integers(-10, 9_000),
        "cost_currency": st.sampled_from([None, "KES", "USD", "KES"]),
    }
)
words = st.fixed_dictionaries(
    {"event": st.sampled_from(["opened", "closed", "?"]), "at": maybe},
    optional={
        "stream_ms": st.integers(-3, 4_000_000) | st.none() | st.just("x"),
        "reason": st.sampled_from(["goodbye", "handed_over", "bridge_error"]),
        "usage": st.just([{"engine": "gemini", "model": "m", "meters": {"audio_in": 5}}]) | st.just([]) | st.none(),
    },
)


def _statement(witness: Witness, body: object, at: datetime, index: int) -> Statement:
    return Statement(
        business_id=CLINIC, session_id=SESSION, witness=witness, said_at=at, content=json.dumps(body), index=index
    )  # fmt: skip


statements = st.one_of(
    st.builds(_statement, st.just(Witness.CARRIER), records, moments, st.just(0)),
    st.builds(
        _statement,
        st.just(Witness.CARRIER),
        st.lists(records, max_size=3).map(lambda rows: {"data": rows}),
        moments,
        st.just(0),
    ),
    st.builds(_statement, st.just(Witness.BRIDGE), words, moments, st.integers(0, 4)),
    st.builds(
        _statement, st.sampled_from(list(Witness)), st.sampled_from([None, [], "x", 7]), moments, st.integers(0, 2)
    ),
)
onwards = st.builds(
    Onward,
    handoff_id=st.just("h"),
    number=st.just(E164("+254722000111")),
    words=st.just(""),
    language=st.just("en"),
    ring_s=st.just(20),
    given_at=st.none() | moments,
    outcome=st.none() | st.sampled_from([CallStatus.COMPLETED, CallStatus.BUSY]),
)
calls = st.builds(
    Call,
    session_id=st.just(SESSION),
    business_id=st.just(CLINIC),
    agent=st.sampled_from(["booking", "whisper"]),
    direction=st.sampled_from(Direction),
    a_number=st.none() | st.just(E164(CALLER)),
    b_number=st.sampled_from([LINE.number, E164(CALLER)]),
    status=st.sampled_from(CallStatus),
    created_at=moments,
    opened_at=st.none() | moments,
    answered_at=st.none() | moments,
    ended_at=st.none() | moments,
    carrier_call_id=st.none() | st.just(CallId("r2")),
    duration_s=st.none() | st.integers(0, 4_000),
    stream_failed=st.none() | st.just("refused"),
    onward=st.none() | onwards,
)
closings = st.builds(
    Closing,
    session_id=st.just(SESSION),
    business_id=st.just(BusinessId("whitedent")),
    reason=st.sampled_from(CloseReason),
    duration_ms=st.integers(0, 4_000_000),
    transcript=st.just(()),
    truncated=st.just(False),
    closed_at=moments,
)
accounts = st.builds(
    Account,
    business_id=st.just(CLINIC),
    session_id=st.just(SESSION),
    call=st.none() | calls,
    closing=st.none() | closings,
    statements=st.lists(statements, max_size=6).map(tuple),
    outcome=st.sampled_from(["", "booked"]),
)


@settings(max_examples=examples(25, 250), deadline=None)
@given(accounts, st.data())
def test_order_and_repetition_of_the_statements_decide_nothing(account: Account, data: st.DataObject) -> None:
    repeated = [one for one in account.statements for _ in range(data.draw(st.integers(1, 3)))]
    shuffled = replace(account, statements=tuple(data.draw(st.permutations(repeated))))
    assert drafted(shuffled, NOW) == drafted(account, NOW)


@settings(max_examples=examples(40, 400), deadline=None)
@given(accounts)
def test_each_record_is_one_leg_and_no_talk_is_negative(account: Account) -> None:
    drafts = drafted(account, NOW)
    assert len({cdr.leg for cdr in drafts}) == len(drafts)
    ids = [cdr.carrier_id for cdr in drafts if cdr.carrier_id]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {record.record_id for record in carrier_records(account)}
    assert (
        bool(drafts)
        or (not account.statements and account.call is None and account.closing is None)
        or not _says(account)
    )
    for cdr in drafts:
        assert cdr.version == 0 and cdr.state in CdrState
        assert (cdr.charge_micros is None) == bool(cdr.unrated)
        if cdr.talk_s is not None:
            assert cdr.talk_s >= 0
            if cdr.answered_at is not None and cdr.ended_at is not None:
                assert 0 <= cdr.talk_s - (cdr.ended_at - cdr.answered_at).total_seconds() < 1
        elif cdr.charge_micros is not None:
            raise AssertionError("a leg whose talk nobody knows has no price")


def _says(account: Account) -> bool:
    return account.call is not None or account.closing is not None or bool(carrier_records(account))


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(accounts, min_size=1, max_size=4), st.data())
def test_looks_at_whatever_is_known_write_nothing_twice_and_never_fall_back(
    looks: list[Account], data: st.DataObject
) -> None:
    """Each look may see other witnesses than the one before, as if some had been lost and others found."""
    store, at = MemoryCdrs(), NOW
    for account in looks:
        at += timedelta(hours=data.draw(st.sampled_from([0, 1, 80])))
        drafts = drafted(account, at)
        before = {cdr.leg: cdr for cdr in store.cdrs(SESSION)}
        written = reconcile.settle(store, SESSION, lambda latest, drafts=drafts: drafts, at)  # type: ignore[misc]
        again = reconcile.settle(store, SESSION, lambda latest, drafts=drafts: drafts, at)  # type: ignore[misc]
        assert again == ()
        for cdr in written:
            old = before.get(cdr.leg)
            assert cdr.version == (old.version if old else 0) + 1
            if old is not None:
                assert RANK[cdr.state] >= RANK[old.state]
                assert content(cdr) != content(old)
                assert set(old.witnesses) <= set(cdr.witnesses)
        rows: dict[str, Any] = {cdr.leg: cdr for cdr in store.cdrs(SESSION)}
        assert set(before) <= set(rows)
