"""Lead qualification: the questions, and what the answers are worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScript:
    """The part of a business's profile that this area obeys."""
