"""Settings of the bridge: safe combinations only."""

from __future__ import annotations

import pytest

from bridge.settings import read_settings
from pokea.adapters.settings import BadSettings


def test_a_benchmark_needs_nothing_but_loopback() -> None:
    settings = read_settings({"POKEA_STREAM_AUTH": "off"})
    assert (settings.host, settings.lead_ms, settings.kill_audio, settings.authenticates) == (
        "127.0.0.1",
        160,
        True,
        False,
    )
    assert settings.worker_count >= 1


def test_seconds_become_milliseconds_once() -> None:
    session = read_settings({"POKEA_STREAM_AUTH": "off", "POKEA_IDLE_ASK_S": "5", "POKEA_MAX_CALL_S": "60"}).session()
    assert (session.limits.idle_ask_ms, session.limits.max_call_ms, session.engines[0].rotate_ms) == (
        5_000,
        60_000,
        540_000,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "bridge.example.org"])
def test_streams_without_a_token_are_for_loopback_only(host: str) -> None:
    with pytest.raises(BadSettings, match="POKEA_STREAM_AUTH"):
        read_settings({"POKEA_STREAM_AUTH": "off", "POKEA_BRIDGE_HOST": host})


def test_tokens_need_somebody_who_checks_them() -> None:
    with pytest.raises(BadSettings, match="POKEA_TOOLS_FUNCTION"):
        read_settings({})
