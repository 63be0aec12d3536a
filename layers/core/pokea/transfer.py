"""Handing a caller to a human: whom, when, by which way, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The people and departments of a business, by key."""


class Exchange(Protocol):
    """Rings the human of a hand-off."""
