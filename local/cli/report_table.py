"""A billing report in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pokea.billing.report import Report
from pokea.billing.statements import words
from pokea.billing.statements.rows_file import one_line
from pokea.billing.sums import Sum
from pokea.errors import RejectedInput

FILE_WIDTH = 110
MOST_LINES = 20  # of differences; the page and the rows have all


def print_report(reports: Sequence[Report], out: Path | None) -> None:
    """To the terminal, or without colours to a file."""
    if out is None:
        for report in reports:
            draw(report, sys.stdout)
        return
    try:
        with out.open("w", encoding="utf-8") as file:
            for report in reports:
                draw(report, file)
    except OSError as problem:
        raise RejectedInput("bad_out", f"{out}: {problem.strerror}") from None


def draw(report: Report, file: TextIO) -> None:
    # Nothing that stands in a call record is read as markup, and no letter of it steers the terminal.
    console = Console(
        file=file, markup=False, highlight=False, emoji=False, width=None if file.isatty() else FILE_WIDTH
    )
    total, currency = report.total, report.currency
    about = f"{one_line(report.name)}, {words.period_words(report.period)}"
    console.print(Text(about + ("" if report.is_over else " (so far)"), style="bold"))
    at_least = "at least " if total.is_lower_bound else ""
    console.print(f"{at_least}{words.money(total.total_micros, currency)} for {words.plural(total.calls, 'call')}")
    for other, one in report.elsewhere.items():
        console.print(
            f"and {words.money(one.total_micros, one_line(other))} for {words.plural(one.legs, 'line')} in it"
        )
    console.print(_kinds(total, currency))
    outcomes = {words.outcome_words(name): one for name, one in report.by_outcome.items()}
    console.print(
        _groups("result", outcomes, {words.outcome_words(n): m for n, m in report.mean_by_outcome.items()}, currency)
    )
    console.print(_groups("agent", report.by_agent, report.mean_by_agent, currency))
    if report.period.is_month:
        days = {f"{day:%a} {day:%d}": one for day, one in report.by_day.items() if one.legs}
        console.print(_groups("day", days, {}, currency))
    _print_rest(console, report)


def _kinds(total: Sum, currency: str) -> Table:
    table = _table("what for", "amount", "share")
    for name, micros in (
        ("telephone calls", total.carrier_micros),
        ("sound to the agent", total.stream_micros),
        (f"model (USD {words.exact(total.model_usd_micros)})", total.model_micros),
    ):
        table.add_row(name, words.money(micros, currency), words.percent(micros, total.total_micros))
    return table


def _groups(title: str, groups: Mapping[str, Sum], means: Mapping[str, int], currency: str) -> Table:
    table = _table(title, "calls", "talked", *(("a call",) if means else ()), currency)
    for name, one in groups.items():
        mean = [words.amount(means[name], currency) if name in means else "?"] if means else []
        least = "≥ " if one.is_lower_bound else ""
        amount = f"{least}{words.amount(one.total_micros, currency)}"
        table.add_row(one_line(name or words.NOT_KNOWN), f"{one.calls:,}", words.duration(one.talk_s), *mean, amount)
    return table


def _table(first: str, *rest: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in rest:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _print_rest(console: Console, report: Report) -> None:
    total = report.total
    if total.compared:
        ours, theirs = (
            words.money(micros, report.currency)
            for micros in (total.compared_ours_micros, total.compared_theirs_micros)
        )
        console.print(
            f"of {words.plural(total.compared, 'line')} the carrier charged {theirs}; by the agreed prices {ours}"
        )
    console.print(words.plural(len(report.disagreements), "difference") + " with the carrier")
    for one in report.disagreements[:MOST_LINES]:
        console.print(f"  {one_line(one.evidence)}", soft_wrap=True)
    if len(report.disagreements) > MOST_LINES:
        console.print(f"  and {len(report.disagreements) - MOST_LINES:,} more (--format html or csv)")
    for gap in report.unknowns:
        console.print(
            f"not known: {words.GAPS[gap.gap].lower()}, {words.plural(gap.legs, 'line')}: {one_line(gap.reason)}",
            soft_wrap=True,
        )
    bases = [basis.name for basis in (*report.decks, *report.prices, *report.exchanges)]
    console.print(f"prices: {one_line(', '.join(bases) or words.NOT_KNOWN)}\n", soft_wrap=True)
