"""`[dispatch]`: when and where deliveries go."""

from __future__ import annotations

from pokea.dispatch import DispatchRules
from pokea.tables.base import Table


class DispatchTable(Table):
    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""

    def rules(self) -> DispatchRules:
        return DispatchRules()
