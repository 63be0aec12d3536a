"""What a worker says of itself to CloudWatch."""

from __future__ import annotations

import json

from bridge.shell.crew import Crew, TakesTurns
from bridge.shell.gauges import Gauges, line
from bridge.shell.health import Health
from bridge.shell.turn_times import TurnTimes
from pokea.turn_latency import measured
from tests.unit.bridge.shell.test_crew import Caller, Ear


def test_slots_in_use_are_counted_with_those_that_are_being_admitted() -> None:
    health = Health(4)
    gauges = Gauges(health, "r1", 10)
    assert gauges.read()["SlotUtilisation"] == 0
    health.take(Caller())
    health.admitting = 1
    assert (gauges.read()["ActiveCalls"], gauges.read()["SlotUtilisation"]) == (1, 50)


def test_a_worker_that_admits_nobody_for_want_of_disk_is_full() -> None:
    class Kept:
        has_room = False

        def words(self) -> str:
            return "outbox=1"

    assert Gauges(Health(4, kept=Kept()), "r1", 10).read()["SlotUtilisation"] == 100


def test_a_worker_that_drains_does_not_ask_for_company() -> None:
    health = Health(4, draining=True)
    assert Gauges(health, "r1", 10).read()["SlotUtilisation"] == 0
    health.take(Caller())
    assert Gauges(health, "r1", 10).read()["SlotUtilisation"] == 25


def test_counts_are_since_the_last_reading() -> None:
    health, failures, refused = Health(4), [0], [0]
    gauges = Gauges(health, "r1", 10, lambda: failures[0], lambda: refused[0])
    health.count_refusal("503")
    health.count_refusal("401")  # a token that nobody gave: no caller was turned away
    failures[0], refused[0] = 2, 3
    first, second = gauges.read(), gauges.read()
    assert (first["TurnedAway"], first["ProtectionFailed"]) == (1, 2)
    assert (second["TurnedAway"], second["ProtectionFailed"]) == (0, 0)
    assert (first["KeyRefused"], second["KeyRefused"]) == (3, 0)


def test_a_line_is_of_the_embedded_metric_format() -> None:
    values = Gauges(Health(4), "r1", 10).read()
    said = json.loads(line(values, "r1", 1_795_424_400_000))
    assert "\n" not in line(values, "r1", 1)
    (directive,) = said["_aws"]["CloudWatchMetrics"]
    assert said["_aws"]["Timestamp"] == 1_795_424_400_000
    assert directive["Dimensions"] == [["service", "release"], ["service"]]
    assert all(name in said for metric in directive["Metrics"] for name in [metric["Name"]])
    assert (said["service"], said["release"], directive["Namespace"]) == ("bridge", "r1", "Pokea")


async def test_without_an_interval_nothing_is_written() -> None:
    written: list[str] = []
    gauges = Gauges(Health(4), "r1", 0, write=written.append)
    gauges.start()
    gauges.stop()
    assert written == []


async def test_what_the_last_callers_waited_for_is_told_when_a_worker_leaves() -> None:
    written: list[str] = []
    turns = TurnTimes()
    gauges = Gauges(Health(4), "r1", 10, write=written.append, turns=turns)
    gauges.start()
    turns.add(measured((1_000.0, 1_300.0, 1_800.0, 1_820.0, 1_900.0), ()))
    gauges.stop()
    (text,) = written
    counts, waited = map(json.loads, text.splitlines())
    assert counts["ActiveCalls"] == 0 and waited["ReplyLatencyMs"] == [900]


def test_one_worker_knows_of_the_calls_of_all() -> None:
    crew = Crew(3)
    healths = [Health(4) for _ in range(3)]
    for index, health in enumerate(healths):
        turns = TakesTurns(Ear(), health, crew.place(index))
        health.changed = turns.look
        turns.look()
    assert [crew.place(index).is_first for index in range(3)] == [True, False, False]
    caller = Caller()
    healths[1].take(caller)
    healths[2].take(Caller())
    assert crew.place(0).calls_of_all() == 2
    assert crew.free(1) == 3  # and of their places, as before
    healths[1].release(caller)
    assert crew.place(0).calls_of_all() == 1
