"""What every store of detail records promises, as tests to inherit; see `booking_store_contract`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pokea.billing.account import MAX_STATEMENT_BYTES
from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState, Statement, Witness
from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.errors import Conflict, Misuse, RejectedInput
from pokea.ids import BusinessId, SessionId
from pokea.ports import CdrStore
from tests.contract.booking_store_contract import at_once, fresh

AT = datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)
USAGE = (
    ModelUsage("gemini", "flash", {Meter.AUDIO_IN: 9, Meter.TEXT_OUT: 0}, 3, 1),
    ModelUsage("cascade", "", {}, 0, 0),
)


def a_session() -> SessionId:
    return SessionId(fresh("HD_"))


def a_cdr(**changes: object) -> Cdr:
    session = a_session()
    made = Cdr(
        business_id=BusinessId("whitedent"),
        session_id=session,
        leg="caller",
        call_id=session,
        direction=Direction.INBOUND,
        agent="booking",
        a_number="+254722000111",
        b_number="+254711000001",
        began_at=AT,
        answered_at=None,
        ended_at=None,
        talk_s=None,
        status="in_progress",
        state=CdrState.PROVISIONAL,
        witnesses=(Witness.HOOKS,),
        made_at=AT,
        reason="first account",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def full(cdr: Cdr) -> Cdr:
    """Every field set, and zeros that are not unknown."""
    return replace(
        cdr, answered_at=AT, ended_at=AT + timedelta(seconds=73, microseconds=1), talk_s=0, status="completed",
        state=CdrState.FINAL, witnesses=tuple(Witness), outcome="booked", client_request_id="pk1", deck_id="deck", deck_row=2,
        rule="per_second", rate_prefix="+254", billable_s=0, charge_micros=0, currency="KES", unrated="no", doubt="Wanjikũ \U0001f600",
        carrier_id="c1", carrier_status="completed", carrier_s=0, carrier_minor=0, carrier_currency="KES",
        findings=(CdrFinding(Difference.WRONG_RATE, "a line; another"), CdrFinding(Difference.DUPLICATE, "")),
        unknowns=("one", "two"), usage=USAGE, shares=CallShares(total_ms=5, silence_ms=5), model_micros=0, model_charge_micros=7,
        model_prices="p", exchange="e", model_unpriced="u",
    )  # fmt: skip


def a_statement(**changes: object) -> Statement:
    made = Statement(
        business_id=BusinessId("whitedent"),
        session_id=a_session(),
        witness=Witness.CARRIER,
        said_at=AT,
        content='{"call": {"id": "c1"}}',
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def stale(store: CdrStore, *cdrs: Cdr) -> None:
    with pytest.raises(Conflict) as lost:
        store.put_cdrs(cdrs)
    assert lost.value.code == "stale"


class CdrStoreContract:
    contenders = 8

    def test_of_an_unknown_session_nothing_is_known(self, cdrs: CdrStore) -> None:
        session = a_session()
        assert (cdrs.cdrs(session), cdrs.statements(session), cdrs.versions(session, "caller")) == ((), (), ())
        assert cdrs.put_cdrs([]) == ()

    def test_a_record_comes_back_as_it_was_written(self, cdrs: CdrStore) -> None:
        bare, every = a_cdr(), full(a_cdr())
        for cdr in (bare, every):
            (written,) = cdrs.put_cdrs([cdr])
            assert written == replace(cdr, version=1)
            assert cdrs.cdrs(cdr.session_id) == (written,) == cdrs.versions(cdr.session_id, cdr.leg)

    def test_a_version_is_put_over_the_one_that_was_read_and_none_is_lost(self, cdrs: CdrStore) -> None:
        first = a_cdr()
        (one,) = cdrs.put_cdrs([first])
        (two,) = cdrs.put_cdrs([full(one)])
        (three,) = cdrs.put_cdrs([replace(two, carrier_minor=250, reason="corrected")])
        assert [cdr.version for cdr in (one, two, three)] == [1, 2, 3]
        assert cdrs.versions(first.session_id, "caller") == (one, two, three)
        assert cdrs.cdrs(first.session_id) == (three,)
        stale(cdrs, first)
        stale(cdrs, one)
        stale(cdrs, replace(three, version=7))
        assert cdrs.versions(first.session_id, "caller") == (one, two, three)

    def test_all_legs_are_written_or_none(self, cdrs: CdrStore) -> None:
        caller = a_cdr()
        stream = replace(caller, leg="stream", direction=Direction.STREAM)
        written = cdrs.put_cdrs([stream, caller])
        assert [cdr.leg for cdr in written] == ["stream", "caller"]
        assert [cdr.leg for cdr in cdrs.cdrs(caller.session_id)] == ["caller", "stream"]
        transfer = replace(caller, leg="transfer", direction=Direction.TRANSFER)
        stale(cdrs, transfer, stream)
        assert [cdr.leg for cdr in cdrs.cdrs(caller.session_id)] == ["caller", "stream"]
        cdrs.put_cdrs([transfer, replace(transfer, leg="transfer-2")])
        assert len(cdrs.versions(caller.session_id, "transfer")) == 1

    def test_one_write_holds_each_leg_once(self, cdrs: CdrStore) -> None:
        cdr = a_cdr()
        with pytest.raises(Misuse):
            cdrs.put_cdrs([cdr, cdr])

    def test_the_same_words_are_kept_once(self, cdrs: CdrStore) -> None:
        said = a_statement()
        others = [
            replace(said, content='{"call": {"id": "c2"}}'),
            replace(said, said_at=AT + timedelta(seconds=1)),
            replace(said, witness=Witness.BRIDGE),
            replace(said, witness=Witness.BRIDGE, index=1),
        ]
        assert [cdrs.keep(one) for one in (said, said, *others, *others)] == [True, False, *[True] * 4, *[False] * 4]
        assert set(cdrs.statements(said.session_id)) == {said, *others}
        times = [one.said_at for one in cdrs.statements(said.session_id)]
        assert times == sorted(times)

    def test_a_statement_that_is_too_long_is_refused(self, cdrs: CdrStore) -> None:
        just = a_statement(content="ũ" * (MAX_STATEMENT_BYTES // 2))
        assert cdrs.keep(just)
        assert cdrs.statements(just.session_id) == (just,)
        with pytest.raises(RejectedInput) as refused:
            cdrs.keep(replace(just, content=just.content + "x"))
        assert refused.value.code == "statement_too_large"

    def test_a_day_holds_what_stands_of_the_legs_that_began_on_it_in_order(self, cdrs: CdrStore) -> None:
        business = BusinessId(fresh("b"))
        begun = [AT + timedelta(minutes=7 * number) for number in range(6)]
        made = [a_cdr(business_id=business, began_at=at) for at in reversed(begun)]
        for cdr in made:
            cdrs.put_cdrs([cdr, replace(cdr, leg="stream")])
        midnight = datetime(2026, 11, 24, tzinfo=UTC)
        cdrs.put_cdrs([a_cdr(business_id=business, began_at=midnight)])
        cdrs.put_cdrs([a_cdr(business_id=BusinessId(fresh("b")))])
        cdrs.put_cdrs([replace(full(made[0]), version=1)])
        found = list(cdrs.cdrs_of_day(business, date(2026, 11, 23)))
        assert [(cdr.began_at, cdr.leg) for cdr in found] == [(at, leg) for at in begun for leg in ("caller", "stream")]
        assert [cdr.version for cdr in found if cdr.key == made[0].key] == [2]
        assert [cdr.began_at for cdr in cdrs.cdrs_of_day(business, date(2026, 11, 24))] == [midnight]
        assert list(cdrs.cdrs_of_day(business, date(2026, 11, 22))) == []

    def test_a_leg_whose_beginning_is_put_right_moves_to_its_day(self, cdrs: CdrStore) -> None:
        cdr = a_cdr(business_id=BusinessId(fresh("b")), began_at=datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC))
        (one,) = cdrs.put_cdrs([cdr])
        cdrs.put_cdrs([replace(one, began_at=datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))])
        days = [len(list(cdrs.cdrs_of_day(cdr.business_id, date(2026, 11, day)))) for day in (23, 24)]
        assert days == [1, 0]

    def test_of_many_writers_of_one_version_exactly_one_wins(self, cdrs: CdrStore) -> None:
        first = a_cdr()
        both = cdrs.put_cdrs([first, replace(first, leg="stream")])
        results: list[str] = []

        def write(number: int) -> None:
            try:
                cdrs.put_cdrs([replace(cdr, talk_s=number) for cdr in both])
                results.append("won")
            except Conflict as conflict:
                results.append(conflict.code)

        at_once(self.contenders, write)
        assert sorted(results) == ["stale"] * (self.contenders - 1) + ["won"]
        caller, stream = cdrs.cdrs(first.session_id)
        assert (caller.version, caller.talk_s) == (stream.version, stream.talk_s)
        assert [len(cdrs.versions(first.session_id, leg)) for leg in ("caller", "stream")] == [2, 2]
