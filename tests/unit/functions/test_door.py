"""functions/voice, at the door: who is invited, what the others hear, and what is left of their calls."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from functions.voice.door import Counter, Doorkeeper, Usher
from pokea.admission import Admission
from pokea.call_outcomes import Disposition
from pokea.call_record import CALL_RECORD
from pokea.calls import Call, CallStatus
from pokea.errors import CallError, Conflict, Indeterminate, Misuse, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.lines import BadProfile, line_of
from pokea.phone_numbers import E164
from pokea.seats import Board, Ticket, Told
from tests.fakes.memory_door import MemoryRings, MemorySeats
from tests.support.control_plane import (
    CALLER,
    LINE,
    LINES,
    NOW,
    SESSION,
    ControlPlane,
    CountingCallStore,
    form,
    opened,
    posted,
)
from tests.support.full_house import Bridge, verbs

pytestmark = pytest.mark.usefixtures("capsys")
HUMAN = E164("+254711000199")


def house(places: int, **more: Any) -> ControlPlane:
    plane = ControlPlane(has_door=True, **more)
    Bridge(plane, places).beat()
    return plane


def with_human(**more: Any) -> dict[E164, Any]:
    return {number: replace(line, fallback_number=HUMAN, **more) for number, line in LINES.items()}


def stored(plane: ControlPlane, session: str = SESSION) -> Any:
    call = plane.calls.call(SessionId(session))
    assert call is not None
    return call


def seats_left(plane: ControlPlane) -> int:
    return plane.seats.boards("r1")[0].left


# --- a seat for each call that is invited ---------------------------------------------------------------------------------------------


def test_a_ring_takes_one_seat_however_often_it_is_repeated() -> None:
    plane = house(3)
    documents = {plane.ring(state) for state in ("Ringing", "Ringing", "Answered", "Ringing")}
    assert (len(documents), seats_left(plane)) == (1, 2)
    assert (stored(plane).admission, stored(plane).seated_at) == (Admission.SEATED, NOW)


def test_the_bridge_is_told_when_the_call_had_its_seat() -> None:
    plane = house(3)
    assert opened(plane, plane.ring())["result"]["seated_at"] == int(NOW.timestamp())
    open_house = ControlPlane()
    assert "seated_at" not in opened(open_house, open_house.ring())["result"]


def test_a_call_that_an_event_announced_first_takes_its_seat_when_voice_is_asked() -> None:
    plane = house(1)
    plane.events(posted("/call-events", form("Ringing")), None)
    assert seats_left(plane) == 1
    assert "Stream" in verbs(plane.ring())
    assert (stored(plane).admission, seats_left(plane)) == (Admission.SEATED, 0)


def test_so_it_is_where_the_house_is_full_and_no_token_is_left_behind() -> None:
    plane = house(0)
    plane.events(posted("/call-events", form("Ringing")), None)
    assert verbs(plane.ring()) == ["Say", "Hangup"]
    assert stored(plane).stream_issued_at is None


class Slower(MemorySeats):
    """While a seat is taken, a twin of the same ring is quicker."""

    def __init__(self) -> None:
        super().__init__()
        self.plane: ControlPlane | None = None

    def take(self, *arguments: Any, **more: Any) -> Any:
        taken = super().take(*arguments, **more)
        plane, self.plane = self.plane, None
        if plane is not None:
            plane.clock.advance(0.001)
            plane.ring()
        return taken


def test_of_two_rings_at_the_same_moment_one_gives_its_seat_back() -> None:
    plane = ControlPlane(has_door=True)
    slower = Slower()
    plane.seats = slower
    usher = Usher(slower, "r1")
    plane.register._door = Doorkeeper(
        usher, Counter(plane.rings, plane.callbacks), plane._log("voice"), is_capped=True
    ).admit
    Bridge(plane, 5).beat()
    slower.plane = plane
    first = plane.ring()
    assert (plane.ring(), seats_left(plane)) == (first, 4)


class Quicker(CountingCallStore):
    """Before each write of voice, the next of `coming` is told on the other URL and stored."""

    def __init__(self) -> None:
        super().__init__()
        self.plane: ControlPlane | None = None
        self.session = SESSION
        self.coming: list[str] = []
        self.refuses = False  # every later write: the row has changed again

    def create_call(self, call: Call) -> Any:
        self._meanwhile()
        return super().create_call(call)

    def put_call(self, call: Call) -> Any:
        self._meanwhile()
        if self.refuses and self.plane is not None:
            raise Conflict("stale", "changed since it was read")
        return super().put_call(call)

    def _meanwhile(self) -> None:
        plane, self.plane = self.plane, None
        if plane is not None and self.coming:
            plane.events(posted("/call-events", form(self.coming.pop(0), sessionId=self.session)), None)
        self.plane = plane


def quicker_house(places: int) -> tuple[ControlPlane, Quicker]:
    store = Quicker()
    store.plane = plane = house(places, calls=store)
    return plane, store


@pytest.mark.parametrize("coming", [["Ringing"], ["Ringing", "Answered"]], ids="+".join)
@pytest.mark.parametrize("places", [1, 3])
def test_a_ring_whose_events_are_stored_meanwhile_is_counted_once(coming: list[str], places: int) -> None:
    plane, store = quicker_house(places)
    store.coming = [*coming]
    assert "Stream" in verbs(plane.ring())
    assert store.coming == []
    assert (plane.rings.writes, plane.seats.writes, seats_left(plane)) == (2, 1, places - 1)
    assert stored(plane).admission is Admission.SEATED


def test_events_that_are_quicker_cost_nobody_a_ring_that_the_line_allows() -> None:
    plane, store = quicker_house(50)
    said = []
    for number in range(LINE.number_a_minute + 2):
        store.session, store.coming = SessionId(f"HD_{number:012x}"), ["Ringing"]
        said.append(verbs(plane.ring(sessionId=store.session))[0])
    assert said == ["Stream"] * LINE.number_a_minute + ["Say"] * 2


def test_a_ring_whose_row_is_never_to_be_written_is_counted_once_and_its_seat_comes_back() -> None:
    plane, store = quicker_house(3)
    store.coming, store.refuses = ["Ringing"], True
    assert "Stream" in verbs(plane.ring())  # invited without the store
    assert (plane.rings.writes, plane.seats.writes, seats_left(plane)) == (2, 1, 3)


def test_a_call_that_ends_while_its_seat_is_taken_gives_it_back() -> None:
    plane, store = quicker_house(3)
    store.coming = ["Completed"]
    assert verbs(plane.ring()) == []
    assert seats_left(plane) == 3


# --- many environments, many bridges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_refused_in_a_house_of_many_bridges_that_is_nearly_full(seed: int) -> None:
    """Each environment knows of the others' takes only what it reads."""
    boards, rung, draw = 100, 99, random.Random(seed)
    seats = MemorySeats()
    for number in range(boards):
        seats.tell(Told(release="r1", bridge=f"b{number}", free=1), NOW)
    ushers = [Usher(seats, "r1", draw.random) for _ in range(20)]
    found = [draw.choice(ushers).seat(NOW + timedelta(seconds=number / rung)) for number in range(rung)]
    assert [one for one in found if not isinstance(one, Ticket)] == []
    assert seats.reads <= 100  # five a second of each environment at most


class Elsewhere(MemorySeats):
    """While a seat is taken, another thread of the same environment looks, and the board is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.usher: Usher | None = None
        self.gone = ""

    def boards(self, release: str) -> tuple[Board, ...]:
        return tuple(board for board in super().boards(release) if board.bridge != self.gone)

    def take(self, board: Board, now: datetime, *, forced: bool = False) -> tuple[Ticket, int] | None:
        usher, self.usher = self.usher, None
        if usher is not None:
            self.gone = board.bridge
            usher.seat(now + timedelta(seconds=2))
        return super().take(board, now, forced=forced)


def test_what_another_thread_has_read_meanwhile_stays_as_it_is() -> None:
    seats = Elsewhere()
    for bridge in ("b1", "b2"):
        seats.tell(Told(release="r1", bridge=bridge, free=9), NOW)
    draws = iter([0.0, 0.0, *[0.99] * 9])
    seats.usher = usher = Usher(seats, "r1", lambda: next(draws))
    first = usher.seat(NOW)
    later = usher.seat(NOW + timedelta(seconds=2.1))
    assert isinstance(first, Ticket) and isinstance(later, Ticket)
    assert (first.bridge, later.bridge) == ("b1", "b2")


def test_environments_that_began_together_do_not_all_read_again_in_the_same_moment() -> None:
    def reads_after(seconds: float, drawn: float) -> int:
        seats = MemorySeats()
        seats.tell(Told(release="r1", bridge="b1", free=9), NOW)
        usher = Usher(seats, "r1", lambda: drawn)
        for moment in (0, seconds):
            usher.seat(NOW + timedelta(seconds=moment))
        return seats.reads

    assert [reads_after(0.8, drawn) for drawn in (0.0, 0.99)] == [1, 2]
    assert [reads_after(1.0, drawn) for drawn in (0.0, 0.99)] == [2, 2]


# --- what who is turned away hears, and what is left of it -----------------------------------------------------------------------------


def test_a_full_house_says_the_words_of_the_line_and_rings_whom_it_names() -> None:
    assert verbs(house(0).ring()) == ["Say", "Hangup"]
    document = ElementTree.fromstring(house(0, numbers=with_human()).ring())
    assert [child.tag for child in document] == ["Say", "Dial"]
    assert (document.findtext("Say"), document.findtext("Dial/Number")) == (LINE.fallback_say, HUMAN)


def test_who_rings_too_often_hears_the_words_and_nobody_is_rung_for_it() -> None:
    plane = house(50, numbers=with_human())
    for number in range(LINE.number_a_minute):
        plane.ring(sessionId=f"HD_{number:012x}")
    assert verbs(plane.ring(sessionId="HD_00000000ffff")) == ["Say", "Hangup"]


def test_the_same_words_come_again_and_a_call_that_is_over_hears_none() -> None:
    plane = house(0)
    first = plane.ring()
    assert plane.ring("Ringing") == plane.ring("Answered") == first
    assert verbs(plane.ring("Completed")) == verbs(plane.ring("Ringing")) == []
    assert stored(plane).status is CallStatus.COMPLETED


def test_who_was_turned_away_is_owed_one_call_and_the_record_says_why() -> None:
    plane = house(0)
    for _ in range(2):
        plane.ring()
    (task,) = plane.callbacks.tasks.values()
    assert (task.session_id, task.number, task.reason) == (SESSION, CALLER, "turned_away_full")
    plane.ring("Completed")
    plane.ended.extend(message for message, _ in plane.delayed)
    assert plane.write_records() == []
    record = plane.bookings.record(CALL_RECORD, LINE.business_id, SESSION)
    assert record is not None
    assert (record.disposition, record.reason) == (Disposition.TURNED_AWAY, "turned_away")


def test_who_rings_five_times_at_a_full_house_is_owed_one_call_an_hour() -> None:
    plane = house(0)
    for number in range(5):
        plane.ring(sessionId=f"HD_{number:012x}")
    plane.clock.advance(3_600)
    Bridge(plane, 0).beat()
    plane.ring(sessionId="HD_00000000ffff")
    assert len(plane.callbacks.tasks) == 2


def test_each_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    plane = house(0)
    for _ in range(3):
        plane.ring()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"TurnedAway"' in line]
    assert [line["reason"] for line in told] == ["full"]


class Late(CountingCallStore):
    """Stores a call when nobody waits for it any more."""

    def __init__(self) -> None:
        super().__init__()
        self.released, self.stored = threading.Event(), threading.Event()

    def create_call(self, call: Call) -> Any:
        assert self.released.wait(20)
        found = super().create_call(call)
        self.stored.set()
        return found


@pytest.mark.parametrize("state", ["StreamStopped", "StreamError"])
@pytest.mark.parametrize(
    ("admission", "heard"), [(Admission.FULL, ["Say", "Dial"]), (Admission.NUMBER, ["Say", "Hangup"])]
)
def test_who_was_invited_before_the_row_said_full_hears_the_words_when_the_stream_is_lost(
    state: str, admission: Admission, heard: Sequence[str]
) -> None:
    store = Late()
    plane = house(0, calls=store, numbers=with_human(dials=True), continues=True, voice_deadline_s=0.05)
    try:
        assert "Stream" in verbs(plane.ring())
    finally:
        store.released.set()
    assert store.stored.wait(20)
    plane._deadline.seconds = 20.0
    assert (stored(plane).admission, stored(plane).stream_issued_at) == (Admission.FULL, None)
    store.put_call(replace(stored(plane), admission=admission))
    assert verbs(plane.ring(state)) == heard


class NoTasks:
    def add(self, task: Any) -> bool:
        raise Unavailable("store_unavailable")


def test_a_task_that_cannot_be_left_keeps_nobody_from_the_words_and_is_made_up_for() -> None:
    plane = house(0)
    tasks, plane.keeper._counter = plane.callbacks, Counter(plane.rings, NoTasks())
    first = plane.ring()
    plane.keeper._counter = Counter(plane.rings, tasks)
    assert (plane.ring(), len(tasks.tasks)) == (first, 1)


# --- whatever is not known, people are let in -----------------------------------------------------------------------------------------


class Broken(MemorySeats, MemoryRings):
    def __init__(self, error: CallError) -> None:
        MemorySeats.__init__(self)
        self.error = error

    def boards(self, release: str) -> Any:
        raise self.error

    def count(self, count: Any) -> bool:
        raise self.error


@pytest.mark.parametrize("error", [Unavailable("x"), Indeterminate("x"), Misuse("store_refused", "no right to")])
def test_a_store_that_tells_nothing_of_seats_or_rings_keeps_nobody_out(error: CallError) -> None:
    plane = house(0)
    broken = Broken(error)
    plane.keeper._usher, plane.keeper._counter = Usher(broken, "r1"), Counter(broken, plane.callbacks)
    assert "Stream" in verbs(plane.ring())
    assert stored(plane).admission is Admission.UNCOUNTED
    assert "seated_at" not in opened(plane, plane.ring())["result"]


def test_a_release_whose_bridges_tell_of_no_seats_is_open() -> None:
    plane = ControlPlane(has_door=True)
    Bridge(plane, 0).beat(release="r2")
    assert "Stream" in verbs(plane.ring())


def test_a_bridge_that_leaves_takes_its_seats_along() -> None:
    plane = house(4)
    plane.clock.advance(1)
    Bridge(plane, 0).beat(leaving=True)
    assert "Stream" in verbs(plane.ring())  # nobody is known to have seats, so nobody is refused
    assert stored(plane).admission is Admission.UNCOUNTED


def test_caps_are_only_where_they_are_wanted() -> None:
    plane = house(50)
    plane.keeper._is_capped = False
    said = {verbs(plane.ring(sessionId=f"HD_{number:012x}"))[0] for number in range(20)}
    assert (said, plane.rings.writes) == ({"Stream"}, 0)


# --- the line's own figures -----------------------------------------------------------------------------------------------------------

TABLES: dict[str, Any] = {"id": "acme", "line": {"number": "+254711000001", "agent": "booking"}}


def caps(**caps: Any) -> Any:
    return line_of({**TABLES, "line": {**TABLES["line"], **caps}}, "acme.toml")


def test_a_line_may_set_how_often_it_is_rung() -> None:
    line = caps(number_a_minute=2, number_an_hour=5, hidden_a_minute=1, calls_a_minute=40)
    assert (line.business_id, line.number_a_minute, line.number_an_hour) == (BusinessId("acme"), 2, 5)
    assert (line.hidden_a_minute, line.calls_a_minute) == (1, 40)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"number_a_minute": 0}, "line.number_a_minute: must be a whole number from 1 to 60000"),
        ({"calls_a_minute": True}, "line.calls_a_minute: must be a whole number"),
        ({"hidden_a_minute": "many"}, "line.hidden_a_minute: must be a whole number"),
        ({"number_a_minute": 31}, "line.number_a_minute: 31 is more than number_an_hour, which is 30"),
        ({"calls_a_minute": 10}, "line.hidden_a_minute: 20 is more than calls_a_minute, which is 10"),
    ],
)
def test_figures_that_cannot_be_meant_are_refused(wrong: Any, problem: str) -> None:
    with pytest.raises(BadProfile, match=problem):
        caps(**wrong)
