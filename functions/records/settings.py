"""Settings of the records function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import setting, string

SUMMARY_MODEL = "gemini-3.8-flash"


@dataclass(frozen=True, kw_only=True)
class RecordsSettings(StoreSettings):
    summary_model: str = setting("POKEA_SUMMARY_MODEL", string, SUMMARY_MODEL)
