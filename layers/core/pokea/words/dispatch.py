"""What the dispatch agent says."""

from __future__ import annotations

ENGLISH: dict[str, str] = {}
SWAHILI: dict[str, str] = {}
