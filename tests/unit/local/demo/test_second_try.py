"""Which calls of the demo are played again, and what the report then says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from local.caller import Spoken
from local.demo import second_try
from local.demo.plan import Shift, Wanted, shifts
from local.demo.report import CallReport, misheard, never_began, why_it_failed

TODAY = date(2026, 11, 20)
PLANNED = shifts(Wanted(carriers=("documented",), seed=1), TODAY)
DYING = shifts(Wanted(carriers=("documented",), kill=True, seed=1), TODAY)


def reports_of(planned: Sequence[Shift], *bad: int) -> list[CallReport]:
    """One report a call; those at the places `bad` failed."""
    calls = [
        (shift, strand, scenario) for shift in planned for strand in shift.strands for scenario in strand.scenarios
    ]
    reports = [
        never_began(shift.engine, strand, scenario, f"{place}.wav", "the caller gave up")
        for place, (shift, strand, scenario) in enumerate(calls)
    ]
    return [
        report if place in bad else replace(report, ok=True, problems=[], outcome="booked")
        for place, report in enumerate(reports)
    ]


def test_nothing_is_played_again_where_nothing_failed() -> None:
    assert second_try.failed(PLANNED, reports_of(PLANNED)) == []


def test_the_whole_strand_of_a_failed_call_is_played_again_and_no_other() -> None:
    strand = next(strand for shift in PLANNED for strand in shift.strands if len(strand.scenarios) > 1)
    place = 0
    for shift in PLANNED:
        for each in shift.strands:
            if each is strand:
                (again,) = second_try.failed(PLANNED, reports_of(PLANNED, place + 1))
                assert again.strands == (strand,)
                assert again.name == shift.name
                return
            place += len(each.scenarios)


def test_of_calls_that_lose_their_engine_in_turn_all_are_played_again() -> None:
    staggered = DYING[0]
    assert staggered.staggered
    assert len(staggered.strands) > 1
    (again,) = second_try.failed(DYING, reports_of(DYING, 0))
    assert again.strands == staggered.strands


def test_many_failures_are_no_accident() -> None:
    many = range(second_try.AT_MOST + 1)
    assert len(reports_of(PLANNED)) > len(many)
    assert second_try.failed(PLANNED, reports_of(PLANNED, *many)) == []


def test_what_was_played_again_counts_as_it_was_then_and_says_what_had_been_wrong() -> None:
    first = reports_of(PLANNED, 0)
    second = [replace(first[0], ok=True, problems=[], outcome="booked")]
    merged = second_try.merged(first, second)
    assert len(merged) == len(first)
    assert all(report.ok for report in merged)
    assert (merged[0].tries, merged[0].first_problems) == (2, ["the caller gave up"])
    assert all(report.tries == 1 for report in merged[1:])


def test_a_fault_that_comes_back_stays_a_failure() -> None:
    first = reports_of(PLANNED, 0)
    assert not second_try.merged(first, first[:1])[0].ok


def test_a_failure_says_what_was_not_understood_and_how_late_the_machine_was() -> None:
    (bad,) = reports_of(PLANNED, 0)[:1]
    assert why_it_failed(bad) == ["the caller gave up"]
    late = replace(bad, misheard=["yes please"], late_ms=2_300)
    assert why_it_failed(late) == [
        "the caller gave up",
        "perhaps not understood: 'yes please'",
        "the telephone's clock was up to 2300 ms late",
    ]
    first, *rest = second_try.merged([late], [replace(bad, ok=True, problems=[])])
    assert (first.first_problems, rest) == (why_it_failed(late), [])


def test_what_was_misheard_is_what_no_transcript_holds() -> None:
    lines = [
        Spoken(text, 0, 1, aside=text == "mm") for text in ("Book a cleaning", "mm", "it is one two", "yes please")
    ]
    assert misheard(lines, ["book a cleaning", "yes please", "it is one two"]) == []
    assert misheard(lines, ["book a cleaning", "goodbye"]) == ["it is one two", "yes please"]
    assert misheard(lines, ["book a cleaning", "[not kept]", "yes please"]) == []
