"""What is said first to whoever is rung, and what is left on a machine: on recordings that are right, and wrong in one thing."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.audio.analysis import Recording, Samples
from local.caller import Spoken
from local.demo import leads
from local.demo.fixed_lines import GREETING, VOICEMAIL, judge_disclosed, judge_message, read_clip
from local.demo.scenario import OnTape, Played

RATE_HZ = 16_000
_RNG = np.random.default_rng(11)
BEEP_OVER_MS = 6_000


def voice(seconds: float) -> Samples:
    """Something that no other voice resembles, as smooth as a telephone makes it."""
    noise = _RNG.normal(0, 6000, int(RATE_HZ * seconds))
    return np.convolve(noise, np.ones(8) / 8, "same").astype(np.int16)


def channel(*pieces: tuple[float, Samples]) -> Samples:
    """Twenty seconds of a line on which these are heard from these seconds on."""
    line = np.zeros(20 * RATE_HZ, np.int16)
    for at_s, sound in pieces:
        start = int(at_s * RATE_HZ)
        line[start : start + len(sound)] = sound
    return line


LINE, OTHER = voice(4), voice(2)
WITH_A_GAP = np.concatenate((LINE[:8_000], np.zeros(1_600, np.int16), LINE[8_000:]))


def call(agent: Samples, lines: list[Spoken] | None = None, **known: Any) -> Played:
    played = Played(
        engine="gemini",
        wish=None,
        entries=[],
        tools=[],
        agent_said=[],
        caller_said=[],
        was_interrupted=False,
        ended_because="goodbye",
        sound=Recording(np.zeros_like(agent), agent, RATE_HZ),
        lines=[Spoken("hello", 500, 900)] if lines is None else lines,
        notes=[],
        fixed={GREETING: LINE, VOICEMAIL: LINE},
    )
    return replace(played, **known)


def taped(agent: Samples) -> Played:
    return call(agent, tape=OnTape(BEEP_OVER_MS, agent[RATE_HZ * BEEP_OVER_MS // 1000 :]))


@pytest.mark.parametrize("line", [LINE, WITH_A_GAP])
def test_a_disclosure_that_is_heard_whole_and_first_is_right(line: Samples) -> None:
    assert judge_disclosed(call(channel((2, line), (9, OTHER)))) == []


@pytest.mark.parametrize(
    ("played", "problem"),
    [
        (call(channel((0.6, LINE))), "spoke before it had heard who answered"),
        (call(channel((2, OTHER), (5, LINE))), "of the disclosure was heard first"),
        (call(channel((2, LINE[: 2 * RATE_HZ]))), "the disclosure was cut short"),
        (call(channel((2, LINE[: 2 * RATE_HZ]), (6, OTHER))), "last second of the disclosure"),
        (call(channel((2, OTHER))), "the disclosure"),
        (call(channel()), "nothing was said"),
        (call(channel((2, LINE)), lines=[]), "nobody said hello"),
    ],
)
def test_a_disclosure_that_is_late_cut_or_missing_is_a_failure(played: Played, problem: str) -> None:
    assert any(problem in found for found in judge_disclosed(played))


@pytest.mark.parametrize("line", [LINE, WITH_A_GAP])
def test_a_message_that_is_whole_and_behind_the_beep_is_right(line: Samples) -> None:
    assert judge_message(taped(channel((6.3, line)))) == []


@pytest.mark.parametrize(
    ("played", "problem"),
    [
        (taped(channel((5, LINE))), "before the beep was over"),
        (taped(channel((1, OTHER), (6.3, LINE))), "before the beep was over"),
        (taped(channel((6.3, LINE[: 3 * RATE_HZ]))), "the message was cut short"),
        (taped(channel((6.3, LINE), (12, OTHER))), "something else stand behind the message"),
        (taped(channel((6.3, voice(4)))), "of the message was heard first"),
        (call(channel((6.3, LINE))), "no machine has recorded anything"),
    ],
)
def test_a_message_that_is_early_cut_or_another_is_a_failure(played: Played, problem: str) -> None:
    assert any(problem in found for found in judge_message(played))


def test_a_clip_is_read_at_the_rate_of_the_recording(tmp_path: Path) -> None:
    tone = np.rint(8_000 * np.sin(2 * np.pi * 400 * np.arange(24_000) / 24_000)).astype("<i2")
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(tone.tobytes())
    clip = read_clip(tmp_path / "one.wav", RATE_HZ)
    assert len(clip) == RATE_HZ
    assert int(np.argmax(np.abs(np.fft.rfft(clip.astype(float))))) == 400


SETTLED = {"kind": "contact", "disposition": "machine", "state": "done", "attempts": "1", "rings": "1"}
LEFT = replace(taped(channel((6.3, LINE))), ended_because="machine", stored=[SETTLED])


def test_a_machine_that_a_campaign_rang_has_its_message_and_is_settled_as_a_machine() -> None:
    assert leads.judge_voicemail(LEFT) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"ended_because": "goodbye"},
        {"stored": [SETTLED, {"kind": "lead", "outcome": "cold"}]},
        {"stored": []},
        {"stored": [{**SETTLED, "rings": "2"}]},
        {"stored": [{**SETTLED, "disposition": "cold"}]},
        {"tape": None},
    ],
)
def test_a_machine_that_was_taken_for_somebody_or_rung_twice_is_a_failure(wrong: dict[str, Any]) -> None:
    assert leads.judge_voicemail(replace(LEFT, **wrong))
