"""What customer support asks, shows and fixes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pokea.accounts import Factor

MAX_OPEN_TICKETS = (
    5  # of one account, opened in TICKETS_COUNT_DAYS: whoever has more wants a person, not another ticket
)
TICKETS_COUNT_DAYS = 30  # nobody may ever close them, and a customer must not be shut out for that
MAX_NOTES_A_DAY = 10  # on one ticket


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try. `say` by language: what to do, then a question that "yes" answers where it helped."""

    say: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fix:
    """A guided fix. `names` by language: how callers put the problem, the usual words first."""

    key: str
    names: Mapping[str, tuple[str, ...]]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRules:
    """The part of a business's profile that this area obeys.

    factors: asked of a caller who names the account by its reference. factors_by_number: asked where the number they call from is all
    there is to go by; without any, the reference has to be said. escalate_to: key in the directory, "" for its first entry.
    """

    factors: tuple[Factor, ...] = (Factor.PIN,)
    factors_by_number: tuple[Factor, ...] = ()
    pin_digits: int = 4
    escalate_to: str = ""
    areas: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    fixes: Mapping[str, Fix] = field(default_factory=dict)
