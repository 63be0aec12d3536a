"""`[leads]`: the questions and their worth."""

from __future__ import annotations

from pokea.leads import LeadScript
from pokea.tables.base import Table


class LeadsTable(Table):
    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""

    def rules(self) -> LeadScript:
        return LeadScript()
