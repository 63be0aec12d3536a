"""F4.3, at the token: missing, expired, reused, tampered with, another call's: the stream is not opened, and the token is not logged.
That the bridge asks before it answers the upgrade is tested with the bridge."""

from __future__ import annotations

import random
import string

import pytest

from pokea.ids import SessionId
from tests.faults.broken.control_plane import TokenEternal, TokenReusable
from tests.support.control_plane import ControlPlane, token_in
from tests.support.sizes import examples

TRIALS, SEED = examples(80, 1_000), 4_3
ALPHABET = string.ascii_letters + string.digits + "-_"


def tampered(token: str, draw: random.Random) -> str:
    at = draw.randrange(len(token))
    other = draw.choice([c for c in ALPHABET if c != token[at]])
    match draw.randrange(5):
        case 0:
            return token[:at] + token[at + 1 :]
        case 1:
            return token[:at] + other + token[at:]
        case 2:
            return token.rpartition(".")[0] + "."
        case 3:
            return token + "="
        case _:
            return token[:at] + other + token[at + 1 :]


def check_tokens(kind: type[ControlPlane], count: int) -> None:
    draw, plane, signatures = random.Random(SEED), kind(), set()
    for number in range(count):
        session, other = SessionId(f"HD_a{number:011x}"), SessionId(f"HD_b{number:011x}")
        token, foreign = token_in(plane.ring(sessionId=session)), token_in(plane.ring(sessionId=other))
        offence = draw.choice(["missing", "expired", "reused", "tampered", "another call's", "over"])
        offered, expected_opening = token, None
        if offence == "missing":
            offered = ""
        elif offence == "expired":
            plane.clock.advance(draw.choice([60, 61, 3_600]))
        elif offence == "reused":
            first = plane.tools({"operation": "open", "session_id": session, "token": token, "bridge": "b1"}, None)
            assert first["ok"] is True
            expected_opening = plane.clock.now()
            plane.clock.advance(draw.choice([0, 1, 30]))
        elif offence == "tampered":
            offered = tampered(token, draw)
        elif offence == "another call's":
            offered = foreign
        else:
            plane.ring("Completed", sessionId=session)
        reply = plane.tools({"operation": "open", "session_id": session, "token": offered, "bridge": "b2"}, None)
        assert reply["ok"] is False, (SEED, number, offence)
        call = plane.calls.call(session)
        assert call is not None and call.opened_at == expected_opening, (SEED, number, offence)
        signatures.add(token.rpartition(".")[2])
    logged = plane.logged.getvalue()
    assert not any(signature in logged for signature in signatures)


@pytest.mark.usefixtures("capsys")
def test_only_a_fresh_token_of_this_call_opens_it_and_only_once() -> None:
    check_tokens(ControlPlane, TRIALS)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("broken", [TokenReusable, TokenEternal])
def test_the_check_sees_a_build_that_does_not_consume_or_does_not_expire(broken: type[ControlPlane]) -> None:
    with pytest.raises(AssertionError):
        check_tokens(broken, 60)
