"""Spending caps with one safeguard taken out each. The burst must be seen to cost money against the one that lacks its safeguard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

from pokea.billing import spend, spend_ledger, spend_quote
from pokea.billing.spend import Hold, SpendDay
from pokea.billing.spend_ledger import SpendLedger

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def nobody_is_asked() -> Iterator[None]:
    with mock.patch.object(SpendLedger, "admit", lambda *_: None):
        yield


@contextmanager
def only_what_was_billed_counts() -> Iterator[None]:
    """Calls that are on cost nothing until the carrier has billed them."""

    def settled_alone(day: SpendDay, now: datetime) -> tuple[int, int]:
        return day.spent_micros, day.unusual_spent_micros

    with mock.patch.object(spend, "committed", settled_alone):
        yield


@contextmanager
def reservations_run_out() -> Iterator[None]:
    """A reservation is forgotten after five minutes, whatever the call does."""
    worth = spend.worth

    def forgetful(hold: Hold, now: datetime) -> int:
        return worth(hold, now) if (now - hold.minute).total_seconds() < 300 else 0

    with mock.patch.object(spend, "worth", forgetful):
        yield


@contextmanager
def every_number_is_usual() -> Iterator[None]:
    """One cap for all: a burst to rare numbers uses up what good calls need."""

    def usual(*_: Any) -> bool:
        return False

    with mock.patch.object(spend_quote, "is_unusual", usual), mock.patch.object(spend_ledger, "is_unusual", usual):
        yield
