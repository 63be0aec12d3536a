"""Words that stand inside sentences of every agent."""

from __future__ import annotations

ENGLISH: dict[str, str] = {}
SWAHILI: dict[str, str] = {}
