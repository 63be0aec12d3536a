"""What came by the edge: CloudFront adds a header with a secret, and whoever asks the HTTP API at its own address cannot know it.

With POKEA_EDGE_ONLY=on whatever comes without it is refused, before anything else is looked at. While the secret is being replaced both
its values hold, separated by a comma, in the secret as in the header: the edge sends what the secret held when it was deployed last.
"""

from __future__ import annotations

import hmac

from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings
from pokea.errors import Unauthorized

EDGE_HEADER = "x-pokea-edge"
EDGE_SECRET = "POKEA_EDGE_SECRET"  # noqa: S105 - its name
MIN_CHARS = 32


class Edge:
    def __init__(self, is_only: bool, secrets: Secrets) -> None:
        self._is_only = is_only
        self._secrets = secrets

    def check(self) -> None:
        """Raises BadSettings if the header could be guessed."""
        if self._is_only:
            self._accepted()

    def admit(self, header: str) -> None:
        """`header`: of the request, "" without one. Raises Unauthorized.

        A secret may have been replaced a moment ago: before refusing, look once more.
        """
        if self.knows(header) or (self._secrets.refresh() and self.knows(header)):
            return
        raise Unauthorized("not_by_edge", "ask at the public address")

    def knows(self, header: str) -> bool:
        if not self._is_only:
            return True
        given = [part.strip().encode("utf-8", "replace") for part in header.split(",")]
        return any(hmac.compare_digest(one, secret.encode()) for one in given for secret in self._accepted())

    def _accepted(self) -> tuple[str, ...]:
        accepted = self._secrets.several(EDGE_SECRET)
        if not accepted:
            raise BadSettings(EDGE_SECRET, "is not set, and nothing but what came by the edge may be admitted")
        if min(map(len, accepted)) < MIN_CHARS:
            raise BadSettings(EDGE_SECRET, f"needs {MIN_CHARS} characters")
        return accepted


NO_EDGE = Edge(False, Secrets({}))  # admits whatever comes
