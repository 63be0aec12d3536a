"""A campaign's TOML file, table by table. docs/campaigns.md describes it; `pokea.campaigns.definition` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pokea.billing.cdr_file import instant
from pokea.campaigns.campaign import Retry, Voicemail
from pokea.campaigns.contact import Disposition
from pokea.campaigns.lists.columns import MAX_FIELDS
from pokea.campaigns.schedule_expression import problem_with
from pokea.clock import as_utc
from pokea.errors import RejectedInput
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.tables.base import HoursTable, Key, Spoken, Table
from pokea.tables.billing import Amount

MAX_WEBHOOK_CHARS = 500
# After these somebody may be rung again. The others are final: an answer, an opt-out, a number that does not work, and an attempt of
# which nobody knows what became of it.
RETRYABLE = (
    Disposition.BUSY,
    Disposition.NO_ANSWER,
    Disposition.MACHINE,
    Disposition.SILENCE,
    Disposition.HUNG_UP,
    Disposition.FAILED,
    Disposition.CALL_AGAIN,
)
USUAL_RETRIES: Mapping[Disposition, Retry] = {
    Disposition.BUSY: Retry(after_min=15, attempts=3),
    Disposition.NO_ANSWER: Retry(after_min=120, attempts=3),
    Disposition.MACHINE: Retry(after_min=240, attempts=2),
    Disposition.FAILED: Retry(after_min=30, attempts=2),
    Disposition.CALL_AGAIN: Retry(after_min=24 * 60, attempts=3),
}
# A program on the very machine that delivers may be named without https: on a desk. Elsewhere whoever delivers refuses it.
_WEBHOOK = re.compile(
    r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9._~/?=&%:@,+-]*)?"
)
_ALWAYS = ("00:00-24:00",)


def _number(text: str) -> str:
    try:
        return E164(text)
    except RejectedInput as problem:
        raise ValueError(f"is {problem.message}") from None


def _moment(value: object) -> datetime:
    """As TOML has it, or as RFC 3339 text, because JSON has no times."""
    if isinstance(value, str):
        try:
            value = instant(value, "it")
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a date and time with its offset, such as 2027-01-05T08:00:00+03:00")
    return as_utc(value)


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a date such as 2027-01-05") from None


def _amount(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError('is a number: write amounts as text, such as "5000.00", so that they stay exact')
    return value


def _schedule(text: str) -> str:
    if problem := problem_with(text):
        raise ValueError(problem)
    return text


def _webhook(text: str) -> str:
    if text and (len(text) > MAX_WEBHOOK_CHARS or not _WEBHOOK.fullmatch(text)):
        raise ValueError("must be an https URL")
    return text


def _title(text: str) -> str:
    if not text.strip():
        raise ValueError("must be the name of a column of the list")
    return text


def _voicemail(text: str) -> str:
    if text not in set(Voicemail):
        raise ValueError(f"must be one of {', '.join(Voicemail)}")
    return text


Moment = Annotated[datetime, BeforeValidator(_moment), Field(strict=False)]
Budget = Annotated[Amount, BeforeValidator(_amount)]
Number = Annotated[str, AfterValidator(_number)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Title = Annotated[str, Field(max_length=200), AfterValidator(_title)]


class RetryTable(Table):
    after_min: Annotated[int, Field(ge=1, le=60 * 24 * 30)]
    attempts: Annotated[int, Field(ge=1, le=10)]


class WindowsTable(HoursTable):
    closed_days: list[Annotated[date, BeforeValidator(_day)]] = []


class CampaignTable(Table):
    """`from` is a word of the language, so the field has another name."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    business: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    name: Spoken
    agent: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")] = "leads"
    from_number: Annotated[Number | None, Field(alias="from")] = None
    countries: Annotated[list[Country], Field(min_length=1, max_length=20)] | None = None
    windows: WindowsTable | None = None
    begins: Moment | None = None
    ends: Moment | None = None
    cps: Annotated[int, Field(ge=1, le=50)] = 1
    channels: Annotated[int, Field(ge=1, le=1_000)] = 5
    retries: dict[Key, RetryTable] = {}
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    voicemail: Annotated[str, AfterValidator(_voicemail)] = Voicemail.HANG_UP.value
    budget: Budget | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    reps: Annotated[int, Field(ge=0, le=1_000)] = 0
    schedule: Annotated[str, Field(max_length=256), AfterValidator(_schedule)] = ""
    webhook: Annotated[str, AfterValidator(_webhook)] = ""
    columns: Annotated[dict[Key, Title], Field(max_length=MAX_FIELDS)] = {}
    fields: Annotated[list[Key], Field(max_length=MAX_FIELDS)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> CampaignTable:
        if self.begins and self.ends and self.ends <= self.begins:
            raise ValueError("ends: is not after begins")
        if self.windows and not any(self.windows.opening_hours().week.values()):
            raise ValueError("windows: leaves no time to call; without [windows] the law's hours hold alone")
        for name, retry in self.retries.items():
            if name not in RETRYABLE:
                raise ValueError(f"retries.{name}: is not one of {', '.join(RETRYABLE)}")
            if retry.attempts > self.max_attempts:
                raise ValueError(f"retries.{name}.attempts: is more than max_attempts ({self.max_attempts})")
        if self.fields is not None and len(set(self.fields)) != len(self.fields):
            raise ValueError("fields: names a field twice")
        return self

    def hours(self) -> HoursTable:
        if self.windows:
            return self.windows
        week: dict[str, Any] = dict.fromkeys(
            ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), _ALWAYS
        )
        return HoursTable(**week)

    def retry_rules(self) -> Mapping[Disposition, Retry]:
        """The usual ones where the file says nothing. One attempt in all is no retry."""
        rules = {
            kind: Retry(rule.after_min, min(rule.attempts, self.max_attempts)) for kind, rule in USUAL_RETRIES.items()
        }
        own = {Disposition(name): Retry(rule.after_min, rule.attempts) for name, rule in self.retries.items()}
        return {kind: rule for kind, rule in {**rules, **own}.items() if rule.attempts > 1}

    def budget_micros(self) -> int | None:
        return None if self.budget is None else Money.parse(self.budget, "KES").micros  # as in every currency
