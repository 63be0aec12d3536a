"""Shipments, wherever the business keeps them."""

from __future__ import annotations

from typing import Protocol


class ShipmentBook(Protocol):
    """A business's shipments: our store, or its own system."""
