"""Settings of the reaper."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, setting, switch, url


@dataclass(frozen=True, kw_only=True)
class ReaperSettings(StoreSettings):
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
    carrier_continues: bool = setting("POKEA_CARRIER_CONTINUES", switch, False)
    ended_queue_url: str = setting("POKEA_ENDED_QUEUE_URL", url("https", "http"), "")
    cdr_queue_url: str = setting("POKEA_CDR_QUEUE_URL", url("https", "http"), "")
    campaign_ended_queue_url: str = setting("POKEA_CAMPAIGN_ENDED_QUEUE_URL", url("https", "http"), "")
