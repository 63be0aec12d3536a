"""PUT /accounts/{id}, /tickets/{id} and /outages/{area}: what the support agent knows of a business that has no system of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from functions.api.doorman import ACCOUNTS_WRITE, holder
from functions.api.schemas import ERRORS
from pokea.accounts import (
    ACCOUNT,
    OUTAGE,
    TICKET,
    Account,
    Outage,
    Ticket,
    TicketStatus,
    pin_digest,
    pin_matches,
)
from pokea.clock import Clock
from pokea.desk.settle import Decision, settle
from pokea.errors import Conflict, NotFound, RejectedInput
from pokea.ids import BusinessId
from pokea.money import Money
from pokea.phone_numbers import E164
from pokea.ports import Change, Store
from pokea.profile import Profile
from pokea.records import Kind, T
from pokea.support import SupportRules

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log

SALT_BYTES = 16
Holder = Annotated[BusinessId, Depends(holder(ACCOUNTS_WRITE))]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be words on one line")
    return text


Words = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountReport(_Report):
    """What is left out stays as it is; the first report of an account needs its name."""

    name: Words | None = None
    numbers: Annotated[list[Annotated[str, Field(max_length=20)]] | None, Field(max_length=5)] = None
    plan: Words | None = None
    balance: Annotated[str | None, Field(max_length=20, examples=["-1250.50"], description="Negative is owed")] = None
    currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$")] = None
    pin: Annotated[str | None, Field(pattern="^[0-9]{1,12}$", description="Only a digest of it is kept")] = None
    birth_date: date | None = None
    area: Annotated[str | None, Field(description="Key in support.areas")] = None


class TicketReport(_Report):
    """What is left out stays as it is; the first report of a ticket needs account_id and problem."""

    account_id: Annotated[str | None, Field(pattern="^[A-Za-z0-9]{1,32}$")] = None
    problem: Words | None = None
    status: TicketStatus | None = None


class OutageReport(_Report):
    """What is left out stays as it is; an outage that is over and reported anew begins anew with `since`."""

    what: dict[Annotated[str, Field(pattern="^(en|sw)$")], Words] | None = None
    since: AwareDatetime | None = None
    back_at: AwareDatetime | None = None
    is_over: bool = False


class Kept(BaseModel):
    """`version` grows with every change."""

    id: str
    version: int


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.put("/accounts/{id}", responses=ERRORS)
    def account(
        id: Annotated[str, Path(pattern="^[A-Za-z0-9]{1,32}$")], says: AccountReport, business_id: Holder
    ) -> Kept:
        return provide().accounts.account(business_id, id.upper(), says)

    @routes.put("/tickets/{id}", responses=ERRORS)
    def ticket(
        id: Annotated[str, Path(pattern="^[A-Za-z0-9-]{1,32}$")], says: TicketReport, business_id: Holder
    ) -> Kept:
        return provide().accounts.ticket(business_id, id, says)

    @routes.put("/outages/{area}", responses=ERRORS)
    def outage(area: Annotated[str, Path(max_length=64)], says: OutageReport, business_id: Holder) -> Kept:
        return provide().accounts.outage(business_id, area, says)

    return routes


class AccountDesk:
    def __init__(
        self, *, store: Callable[[], Store], profiles: Callable[[], Mapping[BusinessId, Profile]], clock: Clock
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._clock = clock

    def account(self, business_id: BusinessId, account_id: str, said: AccountReport) -> Kept:
        """The same report again changes nothing. Raises RejectedInput and NotFound."""
        rules = self._rules(business_id)
        if said.pin is not None and len(said.pin) != rules.pin_digits:
            raise RejectedInput("bad_pin", f"a PIN has {rules.pin_digits} digits here")
        if said.area is not None:
            _known_area(rules, said.area)
        if (said.balance is None) is not (said.currency is None):
            raise RejectedInput("bad_balance", "balance and currency go together")

        def changed(before: Account | None) -> Account:
            if before is None and said.name is None:
                raise RejectedInput("name_missing", "the first report of an account needs its name")
            account = before or Account(business_id=business_id, account_id=account_id, name="")
            plain = {name: getattr(said, name) for name in ("name", "plan", "birth_date", "area")}
            account = replace(account, **{name: value for name, value in plain.items() if value is not None})
            if said.numbers is not None:
                account = replace(account, numbers=tuple(dict.fromkeys(E164(number) for number in said.numbers)))
            if said.balance is not None and said.currency is not None:
                account = replace(account, balance=Money.parse(said.balance, said.currency))
            if said.pin is not None and not pin_matches(said.pin, account.pin):
                account = replace(account, pin=pin_digest(said.pin, secrets.token_bytes(SALT_BYTES)))
            return account

        return self._keep(ACCOUNT, business_id, account_id, changed)

    def ticket(self, business_id: BusinessId, ticket_id: str, said: TicketReport) -> Kept:
        """Raises Conflict for a ticket of another account."""
        self._rules(business_id)
        account_id = said.account_id.upper() if said.account_id else None

        def changed(before: Ticket | None) -> Ticket:
            if before is None:
                if account_id is None or said.problem is None:
                    raise RejectedInput(
                        "ticket_incomplete", "the first report of a ticket needs account_id and problem"
                    )
                before = Ticket(
                    business_id=business_id, ticket_id=ticket_id, account_id=account_id, problem=said.problem,
                    status=TicketStatus.OPEN, opened_at=self._clock.now(),
                )  # fmt: skip
            if account_id not in (None, before.account_id):
                raise Conflict("other_account", "this ticket is another account's")
            return replace(before, problem=said.problem or before.problem, status=said.status or before.status)

        return self._keep(TICKET, business_id, ticket_id, changed)

    def outage(self, business_id: BusinessId, area: str, said: OutageReport) -> Kept:
        _known_area(self._rules(business_id), area)
        since, back_at = (moment and moment.astimezone(UTC) for moment in (said.since, said.back_at))

        def changed(before: Outage | None) -> Outage:
            if before is None or (before.is_over and not said.is_over):
                version = before.version if before else 0
                before = Outage(business_id=business_id, area=area, since=since or self._clock.now(), version=version)
            return replace(
                before,
                since=since or before.since,
                what=said.what if said.what is not None else before.what,
                back_at=back_at or before.back_at,
                is_over=said.is_over,
            )

        return self._keep(OUTAGE, business_id, area, changed)

    def _keep(self, kind: Kind[T], business_id: BusinessId, key: str, changed: Callable[[T | None], T]) -> Kept:
        store = self._store()

        def decide() -> Decision[Kept]:
            before = store.record(kind, business_id, key)
            after = changed(before)
            if after == before:
                return Decision(Kept(id=key, version=after.version))
            return Decision(Kept(id=key, version=after.version + 1), Change(records=(kind.of(after),)))

        return settle(store, decide)

    def _rules(self, business_id: BusinessId) -> SupportRules:
        profile = self._profiles().get(business_id)
        if profile is None or profile.support is None or "accounts" in profile.backends:
            raise NotFound("no_accounts", "the accounts of this business are not kept here")
        return profile.support


def _known_area(rules: SupportRules, area: str) -> None:
    if area not in rules.areas:
        raise RejectedInput("no_such_area", f"the areas are: {', '.join(rules.areas)}")
