from __future__ import annotations

from collections.abc import Iterator

import pytest

from pokea.adapters.dynamo_table import DynamoTable
from tests.support.store import moto_table


@pytest.fixture
def table() -> Iterator[DynamoTable]:
    """An empty core table in moto, for one thread."""
    with moto_table() as made:
        yield made
