"""Stream tokens and call tokens: JSON Web Tokens signed with HS256 under `POKEA_TOKEN_KEY`.

    stream token   in the stream URL of a voice document; opens one media stream once, within a minute
                   aud "stream" · sid biz gen iat exp
    call token     returned by the tools operation `open`; authorises every tool call of that call
                   aud "call"   · sid biz a_number lvl agent iat exp
    card token     in the address of a hand-off's card; shows what the human is to know, for a day
                   aud "card"   · sid biz hid iat exp

Signing is deterministic: the same claims give the same bytes, so that a repeated hook is answered with the identical document. It uses
the standard library alone, because it happens while a caller's phone is ringing and importing PyJWT costs more than everything else
there; reading goes through PyJWT. For the same reason the parts that only readers need are imported by them. Time is an argument
(`now`): the library's own look at the clock is switched off.

While the key is being replaced there are several, separated by commas: the first signs, all of them are read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pokea.errors import Misuse, RejectedInput, Unauthorized
from pokea.ids import SESSION_ID_PATTERN, BusinessId, SessionId
from pokea.phone_numbers import E164

if TYPE_CHECKING:
    from pokea.adapters.secrets import Secrets
    from pokea.toolkit import Level

STREAM_AUDIENCE = "stream"
CALL_AUDIENCE = "call"
CARD_AUDIENCE = "card"
CARD_TOKEN_TTL_S = 24 * 3_600
STREAM_TOKEN_TTL_S = 60
CLOCK_SKEW_S = 5  # two machines of ours disagree by less
MAX_TOKEN_CHARS = 2_048
_MIN_KEY_CHARS = 32
_HEADER = b'{"alg":"HS256","typ":"JWT"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamToken:
    """What a stream URL proves: our own voice webhook invited this session, at `issued_at`."""

    session_id: SessionId
    business_id: BusinessId
    release: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallToken:
    """Who a tool call is made for. Identity and business come from here, never from a model's arguments."""

    session_id: SessionId
    business_id: BusinessId
    a_number: E164 | None
    level: Level
    agent: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToken:
    """Which hand-off's card its holder may see."""

    handoff_id: str
    session_id: SessionId
    business_id: BusinessId


class TokenSigner:
    """Makes and reads every kind of token. A key has at least 32 characters; a shorter one is our own mistake. `others` are only read."""

    def __init__(self, key: str, *others: str) -> None:
        if min(map(len, (key, *others))) < _MIN_KEY_CHARS:
            raise Misuse("weak_token_key", f"a token key has at least {_MIN_KEY_CHARS} characters")
        self._key, *_ = self._keys = [one.encode() for one in (key, *others)]

    def stream_token(
        self,
        session_id: SessionId,
        business_id: BusinessId,
        *,
        issued_at: datetime,
        release: str,
        ttl_s: int = STREAM_TOKEN_TTL_S,
    ) -> str:
        iat = int(issued_at.timestamp())
        claims = {"sid": session_id, "biz": business_id, "gen": release, "iat": iat, "exp": iat + ttl_s}
        return self._sign({"aud": STREAM_AUDIENCE, **claims})

    def call_token(self, token: CallToken) -> str:
        claims = {
            "aud": CALL_AUDIENCE,
            "sid": token.session_id,
            "biz": token.business_id,
            "a_number": token.a_number,
            "lvl": token.level.value,
            "agent": token.agent,
            "iat": int(token.issued_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
        }
        return self._sign(claims)

    def card_token(self, card: CardToken, *, issued_at: datetime) -> str:
        iat = int(issued_at.timestamp())
        claims = {"sid": card.session_id, "biz": card.business_id, "hid": card.handoff_id}
        return self._sign({"aud": CARD_AUDIENCE, **claims, "iat": iat, "exp": iat + CARD_TOKEN_TTL_S})

    def read_card_token(self, text: str, *, now: datetime) -> CardToken:
        """The token's claims. Raises Unauthorized unless it is ours and alive at `now`."""
        claims = self._read(text, CARD_AUDIENCE, now)
        return CardToken(
            handoff_id=_text(claims, "hid"),
            session_id=SessionId(_text(claims, "sid")),
            business_id=BusinessId(_text(claims, "biz")),
        )

    def read_stream_token(self, text: str, *, now: datetime, session_id: SessionId) -> StreamToken:
        """The token's claims. Raises Unauthorized unless it is ours, of `session_id`, and alive at `now`."""
        claims = self._read(text, STREAM_AUDIENCE, now)
        if not hmac.compare_digest(_text(claims, "sid").encode(), session_id.encode()):
            raise Unauthorized("token_of_another_call", "the stream token belongs to another call")
        return StreamToken(
            session_id=session_id,
            business_id=BusinessId(_text(claims, "biz")),
            release=_text(claims, "gen"),
            issued_at=_instant(claims, "iat"),
            expires_at=_instant(claims, "exp"),
        )

    def read_call_token(self, text: str, *, now: datetime) -> CallToken:
        """The token's claims. Raises Unauthorized unless it is ours and alive at `now`."""
        from pokea.toolkit import Level

        claims = self._read(text, CALL_AUDIENCE, now)
        a_number = claims.get("a_number")
        try:
            return CallToken(
                session_id=SessionId(_text(claims, "sid")),
                business_id=BusinessId(_text(claims, "biz")),
                a_number=E164(a_number) if isinstance(a_number, str) else None,
                level=Level(_text(claims, "lvl")),
                agent=_text(claims, "agent"),
                issued_at=_instant(claims, "iat"),
                expires_at=_instant(claims, "exp"),
            )
        except (ValueError, RejectedInput):
            raise _invalid() from None

    def feed_secret(self, business_id: BusinessId, generation: int) -> str:
        """What makes the address of a business's calendar feed unguessable; it lasts as long as the key and the generation do."""
        return _feed_secret(self._key, business_id, generation).decode("ascii")

    def is_feed_secret(self, text: str, business_id: BusinessId, generation: int) -> bool:
        raw = text.encode("utf-8", "replace")
        return any(hmac.compare_digest(raw, _feed_secret(key, business_id, generation)) for key in self._keys)

    def _sign(self, claims: Mapping[str, object]) -> str:
        payload = json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
        return _sealed(self._key, _b64(_HEADER) + b"." + _b64(payload)).decode("ascii")

    def _read(self, text: str, audience: str, now: datetime) -> Mapping[str, object]:
        import jwt

        if not text or len(text) > MAX_TOKEN_CHARS or not text.isascii():
            raise _invalid()
        raw = text.encode("ascii")
        # One token, one spelling: base64 has spare bits in its last character, so a lax reader takes four spellings of a signature.
        signed = raw.rpartition(b".")[0]
        key = next((key for key in self._keys if hmac.compare_digest(_sealed(key, signed), raw)), None)
        if key is None:
            raise _invalid()
        try:
            claims: Mapping[str, object] = jwt.decode(
                text,
                key,
                algorithms=["HS256"],
                audience=audience,
                options={"require": ["aud", "iat", "exp", "sid", "biz"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            raise _invalid() from None
        skew = timedelta(seconds=CLOCK_SKEW_S)
        if now >= _instant(claims, "exp"):
            raise Unauthorized("token_expired", "the token has expired")
        if now < _instant(claims, "iat") - skew:
            raise _invalid()
        return claims


def signer_of(secrets: Secrets) -> TokenSigner:
    """By all keys that hold now. Raises BadSettings if there is none, Misuse if the one that signs is weak.

    A weak one among the others is left out: a slip of the pen while keys are replaced must not take the telephones down.
    """
    first, *others = secrets.several("POKEA_TOKEN_KEY") or (secrets.required("POKEA_TOKEN_KEY"),)
    return TokenSigner(first, *(other for other in others if len(other) >= _MIN_KEY_CHARS))


def claimed_session(token: str) -> str:
    """The call that a token speaks of, unproven: for whoever only tells about work that somebody else has let in. "" where it is none."""
    try:
        payload = token.encode("ascii").split(b".")[1]
        claims = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return ""
    found = claims.get("sid") if isinstance(claims, dict) else None
    return found if isinstance(found, str) and re.fullmatch(SESSION_ID_PATTERN, found) else ""


def _sealed(key: bytes, signed: bytes) -> bytes:
    return signed + b"." + _b64(hmac.new(key, signed, hashlib.sha256).digest())


def _feed_secret(key: bytes, business_id: BusinessId, generation: int) -> bytes:
    text = f"feed\n{business_id}\n{generation}".encode()
    return _b64(hmac.new(key, text, hashlib.sha256).digest())


def _b64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _invalid() -> Unauthorized:
    return Unauthorized("token_invalid", "the token is not valid")


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid()
    return value


def _instant(claims: Mapping[str, object], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise _invalid()
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise _invalid() from None
