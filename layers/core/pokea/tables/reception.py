"""`[reception]`: what the receptionist knows."""

from __future__ import annotations

from pokea.reception import ReceptionRules
from pokea.tables.base import Table


class ReceptionTable(Table):
    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""

    def rules(self) -> ReceptionRules:
        return ReceptionRules()
