"""Stores to test against: moto for shapes (in-process, one thread), the local AWS for races, transactions and real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from moto import mock_aws

from local.aws import REGION, LocalAws
from local.aws_tables import TableSpec, load_tables
from local.processes import ROOT
from pokea.adapters.clients import store_config
from pokea.adapters.dynamo_table import DynamoTable, Retries

TEMPLATE = ROOT / "template.yaml"


@cache
def core_table_spec() -> TableSpec:
    return next(table for table in load_tables(TEMPLATE) if table.logical_id == "CoreTable")


@cache
def _session() -> boto3.Session:
    """One for all tests: loading the service's model is most of what a client costs."""
    return boto3.Session()


class ManualTime:
    """Monotonic seconds that pass only in `sleep`: no test waits for a retry."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses_s: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds

    def retries(self, **changes: Any) -> Retries:
        """The production bounds on this time, with the longest pauses that jitter can draw."""
        return Retries(monotonic=lambda: self.now_s, sleep=self.sleep, jitter=lambda: 1.0, **changes)


@contextmanager
def moto_table(retries: Retries | None = None) -> Iterator[DynamoTable]:
    """An empty core table in moto. Never share it between threads: moto is not atomic."""
    with mock_aws():
        client = _session().client(
            "dynamodb",
            region_name=REGION,
            aws_access_key_id="moto",
            aws_secret_access_key="moto",
            config=store_config(),
        )
        spec = core_table_spec()
        client.create_table(**spec.create)
        yield DynamoTable(client, spec.name, retries)


class RunningAws:
    """One local AWS on a thread of its own, for tests that are not asynchronous."""

    def __init__(self, folder: Path, make: Callable[[], LocalAws] | None = None) -> None:
        self._make = make or (lambda: LocalAws(folder, TEMPLATE))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-aws")
        self._thread.start()
        self.aws: LocalAws = self._run(self._entered())

    async def _entered(self) -> LocalAws:
        return await self._make().__aenter__()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        try:
            self._run(self.aws.stop())
        finally:  # a thread that goes on would keep the whole test process from ending
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def client(self, **config: Any) -> Any:
        """A client set up as in production. `config` overrides parts of its botocore Config."""
        from botocore.config import Config

        return _session().client(
            "dynamodb",
            endpoint_url=self.aws.endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=store_config().merge(Config(proxies={}, **config)),
        )

    @contextmanager
    def fresh_table(self, retries: Retries | None = None, **config: Any) -> Iterator[DynamoTable]:
        """An empty core table under a name of its own."""
        client = self.client(**config)
        name = f"test-{uuid4().hex}"
        client.create_table(**{**core_table_spec().create, "TableName": name})
        try:
            yield DynamoTable(client, name, retries)
        finally:
            client.delete_table(TableName=name)


_users = 0
_running: RunningAws | None = None


@contextmanager
def shared_aws(folder: Path) -> Iterator[RunningAws]:
    """The one local AWS of this test process: the first user starts it, the last one stops it."""
    global _users, _running
    _running = _running or RunningAws(folder)
    _users += 1
    try:
        yield _running
    finally:
        _users -= 1
        if _users == 0:
            _running.stop()
            _running = None
