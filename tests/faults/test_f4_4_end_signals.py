"""F4.4: the six signals of a call's end, each repeated, lost or late, in any order: the same detail records.

With the carrier's record among them "the same" is to the byte, apart from who was heard (`witnesses`), what the audit had to leave open for
want of a second witness (`unknowns`), and what the bridge alone knows of its stream if both of its words are lost. Without it the talk is
the same within a second as long as one hook with a duration, or one word of the bridge, got through; and the record is not final.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.reconcile import PATIENCE
from tests.faults.broken import reconcilers
from tests.support.told_calls import NOW, TALK_S, Told, content

Signal = Callable[[Told], None]
CALLS, SEED = 10_000, 4_4_6
COMPLETED, EVENT, STOPPED, CLOSING, OUTBOX, RECORD = SIGNALS = (
    "completed",
    "event",
    "stream_stopped",
    "closing",
    "outbox",
    "record",
)
TELL: dict[str, Callable[[Told, str], None]] = {
    COMPLETED: lambda told, envelope: told.completed(),
    EVENT: lambda told, envelope: told.completed_event(envelope),
    STOPPED: lambda told, envelope: told.stream_stopped(),
    CLOSING: lambda told, envelope: told.closed(),
    OUTBOX: lambda told, envelope: told.bridge_closed(),
    RECORD: lambda told, envelope: told.carrier_said(),
}


def told_in(
    order: Sequence[str], envelope: str = "a", *, looks: Container[int] = (), late: random.Random | None = None
) -> Told:
    """A call whose end was told in `order`. `looks`: after which signals it was reconciled, besides after the last; `late`: signals come
    up to an hour apart."""
    told = Told().begun()
    told.clock = NOW + timedelta(seconds=TALK_S + 2)
    for number, signal in enumerate(order):
        if late is not None:
            told.clock += timedelta(seconds=late.randrange(3_600))
        TELL[signal](told, envelope)
        if number in looks:
            told.round()
    told.round()
    return told


def same(cdrs: Sequence[Cdr]) -> tuple[Cdr, ...]:
    return tuple(content(cdr) for cdr in cdrs)


def check_chain(told: Told) -> None:
    """Versions count up from 1, and no version takes back that a record was final."""
    for leg in told.latest:
        versions = told.cdrs.versions(told.session, leg)
        assert [cdr.version for cdr in versions] == list(range(1, len(versions) + 1))
        finals = [cdr.state is CdrState.FINAL for cdr in versions]
        assert finals == sorted(finals), "a final record was replaced by one that is not"
        for one, next_one in itertools.pairwise(versions):
            assert content(one) != content(next_one), f"a version that says nothing new: {next_one.reason}"
            assert next_one.reason not in ("", "first account")


def check_order(
    order: Sequence[str],
    envelope: str,
    expected: tuple[Cdr, ...],
    looks: Container[int],
    late: random.Random | None = None,
    *,
    again: bool = True,
) -> None:
    told = told_in(order, envelope, looks=looks, late=late)
    assert same(tuple(told.latest.values())) == expected, order
    check_chain(told)
    assert not again or told.round() == (), "reconciled again, something was written"


def in_order(envelope: str = "a") -> tuple[Cdr, ...]:
    """The records if all signals came once, in order, and were looked at once."""
    told = told_in(SIGNALS, envelope)
    assert [(cdr.leg, cdr.state, cdr.talk_s) for cdr in told.latest.values()] == [
        ("caller", CdrState.FINAL, TALK_S),
        ("stream", CdrState.FINAL, TALK_S),
    ]
    return same(tuple(told.latest.values()))


def check_permutations(envelope: str, step: int = 1, looks: Container[int] | None = None) -> None:
    """`looks`: by default every fifth is looked at once mid-way, each time at another place, and once more at the end."""
    expected = in_order(envelope)
    for number, order in enumerate(itertools.islice(itertools.permutations(SIGNALS), 0, None, step)):
        often = number % 5 == 0
        places = looks if looks is not None else (number % 6,) if often else ()
        check_order(order, envelope, expected, places, again=often)


def disorderly(draw: random.Random) -> list[str]:
    signals = [signal for signal in SIGNALS for _ in range(draw.randint(1, 5))]
    draw.shuffle(signals)
    return signals


def check_disorder(count: int, seed: int) -> None:
    draw = random.Random(seed)
    expected = {envelope: in_order(envelope) for envelope in "abc"}
    for _ in range(count):
        envelope = draw.choice("abc")
        order = disorderly(draw)
        looks = (draw.randrange(len(order)),)
        check_order(order, envelope, expected[envelope], looks, draw, again=draw.random() < 0.2)


def subsets() -> Iterator[tuple[str, ...]]:
    for size in range(len(SIGNALS) + 1):
        yield from itertools.combinations(SIGNALS, size)


def check_losses(envelope: str, orders: int, seed: int) -> None:
    """Every subset of the signals, in several orders, with repetitions."""
    draw, full = random.Random(seed), {cdr.leg: cdr for cdr in in_order(envelope)}
    for kept in subsets():
        seen = set()
        for _ in range(orders):
            order = draw.sample(kept, len(kept)) + draw.sample(kept, draw.randint(0, len(kept)))
            told = told_in(order, envelope, looks=(draw.randrange(6),), late=draw)
            check_chain(told)
            seen.add(repr(same(tuple(told.latest.values()))))
            check_what_is_left(told.latest, full, kept)
        assert len(seen) == 1, f"the order of {kept} decided"


def check_what_is_left(latest: dict[str, Cdr], full: dict[str, Cdr], kept: Sequence[str]) -> None:
    assert set(latest) == set(full)
    caller, stream = latest["caller"], latest["stream"]
    bridge_spoke = bool({CLOSING, OUTBOX} & set(kept))
    if RECORD in kept:
        heard = replace(content(caller), witnesses=full["caller"].witnesses, unknowns=(), agent=full["caller"].agent)
        assert heard == full["caller"], kept
    else:
        assert caller.state is not CdrState.FINAL and stream.state is not CdrState.FINAL
        measured = bridge_spoke or bool({COMPLETED, EVENT} & set(kept))
        assert (caller.talk_s is not None) is measured, kept
        assert caller.talk_s is None or abs(caller.talk_s - TALK_S) <= 1, kept
    if bridge_spoke:
        assert (stream.talk_s, stream.charge_micros, stream.usage) == (
            full["stream"].talk_s,
            full["stream"].charge_micros,
            full["stream"].usage,
        ), kept
    else:
        assert (stream.talk_s, stream.charge_micros, stream.model_micros) == (None, None, None), "unknown is not 0"


def test_orders_of_the_six_signals_give_the_same_records() -> None:
    check_permutations("a", step=4)


@pytest.mark.parametrize("envelope", ["b", "c"])
def test_the_other_envelopes_give_the_same_records(envelope: str) -> None:
    assert in_order(envelope) == in_order("a")
    check_permutations(envelope, step=17)


def test_repeated_late_and_shuffled_signals_give_the_same_records() -> None:
    check_disorder(60, SEED)


@pytest.mark.parametrize("envelope", ["a", "b", "c"])
def test_lost_signals_leave_what_the_others_say_in_any_order(envelope: str) -> None:
    check_losses(envelope, 2, SEED)


@pytest.mark.faults
@pytest.mark.parametrize("envelope", ["a", "b", "c"])
def test_all_orders_in_every_envelope_looked_at_after_each_signal(envelope: str) -> None:
    check_permutations(envelope, looks=range(6))


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_disorderly_ends(seed: int) -> None:
    check_disorder(CALLS // 2, seed)


@pytest.mark.faults
@pytest.mark.parametrize("envelope", ["a", "b", "c"])
def test_every_loss_in_many_orders(envelope: str) -> None:
    check_losses(envelope, 10, SEED)


def test_a_record_that_never_comes_is_given_up_after_three_days_and_said_to_be() -> None:
    told = told_in((COMPLETED, EVENT, STOPPED, CLOSING, OUTBOX))
    told.clock += PATIENCE - timedelta(seconds=10)
    assert told.round() == ()
    told.clock += timedelta(seconds=20)
    written = told.round()
    assert {cdr.leg: (cdr.state, cdr.talk_s) for cdr in written} == {
        "caller": (CdrState.UNRECONCILED, TALK_S),
        "stream": (CdrState.UNRECONCILED, TALK_S),
    }
    assert told.latest["caller"].reason == "the carrier's record was waited for in vain"
    assert [finding.kind for finding in told.latest["caller"].findings] == ["missing"]
    told.carrier_said()
    told.round()
    assert {cdr.state for cdr in told.latest.values()} == {CdrState.FINAL}
    assert told.latest["caller"].findings == ()


@pytest.mark.parametrize("build", reconcilers.ORDERLY, ids=lambda build: build.__name__)
def test_the_check_sees_a_build_that_order_decides(build: reconcilers.Breaks) -> None:
    expected = in_order()
    with build(), pytest.raises(AssertionError):
        draw = random.Random(SEED)
        check_losses("a", 1, SEED)
        for _ in range(20):
            check_order(disorderly(draw), "a", expected, looks=range(4), late=draw)
