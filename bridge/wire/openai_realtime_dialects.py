"""How the servers that speak OpenAI's Realtime wire differ, and the session each of them is asked for.

What stands here about self-hosted servers is read from their sources; none of them has been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from bridge.core.frames import MODEL_OUT_HZ, ModelSetup, TurnDetection
from bridge.core.g711 import ULAW_HZ

DEFAULT_URL = "wss://api.openai.com/v1/realtime"

# The names of 2024, which some servers still use, and what they are called since the API left its beta.
BETA_NAMES: Mapping[str, str] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
}
_VOICES = frozenset(["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"])
_DEFAULT_VOICE = "marin"
_TELEPHONE_PAUSE_MS = 600  # a pause inside a sentence; what ends a turn is longer


@dataclass(frozen=True, slots=True)
class Dialect:
    """`feeds`: the input rate to ask for by the line's rate, as in bridge.core.engines.Engine; rates not named are fed 16 kHz."""

    name: str
    feeds: Mapping[int, int] = field(default_factory=dict)
    output_hz: int = MODEL_OUT_HZ  # the PCM rate that is asked for
    default_hz: int = MODEL_OUT_HZ  # what the server means by PCM of no rate
    has_g711: bool = False
    is_beta: bool = False  # the session's shape and the events' names are those of 2024
    takes_formats: bool = True  # without it the server refuses to be told its audio formats
    confirms: bool = True  # session.update is answered by session.updated
    echoes: bool = False  # which repeats the whole session: it is compared with what was asked for
    acknowledges: bool = True  # items of ours are answered by conversation.item.added
    truncates: bool = True
    transcription: str = ""  # the model that writes down what the caller says; "": the server does so unasked
    has_voices: bool = False  # it knows OpenAI's voices
    limits_context: bool = False


OPENAI_DIALECT = Dialect(
    "openai",
    feeds={8_000: ULAW_HZ, 16_000: 24_000, 24_000: 24_000},
    has_g711=True,
    echoes=True,
    transcription="gpt-transcribe",
    has_voices=True,
    limits_context=True,
)
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        OPENAI_DIALECT,
        # huggingface/speech-to-speech works at 16 kHz inside and answers neither session.update nor items.
        Dialect("hf-s2s", output_hz=16_000, default_hz=16_000, confirms=False, acknowledges=False, truncates=False),
        Dialect("localai"),
        # speaches answers every mention of a format with an error, and always speaks 24 kHz.
        Dialect(
            "speaches",
            feeds={8_000: 24_000, 16_000: 24_000, 24_000: 24_000},
            is_beta=True,
            takes_formats=False,
        ),
    )
}


def realtime_url(base: str, model: str = "") -> str:
    """`http(s)|ws(s)://host[:port]/v1[/realtime]` → where that server's sockets are."""
    parts = urlsplit(base)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/") or "/v1"
    if not path.endswith("/realtime"):
        path += "/realtime"
    query = "&".join(filter(None, (parts.query, f"model={quote(model, safe='')}" if model else "")))
    return f"{scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")


def is_g711(setup: ModelSetup, dialect: Dialect) -> bool:
    """Telephone audio goes through as it is, both ways."""
    return setup.input_hz == ULAW_HZ and dialect.has_g711


def session_of(setup: ModelSetup, dialect: Dialect) -> dict[str, Any]:
    """The body of session.update."""
    return _beta_session(setup, dialect) if dialect.is_beta else _session(setup, dialect)


def _session(setup: ModelSetup, dialect: Dialect) -> dict[str, Any]:
    """GA shape. PCM without its rate is refused by OpenAI, although its own types call the rate optional."""
    g711 = is_g711(setup, dialect)
    heard: dict[str, Any] = {
        "format": {"type": "audio/pcmu"} if g711 else {"type": "audio/pcm", "rate": setup.input_hz},
        "turn_detection": _turn_detection(setup, dialect),
    }
    if dialect.transcription:
        heard["transcription"] = _transcription(setup, dialect)
    spoken: dict[str, Any] = {
        "format": {"type": "audio/pcmu"} if g711 else {"type": "audio/pcm", "rate": dialect.output_hz}
    }
    if dialect.has_voices:
        spoken["voice"] = _voice(setup.voice)
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": setup.instructions,
        "audio": {"input": heard, "output": spoken},
        "tools": _tools(setup),
        "tool_choice": "auto",
    }
    if dialect.limits_context:
        # Every response bills the whole conversation again. Cutting a fifth at once keeps the rest of the prefix cached.
        session["truncation"] = {
            "type": "retention_ratio",
            "retention_ratio": 0.8,
            "token_limits": {"post_instructions": 8_000},
        }
    return session


def _beta_session(setup: ModelSetup, dialect: Dialect) -> dict[str, Any]:
    session: dict[str, Any] = {
        "modalities": ["text", "audio"],
        "instructions": setup.instructions,
        "turn_detection": _turn_detection(setup, dialect),
        "tools": _tools(setup),
        "tool_choice": "auto",
    }
    if dialect.takes_formats:
        session["input_audio_format"] = session["output_audio_format"] = (
            "g711_ulaw" if is_g711(setup, dialect) else "pcm16"
        )
    if dialect.transcription:
        session["input_audio_transcription"] = _transcription(setup, dialect)
    return session


def _turn_detection(setup: ModelSetup, dialect: Dialect) -> dict[str, Any] | None:
    """Speech over the agent is reported and stops nothing: whether it is an interruption is decided here, not there."""
    if setup.turn_detection is TurnDetection.OWN:
        return None
    detection: dict[str, Any] = {
        "type": "server_vad",
        "threshold": 0.5,
        "silence_duration_ms": _TELEPHONE_PAUSE_MS,
        "create_response": True,
        "interrupt_response": False,
    }
    if dialect.takes_formats:
        detection["prefix_padding_ms"] = 300
    return detection


def _transcription(setup: ModelSetup, dialect: Dialect) -> dict[str, Any]:
    language = {"language": setup.language} if setup.language else {}
    return {"model": dialect.transcription, **language}


def _voice(name: str) -> str | dict[str, str]:
    """A voice of another provider's becomes the default one: an unknown name would be refused with the whole session."""
    if name.startswith("voice_"):
        return {"id": name}
    return name.lower() if name.lower() in _VOICES else _DEFAULT_VOICE


def _tools(setup: ModelSetup) -> list[dict[str, Any]]:
    return [
        {"type": "function", "name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in setup.tools
    ]


def difference(asked: Mapping[str, Any], echoed: Mapping[str, Any], dialect: Dialect) -> str:
    """The first part of the GA session that was not taken as asked for, "" where all was.

    One server was seen to answer µ-law with PCM and say nothing; a session without its instructions goes on as somebody else's agent.
    """
    for side in ("input", "output"):
        wanted, got = _at(asked, "audio", side, "format"), _at(echoed, "audio", side, "format")
        if _format(wanted, dialect) != _format(got, dialect):
            return f"audio.{side}.format"
    if str(asked.get("instructions") or "").strip() != str(echoed.get("instructions") or "").strip():
        return "instructions"
    if _names(asked.get("tools")) != _names(echoed.get("tools")):
        return "tools"
    wanted, got = _at(asked, "audio", "input", "turn_detection"), _at(echoed, "audio", "input", "turn_detection")
    return "" if _kind(wanted) == _kind(got) else "audio.input.turn_detection"


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _format(value: Any, dialect: Dialect) -> tuple[Any, Any]:
    kind = _kind(value)
    return kind, (_at(value, "rate") or dialect.default_hz) if kind == "audio/pcm" else None


def _kind(value: Any) -> Any:
    return _at(value, "type")


def _names(tools: Any) -> list[str]:
    return sorted(str(_at(tool, "name")) for tool in tools) if isinstance(tools, list) else []
