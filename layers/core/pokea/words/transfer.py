"""What is said around a hand-off: to the caller, and to the human."""

from __future__ import annotations

ENGLISH: dict[str, str] = {}
SWAHILI: dict[str, str] = {}
