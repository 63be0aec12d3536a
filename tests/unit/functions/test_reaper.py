"""functions/reaper: whom it believes dead, and what it does with the calls that they leave."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.settings import BridgeSettings
from bridge.shell.server import SESSION_ID
from functions.reaper.app import stopped_task
from pokea.call_memory import MEMORY, CallMemory
from pokea.calls import CallStatus
from pokea.errors import Unavailable
from pokea.ids import SESSION_ID_PATTERN, SessionId
from pokea.orphans import FLEET, LEASE, LIFE, NO_CALL_LASTS, SURE, VOUCHED, Lease, is_dead, renewed, standing
from pokea.ports import Change
from pokea.sautikit.closings import CloseReason
from pokea.seats import Told
from tests.fakes.memory_door import MemorySeats
from tests.support.control_plane import CALLER, LINE, NOW, SESSION
from tests.support.reaping import Bridge, Floor

EVENTS = Path(__file__).resolve().parents[3] / "events"
OTHER = SessionId("HD_000000000002")
SECOND = timedelta(seconds=1)


def sample(name: str) -> dict[str, object]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def floor() -> Floor:
    return Floor()


def lapse(floor: Floor, *living: Bridge) -> None:
    """Time passes in which only `living` beat."""
    for _ in range(int((LIFE + VOUCHED).total_seconds()) // 10 + 1):
        floor.plane.clock.advance(10)
        for bridge in living:
            bridge.beat()


def test_a_bridge_that_beats_keeps_its_calls(floor: Floor) -> None:
    bridge = floor.bridge("b1")
    bridge.open(SESSION)
    bridge.beat()
    lapse(floor, bridge)
    assert floor.run() == {"bridges": 0, "ended": 0, "failed": 0}
    assert floor.hung_up == []


def test_a_call_whose_bridge_died_is_hung_up_closed_and_owed(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    dead, other = floor.bridge("b1"), floor.bridge("b2")
    dead.open(SESSION)
    memory = CallMemory(
        business_id=LINE.business_id, session_id=SESSION, began_at=NOW, done=("Find times: Friday at 9",)
    )
    floor.plane.bookings.apply(Change(records=(MEMORY.of(memory),)))
    dead.beat()
    other.beat()
    lapse(floor, other)
    assert floor.run() == {"bridges": 1, "ended": 1, "failed": 0}
    assert floor.hung_up == [SESSION]
    closing, task = floor.plane.closings.closings[SESSION], floor.plane.callbacks.tasks[SESSION]
    call = floor.plane.calls.call(SESSION)
    assert closing.reason is CloseReason.BRIDGE_ERROR
    assert call is not None and call.status is CallStatus.COMPLETED
    assert (task.reason, task.number, task.notes) == ("bridge_lost", CALLER, ("Find times: Friday at 9",))
    assert floor.told_of(SESSION)
    assert '"CallOrphaned"' in capsys.readouterr().out


def test_what_was_ended_is_not_ended_again(floor: Floor) -> None:
    dead, other = floor.bridge("b1"), floor.bridge("b2")
    dead.open(SESSION)
    dead.beat()
    other.beat()
    lapse(floor, other)
    floor.run()
    other.beat()
    assert floor.run() == {"bridges": 0, "ended": 0, "failed": 0}
    assert floor.hung_up == [SESSION]


def test_a_task_that_ecs_saw_stop_is_believed_at_once_and_others_are_not_touched(floor: Floor) -> None:
    dead, alive = floor.bridge("b1", "one"), floor.bridge("b2", "two")
    dead.open(SESSION)
    alive.open(OTHER)
    dead.beat()
    alive.beat()
    assert floor.run(stopped=dead) == {"bridges": 1, "ended": 1, "failed": 0}
    assert floor.hung_up == [SESSION]


def test_a_silence_of_all_bridges_is_rather_our_own(floor: Floor) -> None:
    first, second = floor.bridge("b1"), floor.bridge("b2")
    for bridge, session in ((first, SESSION), (second, OTHER)):
        bridge.open(session)
        bridge.beat()
    floor.plane.clock.advance((LIFE + SURE - SECOND).total_seconds())
    assert floor.run()["bridges"] == 0
    floor.plane.clock.advance(1)
    assert floor.run() == {"bridges": 2, "ended": 2, "failed": 0}


def test_a_leg_that_could_not_be_ended_is_tried_again(floor: Floor) -> None:
    dead = floor.bridge("b1", "one")
    dead.open(SESSION)
    dead.beat()
    floor.carrier_is_down = True
    assert floor.run(stopped=dead) == {"bridges": 1, "ended": 0, "failed": 1}
    assert SESSION in floor.plane.callbacks.tasks and SESSION not in floor.plane.closings.closings
    floor.carrier_is_down = False
    assert floor.run() == {"bridges": 1, "ended": 1, "failed": 0}  # ECS tells of an end only once


def test_a_leg_that_the_carrier_does_not_know_any_more_is_down(floor: Floor) -> None:
    dead = floor.bridge("b1", "one")
    dead.open(SESSION)
    dead.beat()
    floor.unknown.add(SESSION)
    assert floor.run(stopped=dead)["ended"] == 1
    assert SESSION in floor.plane.closings.closings


def test_a_call_that_its_bridge_had_closed_is_let_be(floor: Floor) -> None:
    bridge = floor.bridge("b1", "one")
    bridge.open(SESSION)
    bridge.beat()
    bridge.close(SESSION)
    assert floor.run(stopped=bridge) == {"bridges": 1, "ended": 0, "failed": 0}
    assert (floor.hung_up, floor.plane.callbacks.tasks) == ([], {})


def test_a_caller_who_hung_up_on_the_silence_is_owed_a_call(floor: Floor) -> None:
    dead = floor.bridge("b1", "one")
    dead.open(SESSION)
    dead.beat()
    floor.plane.ring("Completed")
    assert floor.run(stopped=dead)["ended"] == 1
    assert floor.hung_up == [] and SESSION in floor.plane.callbacks.tasks


def test_where_the_carrier_goes_on_nobody_is_cut_off_but_the_call_is_owed() -> None:
    floor = Floor(continues=True)
    dead = floor.bridge("b1", "one")
    dead.open(SESSION)
    dead.beat()
    floor.run(stopped=dead)
    assert floor.hung_up == [] and floor.plane.closings.closings == {}
    assert SESSION in floor.plane.callbacks.tasks


def test_a_bridge_that_leaves_in_good_order_is_forgotten(floor: Floor) -> None:
    bridge = floor.bridge("b1", "one")
    bridge.open(SESSION)
    bridge.beat()
    bridge.close(SESSION)
    bridge.beat(leaving=True)
    assert floor.plane.bookings.records_by(LEASE, FLEET, standing("b1")) == ()
    assert floor.run(stopped=bridge) == {"bridges": 0, "ended": 0, "failed": 0}


def test_a_run_that_was_cut_off_after_the_closing_is_made_up_for() -> None:
    floor = Floor()
    dead = floor.bridge("b1", "one")
    dead.open(SESSION)
    dead.beat()
    ended, floor.plane.ended = floor.plane.ended, _Refuses()
    with pytest.raises(RuntimeError):
        floor.run(stopped=dead)
    assert SESSION in floor.plane.closings.closings
    floor.plane.ended = ended
    assert floor.run(stopped=dead)["failed"] == 0
    assert floor.told_of(SESSION)


class _Refuses(list[str]):
    def append(self, message: str) -> None:
        raise RuntimeError("the process was ended here")


def test_a_store_that_is_away_fails_the_run(floor: Floor) -> None:
    def away(*_: object) -> None:
        raise Unavailable("store_unavailable")

    floor.plane.bookings.records_by = away  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        floor.run()


def test_the_example_events_are_taken() -> None:
    floor = Floor()
    beat, stopped = sample("tools-beat"), sample("task-stopped")
    floor.bridge("b1").open(SESSION)
    assert floor.plane.tools(beat, None) == {"ok": True, "result": {}}
    assert stopped_task(stopped) == (beat["task"],)
    assert floor.handler(stopped, None) == {"bridges": 1, "ended": 1, "failed": 0}
    assert floor.handler(sample("reaper"), None) == {"bridges": 0, "ended": 0, "failed": 0}


def test_one_odd_id_does_not_cost_the_others_their_lease(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"operation": "beat", "bridge": "b1", "calls": [SESSION, "_odd", 7, OTHER]}
    assert floor.plane.tools(request, None) == {"ok": True, "result": {}}
    stored = floor.plane.bookings.record(LEASE, FLEET, "b1")
    assert stored is not None and stored.calls == (SESSION, OTHER)
    assert '"BeatCut"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("odd", "boards"),
    [
        ({"release": "a release with blanks"}, []),
        ({"release": 7}, []),
        ({"free": -1}, []),
        ({"free": "three"}, []),
        ({"seated": "lately"}, [3]),
        ({"seated": [NOW.timestamp(), -1, "x"]}, [3]),
        ({"seated": [1] * 10_001}, [3]),
    ],
)
def test_odd_words_on_seats_cost_no_call_its_lease(
    floor: Floor, capsys: pytest.CaptureFixture[str], odd: dict[str, Any], boards: list[int]
) -> None:
    beat = {"operation": "beat", "bridge": "b1", "calls": [SESSION], "release": "r1", "free": 3, "seated": []}
    assert floor.plane.tools({**beat, **odd}, None) == {"ok": True, "result": {}}
    stored = floor.plane.bookings.record(LEASE, FLEET, "b1")
    assert stored is not None and stored.calls == (SESSION,)
    assert [board.left for board in floor.plane.seats.boards("r1")] == boards
    assert '"BeatCut"' in capsys.readouterr().out


def test_a_beat_whose_seats_the_store_does_not_take_has_renewed_the_lease_and_says_so(
    floor: Floor, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A bridge that heard nothing of it would beat every two seconds, at the very store that is short of breath."""
    floor.plane.seats = Breathless()
    beat = {"operation": "beat", "bridge": "b1", "calls": [SESSION], "release": "r1", "free": 3}
    assert floor.plane.tools(beat, None) == {"ok": True, "result": {"untold": "throttled"}}
    assert floor.plane.bookings.record(LEASE, FLEET, "b1") is not None
    assert '"SeatsUntold"' in capsys.readouterr().out and "the seats of a bridge were not told" in caplog.text


class Breathless(MemorySeats):
    def tell(self, told: Told, now: datetime) -> None:
        raise Unavailable("throttled", "too many writes")


@given(st.from_regex(SESSION_ID, fullmatch=True))
@settings(max_examples=50)
def test_a_call_that_a_bridge_admits_may_be_named_in_a_beat(session_id: str) -> None:
    assert re.fullmatch(SESSION_ID_PATTERN, session_id)


@pytest.mark.parametrize(
    "event", [None, [], {}, {"detail": None}, {"detail": {"lastStatus": "RUNNING", "taskArn": "a"}}]
)
def test_only_the_end_of_a_task_names_one(event: object) -> None:
    assert stopped_task(event) == ()


def lease(bridge: str, since_s: int, until_s: int, **more: Any) -> Lease:
    return Lease(bridge=bridge, since=NOW + since_s * SECOND, until=NOW + until_s * SECOND, **more)


def test_a_late_beat_does_not_shorten_a_lease() -> None:
    stored = lease("b1", 0, 30, version=3)
    assert renewed(stored, lease("b1", -1, 29)) is stored
    assert renewed(stored, lease("b1", 1, 31)).version == 3
    assert renewed(stored, lease("b1", -1, 29, over=True)).over


def test_beats_that_ceased_begin_anew() -> None:
    stored = lease("b1", 0, 30)
    assert renewed(stored, lease("b1", 30, 60)).since == NOW
    assert renewed(stored, lease("b1", 31, 61)).since == NOW + 31 * SECOND


def test_only_who_was_heard_all_the_time_vouches_for_the_control_plane() -> None:
    lapsed, now = lease("b1", -100, 0), NOW + VOUCHED
    assert is_dead(lapsed, [lapsed, lease("b2", -100, 60)], (), now)
    assert not is_dead(lapsed, [lapsed, lease("b2", -100, 60)], (), now - SECOND)
    assert not is_dead(lapsed, [lapsed, lease("b2", 1, 60)], (), now)  # it was deaf as well, and has just come back
    assert not is_dead(lapsed, [lapsed, lease("b2", -100, 60, over=True)], (), now)
    assert not is_dead(lapsed, [lapsed], (), NOW + SURE - SECOND)
    assert is_dead(lapsed, [lapsed], (), NOW + SURE)


def test_silence_alone_is_not_believed_of_a_task_that_ecs_watches_while_a_call_of_it_may_be_alive() -> None:
    lapsed = lease("b1", -100, 0, task="arn:aws:ecs:one")
    assert not is_dead(lapsed, [lapsed], (), NOW + NO_CALL_LASTS - SECOND)
    assert is_dead(lapsed, [lapsed], (), NOW + NO_CALL_LASTS)
    assert BridgeSettings.max_call_s <= BridgeSettings.max_joined_s <= NO_CALL_LASTS.total_seconds()


def test_who_was_believed_dead_is_until_it_beats() -> None:
    believed = lease("b1", -100, 0, gone=True)
    assert is_dead(believed, [believed], (), NOW + SECOND)
    assert not renewed(believed, lease("b1", 5, 35)).gone


def test_a_bridge_without_a_task_is_never_the_one_that_stopped() -> None:
    assert not is_dead(lease("b1", 0, 30), (), ("",), NOW)
