"""Fixtures of the tests that run against real machinery: the local AWS, and each WebSocket stack of the phone leg.

A folder whose tests want them imports them in its conftest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.shell.stacks import STACKS
from pokea.adapters.dynamo_table import DynamoTable
from tests.integration import bridge_peers
from tests.support.store import RunningAws, shared_aws


@pytest.fixture(params=STACKS)
def each_stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test once over every WebSocket stack of the phone leg."""
    monkeypatch.setattr(bridge_peers, "STACK", request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAws]:
    """The local AWS of this test process, started once."""
    with shared_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def core_table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    """An empty core table in the local AWS."""
    with local_aws.fresh_table() as table:
        yield table
