"""Every knob of one bridge process, read from the environment once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.core.engines import GEMINI, OPENAI, Engine
from bridge.core.frames import TurnDetection
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from bridge.shell.stacks import STACKS
from bridge.wire import openai_realtime
from bridge.wire.gemini_live import DEFAULT_URL
from pokea.adapters.settings import BadSettings, Parse, choice, integer, load, setting, string, switch, url

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
ENGINES = ("gemini", "openai", "openai-compatible", "cascade")


def usable_cpus() -> int:
    """CPUs that this process may run on, which a container or taskset may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def several(*allowed: str) -> Parse:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(","))
        if not all(name in allowed for name in names) or len(set(names)) < len(names):
            raise ValueError(f"is not a comma-separated list, each at most once, of {', '.join(allowed)}")
        return names

    return parse


def one_of(*allowed: int) -> Parse:
    def parse(text: str) -> int:
        if text not in [str(number) for number in allowed]:
            raise ValueError(f"is not one of {', '.join(str(number) for number in allowed)}")
        return int(text)

    return parse


def project_and_location(text: str) -> tuple[str, str]:
    project, _, location = text.partition("/")
    if not project or not location or "/" in location:
        raise ValueError("is not project/location")
    return project, location


@dataclass(frozen=True)
class BridgeSettings:
    host: str = setting("POKEA_BRIDGE_HOST", string, "127.0.0.1")
    port: int = setting("POKEA_BRIDGE_PORT", integer(1, 65_535), 8090)
    workers: int = setting("POKEA_BRIDGE_WORKERS", integer(1, 256), 0)  # 0: one per usable CPU
    relay_host: str = setting("POKEA_RELAY_HOST", string, "127.0.0.1")
    ws_stack: str = setting("POKEA_WS_STACK", choice(*STACKS), STACKS[0])
    max_calls: int = setting("POKEA_MAX_CALLS", integer(1, 5_000), 200)  # per worker
    stream_auth: str = setting("POKEA_STREAM_AUTH", choice("on", "off"), "on")
    tools_function: str = setting("POKEA_TOOLS_FUNCTION", string, "")
    tools_deadline_ms: int = setting("POKEA_TOOLS_DEADLINE_MS", integer(200, 20_000), 3_000)
    # the models
    engines: tuple[str, ...] = setting("POKEA_ENGINES", several(*ENGINES), ENGINES[:1])
    turn_detection: str = setting("POKEA_TURN_DETECTION", choice("model", "own"), "model")
    own_barge_in: bool = setting("POKEA_OWN_BARGE_IN", switch, True)
    echo_guard: str = setting("POKEA_ECHO_GUARD", choice("auto", "on", "off"), "auto")
    model_ca: str = setting("POKEA_MODEL_CA", string, "")
    rotate_s: int = setting("POKEA_MODEL_ROTATE_S", integer(5, 3_600), 0)  # 0: each provider's own
    gemini_url: str = setting("POKEA_GEMINI_URL", url("wss", "ws"), "")
    gemini_model: str = setting("POKEA_GEMINI_MODEL", string, GEMINI.model)
    gemini_vertex: tuple[str, str] | None = setting("POKEA_GEMINI_VERTEX", project_and_location, None)
    gemini_ca: str = setting("POKEA_GEMINI_CA", string, "")
    openai_url: str = setting("POKEA_OPENAI_URL", url("wss", "ws", "https", "http"), openai_realtime.DEFAULT_URL)
    openai_model: str = setting("POKEA_OPENAI_MODEL", string, OPENAI.model)
    compatible_url: str = setting("OPENAI_BASE_URL", url("https", "http", "wss", "ws"), "")
    compatible_model: str = setting("POKEA_COMPATIBLE_MODEL", string, "")
    compatible_dialect: str = setting("POKEA_COMPATIBLE_DIALECT", choice(*openai_realtime.DIALECTS), "openai")
    stt_url: str = setting("POKEA_STT_URL", url("https", "http"), "")
    stt_model: str = setting("POKEA_STT_MODEL", string, "")
    llm_url: str = setting("POKEA_LLM_URL", url("https", "http"), "")
    llm_model: str = setting("POKEA_LLM_MODEL", string, "")
    tts_url: str = setting("POKEA_TTS_URL", url("https", "http"), "")
    tts_model: str = setting("POKEA_TTS_MODEL", string, "")
    tts_voice: str = setting("POKEA_TTS_VOICE", string, "")
    tts_rate_hz: int = setting("POKEA_TTS_RATE_HZ", one_of(8_000, 16_000, 24_000), 24_000)
    # the call
    lead_ms: int = setting("POKEA_PLAYOUT_LEAD_MS", integer(20, 1_000), 160)
    kill_audio: bool = setting("POKEA_KILL_AUDIO", switch, True)
    idle_ask_s: int = setting("POKEA_IDLE_ASK_S", integer(1, 600), 8)
    idle_ask_again_s: int = setting("POKEA_IDLE_ASK_AGAIN_S", integer(1, 600), 16)
    idle_goodbye_s: int = setting("POKEA_IDLE_GOODBYE_S", integer(1, 600), 24)
    max_call_s: int = setting("POKEA_MAX_CALL_S", integer(10, 14_400), 900)
    max_joined_s: int = setting("POKEA_MAX_JOINED_S", integer(10, 14_400), 3_600)
    max_call_tokens: int = setting("POKEA_MAX_CALL_TOKENS", integer(0, 100_000_000), 2_000_000)  # 0: no cap
    carrier_continues: bool = setting("POKEA_CARRIER_CONTINUES", switch, False)
    metrics_s: int = setting("POKEA_METRICS_S", integer(0, 300), 0)  # 0: none are written
    traces: bool = setting("POKEA_TRACES", switch, False)
    otlp_endpoint: str = setting("OTEL_EXPORTER_OTLP_ENDPOINT", url("https", "http"), "")
    release: str = setting("POKEA_RELEASE", string, "current")  # what this bridge is counted under
    ecs_metadata_uri: str = setting("ECS_CONTAINER_METADATA_URI_V4", url("http"), "")  # by ECS, too
    ecs_agent_uri: str = setting("ECS_AGENT_URI", url("http"), "")  # set by ECS itself
    drain_s: int = setting("POKEA_DRAIN_S", integer(0, 14_400), 100)  # containers get 120 to stop
    clips_dir: str = setting("POKEA_CLIPS_DIR", string, "")
    records_dir: str = setting("POKEA_CALL_RECORDS_DIR", string, "")
    frames_dir: str = setting("POKEA_FRAMES_DIR", string, "")
    recordings_spool: str = setting("POKEA_RECORDINGS_SPOOL", string, "")
    recordings_spool_mb: int = setting("POKEA_RECORDINGS_SPOOL_MB", integer(1, 1_000_000), 2_048)
    recordings_bucket: str = setting("POKEA_RECORDINGS_BUCKET", string, "")
    outbox_dir: str = setting("POKEA_OUTBOX_DIR", string, "")
    outbox_mb: int = setting("POKEA_OUTBOX_MB", integer(1, 1_000_000), 256)
    cdr_queue_url: str = setting("POKEA_CDR_QUEUE_URL", url("https", "http"), "")
    secrets_id: str = setting("POKEA_SECRETS_ID", string, "")
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), "https://api.sautikit.com")

    @property
    def authenticates(self) -> bool:
        return self.stream_auth == "on"

    @property
    def worker_count(self) -> int:
        return self.workers or usable_cpus()

    @property
    def gemini_address(self) -> str:
        return self.gemini_url or DEFAULT_URL

    @property
    def ca_file(self) -> str:
        return self.model_ca or self.gemini_ca

    def session(self) -> SessionSettings:
        limits = Limits(
            self.idle_ask_s * 1000,
            self.idle_ask_again_s * 1000,
            self.idle_goodbye_s * 1000,
            self.max_call_s * 1000,
            self.max_call_tokens or None,
            self.max_joined_s * 1000,
        )
        return SessionSettings(
            engines=tuple(self.engine(name) for name in self.engines),
            lead_ms=self.lead_ms,
            kill_audio=self.kill_audio,
            limits=limits,
            carrier_continues=self.carrier_continues,
            own_barge_in=self.own_barge_in,
            echo_guard=self.echo_guard,
        )

    def engine(self, name: str) -> Engine:
        """What the session knows of one of ENGINES."""
        if name == "cascade":  # three services that are asked turn by turn: no connection that could grow old
            return Engine(name, self.llm_model, rotate_ms=self.max_call_s * 1000, turn_detection=TurnDetection.OWN)
        if name == "gemini":
            engine = replace(GEMINI, model=self.gemini_model)
        elif name == "openai":
            engine = replace(OPENAI, model=self.openai_model)
        else:
            feeds = openai_realtime.DIALECTS[self.compatible_dialect].feeds
            engine = replace(OPENAI, name=name, model=self.compatible_model, feeds=feeds)
        if self.rotate_s:
            engine = replace(engine, rotate_ms=self.rotate_s * 1000)
        return replace(engine, turn_detection=TurnDetection(self.turn_detection))


def read_settings(environ: Mapping[str, str]) -> BridgeSettings:
    """Raises BadSettings, naming the key, for anything that could not run safely."""
    settings = load(BridgeSettings, environ)
    if not settings.authenticates and settings.host not in _LOOPBACK:
        raise BadSettings("POKEA_STREAM_AUTH", f"off is for loopback only, and POKEA_BRIDGE_HOST is {settings.host}")
    if settings.authenticates and not settings.tools_function:
        raise BadSettings("POKEA_TOOLS_FUNCTION", "is not set: stream tokens are checked there")
    if not settings.idle_ask_s < settings.idle_ask_again_s < settings.idle_goodbye_s:
        raise BadSettings("POKEA_IDLE_GOODBYE_S", "must follow POKEA_IDLE_ASK_AGAIN_S, and that POKEA_IDLE_ASK_S")
    if settings.traces and not settings.otlp_endpoint:
        raise BadSettings(
            "OTEL_EXPORTER_OTLP_ENDPOINT", "is not set, and POKEA_TRACES is on: traces need somewhere to go"
        )
    if settings.outbox_dir and not settings.cdr_queue_url:
        raise BadSettings("POKEA_CDR_QUEUE_URL", "is not set: what is in POKEA_OUTBOX_DIR would go nowhere")
    if settings.cdr_queue_url and not settings.outbox_dir:
        raise BadSettings(
            "POKEA_OUTBOX_DIR", "is not set: what is meant for POKEA_CDR_QUEUE_URL would be lost with the bridge"
        )
    for engine, name, value in (
        ("openai-compatible", "OPENAI_BASE_URL", settings.compatible_url),
        ("cascade", "POKEA_STT_URL", settings.stt_url),
        ("cascade", "POKEA_LLM_URL", settings.llm_url),
        ("cascade", "POKEA_TTS_URL", settings.tts_url),
    ):
        if engine in settings.engines and not value:
            raise BadSettings(name, f"is not set: POKEA_ENGINES names {engine}")
    return settings
