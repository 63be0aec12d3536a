"""One person's line: every 20 ms what this person says goes in and what the carrier plays to this person comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from local.carrier.party import FRAME_MS, FRAME_SAMPLES, RATE_HZ, SILENCE, Party
from local.carrier.resample import Resampler, through_g711
from local.carrier.switch import StreamLeg

_FRAME_S = FRAME_MS / 1000
_MAX_CATCH_UP_S = 3.0  # so much is made good; a busy machine may be late by more, and what is over is lost


class Recorder(Protocol):
    def add(self, left: bytes, right: bytes) -> None: ...

    def close(self) -> None: ...


class PartyError(Exception):
    """A party broke its contract."""


class Line:
    """Owned by the call's task. At most one of clip, `stream` and bridge makes sound at a time: verbs run one after another."""

    def __init__(
        self,
        party: Party | None,
        *,
        leg_rate_hz: int,
        recorder: Callable[[], Recorder] | None,
        on_hung_up: Callable[[], None],
    ) -> None:
        self.party = party
        self.stream: StreamLeg | None = None
        self._bridged: Party | None = None
        self._bridge_over = asyncio.Event()
        self.is_answered = False
        self.late_ms_max = 0.0
        """How late the media clock ever was: above some 20 ms the machine was too busy to believe any latency."""
        self._clip = memoryview(b"")
        self._clip_done: asyncio.Event | None = None
        self._make_recorder = recorder
        self._recorder: Recorder | None = None
        self._on_hung_up = on_hung_up
        self._codec = None if leg_rate_hz == RATE_HZ else _NarrowLeg(leg_rate_hz)
        self._answered_samples = 0

    @property
    def answered_ms(self) -> int:
        """How long the line has been up, in audio."""
        return self._answered_samples * 1000 // RATE_HZ

    def answer(self) -> None:
        if not self.is_answered and self.party is not None:
            self.is_answered = True
            self._recorder = self._make_recorder() if self._make_recorder else None
            self.party.answered()

    async def play(self, clip: bytes) -> None:
        """Plays 16 kHz PCM16LE to the person; returns when the last sample was played."""
        self._clip, done = memoryview(clip), asyncio.Event()
        self._clip_done = done
        await done.wait()

    async def bridge(self, other: Party) -> None:
        """Joins the person to another one; returns when the other hangs up."""
        self._bridged, self._bridge_over = other, asyncio.Event()
        try:
            await self._bridge_over.wait()
        finally:
            self._bridged = None

    async def run(self) -> None:
        """The media clock: an absolute schedule, so that a late wake-up is caught up instead of shifting the call."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += _FRAME_S
            delay = due - loop.time()
            if delay < -_MAX_CATCH_UP_S:  # the process was stopped: a real switch would have lost this audio too
                due = loop.time()
            await asyncio.sleep(max(0.0, delay))  # also when late: the sockets must be read between two frames
            if self.is_answered:
                self.late_ms_max = max(self.late_ms_max, 1000 * (loop.time() - due))
            self.tick()

    def tick(self) -> None:
        party = self.party
        if party is None:
            return
        if self.is_answered and not party.hung_up:
            said = party.speak(FRAME_SAMPLES)
            if len(said) != 2 * FRAME_SAMPLES:
                raise PartyError(f"{type(party).__name__}.speak returned {len(said)} bytes for {FRAME_SAMPLES} samples")
            heard = self._next_sound(said)
            party.hear(heard)
            if self._recorder is not None:
                self._recorder.add(said, heard)
            self._answered_samples += FRAME_SAMPLES
        if party.hung_up:
            self._on_hung_up()

    def end(self) -> None:
        """The person is gone. Safe to call twice."""
        self.is_answered = False
        if self._recorder is not None:
            self._recorder.close()
        if self.party is not None:
            self.party.ended()
            self.party = None

    def _next_sound(self, said: bytes) -> bytes:
        if self.stream is not None:
            if self._codec is None:
                return self.stream.tick(said) or SILENCE
            return self._codec.to_person(self.stream.tick(self._codec.from_person(said)))
        if self._bridged is not None:
            heard = self._bridged.speak(FRAME_SAMPLES)
            self._bridged.hear(said)
            if self._bridged.hung_up:
                self._bridge_over.set()
            return heard
        return self._next_of_clip()

    def _next_of_clip(self) -> bytes:
        if self._clip_done is None:
            return SILENCE
        frame, self._clip = self._clip[: len(SILENCE)], self._clip[len(SILENCE) :]
        if not self._clip:
            self._clip_done.set()
            self._clip_done = None
        return bytes(frame).ljust(len(SILENCE), b"\0")


class _NarrowLeg:
    """An 8 kHz leg: both directions pass G.711."""

    def __init__(self, leg_rate_hz: int) -> None:
        self._down = Resampler(RATE_HZ, leg_rate_hz)
        self._up = Resampler(leg_rate_hz, RATE_HZ)
        self._quiet = np.zeros(FRAME_SAMPLES * leg_rate_hz // RATE_HZ, dtype=np.int16)

    def from_person(self, said: bytes) -> bytes:
        return through_g711(self._down.process(np.frombuffer(said, dtype="<i2"))).astype("<i2").tobytes()

    def to_person(self, heard: bytes) -> bytes:
        samples = through_g711(np.frombuffer(heard, dtype="<i2")) if heard else self._quiet
        return self._up.process(samples).astype("<i2").tobytes()
