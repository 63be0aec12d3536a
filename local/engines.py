"""Which models a bridge talks to: real ones with the keys of this environment, or their stand-ins on this machine.

A stand-in is `python -m local.engine` on the provider's wire, so everything on our side of the network edge is what runs in production.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

NAMES = ("gemini", "openai", "openai-compatible", "cascade")
KILL_STATES = ("hearing", "understanding", "speaking", "tool_asked", "tool_answered")
OFFLINE = "offline"  # what a stand-in is given for a key and for a model

# What proves that the real service is meant. Each entry is a set of variables that must all be there.
_NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "gemini": (("GEMINI_API_KEY",), ("POKEA_GEMINI_VERTEX",)),
    "openai": (("OPENAI_API_KEY",),),
    "openai-compatible": (("OPENAI_BASE_URL",),),
    "cascade": (("POKEA_STT_URL", "POKEA_LLM_URL", "POKEA_TTS_URL"),),
}
_DEFAULT_DIALECT = "hf-s2s"


class UnknownEngine(ValueError):
    """An engine that does not exist, or one whose settings are missing; the message is one line that names the setting."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One engine of a bridge. A stand-in may be told to die: see `python -m local.engine --help`.

    kill: the states in which it cuts its first calls, one each; down_after: it refuses connections after so many of those.
    """

    name: str
    is_real: bool = False
    kill: tuple[str, ...] = ()
    down_after: int | None = None

    def arguments(self) -> list[str]:
        """Of the stand-in's process."""
        words = ["-m", "local.engine", "--wire", wire_of(self.name), "--port", "0", "--json-ready"]
        if self.kill:
            words += ["--kill", ",".join(self.kill)]
        if self.down_after is not None:
            words += ["--down-after", str(self.down_after)]
        return words


def wire_of(name: str) -> str:
    """The wire that stands in for an engine."""
    if name == "openai-compatible":
        return os.environ.get("POKEA_COMPATIBLE_DIALECT", "") or _DEFAULT_DIALECT
    return {"cascade": "http"}.get(name, name)


def environ_of(name: str, url: str) -> dict[str, str]:
    """The bridge's settings for a stand-in at `url`, as its process printed it."""
    match name:
        case "gemini":
            vertex = {"POKEA_GEMINI_VERTEX": ""} if "POKEA_GEMINI_VERTEX" in os.environ else {}
            return {"POKEA_GEMINI_URL": url, "GEMINI_API_KEY": OFFLINE, **vertex}
        case "openai":
            return {"POKEA_OPENAI_URL": url, "OPENAI_API_KEY": OFFLINE}
        case "openai-compatible":
            return {
                "OPENAI_BASE_URL": _http_base(url),
                "POKEA_COMPATIBLE_DIALECT": wire_of(name),
                "POKEA_COMPATIBLE_MODEL": OFFLINE,
                "POKEA_COMPATIBLE_API_KEY": OFFLINE,
            }
        case "cascade":
            services = ("STT", "LLM", "TTS")
            return {
                **{f"POKEA_{service}_URL": url for service in services},
                **{f"POKEA_{service}_MODEL": OFFLINE for service in services},
                **{f"POKEA_{service}_API_KEY": OFFLINE for service in services},
            }
    raise UnknownEngine(f"{name!r} is not one of {', '.join(NAMES)}")


def _http_base(url: str) -> str:
    """`ws://host:port/v1/realtime?…` → `http://host:port/v1`."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/realtime") or "/v1"
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}{path}"


def is_configured(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the environment names the real service."""
    return any(all(environ.get(key) for key in keys) for keys in _NEEDS[name])


def missing_setting(name: str) -> str:
    """What to set for the real service."""
    return " or ".join(" with ".join(keys) for keys in _NEEDS[name])


def legs_of(environ: Mapping[str, str]) -> tuple[Leg, ...]:
    """The engines that this environment asks for, in order: POKEA_ENGINES, or else every one that is configured, or else the offline one.

    One that POKEA_ENGINES names without its settings is stood in for. Raises UnknownEngine.
    """
    wanted = [name.strip() for name in environ.get("POKEA_ENGINES", "").split(",") if name.strip()]
    for name in wanted:
        if name not in NAMES:
            raise UnknownEngine(f"POKEA_ENGINES: {name!r} is not one of {', '.join(NAMES)}")
    configured = [name for name in NAMES if is_configured(name, environ)]
    return tuple(Leg(name, is_configured(name, environ)) for name in wanted or configured or ["gemini"])


def described(legs: Sequence[Leg]) -> str:
    """For a person: who answers, and who stands in for whom."""
    words = [leg.name if leg.is_real else f"{leg.name} (stood in for by the offline engine)" for leg in legs]
    return words[0] + "".join(f", then {other}" for other in words[1:])
