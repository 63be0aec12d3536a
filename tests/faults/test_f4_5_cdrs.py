"""F4.5 at the function that keeps detail records: the hook, the bridge's closing, the bridge's own event and the carrier's record, each of
them missing or contradicting the others, told in any order and any number of times, by a carrier that may be down at first. Within 15
minutes every leg has its one record, talk is the carrier's, and what contradicts it is named and not averaged."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import Cdr, CdrState
from tests.faults.broken import cdr_offices, reconcilers
from tests.oracles.cdr_reconcile import check
from tests.support.cdr_office import CdrOffice, about, carrier_record, rfc3339
from tests.support.control_plane import NOW, SESSION, opened

SEED, SAMPLE, ROUNDS = 4_5, 2, 100
HOOK_S, RECORD_S, CLOSE_MS, WORD_MS = 73, 74, 71_400, 71_800
WITNESSES = ("hook", "close", "word", "record")
OPENED = {"event": "opened", "index": 1, "at": rfc3339(NOW), "bridge": "b"}
WORD = {"event": "closed", "index": 2, "at": rfc3339(NOW), "bridge": "b", "stream_ms": WORD_MS, "reason": "goodbye"}


def told(names: tuple[str, ...], record_s: int, draw: random.Random) -> CdrOffice:
    """A call that these witnesses tell of."""
    office = CdrOffice()
    plane = office.plane
    call_token = opened(plane, plane.ring())["result"]["call_token"]
    messages = [about(said=OPENED)]
    for name in draw.sample(names, len(names)):
        if name == "hook":
            plane.ring("Completed", durationInSeconds=str(HOOK_S))
            messages += [body for body, _ in plane.delayed]
        elif name == "close":
            close = {"operation": "close", "call_token": call_token, "reason": "caller_hung_up"}
            assert plane.tools({**close, "duration_ms": CLOSE_MS, "transcript": []}, None)["ok"]
            messages += plane.ended
        elif name == "word":
            messages.append(about(said=WORD))
        else:
            office.books.records.append(carrier_record(talk_s=record_s))
    repeated = [body for body in messages for _ in range(draw.randint(1, 3))]
    draw.shuffle(repeated)
    office.books.down = draw.choice((0, 2))
    for body in repeated:
        assert office.take(body) == []
    for _ in range(15):  # minutes
        plane.clock.advance(60)
        due = office.later.taken()
        assert office.take(*due) == [] if due else True
    return office


def stands(office: CdrOffice) -> tuple[Cdr, ...]:
    return tuple(replace(cdr, version=0, made_at=NOW, reason="") for cdr in office.cdrs.cdrs(SESSION))


def check_witnesses(rounds: int, record_s: int = RECORD_S) -> None:
    draw = random.Random(SEED)
    for present in itertools.product((True, False), repeat=len(WITNESSES)):
        names = tuple(name for name, here in zip(WITNESSES, present, strict=True) if here)
        offices = [told(names, record_s, draw) for _ in range(rounds)]
        accounts = {stands(office) for office in offices}
        assert len(accounts) == 1, (SEED, names)
        (legs,) = accounts
        assert [cdr.leg for cdr in legs] == ["caller", "stream"], names
        check_talk(legs[0], names, record_s)
        rows = [{**asdict(cdr), "state": cdr.state.value, "direction": cdr.direction.value} for cdr in legs]
        if "record" in names:
            assert check(offices[0].books.records, rows) == [], names


def check_talk(caller: Cdr, names: tuple[str, ...], record_s: int) -> None:
    """One witness alone is believed; what nobody told is unknown."""
    if "record" in names:
        expected: int | None = record_s
    elif "hook" in names:
        expected = HOOK_S
    else:
        expected = 72 if {"close", "word"} & set(names) else None
    assert (caller.talk_s, caller.state) == (expected, CdrState.FINAL if "record" in names else CdrState.PROVISIONAL)
    assert (caller.charge_micros is None) == (expected is None), names  # unknown is not 0
    differs = "record" in names and abs(record_s - HOOK_S) > 1 and bool({"hook", "close", "word"} & set(names))
    kinds = {finding.kind for finding in caller.findings}
    assert kinds == ({Difference.DURATION_DIFFERS} if differs else set()), names


def test_any_witness_will_do_and_the_carriers_record_is_taken_in_within_fifteen_minutes() -> None:
    check_witnesses(SAMPLE)


def test_a_record_that_contradicts_all_others_is_believed_and_named() -> None:
    check_witnesses(1, record_s=120)


@pytest.mark.faults
@pytest.mark.parametrize(("rounds", "record_s"), [(ROUNDS, RECORD_S), (ROUNDS // 5, 120)])
def test_a_hundred_orders_of_every_set_of_witnesses_agree(rounds: int, record_s: int) -> None:
    check_witnesses(rounds, record_s)


BROKEN: tuple[Callable[[], object], ...] = (
    cdr_offices.keeps_no_word,
    cdr_offices.asks_once,
    cdr_offices.gives_up_where_the_carrier_fails,
    reconcilers.unknown_is_zero,
    reconcilers.bridge_before_hooks,
)


@pytest.mark.parametrize("broken", BROKEN)
def test_without_its_safeguard_the_check_fails(broken: cdr_offices.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        check_witnesses(1)


# --- the queue is down, and the end is told again -------------------------------------------------------------------------------


def test_ten_minutes_without_a_queue_lose_no_call() -> None:
    """Whoever told of the end kept it: hooks come again, the bridge's outbox waits, and the night finds what even they lost."""
    office = CdrOffice()
    opened(office.plane, office.plane.ring())
    office.plane.ring("Completed", durationInSeconds=str(HOOK_S))  # its message is lost with the queue
    office.books.records.append(carrier_record(talk_s=RECORD_S))
    office.plane.clock.advance(600)
    assert office.cdrs.cdrs(SESSION) == ()
    assert office.take(about(said=WORD), about(said=OPENED)) == []  # the outbox, out of order
    assert (office.cdr().state, office.cdr().talk_s) == (CdrState.FINAL, RECORD_S)
