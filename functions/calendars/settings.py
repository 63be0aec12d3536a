"""Settings of the calendars function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import setting, switch


@dataclass(frozen=True, kw_only=True)
class CalendarsSettings(StoreSettings):
    allow_private: bool = setting("POKEA_ALLOW_PRIVATE_BACKENDS", switch, False)
