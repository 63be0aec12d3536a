"""Settings of the tools function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import HookSettings
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, integer, setting, string, switch, url


@dataclass(frozen=True, kw_only=True)
class ToolsSettings(HookSettings):
    max_call_s: int = setting("POKEA_MAX_CALL_S", integer(10, 14_400), 900)
    max_joined_s: int = setting("POKEA_MAX_JOINED_S", integer(10, 14_400), 3_600)
    deadline_ms: int = setting("POKEA_TOOLS_DEADLINE_MS", integer(100, 30_000), 3_000)
    public_url: str = setting("POKEA_PUBLIC_URL", url("https", "http"))
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
    carrier_continues: bool = setting("POKEA_CARRIER_CONTINUES", switch, False)
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
    allow_private: bool = setting("POKEA_ALLOW_PRIVATE_BACKENDS", switch, False)
