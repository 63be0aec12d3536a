"""Greetings and prompts, spoken once and kept as files, so that a call starts with a voice and not with a wait."""

from __future__ import annotations

import asyncio
import hashlib
import wave
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.shell.model_link import MakeLink
from bridge.shell.render import read_aloud, render_clip
from local.speech.voice import Voice
from pokea import agents
from pokea.errors import CallError
from pokea.profile import Profile

CLIP_RATE_HZ = 24_000  # what the models speak
RENDERED_AT_ONCE = 4


@dataclass(frozen=True)
class Clip:
    voice: str
    text: str
    language: str

    @property
    def key(self) -> str:
        """File name of the clip: the same text in the same voice is rendered once."""
        return hashlib.sha256(f"{self.voice}\n{self.text}".encode()).hexdigest()[:32]


Speak = Callable[[Clip], Awaitable[bytes]]
"""A clip → 24 kHz mono PCM16."""


def clips_of(profile: Profile) -> list[Clip]:
    """Everything that a business's agent must be able to say at once, in each of its languages, and those of an agent that campaigns may
    name beside it. What is left on an answering machine is the same for everybody, so it is a clip as well."""
    clips: dict[str, Clip] = {}
    for agent in (agents.get(profile.line.agent), *_callers(profile)):
        for language in profile.languages:
            lines = [agent.greeting(profile, language), *agent.phrases(profile, language).values()]
            if agent.calling(profile, language):
                lines += [agent.calling(profile, language), agent.voicemail(profile, language)]
            for text in lines:
                clips.setdefault(text, Clip(profile.voice, text, language))
    return list(clips.values())


def _callers(profile: Profile) -> list[agents.Agent]:
    """The agents beside the line's own that this business could name in a campaign."""
    others = [agents.get(name) for name in agents.NAMES if name != profile.line.agent]
    return [agent for agent in others if agent.problem(profile) is None and agent.calling(profile, profile.language)]


def missing_clips(profiles: Iterable[Profile], folder: Path) -> list[Clip]:
    wanted = {clip.key: clip for profile in profiles for clip in clips_of(profile)}
    return [clip for key, clip in wanted.items() if not (folder / f"{key}.wav").exists()]


def by_gemini(url: str, api_key: str, model: str = "gemini-3.8-live") -> Speak:
    """The model itself reads the clips aloud."""

    async def speak(clip: Clip) -> bytes:
        return await render_clip(url, api_key, model, clip.voice, clip.text)

    return speak


def by_engine(make: MakeLink, model: str) -> Speak:
    """An engine of the bridge reads the clips aloud."""

    async def speak(clip: Clip) -> bytes:
        return await read_aloud(make, model, clip.voice, clip.text)

    return speak


def by_synthesiser(voice: Voice) -> Speak:
    """What the offline engine speaks with, without the engine between."""

    async def speak(clip: Clip) -> bytes:
        return await voice.say(clip.text, language=clip.language, rate_hz=CLIP_RATE_HZ)

    return speak


async def render_clips(clips: Iterable[Clip], folder: Path, speak: Speak) -> None:
    """Have each clip spoken and store it; a clip appears whole or not at all. Raises what the first failure raises."""
    folder.mkdir(parents=True, exist_ok=True)
    places = asyncio.Semaphore(RENDERED_AT_ONCE)

    async def render(clip: Clip) -> None:
        async with places:
            pcm = await speak(clip)
        draft = folder / f"{clip.key}.draft"
        with wave.open(str(draft), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(CLIP_RATE_HZ)
            file.writeframes(pcm)
        draft.replace(folder / f"{clip.key}.wav")

    try:
        async with asyncio.TaskGroup() as group:
            for clip in clips:
                group.create_task(render(clip))
    except* CallError as failures:
        raise failures.exceptions[0] from None
