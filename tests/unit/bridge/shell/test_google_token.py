"""Google's access tokens: one fetch at a time, renewed before they expire, and an old one is better than none."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bridge.shell.google_token import RENEW_BEFORE_S, GoogleToken, Token
from pokea.errors import Unavailable


class Google:
    """Gives out numbered tokens that live an hour."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.fetched = 0
        self.down = False
        self.threads: set[int] = set()

    def __call__(self) -> Token:
        self.threads.add(threading.get_ident())
        if self.down:
            raise Unavailable("google_token_unavailable", "TransportError")
        self.fetched += 1
        return Token(f"t{self.fetched}", self.now_s + 3_600)


def made() -> tuple[Google, GoogleToken]:
    google = Google()
    return google, GoogleToken(google, lambda: google.now_s)


async def test_many_calls_share_one_fetch_which_runs_in_a_thread() -> None:
    google, token = made()
    headers = await asyncio.gather(*(token.headers() for _ in range(50)))
    assert set(headers) == {(("authorization", "Bearer t1"),)}
    assert google.fetched == 1
    assert threading.get_ident() not in google.threads


async def test_a_token_is_renewed_before_it_expires_without_anybody_waiting() -> None:
    google, token = made()
    await token.headers()
    google.now_s += 3_600 - RENEW_BEFORE_S + 1
    assert await token.headers() == (("authorization", "Bearer t1"),)
    for _ in range(100_000):
        if await token.headers() == (("authorization", "Bearer t2"),):
            break
        await asyncio.sleep(0)
    assert google.fetched == 2


async def test_a_renewal_that_fails_leaves_the_old_token_until_it_expires() -> None:
    google, token = made()
    await token.headers()
    google.down = True
    google.now_s += 3_500
    assert await token.headers() == (("authorization", "Bearer t1"),)
    google.now_s += 200
    with pytest.raises(Unavailable):
        await token.headers()
    google.down = False
    assert await token.headers() == (("authorization", "Bearer t2"),)
