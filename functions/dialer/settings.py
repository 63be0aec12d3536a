"""Settings of the dialer."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import HookSettings
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, setting, string, url


@dataclass(frozen=True, kw_only=True)
class DialerSettings(HookSettings):
    campaigns_table: str = setting("POKEA_CAMPAIGNS_TABLE", string)
    dial_queue_url: str = setting("POKEA_DIAL_QUEUE_URL", url("https", "http"), "")
    public_url: str = setting("POKEA_PUBLIC_URL", url("https", "http"))
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
