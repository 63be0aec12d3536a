"""`[directory.<key>]` and `[handoff]`: whom a caller can be handed to, and how."""

from __future__ import annotations

from pokea.tables.base import Table
from pokea.transfer import Directory


class PersonTable(Table):
    """One person or department."""


class HandoffTable(Table):
    """How hand-offs are made."""


def directory_of(people: dict[str, PersonTable], handoff: HandoffTable) -> Directory:
    return Directory()


def check_directory(people: dict[str, PersonTable], handoff: HandoffTable, languages: list[str]) -> None:
    """Raises ValueError that begins with the key it means."""
