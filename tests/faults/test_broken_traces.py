"""What is asked of a call's trace (tests/integration/test_traces.py) catches builds that break it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.broken import traces
from tests.support.whole_trace import complaints, traced_call

pytestmark = pytest.mark.faults
BROKEN: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "somebody is in it": traces.numbers_of_callers,
    "more than one trace": traces.a_trace_for_each_process,
    "missing: ('pokea-tools', 'tool', 'tool_call')": traces.a_tool_that_hangs_on_nothing,
    "missing: ('pokea-bridge', 'model', 'turn')": traces.half_a_turn,
}


@pytest.mark.parametrize("complaint", BROKEN)
async def test_a_build_that_breaks_traces_is_caught(
    complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BROKEN[complaint]():
        collector = await traced_call(tmp_path, monkeypatch)
        assert any(found.startswith(complaint) for found in complaints(collector))
