"""Settings of the voice function."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import HookSettings
from pokea.adapters.settings import choice, integer, setting, string, switch, url
from pokea.adapters.tokens import STREAM_TOKEN_TTL_S


@dataclass(frozen=True, kw_only=True)
class VoiceSettings(HookSettings):
    public_url: str = setting("POKEA_PUBLIC_URL", url("https", "http"))
    bridge_url: str = setting("POKEA_BRIDGE_URL", url("wss", "ws"))
    release: str = setting("POKEA_RELEASE", string, "current")
    stream_token_ttl_s: int = setting("POKEA_STREAM_TOKEN_TTL_S", integer(5, 600), STREAM_TOKEN_TTL_S)
    carrier_continues: bool = setting("POKEA_CARRIER_CONTINUES", switch, False)
    call_caps: bool = setting("POKEA_CALL_CAPS", switch, False)
    dial_form: str = setting("POKEA_DIAL_FORM", choice("nested", "plain"), "nested")
