"""Settings of the voice function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import HookSettings
from pokea.adapters.settings import integer, setting, string, url
from pokea.adapters.tokens import STREAM_TOKEN_TTL_S


@dataclass(frozen=True, kw_only=True)
class VoiceSettings(HookSettings):
    public_url: str = setting("POKEA_PUBLIC_URL", url("https", "http"))
    bridge_url: str = setting("POKEA_BRIDGE_URL", url("wss", "ws"))
    release: str = setting("POKEA_RELEASE", string, "current")
    stream_token_ttl_s: int = setting("POKEA_STREAM_TOKEN_TTL_S", integer(5, 600), STREAM_TOKEN_TTL_S)
