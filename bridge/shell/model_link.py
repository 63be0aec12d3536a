"""What a call knows of a connection to a model, whatever that is made of: one WebSocket, or three HTTP services.

A link connects, speaks and reports; when to open, use or drop it is the session's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bridge.core.frames import Buffer, LegCommand, ModelEvent, ModelLost, OpenModel
from bridge.core.recording import Kind

OnEvents = Callable[["ModelLink", Sequence[ModelEvent]], None]
OnLost = Callable[[ModelLost], None]
Tap = Callable[[Kind, Buffer], None]


class ModelLink(Protocol):
    """`on_events` gets events in order, ModelReady with this link's number among them; `on_lost` is called exactly once, unless the
    link was closed by us."""

    number: int
    has_wire: bool  # it calls `tap`, if that is set, with every message of its wire; otherwise its events are what can be recorded
    tap: Tap | None

    async def open(self, order: OpenModel) -> None:
        """Connect and set up. Reports the outcome through the callbacks; returns when it is known. Cancelling it closes the link."""

    def send_audio(self, frames: Iterable[Buffer]) -> None:
        """20 ms pieces of caller audio, PCM16 at the setup's `input_hz`. They may alias a receive buffer: copy them to keep them."""

    def obey(self, command: LegCommand) -> None: ...

    def close(self) -> None:
        """Leave without a report. Nothing is sent or reported any more; everything is released within a second."""


MakeLink = Callable[[int, OnEvents, OnLost], ModelLink]
