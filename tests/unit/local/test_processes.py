from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.processes import POLITE, Child

SAYS_ITS_SHARE = """
import json, os, signal, sys
priority = os.getpriority(os.PRIO_PROCESS, 0)
while priority != int(sys.argv[1]):  # it is set a moment after the start
    priority = os.getpriority(os.PRIO_PROCESS, 0)
print(json.dumps({"priority": priority}), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("keeps_time", [True, False])
async def test_what_keeps_time_goes_before_what_does_not(tmp_path: Path, keeps_time: bool) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    expected = own if keeps_time else POLITE
    arguments = ["-c", SAYS_ITS_SHARE, str(expected)]
    async with Child("child", arguments, {}, tmp_path / "log", ready_line=True, keeps_time=keeps_time) as child:
        assert child.ready == {"priority": expected}
        autogroup = Path(f"/proc/{child.pid}/autogroup")
        if not keeps_time and autogroup.exists():
            assert autogroup.read_text().split()[-1] == str(POLITE)
