from __future__ import annotations

from collections.abc import Iterator

import pytest

from pokea.adapters.dynamo_table import DynamoTable
from tests.support.store import RunningAws, shared_aws


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
