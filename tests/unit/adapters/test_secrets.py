from __future__ import annotations

import json
from math import inf
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pokea.adapters.secrets import Secrets, from_secrets_manager
from pokea.adapters.settings import BadSettings
from pokea.errors import Unavailable


class Manager:
    """Counts reads and may be down."""

    def __init__(self, **values: str) -> None:
        self.values: Any = values
        self.reads = 0
        self.down = False
        self.now_s = 0.0

    def __call__(self, secret_id: str) -> str:
        self.reads += 1
        if self.down:
            raise Unavailable("secrets_unavailable")
        return json.dumps(self.values)

    def secrets(self, **environ: str) -> Secrets:
        return Secrets(environ, secret_id="pokea", fetch=self, wall_s=lambda: self.now_s)


def test_without_a_secret_id_the_environment_speaks() -> None:
    secrets = Secrets({"POKEA_TOKEN_KEY": " k "})
    assert secrets.required("POKEA_TOKEN_KEY") == "k"
    assert secrets.optional("SAUTIKIT_API_KEY") == ""
    with pytest.raises(BadSettings, match="SAUTIKIT_API_KEY: is not set"):
        secrets.required("SAUTIKIT_API_KEY")


def test_the_managed_secret_goes_before_the_environment() -> None:
    secrets = Manager(A="managed").secrets(A="environment", B="environment")
    assert (secrets.optional("A"), secrets.optional("B")) == ("managed", "environment")


def test_it_is_read_once_in_five_minutes() -> None:
    manager = Manager(A="1")
    secrets = manager.secrets()
    for moment in (0, 10, 299):
        manager.now_s = moment
        secrets.required("A")
    assert manager.reads == 1
    manager.now_s = 300
    secrets.required("A")
    assert manager.reads == 2


def test_a_refresh_is_granted_at_most_every_thirty_seconds() -> None:
    manager = Manager(A="old")
    secrets = manager.secrets()
    assert secrets.refresh() is False
    secrets.required("A")
    manager.values["A"] = "new"
    manager.now_s = 29
    assert (secrets.refresh(), secrets.required("A")) == (False, "old")
    manager.now_s = 30
    assert (secrets.refresh(), secrets.required("A")) == (True, "new")


def test_what_was_read_before_outlives_an_outage() -> None:
    manager = Manager(A="1")
    secrets = manager.secrets()
    secrets.required("A")
    manager.down, manager.now_s = True, 1_000
    assert secrets.required("A") == "1"


def test_what_was_read_before_outlives_a_secret_that_is_broken_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = Manager(A="1")
    secrets = manager.secrets()
    secrets.required("A")
    manager.values, manager.now_s = "no object", 1_000
    assert secrets.required("A") == "1"
    assert "POKEA_SECRETS_ID" in caplog.text


@pytest.mark.parametrize("days", [30, -30])
def test_what_a_snapshot_holds_is_read_again_when_it_is_started_on_another_day(days: int) -> None:
    manager = Manager(A="old")
    secrets = manager.secrets()
    secrets.required("A")
    manager.values["A"], manager.now_s = "new", days * 86_400
    assert secrets.required("A") == "new"


def test_who_must_not_wait_reads_what_is_known_until_it_was_renewed() -> None:
    manager = Manager(A="old")
    secrets = Secrets({}, secret_id="pokea", fetch=manager, wall_s=lambda: manager.now_s, cache_s=inf)
    secrets.renew()
    manager.values["A"], manager.now_s = "new", 10_000
    assert (secrets.required("A"), manager.reads) == ("old", 1)
    secrets.renew()
    assert (secrets.required("A"), manager.reads) == ("new", 2)
    manager.down = True
    with pytest.raises(Unavailable):
        secrets.renew()
    assert secrets.required("A") == "new"


def test_an_outage_at_the_start_is_unavailable() -> None:
    manager = Manager()
    manager.down = True
    with pytest.raises(Unavailable):
        manager.secrets().required("A")


@pytest.mark.parametrize("content", [[], "text", {"A": 7}, None])
def test_a_secret_of_another_shape_names_the_setting(content: object) -> None:
    manager = Manager()
    manager.values = content
    with pytest.raises(BadSettings, match="POKEA_SECRETS_ID"):
        manager.secrets().required("A")


def test_several_values_hold_while_one_is_replaced() -> None:
    assert Secrets({"A": "new, old ,"}).several("A") == ("new", "old")
    assert Secrets({}).several("A") == ()


def test_the_real_service_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "moto")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name="pokea", SecretString='{"A":"1"}')
        assert from_secrets_manager("pokea") == '{"A":"1"}'
        with pytest.raises(Unavailable):
            from_secrets_manager("other")
