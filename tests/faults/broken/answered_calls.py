"""Bridges that deal with a placed call as a careless one would: each with one safeguard taken out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from bridge.core import answering
from bridge.core.answering import Answering
from bridge.core.machine import AnswerDetector, Answerer, Beep, Cue, Finding
from bridge.core.mouth import Mouth


@contextmanager
def greets_before_the_verdict() -> Iterator[None]:
    """Takes the first sound of anybody for a person."""

    class Hasty(AnswerDetector):
        def hear(self, frames: Any, at_ms: float) -> bool:
            changed = super().hear(frames, at_ms)
            if self.finding.answerer is Answerer.UNDECIDED:
                self.finding = Finding(Answerer.PERSON, Cue.IN_DOUBT, at_ms)
                return True
            return changed

    with mock.patch.object(answering, "AnswerDetector", Hasty):
        yield


@contextmanager
def whoever_speaks_stops_the_disclosure() -> Iterator[None]:
    """The greeting is an utterance like any other."""
    with (
        mock.patch.object(Mouth, "is_protected", property(lambda mouth: False, lambda mouth, value: None), create=True),
        mock.patch.object(Answering, "_while_greeting", lambda *_: False),
        mock.patch.dict(answering._TAKES, {answering.Phase.GREETING: lambda *_: False}),
    ):
        yield


@contextmanager
def the_model_hears_over_a_dictated_greeting() -> Iterator[None]:
    """So its own ear may stop it."""
    honest = Answering._greet

    def careless(self: Answering, now_ms: float) -> None:
        self._legs.opens_ears()
        honest(self, now_ms)

    with mock.patch.object(Answering, "_greet", careless):
        yield


@contextmanager
def takes_a_broken_reading_for_the_greeting() -> Iterator[None]:
    """Whatever the model began to read was read."""
    with mock.patch.object(answering, "breaks_off", lambda _: False):
        yield


@contextmanager
def makes_a_number_of_the_stop_key() -> Iterator[None]:
    """Keys over the greeting are digits, as in any call."""
    with mock.patch.object(Answering, "may_have_asked", lambda *_: True):
        yield


@contextmanager
def obeys_no_key_over_a_message() -> Iterator[None]:
    """Takes machines to be alone."""
    with mock.patch.object(Answering, "_is_picked_up", lambda *_: False):
        yield


@contextmanager
def speaks_to_a_machine_at_once() -> Iterator[None]:
    """Does not wait for the beep."""

    class Deaf(AnswerDetector):
        def hear(self, frames: Any, at_ms: float) -> bool:
            changed = super().hear(frames, at_ms)
            if self.finding.answerer is Answerer.MACHINE and self.beep is Beep.AWAITED:
                self.beep, self.message_from_ms = Beep.HEARD, at_ms
                return True
            return changed

    with mock.patch.object(answering, "AnswerDetector", Deaf):
        yield


@contextmanager
def never_looks_twice() -> Iterator[None]:
    """Whoever was taken for a person is one for ever."""

    class Stubborn(AnswerDetector):
        def _decide(self, rule: Any, heard: Any, now_ms: float) -> None:
            if self.finding.answerer is not Answerer.PERSON:
                super()._decide(rule, heard, now_ms)

    with mock.patch.object(answering, "AnswerDetector", Stubborn):
        yield


@contextmanager
def takes_length_for_proof() -> Iterator[None]:
    """Hangs up on whoever talks for long."""
    with mock.patch.object(answering, "_BY_LENGTH", ()):
        yield


@contextmanager
def leaves_messages_everywhere() -> Iterator[None]:
    """Also with announcements and with assistants that screen calls."""
    with mock.patch.object(answering, "_TAKES_NO_MESSAGE", ()), mock.patch.object(answering, "_TONES", ()):
        yield
