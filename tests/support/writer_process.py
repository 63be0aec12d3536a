"""Bookers in processes of their own, which can be killed at any point: `python -m tests.support.writer_process <endpoint>`.

Each line on standard input is one wave, a JSON list of writers, all started at the same moment:

    {"store", "table", "history", "capacity", "steps": [["book", intent, quarter], ["move", quarter], ["cancel"]],
     "faults": {"2": "die_after"}, "kill_after_ms": 20}

`store` names the class that stands for the table ("module:Class"). Moves and cancels concern what the writer booked last. `faults` go
by the number of the write (1 = first). The answer is one line: the exit status of every writer in the order given, negative for the
signal that killed it. Writers are forked from this one warm process, because importing an AWS client takes longer than everything a
writer does.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from local.aws import REGION
from pokea.adapters.clients import store_config
from pokea.adapters.dynamo_store import DynamoStore
from pokea.booking import Appointment
from tests.support.booker import MORNING, Booker, History, rules_of

WRITES = ("PutItem", "TransactWriteItems")


class Fate:
    """What happens to the writes of this process: nothing, a lost message, or the end of the process, before or after the write."""

    def __init__(self, client: Any, faults: dict[str, str]) -> None:
        self._faults = faults
        self._writes = 0
        self._after = ""
        client.meta.events.register_first("before-send.dynamodb", self._before)
        client.meta.events.register_first("response-received.dynamodb", self._answered)

    def _before(self, request: Any, **_: Any) -> None:
        if str(request.headers["X-Amz-Target"], "ascii").rpartition(".")[2] not in WRITES:
            return
        self._writes += 1
        fault = self._faults.get(str(self._writes), "")
        self._after = fault if fault.endswith("_after") else ""
        if fault:
            self._strike(fault, "_before", request.url)

    def _answered(self, **_: Any) -> None:
        fault, self._after = self._after, ""
        if fault:
            self._strike(fault, "_after", "http://127.0.0.1")

    def _strike(self, fault: str, moment: str, url: str) -> None:
        if fault == "die" + moment:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "lose" + moment:
            raise boto.ReadTimeoutError(endpoint_url=url)


def write(client: Any, writer: dict[str, Any]) -> None:
    Fate(client, writer.get("faults", {}))
    module, _, name = writer["store"].partition(":")
    table_class = getattr(importlib.import_module(module), name)
    store = DynamoStore(table_class(client, writer["table"]))
    history = History(Path(writer["history"]))
    booker = Booker(store, rules_of("clinic", writer["capacity"]), history)
    mine: list[str] = []
    for action, *details in writer["steps"]:
        if action == "book":
            answer = booker.book(details[0], MORNING + details[1] * timedelta(minutes=15))
            mine += [str(answer.appointment_id)] if isinstance(answer, Appointment) else []
        elif mine and action == "move":
            booker.move(mine[-1], MORNING + details[0] * timedelta(minutes=15))
        elif mine and action == "cancel":
            booker.cancel(mine.pop())


def wave(client: Any, writers: list[dict[str, Any]]) -> list[int]:
    """Fork all, let them go at once, and wait for all. `kill_after_ms` kills a writer from outside, wherever it is by then."""
    gate_read, gate_write = os.pipe()
    children = []
    for writer in writers:
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            os.read(gate_read, 1)  # returns when the parent closes its end
            write(client, writer)
            os._exit(0)
        children.append(pid)
    os.close(gate_read)
    os.close(gate_write)
    began = time.monotonic()
    doomed = sorted((w["kill_after_ms"], pid) for w, pid in zip(writers, children, strict=True) if "kill_after_ms" in w)
    for after_ms, pid in doomed:
        time.sleep(max(0.0, began + after_ms / 1000 - time.monotonic()))
        os.kill(pid, signal.SIGKILL)  # not yet waited for, so the pid is still this child's, dead or alive
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


def main() -> None:
    (endpoint,) = sys.argv[1:]
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=store_config().merge(Config(proxies={}, read_timeout=30)),
    )
    for line in sys.stdin:
        print(json.dumps(wave(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
