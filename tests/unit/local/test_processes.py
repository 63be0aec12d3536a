"""Child processes end with whoever started them, also when they were never ready."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from local.processes import Child


async def test_a_child_whose_start_is_cancelled_is_not_left_behind(tmp_path: Path) -> None:
    child = Child("sleeper", ["-c", "import time; time.sleep(60)"], {}, tmp_path / "log", ready_line=True)
    starting = asyncio.create_task(child.__aenter__())
    while not child.running:  # noqa: ASYNC110 (there is nothing to wait for but the process itself)
        await asyncio.sleep(0)
    pid = child.pid
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
