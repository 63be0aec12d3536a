"""F1.5: a switch whose marks come early, late, twice, for nothing or never, in 200 calls: what was heard comes from our own clock."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bridge.core.frames import EndReason, HangUp, MarkReached, ToolAsked, ToolReturned
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import VirtualCall, clips, context

SEED = 1_5
READ_BACK_MS = 2_000
CAP_MS = 20_000
Lie = Callable[[VirtualCall, random.Random], None]
few_or_all = pytest.mark.parametrize("calls", [8, pytest.param(200, marks=pytest.mark.faults)])


def never(call: VirtualCall, draw: random.Random) -> None:
    """No mark at all."""


def at_once(call: VirtualCall, draw: random.Random) -> None:
    call.feed(*(MarkReached(f"m{index}", cleared=False) for index in range(30)))


def cleared(call: VirtualCall, draw: random.Random) -> None:
    call.feed(MarkReached("m1", cleared=True), MarkReached("m1", cleared=False))


def at_random(call: VirtualCall, draw: random.Random) -> None:
    for _ in range(draw.randrange(8)):
        call.feed(MarkReached(draw.choice(["m1", "m2", ""]), cleared=draw.random() < 0.3))


LIES: tuple[Lie, ...] = (never, at_once, cleared, at_random)


def heard(call: VirtualCall, lie: Lie, draw: random.Random, until_ms: int) -> list[tuple[object, object]]:
    """What the bridge attests of a read-back, every 200 ms, while the switch lies."""
    call.model_ready()
    call.feed(ToolAsked("p1", "proposeBooking", {}), ToolReturned("p1", {"status": "proposed"}, nonce="n1"))
    call.model_says(READ_BACK_MS, "Friday at two, yes?")
    attested = []
    for index in range(until_ms // 200):
        call.advance(200)
        lie(call, draw)
        call.feed(
            ToolAsked(f"c{index}", "commitProposal", {"n": index}), ToolReturned(f"c{index}", {"status": "error"})
        )
        read_back = call.evidence()["read_back"]
        attested.append((read_back["heard_ms"], read_back["finished_at_ms"]))
    return attested


@few_or_all
def test_marks_prove_nothing(calls: int) -> None:
    draw = random.Random(SEED)
    truth = heard(VirtualCall(context(greeting="", phrases={})), never, draw, 3_000)
    assert [finished is None for _, finished in truth].count(True) == READ_BACK_MS // 200
    for number in range(calls):
        call = VirtualCall(context(greeting="", phrases={}))
        assert heard(call, LIES[number % 4], draw, 3_000) == truth, (SEED, number)


@few_or_all
def test_the_longest_call_and_the_silent_one_end_within_two_seconds_whatever_the_marks_say(calls: int) -> None:
    draw = random.Random(SEED)
    for number in range(calls):
        lie, is_idle = LIES[number % 4], number % 8 >= 4
        limits = Limits(idle_ask_ms=5_000, idle_ask_again_ms=8_000, idle_goodbye_ms=11_000, max_call_ms=CAP_MS)
        if not is_idle:
            limits = Limits(max_call_ms=CAP_MS)
        words = clips(idle_ask=600, idle_ask_again=600, idle_goodbye=600, goodbye=600)
        call = VirtualCall(context(greeting=""), words, SessionSettings(limits=limits))
        call.streaming = True
        call.model_ready()
        while not call.all(HangUp) and call.now < 60_000:
            if not is_idle and int(call.now) % 3_000 < 500:
                call.model_says(1_000)
            call.advance(500)
            lie(call, draw)
        expected, cap_ms = (EndReason.IDLE, 11_000) if is_idle else (EndReason.MAX_DURATION, CAP_MS)
        assert call.last(HangUp).reason is expected, (SEED, number)
        assert call.now <= cap_ms + 2_000, (SEED, number, call.now)
