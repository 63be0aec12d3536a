"""What came by the edge and what did not, as the header tells."""

from __future__ import annotations

import json

import pytest

from pokea.adapters.edge import EDGE_SECRET, Edge
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings
from pokea.errors import Unauthorized

NEW, OLD = "n" * 32, "o" * 32


def edge(value: str = NEW, *, is_only: bool = True) -> Edge:
    return Edge(is_only, Secrets({EDGE_SECRET: value}))


def is_admitted(by: Edge, header: str) -> bool:
    try:
        by.admit(header)
    except Unauthorized:
        return False
    return True


@pytest.mark.parametrize("header", ["", "x", NEW[:-1], NEW + "n", OLD, ",", f"{NEW[:16]},{NEW[16:]}", "é", "\ud800"])
def test_whatever_does_not_hold_the_secret_is_refused(header: str) -> None:
    assert not is_admitted(edge(), header)
    assert is_admitted(edge(is_only=False), header)


@pytest.mark.parametrize("deployed", [OLD, NEW, f"{NEW},{OLD}"])
def test_while_the_secret_is_replaced_every_edge_that_was_deployed_on_the_way_is_let_in(deployed: str) -> None:
    assert is_admitted(edge(f"{NEW}, {OLD}"), deployed)


def test_once_the_old_secret_is_dropped_it_opens_nothing() -> None:
    assert not is_admitted(edge(NEW), OLD)


def test_a_secret_that_was_replaced_a_moment_ago_is_looked_up_again_but_not_for_every_forgery() -> None:
    held, reads, now_s = OLD, 0, 0.0

    def fetch(secret_id: str) -> str:
        nonlocal reads
        reads += 1
        return json.dumps({EDGE_SECRET: held})

    by = Edge(True, Secrets({}, secret_id="pokea", fetch=fetch, wall_s=lambda: now_s))
    assert is_admitted(by, OLD)
    held, now_s = NEW, 31.0
    assert is_admitted(by, NEW)
    for _ in range(100):
        assert not is_admitted(by, OLD)
    assert reads == 2


@pytest.mark.parametrize("value", ["", "short", f"{NEW},short"])
def test_without_a_secret_that_nobody_guesses_nothing_is_admitted(value: str) -> None:
    with pytest.raises(BadSettings, match=EDGE_SECRET):
        edge(value).check()
    with pytest.raises(BadSettings, match=EDGE_SECRET):
        edge(value).admit(value)
    edge(value, is_only=False).check()
