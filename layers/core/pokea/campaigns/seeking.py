"""The carrier's list of placed calls about some time, page by page: where calls are looked for whose answer was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pokea.billing.cdr import CarrierLeg
from pokea.clock import as_utc
from pokea.errors import CallError
from pokea.sautikit.carrier_record import carrier_leg

PAGE = 100  # the carrier gives no more at once
MAX_PAGES = 50
Row = Mapping[str, object]


class CallList(Protocol):
    def list_calls(self, **query: str) -> tuple[Sequence[Row], str | None]:
        """One page and the cursor of the next."""


@dataclass(frozen=True, slots=True)
class Listed:
    """`is_whole`: read to its end. A list that was cut short shows calls, but never that there is none."""

    legs: tuple[CarrierLeg, ...]
    is_whole: bool


def placed_between(carrier: CallList, since: datetime, until: datetime) -> Listed:
    """Calls that were placed then. Never raises for what the carrier does: what could not be read is missing."""
    query = {"direction": "outbound", "from": _text(since), "to": _text(until), "limit": str(PAGE)}
    legs: list[CarrierLeg] = []
    is_readable = True
    for _ in range(MAX_PAGES):
        try:
            rows, cursor = carrier.list_calls(**query)
        except CallError:
            return Listed(tuple(legs), is_whole=False)
        found = [carrier_leg(row) for row in rows]
        legs += [leg for leg in found if leg is not None]
        is_readable &= None not in found
        if cursor is None:
            return Listed(tuple(legs), is_whole=is_readable)
        query["cursor"] = cursor
    return Listed(tuple(legs), is_whole=False)


def _text(moment: datetime) -> str:
    return as_utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")
