from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings
from pokea.adapters.tokens import CallToken, TokenSigner, claimed_session, signer_of
from pokea.errors import Misuse, Unauthorized
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.toolkit import Level

KEY = "k" * 40
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SESSION, CLINIC = SessionId("HD_1"), BusinessId("clinic")
SIGNER = TokenSigner(KEY)
STREAM = SIGNER.stream_token(SESSION, CLINIC, issued_at=NOW, release="r1")
GRANT = CallToken(
    session_id=SESSION,
    business_id=CLINIC,
    a_number=E164("+254700000001"),
    level=Level.CLAIMED,
    agent="booking",
    issued_at=NOW,
    expires_at=NOW + timedelta(seconds=900),
)


def test_the_same_claims_give_the_same_bytes() -> None:
    assert SIGNER.stream_token(SESSION, CLINIC, issued_at=NOW, release="r1") == STREAM
    assert SIGNER.stream_token(SESSION, CLINIC, issued_at=NOW + timedelta(microseconds=9), release="r1") == STREAM
    assert SIGNER.stream_token(SESSION, CLINIC, issued_at=NOW + timedelta(seconds=1), release="r1") != STREAM


def test_another_library_reads_what_we_sign() -> None:
    claims = jwt.decode(
        STREAM, KEY, algorithms=["HS256"], audience="stream", options={"verify_exp": False, "verify_iat": False}
    )
    iat = int(NOW.timestamp())
    assert claims == {"aud": "stream", "sid": "HD_1", "biz": "clinic", "gen": "r1", "iat": iat, "exp": iat + 60}


def test_a_stream_token_lives_for_a_minute() -> None:
    token = SIGNER.read_stream_token(STREAM, now=NOW + timedelta(seconds=59), session_id=SESSION)
    assert (token.session_id, token.business_id, token.release) == (SESSION, CLINIC, "r1")
    with pytest.raises(Unauthorized, match="expired"):
        SIGNER.read_stream_token(STREAM, now=NOW + timedelta(seconds=60), session_id=SESSION)


def test_a_token_from_the_future_is_refused() -> None:
    with pytest.raises(Unauthorized):
        SIGNER.read_stream_token(STREAM, now=NOW - timedelta(seconds=30), session_id=SESSION)


def test_a_call_token_says_who_is_calling() -> None:
    assert SIGNER.read_call_token(SIGNER.call_token(GRANT), now=NOW) == GRANT


def test_the_call_that_a_token_speaks_of_can_be_told_without_its_key() -> None:
    assert claimed_session(SIGNER.call_token(GRANT)) == GRANT.session_id
    deep, forged = (urlsafe_b64encode(claims).decode() for claims in (b"[" * 1_500, b'{"sid":"+254700000001"}'))
    for odd in ("", "a", "a.b.c", "ä.ö.ü", "x.e30.y", "x.MQ.y", "x.////.y", f"x.{deep}.y", f"x.{forged}.y"):
        assert claimed_session(odd) == ""


def test_a_withheld_number_stays_withheld() -> None:
    from dataclasses import replace

    anonymous = replace(GRANT, a_number=None, level=Level.ANONYMOUS)
    assert SIGNER.read_call_token(SIGNER.call_token(anonymous), now=NOW) == anonymous


@pytest.mark.parametrize(
    "claims",
    [
        {}, {"aud": "call"}, {"sid": 7}, {"sid": ""}, {"lvl": "admin"}, {"a_number": "12"}, {"iat": "now"}, {"exp": 1 << 50}, {"exp": None},
        {"biz": None}, {"agent": []},
    ],
)  # fmt: skip
def test_claims_that_make_no_sense_are_refused_even_when_signed(claims: dict[str, object]) -> None:
    iat = int(NOW.timestamp())
    good = {
        "aud": "call", "sid": "HD_1", "biz": "clinic", "a_number": None, "lvl": "claimed", "agent": "booking", "iat": iat, "exp": iat + 9,
    }  # fmt: skip
    wrong = {**good, **claims} if claims not in ({}, {"aud": "call"}) else {"aud": "call", "iat": iat, "exp": iat + 9}
    token = jwt.encode(wrong, KEY, algorithm="HS256")
    with pytest.raises(Unauthorized):
        SIGNER.read_call_token(token, now=NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    iat = int(NOW.timestamp())
    claims = {"aud": "stream", "sid": "HD_1", "biz": "clinic", "gen": "r1", "iat": iat, "exp": iat + 60}
    token = jwt.encode(claims, "k" * 64 if algorithm != "none" else None, algorithm=algorithm)
    with pytest.raises(Unauthorized):
        TokenSigner("k" * 64).read_stream_token(token, now=NOW, session_id=SESSION)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "." * 9, STREAM + " ", " " + STREAM, STREAM + "=", "é" * 9, "x" * 9_999]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        SIGNER.read_stream_token(text, now=NOW, session_id=SESSION)


def test_a_short_key_is_our_own_mistake() -> None:
    with pytest.raises(Misuse):
        TokenSigner("short")


def test_while_a_key_is_replaced_the_first_one_signs_and_all_are_read() -> None:
    new = "n" * 40
    both = TokenSigner(new, KEY)
    token = SIGNER.call_token(GRANT)
    assert both.read_call_token(token, now=NOW) == GRANT
    assert both.call_token(GRANT) == TokenSigner(new).call_token(GRANT) != token
    assert TokenSigner(KEY, new).call_token(GRANT) == token
    with pytest.raises(Unauthorized):
        TokenSigner(new).read_call_token(token, now=NOW)


def test_the_address_of_a_calendar_holds_as_long_as_its_key_does() -> None:
    new = "n" * 40
    address = SIGNER.feed_secret(CLINIC, 1)
    assert TokenSigner(new, KEY).is_feed_secret(address, CLINIC, 1)
    assert not TokenSigner(new).is_feed_secret(address, CLINIC, 1)
    assert not TokenSigner(new, KEY).is_feed_secret(address, CLINIC, 2)


def test_the_key_that_signs_may_not_be_weak_and_a_weak_one_beside_it_reads_nothing() -> None:
    with pytest.raises(Misuse):
        TokenSigner(KEY, "short")
    for text in (",", f"short,{KEY}"):
        with pytest.raises(Misuse):
            signer_of(Secrets({"POKEA_TOKEN_KEY": text}))
    assert signer_of(Secrets({"POKEA_TOKEN_KEY": f"{KEY},short"})).call_token(GRANT) == SIGNER.call_token(GRANT)
    with pytest.raises(BadSettings):
        signer_of(Secrets({}))
    assert signer_of(Secrets({"POKEA_TOKEN_KEY": f"{KEY}, {'n' * 40}"})).call_token(GRANT) == SIGNER.call_token(GRANT)
