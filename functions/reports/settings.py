"""Settings of the reports function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import setting, string, url


@dataclass(frozen=True, kw_only=True)
class ReportsSettings(StoreSettings):
    cdrs_table: str = setting("POKEA_CDRS_TABLE", string)
    reports_bucket: str = setting("POKEA_REPORTS_BUCKET", string)
    reports_queue_url: str = setting("POKEA_REPORTS_QUEUE_URL", url("https", "http"), "")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
