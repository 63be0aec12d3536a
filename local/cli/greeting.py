"""`pokea greeting render`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from local.clips import Clip, by_gemini, clips_of, missing_clips, render_clips
from local.processes import Child
from local.stack import GEMINI_URL, PROFILES
from pokea.profile import load_profiles


async def _render(clips: list[Clip], out: Path) -> None:
    key = os.environ.get("GEMINI_API_KEY", "")
    if key:
        await render_clips(clips, out, by_gemini(os.environ.get("POKEA_GEMINI_URL", GEMINI_URL), key))
        return
    log = Path(tempfile.gettempdir()) / "pokea-engine.log"
    async with Child(
        "engine", ["-m", "local.engine", "--port", "0", "--json-ready"], {}, log, ready_line=True
    ) as engine:
        await render_clips(clips, out, by_gemini(str(engine.ready["url"]), "offline"))


def run_render(out: Path, profiles_dir: Path | None, force: bool) -> int:
    """Render what is missing (or everything, with `force`) and say what was done."""
    profiles = load_profiles(profiles_dir or PROFILES).values()
    clips = [clip for profile in profiles for clip in clips_of(profile)] if force else missing_clips(profiles, out)
    if clips:
        asyncio.run(_render(clips, out))
    print(f"{len(clips)} clips rendered into {out}")
    return 0
