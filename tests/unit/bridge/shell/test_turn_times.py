"""What callers waited for, as CloudWatch is told: every turn once, a hundred to a line."""

from __future__ import annotations

import json

from bridge.shell.gauges import Gauges
from bridge.shell.health import Health
from bridge.shell.turn_times import KEPT, METRICS, VALUES_A_LINE, TurnTimes
from pokea.turn_latency import TurnLatency


def turn(model_ms: int) -> TurnLatency:
    return TurnLatency(at_ms=0, endpointing_ms=300, model_ms=model_ms, tool_ms=20, pacing_ms=3, playout_ms=4)


def test_each_turn_is_told_once_with_its_parts_beside_the_whole() -> None:
    turns = TurnTimes()
    gauges = Gauges(Health(4), "r1", 10, wall_s=lambda: 1_795_424_400.0, turns=turns)
    turns.add(turn(500))
    turns.add(turn(700))
    counts, waited = map(json.loads, gauges.lines())
    assert "ReplyLatencyMs" not in counts
    assert (waited["ReplyLatencyMs"], waited["ModelMs"], waited["EndpointingMs"]) == (
        [827, 1_027],
        [500, 700],
        [300, 300],
    )
    (directive,) = waited["_aws"]["CloudWatchMetrics"]
    assert (
        {metric["Name"] for metric in directive["Metrics"]}
        == set(METRICS)
        == set(waited) - {"_aws", "service", "release"}
    )
    assert directive["Dimensions"] == [["service", "release"], ["service"]]
    assert len(gauges.lines()) == 1


def test_a_line_holds_no_more_values_than_the_format_takes_and_none_is_lost() -> None:
    turns = TurnTimes()
    gauges = Gauges(Health(4), "r1", 10, turns=turns)
    for number in range(2 * VALUES_A_LINE + 1):
        turns.add(turn(number))
    _, *lines = map(json.loads, gauges.lines())
    assert [len(line["ModelMs"]) for line in lines] == [VALUES_A_LINE, VALUES_A_LINE, 1]
    assert [value for line in lines for value in line["ModelMs"]] == [*range(2 * VALUES_A_LINE + 1)]


def test_a_worker_that_nobody_asks_keeps_the_latest() -> None:
    turns = TurnTimes()
    for number in range(KEPT + 5):
        turns.add(turn(number))
    assert turns.take()["ModelMs"][0] == 5


def test_spans_that_were_not_taken_are_counted_since_the_last_line() -> None:
    dropped = [0]
    gauges = Gauges(Health(4), "r1", 10, spans_dropped=lambda: dropped[0])
    dropped[0] = 7
    assert (gauges.read()["SpansDropped"], gauges.read()["SpansDropped"]) == (7, 0)
