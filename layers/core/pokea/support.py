"""What customer support asks, shows and fixes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRules:
    """The part of a business's profile that this area obeys."""
