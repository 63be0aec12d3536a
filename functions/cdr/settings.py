"""Settings of the function that reconciles calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pokea.adapters.control_settings import StoreSettings, folder
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, setting, string, switch, url


@dataclass(frozen=True, kw_only=True)
class CdrSettings(StoreSettings):
    cdrs_table: str = setting("POKEA_CDRS_TABLE", string)
    cdr_queue_url: str = setting("POKEA_CDR_QUEUE_URL", url("https", "http"), "")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
    prices_dir: Path | None = setting("POKEA_PRICES_DIR", folder, None)  # noqa: RUF009 - a dataclass field
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
    edge_only: bool = setting("POKEA_EDGE_ONLY", switch, False)
