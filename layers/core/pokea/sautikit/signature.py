"""Who may post a hook: the secret in its path, the signature over its bytes, or both.

    X-Sautikit-Signature: t=<unix seconds>,v1=<64 lower-case hex digits>
    v1 = HMAC-SHA256(secret, raw body + "." + t)

The time stands behind the body, and only `v1` counts: other versions are passed over. Some of the carrier's pages show another recipe,
bare hex over the body alone; it carries no time and so can be replayed for ever, which is why it has to be switched on. It is not
known which secret the carrier signs voice hooks with, so the default is a secret path segment, and a signature is demanded wherever a
signing secret is configured. Check before parsing: nothing of an unproven body is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pokea.errors import Unauthorized

SIGNATURE_HEADER = "x-sautikit-signature"
TOLERANCE_S = 300
MAX_HEADER_CHARS = 1_024
MIN_PATH_SECRET_CHARS = 16
_TIME = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-f]{64}")


class WebhookAuth(StrEnum):
    """`POKEA_WEBHOOK_AUTH`: what a hook must bring."""

    PATH = "path"
    SIGNATURE = "signature"
    SIGNATURE_AND_PATH = "signature+path"


@dataclass(frozen=True, slots=True)
class HookGuard:
    """The rules of one deployment. Several secrets hold at once while one is being rotated."""

    mode: WebhookAuth
    path_secrets: Sequence[str] = ()
    signing_secrets: Sequence[str] = ()
    bare_hex: bool = False

    def problem(self) -> str | None:
        """Why these rules could not keep anybody out, or None."""
        if self.mode is not WebhookAuth.SIGNATURE:
            if not self.path_secrets:
                return "POKEA_WEBHOOK_PATH_SECRET is not set"
            if any(len(secret) < MIN_PATH_SECRET_CHARS for secret in self.path_secrets):
                return f"POKEA_WEBHOOK_PATH_SECRET has fewer than {MIN_PATH_SECRET_CHARS} characters"
        if self.mode is not WebhookAuth.PATH and not self.signing_secrets:
            return "SAUTIKIT_WEBHOOK_SECRET is not set"
        return None

    def admit(self, body: bytes, *, path_secret: str, signature: str, now: datetime) -> None:
        """Raises Unauthorized unless the hook proves itself. `path_secret` and `signature` are "" where the request has none."""
        if self.problem() is not None:
            raise Unauthorized("hook_guard_unset", "this deployment has no secret to know hooks by")
        if self.mode is not WebhookAuth.SIGNATURE and not _is_one_of(path_secret, self.path_secrets):
            raise Unauthorized("hook_path", "the hook does not come by a path we gave out")
        if self.signing_secrets and not self._is_signed(body, signature, now):
            raise Unauthorized("hook_signature", "the hook is not signed by a secret of ours, or too long ago")

    def proof(self, body: bytes, *, path_secret: str, signature: str, now: datetime) -> str:
        """What a hook brings, whatever is asked of it, for the log: "path", "signature", both joined by "+"; "unchecked" stands for a
        signature that no secret is there to check. "" for nothing."""
        brought = ["path"] if _is_one_of(path_secret, self.path_secrets) else []
        if signature:
            if not self.signing_secrets:
                brought.append("unchecked")
            elif self._is_signed(body, signature, now):
                brought.append("signature")
        return "+".join(brought)

    def _is_signed(self, body: bytes, signature: str, now: datetime) -> bool:
        if len(signature) > MAX_HEADER_CHARS or not signature.isascii():
            return False
        if self.bare_hex and _HEX.fullmatch(signature):
            return _is_one_of(signature, (_hmac_hex(secret, body) for secret in self.signing_secrets))
        return is_signed(body, signature, self.signing_secrets, now)


def is_signed(body: bytes, header: str, secrets: Sequence[str], now: datetime) -> bool:
    """True if one `v1` of the header was made from exactly these bytes with one of `secrets`, within 300 s of `now`."""
    pairs = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    given = [value for name, value in pairs if name == "v1" and _HEX.fullmatch(value)]
    if len(times) != 1 or not given or not _TIME.fullmatch(times[0]):
        return False
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_S:
        return False
    expected = [_hmac_hex(secret, body + b"." + times[0].encode()) for secret in secrets]
    return any(_is_one_of(value, expected) for value in given)


def sign(body: bytes, secret: str, at: datetime) -> str:
    """The header value for `body`, as the carrier would send it at `at`."""
    t = str(int(at.timestamp()))
    return f"t={t},v1={_hmac_hex(secret, body + b'.' + t.encode())}"


def _hmac_hex(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _is_one_of(given: str, allowed: Iterable[str]) -> bool:
    """Constant time against each candidate: how much of a wrong value fits cannot be timed."""
    raw = given.encode()
    return any(hmac.compare_digest(raw, candidate.encode()) for candidate in allowed)
