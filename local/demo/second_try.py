"""Calls that failed are played once more, after all the others and beside few.

The demo runs in real time: real recognition, real sound, many calls on a machine that may have other work. What a machine was too busy
for works beside few other calls; a fault of ours fails again. Nothing is hidden: the report says that it was the second try, and what went
wrong in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from local.demo.admission import Lines
from local.demo.plan import Shift
from local.demo.report import CallReport, why_it_failed

AT_MOST = 8  # more failures than this are no accident
SIDE_BY_SIDE = Lines(fewest=3, most=3, unknown=3)


def failed(shifts: Sequence[Shift], reports: Sequence[CallReport]) -> list[Shift]:
    """What to play once more: the strands with a failed call, whole, because later calls of a strand build on earlier ones. Of a staggered
    shift all of them: its deaths follow the order of its calls. Empty if nothing failed, or too much.

    `reports`: in the order of `shifts`.
    """
    left = iter(reports)
    again: list[Shift] = []
    for shift in shifts:
        played = [(strand, [next(left) for _ in strand.scenarios]) for strand in shift.strands]
        bad = [strand for strand, own in played if not all(report.ok for report in own)]
        if bad:
            again.append(replace(shift, strands=shift.strands if shift.staggered else tuple(bad)))
    return again if sum(not report.ok for report in reports) <= AT_MOST else []


def merged(first: Sequence[CallReport], second: Sequence[CallReport]) -> list[CallReport]:
    """The reports of both passes, one for each call: what was played again counts as it was then."""
    later = {report.recording: report for report in second}
    return [
        report
        if (other := later.get(report.recording)) is None
        else replace(other, tries=2, first_problems=why_it_failed(report))
        for report in first
    ]
