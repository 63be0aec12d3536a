"""An answering machine in the place of a person, and what must stand on it."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from local.audio.analysis import Samples
from local.caller import Spoken
from local.carrier import AnsweringMachine
from local.carrier.party import RATE_HZ

RECORDS_S = 45.0


class Mailbox(AnsweringMachine):
    """What a call needs to know of whoever picks up. greeting: 16 kHz mono PCM16LE of the words `says`."""

    def __init__(self, says: str, greeting: bytes) -> None:
        super().__init__(greeting, records_s=RECORDS_S)
        ends_ms = self.greeting_from_ms + 1000 * (len(greeting) // 2) // RATE_HZ
        self.spoken = [Spoken(says, self.greeting_from_ms, ends_ms)]
        self.gave_up = False
        self.press: Callable[[str], None] = lambda key: None

    async def prepare(self) -> None:
        """Its greeting is spoken already."""

    def write(self, path: Path) -> Samples:
        """What it has recorded, as a file and as samples."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(self.recorded)
        samples: Samples = np.frombuffer(self.recorded, dtype="<i2")
        return samples
