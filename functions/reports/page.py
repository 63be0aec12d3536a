"""A billing report as one HTML page: for a screen, a telephone and paper. It fetches nothing and runs nothing.

The same report gives the same page. Whatever stands in a call record is shown as text. A browser prints the page as PDF.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from functions.reports.charts import Columns, Stretch, columns, stretches
from pokea.billing.cost_shares import CostTotal
from pokea.billing.report import Report
from pokea.billing.statements import words
from pokea.billing.statements.rows_file import one_line
from pokea.billing.sums import Sum
from pokea.hours import local
from pokea.money import divided

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
WIDE, NARROW = 720.0, 340.0
SHOWN = 200  # differences that the page shows one by one; the file of rows has all


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole. `series`: its number, which decides its colour."""

    series: int
    name: str
    amount: str
    percent: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One line of a table. `per_call` is "" where no call's cost is known in full: half a cost would look like a cheap call."""

    name: str
    sums: Sum
    total: str
    per_call: str
    bar: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the template shows beside the report itself."""

    total: str
    per_call: str
    results: tuple[tuple[str, str], ...]
    kinds: tuple[Share, ...]
    kinds_bar: tuple[Stretch, ...]
    chart: Columns
    chart_narrow: Columns
    outcomes: tuple[Group, ...]
    agents: tuple[Group, ...]
    directions: tuple[Group, ...]
    times: tuple[Share, ...]
    times_bar: tuple[Stretch, ...]
    as_of: str


def page_of(report: Report) -> str:
    return _pages().get_template("statement.html").render(report=report, view=view_of(report), shown=SHOWN)


def view_of(report: Report) -> View:
    total, currency = report.total, report.currency
    kinds = (total.carrier_micros, total.stream_micros, total.model_micros)
    times = (total.agent_ms, total.caller_ms, total.tools_ms, total.hold_ms, total.silence_ms)
    bars = list(_bars(report))
    costs = report.costs
    outcomes = [
        (words.outcome_words(name), one, report.mean_by_outcome.get(name)) for name, one in report.by_outcome.items()
    ]
    agents = [(name or words.NOT_KNOWN, one, report.mean_by_agent.get(name)) for name, one in report.by_agent.items()]
    directions = [(words.DIRECTIONS[name], one, None) for name, one in report.by_direction.items()]
    return View(
        total=words.money(total.total_micros, currency),
        per_call="" if (mean := costs.total.mean_micros) is None else words.money(mean, currency),
        results=tuple(_results(report)),
        kinds=tuple(_kinds(total, currency)),
        kinds_bar=stretches(kinds),
        chart=columns(bars, WIDE, every=1 if len(bars) <= 12 else 2),
        chart_narrow=columns(bars, NARROW, every=1 if len(bars) <= 12 else 5),
        outcomes=_groups(outcomes, currency),
        agents=_groups(agents, currency),
        directions=_groups(directions, currency),
        times=tuple(_times(total, costs.total, currency)),
        times_bar=stretches(times),
        as_of=f"{local(report.as_of, report.period.tz):%d %B %Y, %H:%M}".lstrip("0") if report.as_of else "",
    )


def _kinds(total: Sum, currency: str) -> Iterator[Share]:
    named = (
        ("Telephone calls", total.carrier_micros, ""),
        ("Sound to and from the agent", total.stream_micros, ""),
        ("The model that speaks", total.model_micros, f"USD {words.exact(total.model_usd_micros)[:-2]}"),
    )
    for series, (name, micros, more) in enumerate(named):
        share = words.percent(micros, total.total_micros)
        yield Share(series, name, words.money(micros, currency), share, more if micros else "")


def _times(total: Sum, costs: CostTotal, currency: str) -> Iterator[Share]:
    named: tuple[tuple[str, int, int | None], ...] = (
        ("The agent spoke", total.agent_ms, None),
        ("The caller spoke", total.caller_ms, None),
        ("Looking things up", total.tools_ms, costs.tools_micros),
        ("Waiting for a person", total.hold_ms, costs.hold_micros),
        ("Nobody spoke", total.silence_ms, costs.silence_micros),
    )
    for series, (name, ms, micros) in enumerate(named):
        cost = f"about {words.money(micros, currency)} of the cost" if micros else ""
        yield Share(series, name, words.duration(round(ms / 1_000)), words.percent(ms, total.total_ms), cost)


def _results(report: Report) -> Iterator[tuple[str, str]]:
    """What one result cost, if it pays for all calls, the fruitless ones as well."""
    for group, name in words.RESULTS.items():
        found = report.costs.by_group.get(group)
        if found is not None and found.calls:
            each = words.money(divided(report.total.total_micros, found.calls), report.currency)
            yield name, f"at least {each}" if report.total.is_lower_bound else each


def _bars(report: Report) -> Iterator[tuple[str, str, Sequence[int]]]:
    """A month by its days, a day by its hours: answered calls, and above them those that nobody answered."""
    if report.period.is_month:
        for day, one in report.by_day.items():
            yield str(day.day), f"{day:%a} {day.day} {day:%B}: {_told(one, report.currency)}", _answered(one)
        return
    busy = [hour for hour, one in report.by_hour.items() if one.calls]
    for hour in range(min([7, *busy]), max([18, *busy]) + 1):
        one = report.by_hour.get(hour, Sum())
        yield str(hour), f"{hour}:00 to {hour}:59: {_told(one, report.currency)}", _answered(one)


def _told(one: Sum, currency: str) -> str:
    return f"{words.plural(one.calls, 'call')}, {words.money(one.total_micros, currency)}"


def _answered(one: Sum) -> tuple[int, int]:
    return one.answered, one.calls - one.answered


def _groups(named: Sequence[tuple[str, Sum, int | None]], currency: str) -> tuple[Group, ...]:
    dearest = max((one.total_micros for _, one, _ in named), default=0)
    return tuple(
        Group(
            name,
            one,
            words.amount(one.total_micros, currency),
            "" if mean is None else words.amount(mean, currency),
            stretches((one.total_micros, dearest - one.total_micros))[:1] if one.total_micros > 0 else (),
        )
        for name, one, mean in named
    )


@cache
def _pages() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["plain"] = one_line
    pages.globals["words"] = words
    return pages
