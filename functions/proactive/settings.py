"""Settings of the proactive function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import HookSettings
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, setting, string, switch, url


@dataclass(frozen=True, kw_only=True)
class ProactiveSettings(HookSettings):
    public_url: str = setting("POKEA_PUBLIC_URL", url("https", "http"))
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    allow_private: bool = setting("POKEA_ALLOW_PRIVATE_BACKENDS", switch, False)
    deliveries_queue_url: str = setting("POKEA_DELIVERIES_QUEUE_URL", url("https", "http"), "")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
