"""What every wire to a model has in common: the shape of its codec. A codec is one connection's language without its socket."""

from __future__ import annotations

from typing import Protocol

from bridge.core.frames import Buffer, LegCommand, Loss, ModelEvent, ModelSetup


class LegCodec(Protocol):
    """State of one connection. Messages to send collect in `outbox`, oldest first; the shell sends and clears it after every call."""

    outbox: list[bytes]

    def open(self, setup: ModelSetup) -> None:
        """The connection is up: queue what it begins with."""

    def receive(self, payload: Buffer) -> list[ModelEvent]:
        """The events in one server message, in the order in which they take effect. ModelReady carries link 0. Raises WireError."""

    def obey(self, command: LegCommand) -> None:
        """Queue what carries out `command`, now or as soon as the provider allows it."""

    def audio(self, frame: Buffer) -> bytes:
        """One message with 20 ms of caller audio at the setup's `input_hz`, to be sent at once."""

    def loss(self, code: int, reason: str) -> Loss:
        """What a close code, or the HTTP status of a refused handshake (0: no answer), means for the next attempt."""
