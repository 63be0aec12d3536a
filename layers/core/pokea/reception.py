"""What a receptionist knows and may say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptionRules:
    """The part of a business's profile that this area obeys."""
