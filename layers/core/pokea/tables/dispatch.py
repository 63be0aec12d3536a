"""`[dispatch]`: when and where deliveries go, and when recipients may be rung about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.dispatch import DispatchRules
from pokea.errors import RejectedInput
from pokea.tables.base import HoursTable, Key, Table
from pokea.tracking_ids import Pattern


def _pattern(text: str) -> str:
    try:
        Pattern(text)
    except RejectedInput as problem:
        raise ValueError(problem.message) from None
    return text


class DispatchTable(Table):
    tracking_pattern: Annotated[str, AfterValidator(_pattern)] = ""
    department: Key | None = None
    horizon_days: Annotated[int, Field(ge=1, le=60)] = 14
    delivery_hours: HoursTable | None = None
    calling_hours: HoursTable | None = None
    calls_ahead: bool = True

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""

    def rules(self) -> DispatchRules:
        return DispatchRules(
            tracking=Pattern(self.tracking_pattern),
            department=self.department or "",
            horizon_days=self.horizon_days,
            delivery_hours=self.delivery_hours.opening_hours() if self.delivery_hours else None,
            calling_hours=self.calling_hours.opening_hours() if self.calling_hours else None,
            calls_ahead=self.calls_ahead,
        )
