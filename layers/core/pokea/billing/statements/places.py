"""Where reports lie in their bucket. The same report lies at the same key, so a report that is made again replaces itself."""

from __future__ import annotations

from datetime import date

from pokea.billing.period import Period
from pokea.ids import BusinessId

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def statement_key(business_id: BusinessId, period: Period, kind: str) -> str:
    """`kind`: "csv" or "html"."""
    return f"statements/business={business_id}/{period.name}.{kind}"


def rows_key(business_id: BusinessId, day: date) -> str:
    """The table of one local day, in the layout of docs/reports.md: Athena finds it by its path."""
    return f"cdr/business={business_id}/year={day:%Y}/month={day:%m}/day={day:%d}/part.parquet"
