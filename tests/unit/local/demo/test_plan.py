"""Which calls the demo makes for which wish on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from local.cli.demo import DemoOptions, Refused, wanted
from local.demo.areas import AREAS
from local.demo.businesses import people_of
from local.demo.plan import (
    CALL_S,
    CARRIERS,
    LASTS_S,
    NARROW_HZ,
    SUCCESSORS,
    Shift,
    Wanted,
    length_s,
    scenario_names,
    shifts,
)
from local.demo.play import recording_name
from local.engines import KILL_STATES, NAMES

TODAY = date(2026, 11, 20)
TYPED = DemoOptions("booking", "both", None, False, False, "inbound", 5, (), False, Path("out"))


def planned(environ: Mapping[str, str] | None = None, **typed: object) -> list[Shift]:
    return shifts(wanted(replace(TYPED, **typed), environ or {}), TODAY)  # type: ignore[arg-type]


def played(shift: Shift) -> list[str]:
    return [scenario.name for strand in shift.strands for scenario in strand.scenarios]


@pytest.mark.parametrize("engine", NAMES)
def test_every_leg_plays_the_whole_demo_on_both_carriers_fixed_and_drawn(engine: str) -> None:
    shift, *others = planned(engine=engine)
    assert [one.continues for one in others] == ([True] if engine == "gemini" else [])
    assert [(leg.name, leg.is_real, leg.kill) for leg in shift.legs] == [(engine, False, ())]
    for carrier in ("documented", "observed"):
        for drawn in (False, True):
            strands = [one for one in shift.strands if one.ground.carrier == carrier and one.drawn is drawn]
            names = {scenario.name for strand in strands for scenario in strand.scenarios}
            assert {"book", "move", "cancel", "taken", "interrupt"} <= names
            assert drawn or {"silent", "cough"} <= names
            # The stand-in for gemini takes every murmur for words, and words are an answer.
            assert drawn or ("backchannel" in names) is (engine != "gemini")


def test_openai_is_also_called_on_a_narrow_line() -> None:
    (shift,) = planned(engine="openai")
    assert [one.ground.rate_hz for one in shift.strands].count(NARROW_HZ) == 1
    (other,) = planned(engine="cascade")
    assert not any(one.ground.rate_hz == NARROW_HZ for one in other.strands)


def test_offline_is_another_name_of_the_gemini_stand_in() -> None:
    assert planned(engine="offline") == planned(engine="gemini")
    assert [shift.engine for shift in planned(engine="all") if not shift.continues] == list(NAMES)


def test_both_tracks_in_both_layouts_are_played_on_both_carriers() -> None:
    shift, *_ = planned(engine="gemini", track="all")
    fixed = {(one.ground.carrier, one.ground.track) for one in shift.strands if not one.drawn}
    assert fixed == {
        (carrier, track) for carrier in ("documented", "observed") for track in ("inbound", "mixed", "stereo")
    }


def test_an_engine_that_is_killed_dies_once_in_each_state_and_once_for_good() -> None:
    dies, *replaced = planned(engine="openai", kill=True, carrier="documented")
    assert dies.staggered and dies.legs[0].kill == KILL_STATES == dies.deaths
    assert played(dies) == [f"kill-{state}" for state in KILL_STATES]
    (replacement,) = replaced
    first, second = replacement.legs
    assert (first.name, first.down_after, second.name) == ("openai", 1, SUCCESSORS["openai"][0])
    assert first.kill == (replacement.strands[0].scenarios[0].death,)


def test_each_engine_is_replaced_by_another_kind() -> None:
    assert set(SUCCESSORS) == set(NAMES)
    assert all(engine != successor for engine, (successor, _) in SUCCESSORS.items())


def test_a_single_death_can_be_asked_for() -> None:
    (dies,) = planned(engine="cascade", kill=True, carrier="observed", only=("kill-speaking",))
    assert dies.legs[0].kill == ("speaking",)
    assert played(dies) == ["kill-speaking"]


def test_a_scenario_brings_those_that_must_come_before_it_and_no_others() -> None:
    (shift,) = planned(engine="gemini", carrier="observed", only=("move",))
    assert played(shift) == ["book", "move", "book", "move"]


def test_without_an_engine_there_is_a_sample_of_everything() -> None:
    main, dialling, *samples = planned()
    assert main.engine == dialling.engine == "gemini"
    assert dialling.continues and played(dialling) == ["handoff-dial"]
    assert {shift.engine for shift in samples} == {"openai", "openai-compatible", "cascade", "openai>cascade"}
    assert {one.ground.track for shift in samples for one in shift.strands} >= {"stereo"}
    assert len(planned(only=("book",))) == 1


def test_the_longest_calls_come_first_and_whoever_is_named_as_long_is_played() -> None:
    main, *_ = planned(agent="all")
    lengths = [length_s(strand) for strand in main.strands]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 2 * CALL_S  # several calls of one caller
    for agent, name in LASTS_S:
        assert name in scenario_names((agent,), kill=False), f"{agent} has no {name}"


def test_the_same_seed_plans_the_same_calls_and_no_two_recordings_share_a_name() -> None:
    for typed in ({}, {"engine": "all", "track": "all"}, {"engine": "all", "kill": True}):
        plan = planned(**typed)
        assert plan == planned(**typed)
        names = [
            recording_name(shift, strand, scenario)
            for shift in plan
            for strand in shift.strands
            for scenario in strand.scenarios
        ]
        assert len(set(names)) == len(names)


def test_with_a_key_the_demo_talks_to_the_real_model_unless_an_engine_is_named() -> None:
    keys = {"GEMINI_API_KEY": "k"}
    assert planned(keys)[0].legs[0].is_real
    assert len(planned(keys)) == 1
    assert not planned(keys, engine="gemini")[0].legs[0].is_real
    assert planned(keys, engine="gemini", real=True)[0].legs[0].is_real
    assert not planned(keys, kill=True)[0].legs[0].is_real


@pytest.mark.parametrize(
    ("typed", "option", "word"),
    [
        ({"agent": "plumber"}, "--agent", "booking"),
        ({"engine": "hal"}, "--engine", "openai-compatible"),
        ({"engine": "openai", "real": True}, "--real", "OPENAI_API_KEY"),
        ({"engine": "cascade", "real": True}, "--real", "POKEA_STT_URL"),
        ({"engine": "offline", "real": True}, "--real", "stand-in"),
        ({"engine": "gemini", "real": True, "kill": True}, "--kill", "--real"),
        ({"kill": True, "track": "mixed"}, "--track", "inbound"),
        ({"only": ("dance",)}, "--scenario", "book"),
        ({"kill": True, "only": ("book",)}, "--scenario", "kill-hearing"),
    ],
)
def test_an_impossible_wish_is_refused_with_the_option_and_what_is_possible(
    typed: dict[str, object], option: str, word: str
) -> None:
    with pytest.raises(Refused) as refusal:
        planned({}, **typed)
    text = str(refusal.value)
    assert text.startswith(f"{option}:") and word in text and "\n" not in text


def test_every_agent_succeeds_is_refused_and_hands_over_on_both_carriers() -> None:
    everything = [strand for shift in planned(agent="all") for strand in shift.strands]
    for agent in AREAS:
        for carrier in CARRIERS:
            strands = [one for one in everything if one.area.agent == agent and one.ground.carrier == carrier]
            names = {scenario.name for strand in strands for scenario in strand.scenarios}
            assert len(names) >= 3
            assert any(name.startswith("handoff") for name in names)
    languages = {(one.area.agent, one.plot.language) for one in everything if one.plot.language}
    assert languages >= {("booking", "sw"), ("dispatch", "sw")}


def test_no_two_strands_share_a_business_or_a_telephone() -> None:
    strands = [strand for shift in planned(agent="all") for strand in shift.strands]
    numbers = [
        number
        for strand in strands
        for number in (strand.copy.number, strand.copy.caller_number, *people_of(strand.copy).values())
    ]
    assert len(set(numbers)) == len(numbers)


def test_nothing_is_planned_for_nobody() -> None:
    assert shifts(Wanted(engines=()), TODAY) == []
