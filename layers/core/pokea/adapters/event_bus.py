"""Events to an EventBridge bus: small JSON objects of ids, never of names, numbers or words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pokea.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "pokea"


class EventBus:
    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, kind: str, detail: Mapping[str, str | int]) -> None:
        """Raises Unavailable; the event may have been sent all the same, and who takes it takes every event any number of times."""
        from botocore.exceptions import BotoCoreError, ClientError

        entry = {"Source": SOURCE, "DetailType": kind, "Detail": json.dumps(dict(detail)), "EventBusName": self._name}
        try:
            answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("bus_unavailable", f"the event was not taken ({type(problem).__name__})") from None
        if answer.get("FailedEntryCount"):
            raise Unavailable("bus_unavailable", "the event was not taken")
