"""Records and recorders with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from bridge.core import consent, stereo, witness
from bridge.core.consent import Consent, Word
from pokea.adapters import observability
from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclassified:
    """Somebody added a field and did not say what it tells about a person."""

    business_id: BusinessId
    favourite_colour: str = ""
    version: int = 0


def unclassified_kind() -> Kind[Unclassified]:
    """Raises Misuse, as every such kind must."""
    return Kind(
        "leaky",
        Unclassified,
        key=lambda one: one.favourite_colour,
        privacy={"business_id": Pii.ID, "version": Pii.NONE},
    )


@contextmanager
def recorder_before_consent() -> Iterator[None]:
    """Records from the first sample on, as if a greeting that began were a notice that was heard."""

    def eager(self: consent.RecordingDesk, *arguments: object) -> None:
        _made(self, *arguments)  # type: ignore[arg-type]
        self.state = Consent.RECORDING
        self._tape.open(0.0)

    _made = consent.RecordingDesk.__init__
    with mock.patch.object(consent.RecordingDesk, "__init__", eager):
        yield


@contextmanager
def notice_counts_when_it_begins() -> Iterator[None]:
    """Takes a notice that was stopped for one that was heard."""

    def over(self: consent.RecordingDesk, utterance: object, now_ms: float) -> None:
        if self._notice:
            self._on(Word.ALLOWED, now_ms)

    with mock.patch.object(consent.RecordingDesk, "over", over):
        yield


@contextmanager
def pauses_ignored() -> Iterator[None]:
    with mock.patch.object(consent.RecordingDesk, "secret", lambda self, expected, now_ms: None):
        yield


@contextmanager
def refusals_ignored() -> Iterator[None]:
    with mock.patch.object(consent.RecordingDesk, "answered", lambda self, agreed, now_ms: None):
        yield


@contextmanager
def refusals_heeded_when_written() -> Iterator[None]:
    """Records on while the tool that takes the no is under way, and for good where it fails."""
    with mock.patch.object(witness.Witness, "tool_asked", lambda self, event, now_ms: None):
        yield


@contextmanager
def tape_without_a_mask() -> Iterator[None]:
    """Lets out whole frames once anything is allowed."""

    def unmasked(self: stereo._Channel, sound: bytearray, from_ms: int, allowed: object) -> bytes:
        return bytes(sound)

    with mock.patch.object(stereo._Channel, "masked", unmasked):
        yield


@contextmanager
def logs_everything() -> Iterator[None]:
    """Logs whatever it is given."""
    with mock.patch.object(
        observability, "classified", lambda fields: {name: str(value) for name, value in fields.items()}
    ):
        yield
