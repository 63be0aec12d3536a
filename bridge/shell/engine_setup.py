"""From settings and secrets to the engines that can be called. Whatever is missing is named before the first call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bridge.settings import BridgeSettings
from bridge.shell import engines
from bridge.shell.engines import Engines
from bridge.shell.google_token import GoogleToken, from_default_credentials
from bridge.shell.model_link import MakeLink
from bridge.shell.socket_link import SocketTarget
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings

Built: TypeAlias = tuple[MakeLink, Callable[[], Awaitable[None]] | None]  # and what releases it at the end


def build(settings: BridgeSettings, secrets: Secrets) -> Engines:
    """Only the engines that POKEA_ENGINES names. Raises BadSettings for a key, a credential or a CA file that is not there."""
    builders: dict[str, Callable[[BridgeSettings, Secrets], Built]] = {
        "gemini": _gemini,
        "openai": _openai,
        "openai-compatible": _compatible,
        "cascade": _cascade,
    }
    try:
        if settings.ca_file:
            Path(settings.ca_file).open("rb").close()
        built = {name: builders[name](settings, secrets) for name in settings.engines}
    except OSError as problem:
        name = "POKEA_MODEL_CA" if settings.model_ca else "POKEA_GEMINI_CA"
        raise BadSettings(name, f"{settings.ca_file} cannot be read: {problem.strerror}") from None
    return Engines({name: make for name, (make, _) in built.items()}, [close for _, close in built.values() if close])


def wires(settings: BridgeSettings) -> dict[str, str]:
    """What each engine's codec is set up with, for those who read a recording later."""
    parent = ""
    if settings.gemini_vertex is not None:
        parent = engines.vertex_parent(*settings.gemini_vertex)
    return {"gemini": parent, "openai": "openai", "openai-compatible": settings.compatible_dialect}


def _gemini(settings: BridgeSettings, secrets: Secrets) -> Built:
    return engines.over_socket(gemini_target(settings, secrets)), None


def gemini_target(settings: BridgeSettings, secrets: Secrets) -> SocketTarget:
    """Raises BadSettings; OSError for an unreadable CA file."""
    if settings.gemini_vertex is not None:
        project, location = settings.gemini_vertex
        token = GoogleToken(from_default_credentials())
        return engines.gemini_on_vertex(project, location, token.headers, settings.gemini_url, settings.ca_file)
    # A stand-in asks for no key; Google does.
    if not settings.gemini_url:
        secrets.required("GEMINI_API_KEY")
    return engines.gemini(settings.gemini_address, partial(secrets.optional, "GEMINI_API_KEY"), settings.ca_file)


def _openai(settings: BridgeSettings, secrets: Secrets) -> Built:
    secrets.required("OPENAI_API_KEY")
    key = partial(secrets.optional, "OPENAI_API_KEY")
    target = engines.openai_realtime(settings.openai_url, settings.openai_model, key, "openai", settings.ca_file)
    return engines.over_socket(target), None


def _compatible(settings: BridgeSettings, secrets: Secrets) -> Built:
    target = engines.openai_realtime(
        settings.compatible_url,
        settings.compatible_model,
        partial(secrets.optional, "POKEA_COMPATIBLE_API_KEY"),
        settings.compatible_dialect,
        settings.ca_file,
    )
    return engines.over_socket(target), None


def _cascade(settings: BridgeSettings, secrets: Secrets) -> Built:
    from bridge.shell.cascade_link import (
        CascadeTarget,
        Service,
        over_http,
    )  # its HTTP client is loaded only where it is used

    target = CascadeTarget.of(
        stt=Service(settings.stt_url, settings.stt_model, partial(secrets.optional, "POKEA_STT_API_KEY")),
        llm=Service(settings.llm_url, settings.llm_model, partial(secrets.optional, "POKEA_LLM_API_KEY")),
        tts=Service(settings.tts_url, settings.tts_model, partial(secrets.optional, "POKEA_TTS_API_KEY")),
        voice=settings.tts_voice,
        speech_hz=settings.tts_rate_hz,
        ca_file=settings.ca_file,
    )
    return over_http(target), target.aclose
