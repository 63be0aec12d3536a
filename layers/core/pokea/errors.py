"""Every error that Pokea raises on purpose.

    CallError
    ├── Misuse            our own bug: an illegal transition, a broken invariant
    ├── RejectedInput     theirs: a malformed request, number, profile or message
    ├── Unauthorized      who is asking could not be established
    ├── Denied            policy says no, and asking again will not help
    ├── NotFound          the thing named does not exist, or not for this asker
    ├── Conflict          the world moved on: slot taken, stale version, nonce already used
    ├── Unavailable       a dependency is down or slow; safe to retry after `retry_after_s`
    └── Indeterminate     it may or may not have happened: never retried blindly, always reconciled

An error classifies itself: its class knows the HTTP status, its `code` says which rule spoke, and `facts` carries data for the
caller of the API (ids and codes only, never a transcript or a full number).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CallError(Exception):
    """Base of the tree. `code` is stable snake_case for programs; `message` is one clear line for people."""

    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, message: str = "", *, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.facts: dict[str, object] = dict(facts or {})


class Misuse(CallError):
    http_status = 500


class RejectedInput(CallError):
    http_status = 400


class Unauthorized(CallError):
    http_status = 401


class Denied(CallError):
    http_status = 403


class NotFound(CallError):
    http_status = 404


class Conflict(CallError):
    http_status = 409


class Unavailable(CallError):
    http_status = 503
    retryable = True

    def __init__(
        self, code: str, message: str = "", *, retry_after_s: float = 1.0, facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(code, message, facts=facts)
        self.retry_after_s = retry_after_s


class Indeterminate(CallError):
    http_status = 502
