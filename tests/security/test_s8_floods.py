"""S8: floods. 1,000 calls in a minute from 50 numbers, one number thirty times at once, callers who hide, tokens sprayed at the socket.

What a flood can cost is what its counts let in, times the longest call; everybody else rings as on any day.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from pokea.admission import Admission
from pokea.calls import Call, CallStatus, Direction, admitted
from pokea.ids import SessionId
from pokea.money import MICROS
from pokea.phone_numbers import E164
from pokea.rings import TASKS_A_DAY
from tests.faults.broken import doors
from tests.support.control_plane import LINE, LINES, NOW, ControlPlane, opened
from tests.support.full_house import Bridge, number_of, rings, row, session_of, verbs
from tests.support.rolling import DEAF_MS, OLD, House, house

OTHER_LINE = next(line for line in LINES.values() if line.business_id not in (LINE.business_id, "kasi"))
LONGEST_MIN = 15  # POKEA_MAX_CALL_S
MINUTE = MICROS // 20  # of a dollar: what docs/cost.md says a minute costs, telephone, model and all, rounded up
FLOODERS, HONEST_CAP = 50, 0.99


def attacker(number: int) -> str:
    return f"+2547001{number:05d}"


class Minute:
    """Who rang, who was let in, and what the store had to write for those who were not."""

    def __init__(self, seed: int = 0) -> None:
        self.plane = ControlPlane(has_door=True)
        self.bridge = Bridge(self.plane, 1_000)
        self.bridge.beat()
        self.number = 0
        self.let_in: Counter[str] = Counter()
        self.turned_away = 0
        self.longest_s: Counter[str] = Counter()  # of each number's calls together, as the bridge is told

    def rings(self, caller: str, called: str = LINE.number) -> bool:
        self.number += 1
        document = rings(self.plane, self.number, caller, called)
        is_in = "Stream" in verbs(document)
        if is_in:
            limits = opened(self.plane, document, SessionId(session_of(self.number)))["result"]["context"]["limits"]
            self.longest_s[caller] += limits["max_call_s"]
        self.let_in[caller] += is_in
        self.turned_away += not is_in
        return is_in

    def flood(self, calls: int, numbers: int, every: int = 10) -> list[str]:
        """`calls` of `numbers` attackers in a minute; after each `every` of them somebody honest rings each of two businesses."""
        honest: list[bool] = []
        for number in range(calls):
            self.rings(attacker(number % numbers))
            if number % every == 0:
                honest.append(self.rings(number_of(number)))
                honest.append(self.rings(number_of(number), OTHER_LINE.number))
            self.plane.clock.advance(59 / calls)
        attackers = [attacker(number) for number in range(numbers)]
        let_in = sum(self.let_in[one] for one in attackers)
        cap = numbers * LINE.number_a_minute
        found = [f"{let_in} were let in, not {cap}"] if let_in > cap else []
        # Every call that a bridge could open, to the last second that the bridge is told to let it have.
        spend = sum(self.longest_s[one] for one in attackers) * MINUTE // 60
        found += [f"{spend} spent"] if spend > cap * LONGEST_MIN * MINUTE else []
        if sum(honest) < HONEST_CAP * len(honest):
            found.append(f"{sum(honest)} of {len(honest)} others were served")
        owed = Counter(task.number for task in self.plane.callbacks.tasks.values())
        found += [f"{number} is owed {count} calls" for number, count in owed.items() if count > 1]
        return found


def a_minute(calls: int, numbers: int) -> list[str]:
    return Minute().flood(calls, numbers)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize(("calls", "numbers"), [(60, 3), pytest.param(1_000, FLOODERS, marks=pytest.mark.faults)])
def test_a_flood_gets_what_its_counts_let_in_and_others_ring_as_on_any_day(calls: int, numbers: int) -> None:
    assert a_minute(calls, numbers) == []


@pytest.mark.faults
@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("build", doors.FLOODS)
def test_a_door_that_lets_a_flood_in_is_found_out(build: Callable[[], Any]) -> None:
    with build():
        found = a_minute(1_000, FLOODERS)
    assert any(doors.FLOODS[build] in breach for breach in found), found


@pytest.mark.usefixtures("capsys")
def test_thirty_calls_of_one_number_at_once_are_six_and_one_task() -> None:
    minute = Minute()
    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(lambda n: rings(minute.plane, n, attacker(1)), range(30)))
    let_in = [document for document in documents if "Stream" in verbs(document)]
    away = {document for document in documents if "Stream" not in verbs(document)}
    assert len(let_in) == LINE.number_a_minute == 6
    assert [verbs(document) for document in away] == [["Say", "Hangup"]]
    assert len(minute.plane.callbacks.tasks) == 1
    assert {row(minute.plane, n).admission for n in range(30)} == {Admission.SEATED, Admission.NUMBER}
    logged = minute.plane.logged.getvalue()
    assert attacker(1) not in logged and E164(attacker(1)).removeprefix("+") not in logged


@pytest.mark.usefixtures("capsys")
def test_a_flood_writes_two_counts_for_a_number_that_is_over_and_no_more() -> None:
    minute = Minute()
    for _ in range(LINE.number_a_minute + 1):
        minute.rings(attacker(1))
    writes = minute.plane.rings.writes
    for _ in range(20):
        minute.rings(attacker(1))
    assert minute.plane.rings.writes == writes


@pytest.mark.usefixtures("capsys")
def test_who_rings_too_often_may_ring_again_next_minute_and_no_more_than_thirty_times_an_hour() -> None:
    minute = Minute()
    minute.plane.clock.advance(1)
    let_in = []
    for _ in range(8):
        let_in.append(sum(minute.rings(attacker(1)) for _ in range(8)))
        minute.plane.clock.advance(60)
        Bridge(minute.plane, 1_000).beat()
    assert let_in == [6, 6, 6, 6, 6, 0, 0, 0]
    assert len(minute.plane.callbacks.tasks) == 1  # of the day


@pytest.mark.usefixtures("capsys")
def test_callers_who_hide_share_a_count_and_take_it_from_nobody_else() -> None:
    minute = Minute()
    hidden = [minute.rings("anonymous") for _ in range(40)]
    assert sum(hidden) == LINE.hidden_a_minute == 20
    assert minute.rings(number_of(1))
    assert [task.number for task in minute.plane.callbacks.tasks.values()] == [None]


@pytest.mark.usefixtures("capsys")
def test_numbers_without_end_are_a_flood_of_their_business_alone_and_leave_so_many_tasks() -> None:
    plane = ControlPlane(has_door=True)
    Bridge(plane, 1_500).beat()
    now, calls = plane.clock.now(), [ringing(number) for number in range(1_200)]
    said = [plane.keeper.admit(call, LINE, now).admission for call in calls]
    assert Counter(said) == {Admission.SEATED: LINE.calls_a_minute, Admission.BUSINESS: 600}
    left = [admitted(call, one, now) for call, one in zip(calls, said, strict=True) if one is Admission.BUSINESS]
    assert sum(plane.keeper.note(call, now) for call in left) == len(plane.callbacks.tasks) == TASKS_A_DAY
    elsewhere = replace(ringing(1), business_id=OTHER_LINE.business_id, b_number=OTHER_LINE.number)
    assert plane.keeper.admit(elsewhere, OTHER_LINE, now).admission is Admission.SEATED


def ringing(number: int) -> Call:
    return Call(
        session_id=SessionId(session_of(number)), business_id=LINE.business_id, agent=LINE.agent, direction=Direction.INBOUND,
        a_number=E164(attacker(number)), b_number=LINE.number, status=CallStatus.RINGING, created_at=NOW,
    )  # fmt: skip


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize(("direction", "agent"), [(Direction.OUTBOUND, "leads"), (Direction.OUTBOUND, "whisper")])
def test_calls_that_we_place_are_seated_and_never_refused(direction: Direction, agent: str) -> None:
    plane = ControlPlane(has_door=True)
    Bridge(plane, 2).beat()
    ours = [replace(ringing(number), direction=direction, agent=agent) for number in range(40)]
    assert {plane.keeper.admit(call, LINE, NOW).admission for call in ours} == {Admission.SEATED}
    assert plane.keeper.admit(ringing(50), LINE, NOW).admission is Admission.FULL
    assert plane.seats.boards("r1")[0].left == 2 - 40


# --- tokens at the socket ------------------------------------------------------------------------------------------------------------


def forged(number: int) -> str:
    """As long and of the same shape as a token of ours, for a call that nobody was invited to."""
    body = (
        base64.urlsafe_b64encode(json.dumps({"s": session_of(number), "b": LINE.business_id}).encode())
        .decode()
        .rstrip("=")
    )
    return f"{secrets.token_urlsafe(12)}.{body}.{secrets.token_urlsafe(32)}"


async def spray(here: House, count: int, at_once: int, every_s: float) -> Counter[str]:
    """What `count` forged tokens are answered with."""

    async def one(number: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.door.ports[OLD])
        path = f"/g/{OLD}/audio?call={session_of(900_000 + number)}&token={forged(number)}"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n"
            "Sec-WebSocket-Protocol: audio.drachtio.org\r\n\r\n".encode()
        )
        answer = (await reader.readline()).decode().split(" ")[1]
        writer.close()
        return answer

    answers: Counter[str] = Counter()
    for start in range(0, count, at_once):
        answers.update(await asyncio.gather(*(one(start + n) for n in range(at_once))))
        await asyncio.sleep(every_s)
    return answers


def opened_by_force(here: House, count: int) -> list[int]:
    """Which of the first `count` forged tokens made a call."""
    return [n for n in range(count) if here.plane.calls.call(SessionId(session_of(900_000 + n)))]


@pytest.mark.faults
async def test_tokens_sprayed_at_the_socket_open_nothing_and_keep_nobody_out() -> None:
    """1,000 a minute, ten at a time, for eighteen seconds, while twelve people talk and twelve more ring."""
    async with house(has_door=True) as here, here.release(OLD, max_calls=60):
        live = await here.dial(12)
        spraying = asyncio.ensure_future(spray(here, 300, 10, 0.6))
        more = await here.dial(12, 0.5)
        answers = await spraying
        calls = [*live, *more]
        served = [one for one in calls if one.call.is_live and one.talker.heard_ms]
        assert len(served) == len(calls)
        assert [one for one in live if one.talker.longest_wait_ms > DEAF_MS] == []
        assert answers == {"401": 300}
        assert opened_by_force(here, 300) == []
        for one in calls:
            one.talker.leave_in(0)
        for one in calls:
            await one.call.ended(20)


@pytest.mark.faults
async def test_a_control_plane_that_believes_a_token_without_its_seal_is_found_out() -> None:
    async with house(has_door=True) as here, here.release(OLD, max_calls=60):
        assert await spray(here, 3, 3, 0) == {"401": 3} and opened_by_force(here, 3) == []
        with doors.believes_any_token(LINE.business_id):
            answers = await spray(here, 3, 3, 0.5)
        assert answers["401"] == 0 and opened_by_force(here, 3) == [0, 1, 2]
