"""Greetings and prompts rendered beforehand, so that a call starts with a voice while the model is still being connected.

A clip is `<key>.wav`, 24 kHz mono PCM16, key = the first 32 hex digits of sha256(voice + newline + text).
"""

from __future__ import annotations

import hashlib
import logging
import wave
from pathlib import Path

from bridge.core.context import CallContext, lines_of
from bridge.core.frames import MODEL_OUT_HZ

_MAX_CLIP_S = 60
_MAX_CLIPS = 4_000
log = logging.getLogger(__name__)


def clip_key(voice: str, text: str) -> str:
    return hashlib.sha256(f"{voice}\n{text}".encode()).hexdigest()[:32]


class ClipStore:
    """All clips of a folder, in memory. One that was rendered later is found when it is first asked for."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._clips: dict[str, bytes] = {}

    def load(self) -> int:
        """Read the folder; returns how many clips there are. A file that is no clip is logged and left out."""
        if self._folder is not None and self._folder.is_dir():
            for path in sorted(self._folder.glob("*.wav"))[:_MAX_CLIPS]:
                self._read(path.stem)
        return len(self._clips)

    def get(self, voice: str, text: str) -> bytes | None:
        if not text:
            return None
        key = clip_key(voice, text)
        return self._clips.get(key) or self._read(key)

    def of_call(self, context: CallContext) -> dict[str, bytes]:
        """PCM by name: "greeting" and the phrases of every language, as far as they were rendered in this voice."""
        found = {name: self.get(context.voice, text) for name, text in lines_of(context).items()}
        return {name: pcm for name, pcm in found.items() if pcm}

    def _read(self, key: str) -> bytes | None:
        path = None if self._folder is None else self._folder / f"{key}.wav"
        if path is None or not path.is_file() or len(self._clips) >= _MAX_CLIPS:
            return None
        try:
            with wave.open(str(path), "rb") as file:
                if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (MODEL_OUT_HZ, 1, 2):
                    raise wave.Error("not 24 kHz mono PCM16")
                pcm = file.readframes(_MAX_CLIP_S * MODEL_OUT_HZ)
        except (wave.Error, EOFError, OSError) as problem:
            log.warning("clip %s is left out: %s", path.name, problem)
            return None
        self._clips[key] = pcm
        return pcm
