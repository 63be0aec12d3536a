"""Every knob of one bridge process, read from the environment once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.core.engines import GEMINI
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from bridge.wire.gemini_live import DEFAULT_URL
from pokea.adapters.settings import BadSettings, choice, integer, load, setting, string, switch, url

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def usable_cpus() -> int:
    """CPUs that this process may run on, which a container or taskset may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class BridgeSettings:
    host: str = setting("POKEA_BRIDGE_HOST", string, "127.0.0.1")
    port: int = setting("POKEA_BRIDGE_PORT", integer(1, 65_535), 8090)
    workers: int = setting("POKEA_BRIDGE_WORKERS", integer(1, 256), 0)  # 0: one per usable CPU
    max_calls: int = setting("POKEA_MAX_CALLS", integer(1, 5_000), 200)  # per worker
    stream_auth: str = setting("POKEA_STREAM_AUTH", choice("on", "off"), "on")
    tools_function: str = setting("POKEA_TOOLS_FUNCTION", string, "")
    tools_deadline_ms: int = setting("POKEA_TOOLS_DEADLINE_MS", integer(200, 20_000), 3_000)
    gemini_url: str = setting("POKEA_GEMINI_URL", url("wss", "ws"), DEFAULT_URL)
    gemini_model: str = setting("POKEA_GEMINI_MODEL", string, "gemini-3.8-live")
    gemini_ca: str = setting("POKEA_GEMINI_CA", string, "")
    rotate_s: int = setting("POKEA_MODEL_ROTATE_S", integer(5, 3_600), 540)
    lead_ms: int = setting("POKEA_PLAYOUT_LEAD_MS", integer(20, 1_000), 160)
    kill_audio: bool = setting("POKEA_KILL_AUDIO", switch, True)
    idle_ask_s: int = setting("POKEA_IDLE_ASK_S", integer(1, 600), 8)
    idle_ask_again_s: int = setting("POKEA_IDLE_ASK_AGAIN_S", integer(1, 600), 16)
    idle_goodbye_s: int = setting("POKEA_IDLE_GOODBYE_S", integer(1, 600), 24)
    max_call_s: int = setting("POKEA_MAX_CALL_S", integer(10, 14_400), 900)
    drain_s: int = setting("POKEA_DRAIN_S", integer(0, 14_400), 110)
    clips_dir: str = setting("POKEA_CLIPS_DIR", string, "")
    records_dir: str = setting("POKEA_CALL_RECORDS_DIR", string, "")
    secrets_id: str = setting("POKEA_SECRETS_ID", string, "")
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), "https://api.sautikit.com")

    @property
    def authenticates(self) -> bool:
        return self.stream_auth == "on"

    @property
    def worker_count(self) -> int:
        return self.workers or usable_cpus()

    def session(self) -> SessionSettings:
        limits = Limits(
            self.idle_ask_s * 1000, self.idle_ask_again_s * 1000, self.idle_goodbye_s * 1000, self.max_call_s * 1000
        )
        gemini = replace(GEMINI, model=self.gemini_model, rotate_ms=self.rotate_s * 1000)
        return SessionSettings((gemini,), self.lead_ms, self.kill_audio, limits)


def read_settings(environ: Mapping[str, str]) -> BridgeSettings:
    """Raises BadSettings, naming the key, for anything that could not run safely."""
    settings = load(BridgeSettings, environ)
    if not settings.authenticates and settings.host not in _LOOPBACK:
        raise BadSettings("POKEA_STREAM_AUTH", f"off is for loopback only, and POKEA_BRIDGE_HOST is {settings.host}")
    if settings.authenticates and not settings.tools_function:
        raise BadSettings("POKEA_TOOLS_FUNCTION", "is not set: stream tokens are checked there")
    if not settings.idle_ask_s < settings.idle_ask_again_s < settings.idle_goodbye_s:
        raise BadSettings("POKEA_IDLE_GOODBYE_S", "must follow POKEA_IDLE_ASK_AGAIN_S, and that POKEA_IDLE_ASK_S")
    return settings
