"""F4.2: a hook that is sent again within five minutes changes nothing and is answered alike; later it is refused."""

from __future__ import annotations

import random

import pytest

from pokea.ids import SessionId
from tests.faults.broken.control_plane import LastHookWins, WindowIgnored
from tests.support.control_plane import (
    SIGNING_SECRET,
    ControlPlane,
    carrier_signature,
    encoded,
    form,
    opened,
    posted,
)
from tests.support.sizes import examples

SETTINGS = {"POKEA_WEBHOOK_AUTH": "signature+path", "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET}
FORM = "application/x-www-form-urlencoded"
REPLAYS, SEED = examples(80, 1_000), 4_2
INSIDE_S, OUTSIDE_S = (0, 1, 60, 299, 300), (301, 3_600, 30 * 86_400)


def check_replays(kind: type[ControlPlane], count: int) -> None:
    draw, plane = random.Random(SEED), kind(environ=SETTINGS)
    for number in range(count):
        session = SessionId(f"HD_{number:012d}")
        body = encoded(form("Ringing", sessionId=session), FORM)
        event = posted("/voice", body, headers=carrier_signature(body, at=plane.clock.now()))
        first = plane.voice(event, None)
        assert first["statusCode"] == 200 and "<Stream" in first["body"]
        before = plane.calls.call(session)
        is_open = draw.random() < 0.5
        if is_open:
            assert opened(plane, first["body"], session)["ok"] is True
            before = plane.calls.call(session)
        delay_s = draw.choice(INSIDE_S + OUTSIDE_S)
        plane.clock.advance(delay_s)
        again = plane.voice(event, None)
        assert plane.calls.call(session) == before, (SEED, number, delay_s)
        if delay_s > 300:
            assert again["statusCode"] == 401, (SEED, number, delay_s)
        elif is_open:
            assert "<Stream" not in again["body"], (SEED, number, delay_s)
        else:
            assert again["body"] == first["body"], (SEED, number, delay_s)


@pytest.mark.usefixtures("capsys")
def test_replays_inside_the_window_change_nothing_and_outside_it_are_refused() -> None:
    check_replays(ControlPlane, REPLAYS)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("broken", [WindowIgnored, LastHookWins])
def test_the_check_sees_a_build_without_the_window_or_without_memory(broken: type[ControlPlane]) -> None:
    with pytest.raises(AssertionError):
        check_replays(broken, 40)
