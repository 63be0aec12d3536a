"""The businesses' books, for conversations without a network."""

from __future__ import annotations

from typing import Any

from tests.fakes.exchange import MemoryExchange


class NoBook:
    """Stands where a test needs no book."""


def books(accounts: Any = None, shipments: Any = None, exchange: Any = None) -> tuple[Any, Any, Any]:
    """What a `Desk` takes behind its first three arguments."""
    return accounts or NoBook(), shipments or NoBook(), exchange or MemoryExchange()
