"""Settings of the tools function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import integer, setting


@dataclass(frozen=True, kw_only=True)
class ToolsSettings(StoreSettings):
    max_call_s: int = setting("POKEA_MAX_CALL_S", integer(10, 14_400), 900)
    deadline_ms: int = setting("POKEA_TOOLS_DEADLINE_MS", integer(100, 30_000), 3_000)
