"""What the bridge writes down about a call, read while it is written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from local.carrier import Carrier
from local.status import read_record


class RecordTap:
    """`session_id` is known once the call was placed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.session_id = ""

    @property
    def path(self) -> Path:
        return self._folder / f"{self.session_id}.jsonl"

    def events(self) -> list[dict[str, Any]]:
        return read_record(self.path) if self.session_id and self.path.exists() else []

    def agent_words(self) -> list[str]:
        return [str(event["text"]) for event in self.events() if event["event"] == "agent_said"]

    def has(self, wanted: str) -> bool:
        return any(event["event"] == wanted for event in self.events())

    async def until(self, wanted: str, within_s: float) -> None:
        """Returns when the record names the event, or when the time is up."""
        for _ in range(int(within_s / 0.05)):
            if self.has(wanted):
                return
            await asyncio.sleep(0.05)

    async def whole(self, within_s: float = 5.0) -> list[dict[str, Any]]:
        """The record with its last event; the bridge may write that a moment after the carrier ended the call."""
        await self.until("ended", within_s)
        return self.events()


class CalleeTap(RecordTap):
    """Of the latest call that somebody else places to `number`."""

    def __init__(self, folder: Path, carrier: Carrier, number: str) -> None:
        super().__init__(folder)
        self._carrier, self._number = carrier, number

    def agent_words(self) -> list[str]:
        if not self.session_id and (call := self.call()) is not None:
            self.session_id = call.session_id
        return super().agent_words()

    def call(self) -> Any:
        """The call to this number, once there is one."""
        placed = (call for call in reversed(self._carrier.calls) if call.facts.b_number == self._number)
        return next(placed, None)
