"""How each engine is reached: from its name to a link that can be opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.shell.model_link import MakeLink, ModelLink, OnEvents, OnLost
from bridge.shell.socket_link import SocketLink, SocketTarget
from bridge.wire import gemini_live


@dataclass(frozen=True)
class Engines:
    """The engines that this bridge is set up for, by name."""

    makers: Mapping[str, MakeLink]

    def link(self, engine: str, number: int, on_events: OnEvents, on_lost: OnLost) -> ModelLink:
        return self.makers[engine](number, on_events, on_lost)


def over_socket(target: SocketTarget) -> MakeLink:
    return lambda number, on_events, on_lost: SocketLink(number, target, on_events, on_lost)


def gemini(url: str, api_key: str, ca_file: str = "") -> SocketTarget:
    """Gemini Live by the Developer API. A URL without a path means the service's own path. Raises OSError for an unreadable CA file."""
    if urlsplit(url).path in ("", "/"):
        url = url.rstrip("/") + urlsplit(gemini_live.DEFAULT_URL).path
    return SocketTarget.of(
        url, gemini_live.GeminiLive, (("x-goog-api-key", api_key),) if api_key else (), ca_file=ca_file
    )
