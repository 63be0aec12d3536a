"""The audit, whatever the files: it never fails, does not depend on their order, and accuses nobody by mere silence."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.billing.audit import audit
from pokea.billing.audit_findings import Audit
from pokea.billing.call_leg import STATUSES, BilledLeg, CallLeg
from pokea.billing.rate_deck import deck_of, packaged_deck
from tests.support.carrier_books import DECK, FAULTS, Carrier, shuffled
from tests.support.rating_samples import drawn_leg, drawn_tables
from tests.support.sizes import examples

seeds = st.integers(0, 2**32)


def said(result: Audit) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str]], int]:
    found = Counter((finding.call_id, finding.leg, finding.kind.value) for finding in result.findings)
    return found, Counter((one.call_id, one.leg) for one in result.unknowns), result.agreed


@settings(max_examples=examples(50, 2_000))
@given(seeds)
def test_the_order_of_the_files_does_not_matter(seed: int) -> None:
    draw = random.Random(seed)
    carrier = Carrier(draw)
    calls = [fault(carrier) for fault in FAULTS.values()] + [carrier.call() for _ in range(4)]
    one, other = ((ours, books) for ours, books, _ in (shuffled(draw, calls), shuffled(draw, calls)))
    deck = packaged_deck(DECK)
    assert said(audit(deck, *one)) == said(audit(deck, *other))


def drawn_billed(draw: random.Random, leg: CallLeg) -> BilledLeg:
    """The carrier's record of about this leg, with anything in it."""
    changed = replace(
        leg,
        call_id=draw.choice((leg.call_id, leg.call_id, "other")),
        status=draw.choice(sorted(STATUSES)),
        answered_at=draw.choice((leg.answered_at, None)),
        ended_at=draw.choice((leg.ended_at, None)),
    )
    return BilledLeg(
        changed,
        draw.choice((None, 0, draw.randrange(4_000))),
        draw.choice((None, 0, -5, draw.randrange(100_000))),
        draw.choice(("KES", "KES", "USD", "QQQ", "")),
    )


@settings(max_examples=examples(50, 2_000))
@given(seeds)
def test_any_two_files_can_be_compared(seed: int) -> None:
    draw = random.Random(seed)
    deck = deck_of(drawn_tables(draw), "drawn")
    ours = [replace(drawn_leg(draw), call_id=f"c{draw.randrange(12)}", leg=draw.choice("12s")) for _ in range(15)]
    theirs = [drawn_billed(draw, draw.choice(ours)) for _ in range(15)]
    result = audit(deck, ours, theirs)
    for finding in result.findings:
        assert finding.evidence and "\n" not in finding.evidence
    assert len(result.findings) + len(result.unknowns) + result.agreed >= len({leg.key for leg in ours})


@settings(max_examples=examples(50, 2_000))
@given(seeds)
def test_a_carrier_that_names_no_amount_is_accused_of_none(seed: int) -> None:
    carrier = Carrier(random.Random(seed))
    calls = [carrier.call() for _ in range(6)]
    silent = [replace(billed, cost_minor=None) for call in calls for billed in call.books]
    assert not audit(packaged_deck(DECK), [leg for call in calls for leg in call.ours], silent).findings
