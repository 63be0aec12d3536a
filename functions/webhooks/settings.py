"""Settings of the function that delivers webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import setting, string, switch


@dataclass(frozen=True, kw_only=True)
class WebhooksSettings(StoreSettings):
    campaigns_table: str = setting("POKEA_CAMPAIGNS_TABLE", string)
    allow_private: bool = setting("POKEA_ALLOW_PRIVATE_BACKENDS", switch, False)
