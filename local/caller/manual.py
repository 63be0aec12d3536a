"""A caller without a script: says what it is given (typed lines, a recording) and lets the agent finish first."""

from __future__ import annotations

from collections import deque

from local.caller.hearing import Hearing
from local.caller.mouth import RATE_HZ, LineNoise, Speaker, with_noise
from local.caller.rules import Persona

_SAMPLES_PER_MS = RATE_HZ // 1000


class ManualCaller:
    """A Party. `say` and `play` may be called at any time before and during the call; each clip waits until the agent is quiet.

    hang_up_after_quiet_ms: leaves after so much silence on both sides once everything was said (None: stays until `hang_up`).
    barges_in: does not wait for the agent.
    """

    def __init__(
        self,
        voice: Speaker | None = None,
        persona: Persona | None = None,
        *,
        hang_up_after_quiet_ms: int | None = None,
        barges_in: bool = False,
        seed: int = 1,
    ) -> None:
        self.hung_up = False
        self.is_answered = self.is_over = False
        self.hearing = Hearing()
        self._voice = voice
        self._persona = persona or Persona(name="", number="")
        self._leave_after_ms = hang_up_after_quiet_ms
        self._barges_in = barges_in
        self._seed = seed
        self._line = LineNoise(seed)
        self._clips: deque[bytes] = deque()
        self._playing = memoryview(b"")
        self._quiet_ms = 0

    async def say(self, text: str) -> None:
        """Synthesises a line and queues it. Raises what the voice raises."""
        if self._voice is None:
            raise RuntimeError("this caller was given no voice")
        persona = self._persona
        pcm = await self._voice.say(
            text, language=persona.language, wpm=persona.wpm, voice=persona.voice, rate_hz=RATE_HZ
        )
        self.play(pcm)

    def play(self, pcm: bytes) -> None:
        """Queues 16 kHz mono PCM16LE."""
        self._clips.append(with_noise(pcm, self._seed))

    def hang_up(self) -> None:
        self.hung_up = True

    # --- Party --------------------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        self.is_answered = True

    def speak(self, samples: int) -> bytes:
        if not self._playing and self._clips and (self._barges_in or self._agent_has_finished()):
            self._playing = memoryview(self._clips.popleft())
        frame, self._playing = bytes(self._playing[: 2 * samples]), self._playing[2 * samples :]
        self._quiet_ms = 0 if frame or self.hearing.is_speaking else self._quiet_ms + samples // _SAMPLES_PER_MS
        if self._leave_after_ms is not None and not self._clips and self._quiet_ms >= self._leave_after_ms:
            self.hung_up = True
        return frame + self._line.quiet(samples - len(frame) // 2)

    def hear(self, pcm: bytes) -> None:
        self.hearing.hear(pcm)

    def ended(self) -> None:
        self.is_over = True

    def _agent_has_finished(self) -> bool:
        """It has spoken at least once and stopped, or it has said nothing for three seconds."""
        return not self.hearing.is_speaking and (bool(self.hearing.turns) or self.hearing.now_ms >= 3000)
