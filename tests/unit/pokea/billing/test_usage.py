"""What models used and how time was spent, as JSON between the bridge and whoever bills."""

from __future__ import annotations

import json

import pytest

from pokea.billing.usage import (
    CallShares,
    Meter,
    ModelUsage,
    shares_from_json,
    shares_to_json,
    usage_from_json,
    usage_to_json,
)

SAID = {"engine": "gemini", "model": "m", "meters": {"text_in": 900}, "turns": 3, "silent_turns": 0}
READ = ModelUsage("gemini", "m", {Meter.TEXT_IN: 900}, 3)
SHARES = {"total_ms": 9, "agent_ms": 2, "caller_ms": 3, "tools_ms": 0, "hold_ms": 0, "silence_ms": 4}


def test_what_is_written_is_json_and_read_as_it_was() -> None:
    usages = (READ, ModelUsage("cascade", "", {Meter.HEARD_MS: 400}, 0, 2))
    assert usage_from_json(json.loads(json.dumps(usage_to_json(usages)))) == usages
    shares = CallShares(total_ms=9, agent_ms=2, caller_ms=3, silence_ms=4)
    assert shares_from_json(json.loads(json.dumps(shares_to_json(shares)))) == shares
    assert shares_to_json(None) is None


@pytest.mark.parametrize(
    "meters",
    [{"gold": 5}, {"audio_in": -1}, {"audio_in": True}, {"audio_in": "7"}, {"audio_in": 1.0}, {"audio_in": 10**13}],
)
def test_what_is_no_count_of_a_meter_is_dropped(meters: dict[str, object]) -> None:
    assert usage_from_json([{**SAID, "meters": {"text_in": 900, **meters}}]) == (READ,)


@pytest.mark.parametrize("change", [{"engine": 7}, {"model": None}, {"model": "x" * 500}, {"engine": "", "model": ""}])
def test_a_model_without_a_name_is_none(change: dict[str, object]) -> None:
    assert usage_from_json([{**SAID, **change}, SAID]) == (READ,)


def test_a_flood_of_models_is_cut() -> None:
    assert len(usage_from_json([SAID] * 1_000)) == 16


@pytest.mark.parametrize(
    "change", [{"agent_ms": 3}, {"agent_ms": -2}, {"hold_ms": "0"}, {"hold_ms": None}, {"total_ms": True}]
)
def test_parts_that_are_not_the_whole_are_no_shares(change: dict[str, object]) -> None:
    assert shares_from_json(SHARES) is not None
    assert shares_from_json({**SHARES, **change}) is None
