"""Customers' accounts and orders, wherever the business keeps them."""

from __future__ import annotations

from typing import Protocol


class AccountBook(Protocol):
    """A business's accounts: our store, or its own system."""
