"""`[support]`: how callers are verified, and what can be fixed."""

from __future__ import annotations

from pokea.support import SupportRules
from pokea.tables.base import Table


class SupportTable(Table):
    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""

    def rules(self) -> SupportRules:
        return SupportRules()
