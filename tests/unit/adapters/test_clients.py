from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, timedelta

import pytest

from pokea.adapters import clients
from pokea.adapters.ids import new_id
from pokea.adapters.system_clock import SystemClock


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)
    clients.dynamodb.cache_clear()
    yield
    clients.dynamodb.cache_clear()


def test_a_process_has_one_client_made_from_its_environment() -> None:
    client = clients.dynamodb()
    assert client is clients.dynamodb()
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.region_name == "eu-west-1"


def test_every_wait_is_bounded_and_no_retry_is_hidden() -> None:
    config = clients.dynamodb().meta.config
    assert (config.connect_timeout, config.read_timeout) == (1.0, 2.0)  # type: ignore[attr-defined]
    assert config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]


def test_importing_the_stores_does_not_load_the_aws_client() -> None:
    """A process that only answers a health check, or that is refused at the door, must not wait for it."""
    code = "import sys, pokea.adapters.clients, pokea.adapters.dynamo_store; sys.exit('boto3' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ids_are_letters_and_digits_and_never_the_same() -> None:
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(one.isalnum() and one.isascii() and len(one) == 20 for one in made)


def test_the_system_clock_is_in_utc_and_does_not_stand_still() -> None:
    clock = SystemClock()
    first = clock.now()
    assert first.tzinfo is UTC
    assert timedelta(0) <= clock.now() - first < timedelta(seconds=5)
