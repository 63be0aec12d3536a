"""Greetings and prompts, spoken once by the model and kept as files, so that a call starts with a voice and not with a wait."""

from __future__ import annotations

import asyncio
import hashlib
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.shell.render import render_clip
from pokea import agents
from pokea.profile import Profile

CLIP_RATE_HZ = 24_000  # what the models speak
RENDERED_AT_ONCE = 4


@dataclass(frozen=True)
class Clip:
    voice: str
    text: str

    @property
    def key(self) -> str:
        """File name of the clip: the same text in the same voice is rendered once."""
        return hashlib.sha256(f"{self.voice}\n{self.text}".encode()).hexdigest()[:32]


def clips_of(profile: Profile) -> list[Clip]:
    """Everything that a business's agent must be able to say at once, in each of its languages."""
    agent = agents.get(profile.line.agent)
    texts: list[str] = []
    for language in profile.languages:
        texts.append(agent.greeting(profile, language))
        texts.extend(agent.phrases(profile, language).values())
    return [Clip(profile.voice, text) for text in dict.fromkeys(texts)]


def missing_clips(profiles: Iterable[Profile], folder: Path) -> list[Clip]:
    wanted = {clip.key: clip for profile in profiles for clip in clips_of(profile)}
    return [clip for key, clip in wanted.items() if not (folder / f"{key}.wav").exists()]


async def render_clips(
    clips: Iterable[Clip], folder: Path, gemini_url: str, api_key: str, model: str = "gemini-3.8-live"
) -> None:
    """Have the model speak each clip and store it; a clip appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    places = asyncio.Semaphore(RENDERED_AT_ONCE)

    async def render(clip: Clip) -> None:
        async with places:
            pcm = await render_clip(gemini_url, api_key, model, clip.voice, clip.text)
        draft = folder / f"{clip.key}.draft"
        with wave.open(str(draft), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(CLIP_RATE_HZ)
            file.writeframes(pcm)
        draft.replace(folder / f"{clip.key}.wav")

    async with asyncio.TaskGroup() as group:
        for clip in clips:
            group.create_task(render(clip))
