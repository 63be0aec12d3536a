"""`[billing]`: a business's price list and its caps."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.billing.rules import DEFAULT_DECK, BillingRules
from pokea.errors import RejectedInput
from pokea.money import Money
from pokea.tables.base import Table


def _amount(text: str) -> str:
    try:
        micros = Money.parse(text, "KES").micros  # a micro-unit is the same part of a unit in every currency
    except RejectedInput as problem:
        raise ValueError(problem.message) from None
    if micros <= 0:
        raise ValueError("must be more than 0")
    return text


Amount = Annotated[str, AfterValidator(_amount)]


class BillingTable(Table):
    """Amounts are text, such as "2000.00", so that they stay exact."""

    deck: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,80}$")] = DEFAULT_DECK
    daily_cap: Amount | None = None
    unusual_cap: Amount | None = None

    def rules(self) -> BillingRules:
        return BillingRules(self.deck, _micros(self.daily_cap), _micros(self.unusual_cap))


def _micros(text: str | None) -> int | None:
    return None if text is None else Money.parse(text, "KES").micros
