"""S13: the secrets of the control plane are replaced while calls are on, as docs/secrets.md says. Virtual time, the real handlers."""

from __future__ import annotations

from math import inf

import pytest

from pokea.adapters.secrets import Secrets
from pokea.adapters.tokens import TokenSigner
from pokea.errors import Unauthorized
from tests.support.rotation import Floor, steps_of

PLANS = {
    "POKEA_TOKEN_KEY": "The token key",
    "POKEA_WEBHOOK_PATH_SECRET": "The path of the hooks",
    "SAUTIKIT_WEBHOOK_SECRET": "The signature of the hooks",
}


def forgets_the_old(secrets: Secrets) -> TokenSigner:
    """Broken: knows one key at a time."""
    return TokenSigner(secrets.several("POKEA_TOKEN_KEY")[0])


def rotated(name: str, live: int, seed: int = 0) -> Floor:
    floor = Floor(name, live, seed)
    floor.follow(steps_of(PLANS[name]))
    return floor


@pytest.mark.parametrize("name", PLANS)
def test_by_the_steps_of_the_page_no_call_notices_and_afterwards_the_new_one_is_used_alone(name: str) -> None:
    floor = rotated(name, live=2)
    assert floor.breaches == []
    assert floor.count > 10
    now, line = floor.plane.clock.now(), floor.lines[0]
    if name == "POKEA_WEBHOOK_PATH_SECRET":
        assert (line.path, line.status) == (floor.new[name], floor.new[name])
    if name == "POKEA_TOKEN_KEY":
        assert TokenSigner(floor.new[name]).read_call_token(line.token, now=now)
        with pytest.raises(Unauthorized):
            TokenSigner(floor.old[name]).read_call_token(line.token, now=now)


@pytest.mark.faults
@pytest.mark.parametrize("name", PLANS)
def test_nor_do_fifty(name: str) -> None:
    assert rotated(name, live=50, seed=1).breaches == []


@pytest.mark.parametrize("name", PLANS)
def test_the_new_value_alone_loses_calls(name: str) -> None:
    floor = Floor(name, live=3)
    floor.follow(steps_of(PLANS[name])[-1:])
    assert floor.breaches


@pytest.mark.faults
def test_a_key_that_signs_before_everybody_knows_it_loses_calls() -> None:
    floor = Floor("POKEA_TOKEN_KEY", live=10)
    floor.follow(steps_of(PLANS["POKEA_TOKEN_KEY"])[2:3])
    assert any(breach.startswith("a stream was refused") for breach in floor.breaches)


@pytest.mark.faults
def test_a_control_plane_that_forgets_the_old_key_at_once_is_found_out() -> None:
    floor = Floor("POKEA_TOKEN_KEY", live=4, signers=forgets_the_old)
    floor.follow(steps_of(PLANS["POKEA_TOKEN_KEY"]))
    assert any("live call was refused" in breach for breach in floor.breaches)


@pytest.mark.faults
def test_an_environment_that_keeps_the_key_it_has_read_for_ever_is_found_out() -> None:
    """Of the secrets of hooks none can: a hook that proves nothing has them read anew."""
    floor = Floor("POKEA_TOKEN_KEY", live=4, cache_s=inf)
    floor.follow(steps_of(PLANS["POKEA_TOKEN_KEY"]))
    assert floor.breaches
