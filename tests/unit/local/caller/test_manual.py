"""The caller without a script, in virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from local.caller import ManualCaller, Persona
from tests.unit.local.caller.test_caller import Agent, ToneVoice, tone


def run(caller: ManualCaller, agent: Agent, duration_ms: int) -> bytes:
    said = bytearray()
    for _ in range(duration_ms // 20):
        said += caller.speak(320)
        caller.hear(agent.frame())
        if caller.hung_up:
            break
    return bytes(said)


def first_loud_ms(pcm: bytes) -> int:
    return int(np.argmax(np.abs(np.frombuffer(pcm, "<i2")) > 500)) // 16


def test_a_typed_line_waits_until_the_agent_has_finished() -> None:
    voice, agent = ToneVoice(), Agent()
    caller = ManualCaller(voice, Persona(name="", number="+254711000001", language="sw"))
    asyncio.run(caller.say("habari"))
    agent.say("Karibu", 1000)
    said = run(caller, agent, 4000)
    assert voice.asked == [("habari", "sw")]
    assert first_loud_ms(said) == pytest.approx(1700, abs=40)


def test_a_caller_who_barges_in_does_not_wait() -> None:
    agent, caller = Agent(), ManualCaller(barges_in=True)
    agent.say("Karibu", 1000)
    caller.play(tone(500))
    assert first_loud_ms(run(caller, agent, 1000)) < 20


def test_where_nobody_greets_a_recording_starts_after_three_seconds() -> None:
    caller = ManualCaller()
    caller.play(tone(500))
    assert first_loud_ms(run(caller, Agent(), 5000)) == pytest.approx(3000, abs=40)


def test_it_leaves_when_everything_was_said_and_both_sides_are_quiet() -> None:
    agent, caller = Agent(), ManualCaller(hang_up_after_quiet_ms=2000)
    caller.play(tone(500))
    agent.say("Karibu", 1000)
    said = run(caller, agent, 20_000)
    assert caller.hung_up
    assert len(said) // 32 == pytest.approx(1700 + 500 + 2000, abs=60)


def test_without_a_voice_it_cannot_speak_text() -> None:
    with pytest.raises(RuntimeError, match="no voice"):
        asyncio.run(ManualCaller().say("hello"))
