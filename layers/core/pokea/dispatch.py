"""Deliveries: when and where they may go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRules:
    """The part of a business's profile that this area obeys."""
