"""The trace of one whole call, from the webhook to its detail record: real handlers, the real bridge, a collector on a real socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.control_plane import SESSION
from tests.support.whole_trace import complaints, traced_call


async def test_a_call_leaves_one_trace_of_everybody_who_had_to_do_with_it_and_nobody_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = await traced_call(tmp_path, monkeypatch)
    assert [*complaints(collector)] == []
    by_name = {span.name: span for span in collector.spans}
    assert by_name["hook"].attributes["reply"] == "stream"
    assert (by_name["tool"].attributes["tool"], by_name["tool"].attributes["outcome"]) == ("findTimes", "ok")
    assert by_name["stream"].attributes["reason"] == "caller_hung_up"
    assert by_name["call"].attributes["outcome"] == "completed"
    assert by_name["call"].span_id != by_name["stream"].span_id and by_name["call"].attributes["session_id"] == SESSION
