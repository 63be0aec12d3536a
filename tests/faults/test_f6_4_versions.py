"""F6.4: re-rating, corrections, refunds, witnesses that are gone by then, and two writers at once: what is written is written once, every
version is kept, and the lines sum to the charges."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea.billing import reconcile
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.rating import Charge
from pokea.calls import Call
from pokea.ids import SessionId
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.faults.broken import reconcilers
from tests.oracles.cdr_reconcile import check_invoice
from tests.support.told_calls import DECK, Told, content, drafted, pricing

DECKS = (DECK, f"{DECK}-minutes")
EVENTS, SEED = 10_000, 6_4
Step = Callable[["Story"], None]


class Story:
    """One placed call after its end, through everything that can still happen to its records."""

    def __init__(self, draw: random.Random, number: int, cdrs: MemoryCdrs | None = None) -> None:
        self.draw = draw
        talk_s = draw.randrange(1, 900)
        self.told = Told(
            session=SessionId(f"HD_{number:012d}"), outbound=draw.random() < 0.7, talk_s=talk_s, stream_ms=talk_s * 1_000,
            cdrs=cdrs or MemoryCdrs(),
        ).begun()  # fmt: skip
        self.deck = DECK
        self.cost: int | None = None
        self.row_is_gone = False

    def look(self) -> tuple[Cdr, ...]:
        told = self.told
        account = replace(told.account, call=None if self.row_is_gone else told.call)
        drafts = drafted(account, told.clock, self.deck)
        return reconcile.settle(told.cdrs, told.session, lambda latest: drafts, told.clock)

    def priced(self, cost: int) -> None:
        self.cost = cost
        self.told.carrier_said(self.told.record(cost_minor=cost))


def price(story: Story) -> None:
    story.priced(5 * story.told.talk_s)


def correct(story: Story) -> None:
    story.priced(story.draw.randrange(0, 9_000))


def refund(story: Story) -> None:
    story.priced(0)


def rate_again(story: Story) -> None:
    story.deck = story.draw.choice(DECKS)


def say_again(story: Story) -> None:
    story.told.bridge_closed()
    story.told.completed()


def forget_closing(story: Story) -> None:
    """Transcripts are kept for weeks, records for more than a year."""
    story.told.closing = None


def forget_row(story: Story) -> None:
    story.row_is_gone = True


STEPS: Sequence[Step] = (price, correct, refund, rate_again, say_again, forget_closing, forget_row)


def tell(draw: random.Random, number: int) -> Story:
    story = Story(draw, number)
    for end in draw.sample((story.told.completed, story.told.closed, story.told.bridge_closed), 3):
        end()
        if draw.random() < 0.5:
            story.look()
    price(story)
    story.look()
    return story


def check_story(draw: random.Random, number: int) -> int:
    """How many things happened in it."""
    story = tell(draw, number)
    told = story.told
    kept: dict[str, tuple[Cdr, ...]] = {}
    steps = draw.choices(STEPS, k=draw.randint(1, 6))
    for step in steps:
        told.clock += timedelta(minutes=draw.randint(1, 600))
        before = told.latest
        step(story)
        written = story.look()
        assert story.look() == (), f"{step.__name__}: looked at again, something was written"
        for cdr in written:
            assert cdr.version == before[cdr.leg].version + 1
            assert content(cdr) != content(before[cdr.leg]) and cdr.reason
        check_what_stands(story, before)
        for leg in told.latest:
            versions = told.cdrs.versions(told.session, leg)
            assert versions[: len(kept.get(leg, ()))] == kept.get(leg, ()), "a version was changed in place"
            kept[leg] = versions
    check_sums(story)
    return len(steps)


def check_what_stands(story: Story, before: dict[str, Cdr]) -> None:
    latest = story.told.latest
    assert set(latest) == set(before) and len(latest) == 2
    person, stream = next(cdr for leg, cdr in latest.items() if leg != "stream"), latest["stream"]
    assert person.state is stream.state is CdrState.FINAL
    assert (person.carrier_minor, person.talk_s) == (story.cost, story.told.talk_s)
    assert person.agent == "booking" and person.deck_id == stream.deck_id == story.deck
    assert stream.usage and stream.talk_s == story.told.talk_s, "what a lost witness had said was taken back"
    assert not any(finding.kind == "missing" for finding in person.findings)


def check_sums(story: Story) -> None:
    """L3, by the lines of the deck that stands."""
    lines: list[dict[str, Any]] = []
    for cdr in story.told.latest.values():
        rated = pricing(story.deck).raters.own.rate(cdr.as_leg)
        assert isinstance(rated, Charge)
        lines += [{"micros": line.micros} for line in rated.lines]
    charged = [cdr.charge_micros for cdr in story.told.latest.values()]
    assert None not in charged
    assert check_invoice(lines, sum(micros for micros in charged if micros is not None)) == []


def check_stories(events: int, seed: int) -> None:
    number = happened = 0
    while happened < events:
        draw = random.Random(f"{seed}/{number}")
        try:
            happened += check_story(draw, number)
        except AssertionError as breach:
            raise AssertionError(f"seed {seed}, story {number}: {breach}") from breach
        number += 1


def check_race(draw: random.Random, number: int, cdrs: MemoryCdrs) -> None:
    """Between one look's reading and its writing another look gets through, up to three times; then the first decides again."""
    story = tell(draw, number)
    told = story.told
    told.cdrs, others = _copied(told.cdrs, told.session, cdrs), draw.randint(1, 3)
    decided: list[int] = []

    def decide(latest: Sequence[Cdr]) -> Sequence[Cdr]:
        decided.append(len(decided))
        if len(decided) <= others:
            told.clock += timedelta(seconds=1)
            story.priced(draw.randrange(10_000, 20_000))
            drafts = told.drafts()
            assert reconcile.settle(cdrs, told.session, lambda _: drafts, told.clock) != ()
        return told.drafts() if len(decided) > others else _as_of(latest)

    def _as_of(latest: Sequence[Cdr]) -> Sequence[Cdr]:
        return [replace(cdr, carrier_minor=1, version=0) for cdr in latest]

    assert reconcile.settle(cdrs, told.session, decide, told.clock) == (), "the last word had been written by the other"
    assert len(decided) == others + 1
    person = next(cdr for cdr in cdrs.cdrs(told.session) if cdr.leg != "stream")
    assert person.carrier_minor == story.cost
    versions = cdrs.versions(told.session, person.leg)
    assert [cdr.version for cdr in versions] == list(range(1, len(versions) + 1))
    assert all(cdr.carrier_minor != 1 for cdr in versions), "what had been decided on an old version was written"


def _copied(source: MemoryCdrs, session: SessionId, target: MemoryCdrs) -> MemoryCdrs:
    for statement in source.statements(session):
        target.keep(statement)
    for cdr in source.cdrs(session):
        for version in source.versions(session, cdr.leg):
            target.put_cdrs([replace(version, version=version.version - 1)])
    return target


def test_corrections_refunds_and_re_rating_keep_every_version_and_write_nothing_twice() -> None:
    check_stories(140, SEED)


@pytest.mark.faults
def test_ten_thousand_corrections_refunds_and_re_ratings() -> None:
    check_stories(EVENTS, SEED + 1)


def test_of_two_looks_at_once_one_wins_and_the_other_decides_again() -> None:
    for number in range(40):
        check_race(random.Random(f"{SEED}/{number}"), number, MemoryCdrs())


@pytest.mark.faults
def test_a_thousand_races() -> None:
    for number in range(1_000):
        check_race(random.Random(f"{SEED}/race/{number}"), number, MemoryCdrs())


def test_a_correction_says_what_was_corrected() -> None:
    story = tell(random.Random(1), 1)
    cost = story.cost
    story.told.clock += timedelta(hours=1)
    story.priced(cost + 50 if cost is not None else 0)
    (corrected,) = story.look()
    assert corrected.reason == f"corrected by the carrier: cost {cost} to {story.cost}"
    story.deck = DECKS[1]
    assert {cdr.reason.split(":")[0] for cdr in story.look()} == {f"rated again by {DECKS[1]}"}


def test_a_session_that_only_the_carrier_knew_keeps_its_legs_name() -> None:
    """The sweep finds it before the hooks come, a day late; it turns out to be a call to a person."""
    told = Told(outbound=True)
    told.carrier_said()
    told.round()
    assert set(told.latest) == {"callee"}
    told.hook("Ringing")

    def to_a_person(call: Call) -> Call:
        return replace(call, agent="whisper")

    told.take(to_a_person)
    told.round()
    assert {leg: (cdr.direction.value, cdr.version) for leg, cdr in told.latest.items()} == {"callee": ("transfer", 2)}


def test_dials_keep_their_names_in_whatever_order_their_records_come() -> None:
    told = Told().begun()
    told.completed()
    late, early = (
        told.record(
            id=f"d{hour}",
            direction="outbound",
            remote_e164="+254722000111",
            cost_minor=5,
            started_at=f"2026-11-23T0{hour}:00:00Z",
        )
        for hour in (9, 8)
    )
    told.carrier_said(
        told.record(), {**late, "answered_at": "2026-11-23T09:00:05Z", "ended_at": "2026-11-23T09:00:06Z"}
    )
    told.round()
    told.clock += timedelta(minutes=1)
    told.carrier_said(
        told.record(),
        {**late, "answered_at": "2026-11-23T09:00:05Z", "ended_at": "2026-11-23T09:00:06Z"},
        {**early, "answered_at": "2026-11-23T08:00:05Z", "ended_at": "2026-11-23T08:00:06Z"},
    )
    told.round()
    assert {leg: cdr.carrier_id for leg, cdr in told.latest.items() if leg.startswith("transfer")} == {
        "transfer": "d9",
        "transfer-2": "d8",
    }
    assert told.round() == ()


@pytest.mark.parametrize(
    "build",
    [reconcilers.draft_stands_for_all, reconcilers.first_reading_stands, reconcilers.final_is_given_up],
    ids=lambda build: build.__name__,
)
def test_the_check_sees_a_build_without_its_safeguard(build: reconcilers.Breaks) -> None:
    with build(), pytest.raises(AssertionError):
        check_stories(140, SEED)


def test_the_check_sees_a_store_without_a_fence() -> None:
    with pytest.raises(AssertionError):
        for number in range(5):
            check_race(random.Random(number), number, reconcilers.UnfencedCdrs())
