"""The agent's fixed lines, by name: as a clip where one was rendered, else in the model's own mouth."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.frames import SayToModel
from bridge.core.playout import Speaker, Utterance
from bridge.core.voice import Voice

_SAY_EXACTLY = 'Say exactly this to the caller now, in the language it is written in, and nothing else: "{}"'


def in_language(language: str, name: str) -> str:
    """The name of a line in another language than the call's first."""
    return f"{language}/{name}"


class Announcer:
    """`clips`: 24 kHz PCM by name; `texts`: what they say. `language` is spoken where there is a line in it; "" is the call's first."""

    def __init__(self, voice: Voice, clips: Mapping[str, bytes], texts: Mapping[str, str]) -> None:
        self.language = ""
        self._voice = voice
        self._clips = clips
        self._texts = texts

    def _line(self, name: str) -> str:
        other = in_language(self.language, name)
        return other if self._texts.get(other) else name

    def has_clip(self, name: str) -> bool:
        return self._line(name) in self._clips

    def play(self, name: str, speaker: Speaker) -> Utterance | None:
        """Queue the clip; None if there is none."""
        line = self._line(name)
        clip = self._clips.get(line)
        return None if clip is None else self._voice.clip(speaker, clip, self._texts.get(line, ""))

    def dictation(self, name: str) -> SayToModel | None:
        """What makes a model say the line; None if there is no such line."""
        text = self._texts.get(self._line(name))
        return SayToModel(_SAY_EXACTLY.format(text)) if text else None
