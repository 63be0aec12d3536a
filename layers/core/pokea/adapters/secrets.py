"""Secrets: from one Secrets Manager secret (a JSON object) when `POKEA_SECRETS_ID` names it, else from the environment.

The secret is fetched once and kept for five minutes. A bad signature may mean that a secret was rotated a moment ago, so
`refresh` forgets what is cached, but not more often than every thirty seconds: a flood of forgeries must not become a flood of reads.
Who must not wait for a fetch keeps values for ever and has them renewed by a thread. docs/secrets.md says how each secret is replaced.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping

from pokea.adapters.settings import BadSettings
from pokea.errors import Unavailable

CACHE_S = 300.0
REFRESH_NOT_BEFORE_S = 30.0
Fetch = Callable[[str], str]
log = logging.getLogger(__name__)


class Secrets:
    """Named secrets. Every name is as in the environment: SAUTIKIT_API_KEY, POKEA_TOKEN_KEY…"""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        secret_id: str = "",
        fetch: Fetch | None = None,
        wall_s: Callable[[], float] = time.time,
        cache_s: float = CACHE_S,
    ) -> None:
        """`wall_s`: seconds since 1970; the monotonic clock stands still in a snapshot, whose secrets would pass for fresh when it is
        started weeks later."""
        self._environ = environ
        self._secret_id = secret_id
        self._fetch = fetch or from_secrets_manager
        self._wall_s = wall_s
        self._cache_s = cache_s
        self._values: Mapping[str, str] = {}
        self._read_at_s: float | None = None

    def required(self, name: str) -> str:
        """The secret `name`. Raises BadSettings when nobody set it, Unavailable when it cannot be read."""
        value = self.optional(name)
        if not value:
            raise BadSettings(name, "is not set")
        return value

    def optional(self, name: str) -> str:
        """The secret `name`, or "" when nobody set it."""
        return self._current().get(name) or self._environ.get(name, "").strip()

    def several(self, name: str) -> tuple[str, ...]:
        """All values of `name`, separated by commas: while a secret is being rotated both the new and the old one hold."""
        return tuple(part.strip() for part in self.optional(name).split(",") if part.strip())

    def refresh(self) -> bool:
        """Forget what is cached, at most every thirty seconds. True if the next read will be a fresh one."""
        if not self._secret_id or self._read_at_s is None:
            return False
        if abs(self._wall_s() - self._read_at_s) < REFRESH_NOT_BEFORE_S:
            return False
        self._read_at_s = None
        return True

    def renew(self) -> None:
        """Read now, while others go on reading what is known. Raises Unavailable and BadSettings; what is known then stays good."""
        if self._secret_id:
            self._values, self._read_at_s = _parse(self._fetch(self._secret_id)), self._wall_s()

    def _current(self) -> Mapping[str, str]:
        if not self._secret_id:
            return {}
        now_s = self._wall_s()
        if self._read_at_s is None or abs(now_s - self._read_at_s) >= self._cache_s:
            try:
                self._values = _parse(self._fetch(self._secret_id))
            except (Unavailable, BadSettings) as problem:
                if not self._values:
                    raise  # nothing to go on with; what was read before stays good until the service or the secret is mended
                log.error("secrets are as they were before: %s", problem.message)
            self._read_at_s = now_s
        return self._values


def from_secrets_manager(secret_id: str) -> str:
    """The secret's text. Raises Unavailable."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    try:
        client = boto3.session.Session().client("secretsmanager", config=config)
        return str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    except (BotoCoreError, ClientError, KeyError) as error:
        raise Unavailable("secrets_unavailable", f"the secret could not be read ({type(error).__name__})") from None


def _parse(text: str) -> Mapping[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise BadSettings("POKEA_SECRETS_ID", "names a secret that is not a JSON object of strings")
    return value
