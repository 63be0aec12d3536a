"""What calls cost by agent and outcome, and what silence, hold and tools cost of it. What is unknown is counted and never 0."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr
from pokea.billing.cost_shares import (
    GROUP_OF,
    CallCost,
    CostPerOutcome,
    CostTotal,
    OutcomeGroup,
    call_cost,
    cost_per_outcome,
    total_of,
)
from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.call_outcomes import Disposition
from pokea.ids import SessionId
from tests.house.rules import ROOT
from tests.support.billing_samples import BEGAN, leg, stream
from tests.support.sizes import examples

SHARES = CallShares(
    total_ms=90_000, agent_ms=40_000, caller_ms=20_000, tools_ms=9_000, hold_ms=6_000, silence_ms=15_000
)
KES = 1_000_000


def call(number: int, *, model: int | None = 40 * KES, fee: int | None = KES, **changes: Any) -> list[Cdr]:
    """A caller's leg, free of charge, and its media stream."""
    session = SessionId(f"HD_{number:012x}")
    caller = leg(session_id=session, began_at=BEGAN + timedelta(minutes=number), **changes)
    return [
        caller,
        stream(caller, charge_micros=fee, model_charge_micros=model, shares=SHARES),
    ]


def costs(*legs: Cdr) -> CallCost:
    return call_cost(legs, "KES")


def report(*calls: list[Cdr]) -> CostPerOutcome:
    return cost_per_outcome([cdr for one in calls for cdr in one], "KES")


def test_a_call_costs_its_legs_and_its_models() -> None:
    known = costs(*call(1))
    assert (known.carrier_micros, known.model_micros, known.micros) == (KES, 40 * KES, 41 * KES)
    assert (known.agent, known.outcome, known.group, known.unknown) == ("booking", "booked", OutcomeGroup.BOOKED, ())
    assert known.shares == SHARES


def test_a_transferred_call_is_one_call_of_all_its_legs() -> None:
    caller, media = call(1, outcome="handed_over")
    person = replace(
        caller,
        session_id=SessionId("HD_person"),
        leg="transfer",
        direction=Direction.TRANSFER,
        agent="whisper",
        outcome="",
        charge_micros=5 * KES,
    )
    briefing = stream(person, charge_micros=KES, model_charge_micros=2 * KES, shares=SHARES, agent="whisper")
    known = costs(briefing, person, media, caller)
    assert (known.call_id, known.agent, known.outcome) == (caller.session_id, "booking", "handed_over")
    assert (known.carrier_micros, known.model_micros) == (7 * KES, 42 * KES)
    assert known.shares is not None
    assert (known.shares.total_ms, known.shares.silence_ms) == (180_000, 30_000)
    assert report([briefing, person], [media, caller]).total.calls == 1


def test_shares_of_money_are_shares_of_time() -> None:
    total = report(call(1)).total
    assert (total.total_ms, total.silence_ms, total.hold_ms, total.tools_ms) == (90_000, 15_000, 6_000, 9_000)
    # 41.00: a sixth, a fifteenth and a tenth of it.
    assert (total.silence_micros, total.hold_micros, total.tools_micros) == (6_833_333, 2_733_333, 4_100_000)
    assert (total.shared, total.shared_micros) == (1, 41 * KES)


def test_a_missed_call_has_no_model_and_costs_what_the_carrier_charges() -> None:
    missed = leg(answered_at=None, status="no_answer", talk_s=None, charge_micros=0, outcome="abandoned")
    never_opened = replace(stream(missed), usage=(), shares=None, model_micros=None, model_charge_micros=None)
    for legs in ([missed], [missed, replace(never_opened, status="failed", charge_micros=0)]):
        known = costs(*legs)
        assert (known.micros, known.model_micros, known.shares, known.unknown) == (0, 0, None, ())
        total = report(legs).total
        assert (total.priced, total.timed, total.is_complete) == (1, 0, True)


@pytest.mark.parametrize(
    ("which", "changes", "words"),
    [
        (0, {"charge_micros": None, "unrated": "the leg has not ended"}, "caller: the leg has not ended"),
        (0, {"charge_micros": None}, "caller: it has no charge"),
        (0, {"charge_micros": 5, "currency": "UGX"}, "caller: it is charged in UGX"),
        (1, {"charge_micros": None, "unrated": "no price then"}, "stream: no price then"),
        (
            1,
            {"model_charge_micros": None, "model_unpriced": "no price for cascade/x"},
            "stream: no price for cascade/x",
        ),
        (1, {"model_charge_micros": None, "usage": ()}, "stream: its model has no known cost"),
    ],
)
def test_a_part_without_a_price_makes_the_call_unknown(which: int, changes: dict[str, Any], words: str) -> None:
    legs = call(1)
    legs[which] = replace(legs[which], **changes)
    known = costs(*legs)
    assert (known.micros, known.unknown, known.share(1)) == (None, (words,), None)
    both = report(legs, call(2))
    assert (both.total.calls, both.total.priced, both.total.is_complete) == (2, 1, False)
    assert both.total.unknown_carrier + both.total.unknown_model == 1
    assert (both.total.micros, both.total.mean_micros, both.total.shared_micros) == (41 * KES, 41 * KES, 41 * KES)
    assert both.total.timed == 2  # its times are known all the same
    assert both.micros_per(OutcomeGroup.BOOKED) is None


def test_a_stream_without_times_is_in_no_share() -> None:
    caller, media = call(1)
    known = costs(caller, replace(media, shares=None))
    assert (known.shares, known.unknown, known.micros) == (None, ("stream: its times are unknown",), 41 * KES)
    total = report([caller, replace(media, shares=None)], call(2)).total
    assert (total.calls, total.priced, total.timed, total.shared, total.total_ms) == (2, 2, 1, 1, 90_000)


def test_usage_on_another_leg_counts_as_well() -> None:
    """A stream's own leg may be lost; what the model used is still to be paid for."""
    used = (ModelUsage("gemini", "m", {Meter.AUDIO_IN: 5}),)
    assert costs(leg(usage=used)).model_micros is None
    assert costs(leg(usage=used, model_charge_micros=7)).model_micros == 7


def test_costs_by_agent_and_outcome() -> None:
    both = report(
        call(1),
        call(2, outcome="moved", fee=3 * KES),
        call(3, outcome="abandoned", model=10 * KES),
        call(4, outcome="answered", agent="reception", model=5 * KES),
        call(5, outcome="", agent="reception"),
    )
    assert [one.call_id for one in both.calls] == [f"HD_{number:012x}" for number in (1, 2, 3, 4, 5)]
    assert {name: (one.calls, one.micros) for name, one in both.by_agent.items()} == {
        "booking": (3, 95 * KES),
        "reception": (2, 47 * KES),
    }
    assert {name.value: one.calls for name, one in both.by_group.items()} == {
        "booked": 2,
        "nothing": 1,
        "deflected": 1,
        "unknown": 1,
    }
    assert {name: one.micros for name, one in both.by_outcome.items()} == {
        "booked": 41 * KES,
        "moved": 43 * KES,
        "abandoned": 11 * KES,
        "answered": 6 * KES,
        "": 41 * KES,
    }
    assert both.by_group[OutcomeGroup.BOOKED].mean_micros == 42 * KES
    assert both.micros_per(OutcomeGroup.BOOKED) == 71 * KES  # 142 for two
    assert both.micros_per(OutcomeGroup.BOOKED, "booking") == 47_500_000  # 95 for two
    assert both.micros_per(OutcomeGroup.BOOKED, "reception") is None
    assert both.micros_per(OutcomeGroup.BOOKED, "nobody") is None
    assert both.micros_per(OutcomeGroup.QUALIFIED) is None


def test_nothing_costs_nothing() -> None:
    nothing = report()
    assert (nothing.total, nothing.calls, nothing.total.mean_micros) == (CostTotal(), (), None)


def test_every_outcome_has_a_group() -> None:
    assert set(GROUP_OF) == set(Disposition)
    assert set(GROUP_OF.values()) == set(OutcomeGroup)
    assert costs(leg(outcome="teleported")).group is OutcomeGroup.UNKNOWN


def test_the_documents_list_every_outcome_under_its_group() -> None:
    page = (ROOT / "docs/model-costs.md").read_text(encoding="utf-8")
    for group in OutcomeGroup:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{group}` |")]
        for disposition, own in GROUP_OF.items():
            assert (disposition.value in row.replace(":", ",").replace(" ", ",").split(",")) == (own is group)


def drawn(number: int) -> list[Cdr]:
    draw = random.Random(number)
    legs: list[Cdr] = []
    for index in range(draw.randint(1, 6)):
        made = call(
            index,
            model=draw.choice((None, 0, draw.randrange(10**8))),
            fee=draw.choice((None, draw.randrange(10**7), draw.randrange(10**7))),
            outcome=draw.choice(("booked", "answered", "silent", "")),
            agent=draw.choice(("booking", "leads")),
        )
        made[1] = replace(made[1], shares=draw.choice((None, SHARES, replace(SHARES, total_ms=0))))
        legs += made
    return legs


@settings(max_examples=examples(40))
@given(st.integers(0, 2**32))
def test_totals_are_the_sums_of_their_calls_in_any_order(number: int) -> None:
    legs = drawn(number)
    found = cost_per_outcome(legs, "KES")
    random.Random(number).shuffle(legs)
    assert cost_per_outcome(legs, "KES") == found
    for parts in (found.by_agent, found.by_group, found.by_outcome, found.by_agent_and_group):
        assert total_of(parts.values()) == found.total
    known = [one.micros for one in found.calls if one.micros is not None]
    assert (found.total.micros, found.total.priced) == (sum(known), len(known))
    assert found.total.calls == len(found.calls) == found.total.priced + sum(one.micros is None for one in found.calls)
    exact = sum(
        (Fraction(one.micros * one.shares.silence_ms, one.shares.total_ms))
        for one in found.calls
        if one.micros is not None and one.shares is not None and one.shares.total_ms
    )
    assert abs(found.total.silence_micros - exact) <= Fraction(found.total.shared, 2)
