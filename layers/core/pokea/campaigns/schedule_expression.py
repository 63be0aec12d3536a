"""When a campaign starts by itself, in the words of EventBridge Scheduler: at(…), rate(…) or cron(…).

Checked here because the scheduler would say no only once the campaign is started. The zone is the business's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_AT = re.compile(r"at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)")
_RATE = re.compile(r"rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    """`extra`: what else may stand there for the whole of it."""

    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    extra: str = ""

    def problem_with(self, text: str) -> str:
        if self.extra and re.fullmatch(self.extra, text):
            return ""
        wrong = next((item for item in text.split(",") if not self._is_item(item)), None)
        return "" if wrong is None else f"{wrong!r} is no {self.name} ({self.least} to {self.most})"

    def _is_item(self, item: str) -> bool:
        values, slash, step = item.partition("/")
        if slash and not (step.isascii() and step.isdigit() and 0 < int(step) <= self.most):
            return False
        if values == "*":
            return True
        first, dash, last = values.partition("-")
        begin, end = self._value(first), self._value(last) if dash else self.most
        return begin is not None and end is not None and begin <= end

    def _value(self, text: str) -> int | None:
        if text.upper() in self.words:
            return self.words.index(text.upper()) + 1
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            return None
        return int(text) if self.least <= int(text) <= self.most else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, extra=r"\?|L|LW|([1-9]|[12][0-9]|3[01])W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 1, 7, _DAYS, extra=r"\?|L|[1-7]L|[1-7]#[1-5]"),
    _Field("year", 1970, 2199),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4


def problem_with(expression: str) -> str:
    """Why the scheduler would not take `expression`, in words; "" if it would. "" stands for no schedule at all."""
    if not expression or _RATE.fullmatch(expression):
        return ""
    if found := _AT.fullmatch(expression):
        try:
            datetime.fromisoformat(found[1])
        except ValueError:
            return f"{found[1]} is no time that exists"
        return ""
    if found := _CRON.fullmatch(expression):
        return _cron_problem(found[1].split())
    return "must be at(2027-01-05T09:00:00), rate(2 hours) or cron(0 9 ? * MON-FRI *), in the business's zone"


def _cron_problem(texts: list[str]) -> str:
    if len(texts) != len(_FIELDS):
        return "cron has six fields: minutes, hours, day of the month, month, day of the week, year"
    if problem := next(
        (said for one, text in zip(_FIELDS, texts, strict=True) if (said := one.problem_with(text))), ""
    ):
        return problem
    if (texts[_DAY_OF_MONTH] == "?") == (texts[_DAY_OF_WEEK] == "?"):
        return "one of the two days, of the month and of the week, must be ? and the other one not"
    return ""
