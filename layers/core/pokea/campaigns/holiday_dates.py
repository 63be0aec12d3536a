"""Public holidays by country, from the holidays package. It takes long to import, so it is imported when the first date is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

from pokea.errors import RejectedInput

ESTIMATED = "estimated"  # how the package marks a date that follows the moon and has not been declared


def holidays_of(calendar: str, categories: tuple[str, ...], margin_days: int, day: date) -> str:
    """What is celebrated on `day`; "" for an ordinary day. Raises RejectedInput for a calendar or category that there is not."""
    return _year(calendar, categories, margin_days, day.year).get(day, "")


@lru_cache(maxsize=1_024)
def _year(calendar: str, categories: tuple[str, ...], margin_days: int, year: int) -> Mapping[date, str]:
    """The holidays of a year by date. Where the package knows none, nobody knows, and each of its days counts as one."""
    if not _listed(calendar, categories, year):
        first = date(year, 1, 1)
        days = (first + timedelta(days=number) for number in range(366))
        return {day: f"{year}, whose holidays are not known" for day in days if day.year == year}
    found: dict[date, str] = {}
    for near in (year - 1, year, year + 1):  # an estimate on New Year's Day closes the last day of the year before
        for day, name in _listed(calendar, categories, near).items():
            for away in range(-margin_days, margin_days + 1) if ESTIMATED in name else (0,):
                about = day + timedelta(days=away)
                if not away or about not in found:
                    found[about] = f"a day next to {name}" if away else name
    return {day: name for day, name in found.items() if day.year == year}


@lru_cache(maxsize=1_024)
def _listed(calendar: str, categories: tuple[str, ...], year: int) -> Mapping[date, str]:
    import holidays

    try:
        return dict(holidays.country_holidays(calendar, years=year, categories=categories, language="en_US"))
    except NotImplementedError:
        raise RejectedInput("no_calendar", f"the holidays package has no calendar of {calendar}") from None
    except ValueError as problem:
        raise RejectedInput("no_category", f"the holidays package says: {problem}") from None
