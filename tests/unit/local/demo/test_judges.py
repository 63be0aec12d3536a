"""What makes a demo call a failure, on calls whose fault is known."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from local.audio.analysis import Recording
from local.audio.recording import StereoRecorder
from local.caller import Spoken
from local.demo.booking import BACKCHANNEL, COUGHING
from local.demo.businesses import Copy, write_copies
from local.demo.diary import Entry
from local.demo.losses import kill_scenario, replaced_scenario
from local.demo.own_voice import own_voice_problems
from local.demo.run import deaths_in
from local.demo.scenario import Played
from local.demo.wishes import fixed_wish
from pokea.profile import load_profiles

RATE_HZ = 16_000
WISH = fixed_wish(date(2026, 11, 20))
BOOKED = Entry(WISH.service_key, WISH.starts_at, WISH.name, "booked")
READ_BACK = "Let me read that back. Shall I book it?"
Sound = npt.NDArray[np.int16]


def channel(seconds: float, *speech: tuple[float, float]) -> Sound:
    samples = np.zeros(int(RATE_HZ * seconds))
    for start, end in speech:
        first, last = int(start * RATE_HZ), int(end * RATE_HZ)
        samples[first:last] = 6000 * np.sin(2 * np.pi * 440 * np.arange(last - first) / RATE_HZ)
    return samples.astype(np.int16)


def lines(*spoken: tuple[str, float, float, bool]) -> list[Spoken]:
    return [Spoken(text, int(1000 * start), int(1000 * end), aside=aside) for text, start, end, aside in spoken]


def played(
    *, agent: Sequence[tuple[float, float]] = ((0, 3), (5, 9)), said: Sequence[Spoken] = (), **known: object
) -> Played:
    caller = [(line.start_ms / 1000, (line.end_ms or 0) / 1000) for line in said]
    call = Played(
        engine="openai",
        wish=WISH,
        entries=[BOOKED],
        tools=[("proposeBooking", "proposed"), ("commitProposal", "booked")],
        agent_said=["How can I help you?", READ_BACK],
        caller_said=[],
        was_interrupted=False,
        ended_because="goodbye",
        sound=Recording(channel(12, *caller), channel(12, *agent), RATE_HZ),
        lines=list(said),
        notes=[],
    )
    return replace(call, **known)  # type: ignore[arg-type]


ORDINARY = lines(("a cleaning", 3.5, 4.5, False), ("yes", 9.5, 10, False))
LOSS = kill_scenario("speaking").judge


def test_a_call_that_went_on_as_if_nothing_had_happened_is_as_it_must_be() -> None:
    assert LOSS(played(said=ORDINARY)) == []


def test_one_line_may_be_said_again_and_not_two() -> None:
    twice = [*ORDINARY, *lines(("yes", 10.2, 10.6, False))]
    assert LOSS(played(said=twice)) == []
    thrice = [*twice, *lines(("yes", 10.8, 11, False))]
    assert any("say 2 things again" in problem for problem in LOSS(played(said=thrice)))


def test_a_caller_left_in_silence_is_a_failure() -> None:
    problems = LOSS(played(said=lines(("a cleaning", 3.5, 4.5, False)), agent=((0, 3), (9, 11))))
    assert problems == ["4500 ms of silence in the middle of the call"]


def test_two_commits_two_appointments_or_a_second_greeting_are_failures() -> None:
    twice = played(said=ORDINARY, tools=[("commitProposal", "booked")] * 2)
    assert LOSS(twice) == ["2 commits with status booked instead of 1"]
    assert "2 appointments instead of 1" in LOSS(played(said=ORDINARY, entries=[BOOKED, BOOKED]))
    assert LOSS(played(said=ORDINARY, agent_said=["How can I help you?"] * 2)) == ["the caller was greeted again"]


def test_a_replaced_engine_must_have_been_replaced() -> None:
    judge = replaced_scenario("speaking").judge
    ready = [{"event": "model_ready", "engine": name} for name in ("gemini", "openai")]
    assert judge(played(said=ORDINARY, notes=ready)) == []
    assert judge(played(said=ORDINARY, notes=ready[:1])) == ["the call was answered by gemini"]
    assert judge(played(said=ORDINARY)) == ["the call was answered by nobody"]


MURMUR = [*ORDINARY, *lines(("mm", 6, 6.3, True))]


def test_an_agent_that_speaks_on_through_a_murmur_is_as_it_must_be() -> None:
    assert BACKCHANNEL.judge(played(said=MURMUR)) == []


def test_an_agent_that_stops_for_a_murmur_is_a_failure() -> None:
    stopped = played(said=MURMUR, agent=((0, 3), (5, 6.4), (7.6, 10)))
    assert BACKCHANNEL.judge(stopped) == ["the agent paused for 1200 ms"]
    assert BACKCHANNEL.judge(replace(stopped, engine="gemini")) == []


def test_a_cough_may_cost_a_moment_but_not_the_sentence() -> None:
    coughed = [*ORDINARY, *lines(("", 6, 6.4, True))]
    assert COUGHING.judge(played(said=coughed, agent=((0, 3), (5, 6.4), (7.6, 10)))) == []
    assert COUGHING.judge(played(said=coughed, agent=((0, 3), (5, 6.4), (9.6, 11)))) == ["the agent paused for 3200 ms"]
    again = played(said=coughed, agent_said=[READ_BACK, READ_BACK])
    assert COUGHING.judge(again) == ["the question of the read-back was spoken 2 times"]
    puzzled = played(said=coughed, agent_said=[READ_BACK, "Sorry, I did not catch that."])
    assert COUGHING.judge(puzzled) == ["the agent took the sound for words"]
    assert "the caller made no sound over the agent" in COUGHING.judge(played(said=ORDINARY))


def keep(path: Path, samples: Sound) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", "not compressed"))
        file.writeframes(samples.astype("<i2").tobytes())


@pytest.mark.parametrize(("level", "is_found"), [(1.0, True), (0.25, True), (0.0, False)])
def test_the_agents_voice_in_what_a_model_heard_is_found(tmp_path: Path, level: float, is_found: bool) -> None:
    rng = np.random.default_rng(2)
    # Smoothed, because a voice on a telephone line holds little above 4 kHz.
    caller, agent = (np.convolve(rng.normal(0, 5000, 3 * RATE_HZ), np.ones(8) / 8, "same") for _ in range(2))
    recorder = StereoRecorder(tmp_path / "call.wav")
    recorder.add(caller.astype("<i2").tobytes(), agent.astype("<i2").tobytes())
    recorder.close()
    (tmp_path / "heard").mkdir()
    keep(tmp_path / "heard/1.wav", caller[8000:24_000].astype(np.int16))
    keep(tmp_path / "heard/2.wav", (level * agent[16_000:32_000] + rng.normal(0, 20, 16_000)).astype(np.int16))
    found = own_voice_problems(tmp_path / "heard", {"call": tmp_path / "call.wav"})
    assert bool(found["call"]) is is_found


def test_deaths_are_read_off_what_an_engine_printed(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(
        '{"event": "ready"}\nnoise\n{"event": "killed", "state": "hearing"}\n{broken\n{"event": "killed", "state": "speaking"}\n',
        encoding="utf-8",
    )
    assert list(deaths_in(log)) == ["hearing", "speaking"]


def test_copies_of_a_business_differ_in_id_number_and_line_only(tmp_path: Path) -> None:
    copies = [Copy(0), Copy(7, "both_tracks", 8_000)]
    write_copies(copies, tmp_path)
    first, second = load_profiles(tmp_path).values()
    assert [profile.line.number for profile in (first, second)] == [copy.number for copy in copies]
    assert (second.line.track, second.line.rate_hz) == ("both_tracks", 8_000)
    assert first.booking.services == second.booking.services
    assert not first.hours.closed_days
