"""Dialers in processes of their own, which end by SIGKILL: `python -m tests.support.dialer_process <local AWS> <carrier>`.

Each line on standard input is one shift of one dialer, a JSON object:

    {"campaigns": table, "calls": table, "skipped_s": 120.0, "messages": [...], "dies": ["campaigns", "after", "begin", "asked", 2]}

`dies`, if given: the process kills itself before or after the so many-th operation of that name, of a contact in that state (or ""), on the
store of campaigns ("campaigns") or on the carrier's client ("line"). `kill_after_ms`: killed from outside, wherever it is by then.
`notes_nothing`: the broken build that stores no attempt before it rings. `skipped_s`: how far its clock is ahead of the wall's. The answer
is one line: the exit status, negative for the signal that killed it. Dialers are forked from this one warm process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

from local.aws import REGION
from pokea.adapters.clients import store_config
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.errors import Indeterminate, Unavailable
from tests.faults.broken.dialers import NotesNothing
from tests.support.dial_room import Room, always_lawful


class AheadOfTheWall:
    def __init__(self, ahead_s: float) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


class Doomed:
    """What it stands for, until the operation at which this process dies."""

    def __init__(self, inner: Any, when: str, name: str, state: str, count: int) -> None:
        self._inner, self._when, self._name, self._state, self._left = inner, when, name, state, count

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)

        def operation(*args: Any, **kwargs: Any) -> Any:
            if name == self._name and self._state in ("", *(one.state for one in args[:1] if hasattr(one, "state"))):
                self._left -= 1
                if self._left == 0 and self._when == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return operation


def work(client: Any, carrier_url: str, shift: dict[str, Any]) -> None:
    parts: dict[str, Any] = {
        "campaigns": DynamoCampaigns(DynamoTable(client, shift["campaigns"])),
        "line": Carrier(CarrierSettings("key", carrier_url, connect_timeout_s=5, read_timeout_s=20), pause=time.sleep),
    }
    if shift.get("notes_nothing"):
        parts["campaigns"] = NotesNothing(parts["campaigns"])
    if "dies" in shift:
        where, *fate = shift["dies"]
        parts[where] = Doomed(parts[where], *fate)
    clock = AheadOfTheWall(shift["skipped_s"])
    calls = DynamoCallStore(DynamoTable(client, shift["calls"]))
    room = Room(clock=clock, campaigns=parts["campaigns"], calls=calls, policies=always_lawful())  # type: ignore[arg-type]
    dialer = room.dialer(telephony=parts["line"], wait=time.sleep)
    for body in shift["messages"]:
        try:
            dialer.take(body)
        except (Unavailable, Indeterminate):
            continue  # it comes again


def run(client: Any, carrier_url: str, shift: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # metrics are printed, and our answers too
        work(client, carrier_url, shift)
        os._exit(0)
    if "kill_after_ms" in shift:
        time.sleep(shift["kill_after_ms"] / 1_000)
        os.kill(pid, signal.SIGKILL)  # not yet waited for, so the pid is still this child's, dead or alive
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    endpoint, carrier_url = sys.argv[1:]
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=store_config().merge(Config(proxies={}, read_timeout=30)),
    )
    for line in sys.stdin:
        print(json.dumps(run(client, carrier_url, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
