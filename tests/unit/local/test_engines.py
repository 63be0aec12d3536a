"""Which engines a desk gets, and what its bridge is told about them."""

from __future__ import annotations

import pytest

from local.engines import NAMES, Leg, UnknownEngine, described, environ_of, legs_of, wire_of


@pytest.mark.parametrize(
    ("environ", "legs"),
    [
        ({}, [("gemini", False)]),
        ({"GEMINI_API_KEY": "k"}, [("gemini", True)]),
        ({"POKEA_GEMINI_VERTEX": "p/europe-west1"}, [("gemini", True)]),
        ({"OPENAI_API_KEY": "k"}, [("openai", True)]),
        ({"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}, [("gemini", True), ("openai", True)]),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, [("openai-compatible", True)]),
        ({"POKEA_STT_URL": "http://a/v1", "POKEA_LLM_URL": "http://b/v1"}, [("gemini", False)]),
        (
            {"POKEA_STT_URL": "http://a/v1", "POKEA_LLM_URL": "http://b/v1", "POKEA_TTS_URL": "http://c/v1"},
            [("cascade", True)],
        ),
        ({"POKEA_ENGINES": "openai, gemini", "GEMINI_API_KEY": "k"}, [("openai", False), ("gemini", True)]),
    ],
)
def test_the_engines_of_an_environment(environ: dict[str, str], legs: list[tuple[str, bool]]) -> None:
    assert [(leg.name, leg.is_real) for leg in legs_of(environ)] == legs


def test_an_unknown_engine_is_one_line_that_names_the_setting() -> None:
    with pytest.raises(UnknownEngine, match=r"POKEA_ENGINES: 'hal' is not one of gemini, openai"):
        legs_of({"POKEA_ENGINES": "hal"})
    with pytest.raises(UnknownEngine, match="'hal'"):
        environ_of("hal", "ws://127.0.0.1:1")


def test_a_stand_in_speaks_its_providers_wire_and_dies_as_told() -> None:
    assert [wire_of(name) for name in NAMES] == ["gemini", "openai", "hf-s2s", "http"]
    words = Leg("cascade", kill=("hearing", "speaking"), down_after=1).arguments()
    assert words[words.index("--wire") + 1] == "http"
    assert words[words.index("--kill") + 1] == "hearing,speaking"
    assert words[words.index("--down-after") + 1] == "1"
    assert "--kill" not in Leg("gemini").arguments()


def test_the_dialect_of_a_compatible_server_is_stood_in_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POKEA_COMPATIBLE_DIALECT", "speaches")
    assert wire_of("openai-compatible") == "speaches"
    settings = environ_of("openai-compatible", "ws://127.0.0.1:7000/v1/realtime?model=x")
    assert settings["OPENAI_BASE_URL"] == "http://127.0.0.1:7000/v1"
    assert settings["POKEA_COMPATIBLE_DIALECT"] == "speaches"


def test_the_bridge_is_told_where_each_stand_in_is() -> None:
    assert environ_of("gemini", "ws://g")["POKEA_GEMINI_URL"] == "ws://g"
    assert environ_of("openai", "ws://o/v1/realtime")["POKEA_OPENAI_URL"] == "ws://o/v1/realtime"
    cascade = environ_of("cascade", "http://c/v1")
    assert {cascade[f"POKEA_{service}_URL"] for service in ("STT", "LLM", "TTS")} == {"http://c/v1"}


def test_a_person_is_told_who_answers_and_who_stands_in() -> None:
    legs = (Leg("gemini", is_real=True), Leg("cascade"))
    assert described(legs) == "gemini, then cascade (stood in for by the offline engine)"
