"""The gate in front of every hook: current secrets, checked on raw bytes before anything is parsed."""

from __future__ import annotations

from datetime import datetime

from pokea.adapters.control_settings import HookSettings, hook_guard
from pokea.adapters.edge import EDGE_HEADER, Edge
from pokea.adapters.http_events import HookRequest
from pokea.adapters.secrets import Secrets
from pokea.errors import Unauthorized


class HookGate:
    def __init__(self, settings: HookSettings, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets
        self._edge = Edge(settings.edge_only, secrets)

    def check(self) -> None:
        """Raises BadSettings if the configured rules could keep nobody out."""
        hook_guard(self._settings, self._secrets)
        self._edge.check()

    def admit(self, request: HookRequest, now: datetime) -> str:
        """What the hook proved itself by, as `HookGuard.proof` says it. Raises Unauthorized.

        A secret may have been replaced a moment ago: before refusing, look once more.
        """
        try:
            return self._admit(request, now)
        except Unauthorized:
            if not self._secrets.refresh():
                raise
            return self._admit(request, now)

    def _admit(self, request: HookRequest, now: datetime) -> str:
        if not self._edge.knows(request.headers.get(EDGE_HEADER, "")):
            raise Unauthorized("not_by_edge")
        guard = hook_guard(self._settings, self._secrets)
        guard.admit(request.body, path_secret=request.path_secret, signature=request.signature, now=now)
        return guard.proof(request.body, path_secret=request.path_secret, signature=request.signature, now=now)
