"""Settings of the bridge: safe combinations only, and engines as they are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.core.frames import TurnDetection
from bridge.settings import read_settings
from bridge.shell import engine_setup
from pokea.adapters.secrets import Secrets
from pokea.adapters.settings import BadSettings

BENCH = {"POKEA_STREAM_AUTH": "off"}
CASCADE = {
    "POKEA_ENGINES": "cascade",
    "POKEA_STT_URL": "http://stt.local/v1",
    "POKEA_LLM_URL": "http://llm.local/v1",
    "POKEA_LLM_MODEL": "small",
    "POKEA_TTS_URL": "http://tts.local/v1",
}


def test_a_benchmark_needs_nothing_but_loopback() -> None:
    settings = read_settings(BENCH)
    assert (settings.host, settings.lead_ms, settings.kill_audio, settings.authenticates) == (
        "127.0.0.1",
        160,
        True,
        False,
    )
    assert settings.worker_count >= 1


def test_seconds_become_milliseconds_once() -> None:
    session = read_settings({**BENCH, "POKEA_IDLE_ASK_S": "5", "POKEA_MAX_CALL_S": "60"}).session()
    assert (session.limits.idle_ask_ms, session.limits.max_call_ms, session.engines[0].rotate_ms) == (
        5_000,
        60_000,
        540_000,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "bridge.example.org"])
def test_streams_without_a_token_are_for_loopback_only(host: str) -> None:
    with pytest.raises(BadSettings, match="POKEA_STREAM_AUTH"):
        read_settings({**BENCH, "POKEA_BRIDGE_HOST": host})


def test_tokens_need_somebody_who_checks_them() -> None:
    with pytest.raises(BadSettings, match="POKEA_TOOLS_FUNCTION"):
        read_settings({})


def test_engines_come_in_the_order_in_which_they_are_named() -> None:
    session = read_settings({**BENCH, **CASCADE, "POKEA_ENGINES": "openai, cascade,gemini"}).session()
    assert [engine.name for engine in session.engines] == ["openai", "cascade", "gemini"]
    openai, cascade, gemini = session.engines
    assert (openai.model, openai.rotate_ms, openai.input_hz(8_000)) == ("gpt-realtime-2.1", 3_000_000, 8_000)
    assert (cascade.model, cascade.turn_detection) == ("small", TurnDetection.OWN)
    assert (gemini.model, gemini.turn_detection) == ("gemini-3.8-live", TurnDetection.MODEL)


def test_a_self_hosted_server_is_fed_what_its_dialect_takes() -> None:
    environ = {**BENCH, "POKEA_ENGINES": "openai-compatible", "OPENAI_BASE_URL": "http://box:8000/v1"}
    speaches = read_settings({**environ, "POKEA_COMPATIBLE_DIALECT": "speaches"}).session().engines[0]
    hf = read_settings({**environ, "POKEA_COMPATIBLE_DIALECT": "hf-s2s"}).session().engines[0]
    assert (speaches.input_hz(8_000), hf.input_hz(8_000)) == (24_000, 16_000)


def test_own_turn_detection_is_for_every_engine() -> None:
    environ = {**BENCH, **CASCADE, "POKEA_ENGINES": "gemini,openai,cascade", "POKEA_TURN_DETECTION": "own"}
    assert {engine.turn_detection for engine in read_settings(environ).session().engines} == {TurnDetection.OWN}


def test_an_age_that_is_set_holds_for_every_connection() -> None:
    environ = {**BENCH, "POKEA_ENGINES": "gemini,openai", "POKEA_MODEL_ROTATE_S": "60"}
    assert [engine.rotate_ms for engine in read_settings(environ).session().engines] == [60_000, 60_000]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"POKEA_ENGINES": "gemini,claude"}, "POKEA_ENGINES"),
        ({"POKEA_ENGINES": "gemini,gemini"}, "POKEA_ENGINES"),
        ({"POKEA_ENGINES": "openai-compatible"}, "OPENAI_BASE_URL"),
        ({**CASCADE, "POKEA_LLM_URL": ""}, "POKEA_LLM_URL"),
        ({**CASCADE, "POKEA_TTS_URL": ""}, "POKEA_TTS_URL"),
        ({"POKEA_GEMINI_VERTEX": "only-a-project"}, "POKEA_GEMINI_VERTEX"),
        ({"POKEA_WS_STACK": "twisted"}, "POKEA_WS_STACK"),
        ({"POKEA_ECHO_GUARD": "maybe"}, "POKEA_ECHO_GUARD"),
        ({"POKEA_TTS_RATE_HZ": "22050"}, "POKEA_TTS_RATE_HZ"),
        ({"POKEA_COMPATIBLE_DIALECT": "klingon"}, "POKEA_COMPATIBLE_DIALECT"),
        ({"OPENAI_BASE_URL": "box:8000"}, "OPENAI_BASE_URL"),
        ({"POKEA_ENGINE": "gemini"}, "POKEA_ENGINE"),
    ],
)
def test_what_cannot_run_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings) as problem:
        read_settings({**BENCH, **settings})
    assert problem.value.name == named


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"POKEA_ENGINES": "gemini"}, "GEMINI_API_KEY"),
        ({"POKEA_ENGINES": "openai"}, "OPENAI_API_KEY"),
        ({"POKEA_MODEL_CA": "missing.pem"}, "POKEA_MODEL_CA"),
        ({"POKEA_GEMINI_CA": "missing.pem"}, "POKEA_GEMINI_CA"),
    ],
)
def test_an_engine_without_its_key_says_what_to_set(settings: dict[str, str], named: str) -> None:
    environ = {**BENCH, **settings}
    with pytest.raises(BadSettings) as problem:
        engine_setup.build(read_settings(environ), Secrets(environ))
    assert problem.value.name == named


def test_vertex_without_credentials_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    environ = {**BENCH, "POKEA_GEMINI_VERTEX": "shop/europe-west4"}
    with pytest.raises(BadSettings, match="GOOGLE_APPLICATION_CREDENTIALS"):
        engine_setup.build(read_settings(environ), Secrets(environ))


async def test_only_named_engines_are_built() -> None:
    environ = {**BENCH, **CASCADE, "POKEA_ENGINES": "openai,cascade", "OPENAI_API_KEY": "sk-1"}
    engines = engine_setup.build(read_settings(environ), Secrets(environ))
    assert sorted(engines.makers) == ["cascade", "openai"]
    await engines.close()


def test_a_stand_in_for_gemini_needs_no_key() -> None:
    environ = {**BENCH, "POKEA_GEMINI_URL": "ws://127.0.0.1:9"}
    assert sorted(engine_setup.build(read_settings(environ), Secrets(environ)).makers) == ["gemini"]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"POKEA_OUTBOX_DIR": "/spool"}, "POKEA_CDR_QUEUE_URL"),
        ({"POKEA_CDR_QUEUE_URL": "https://sqs.example/1/cdr"}, "POKEA_OUTBOX_DIR"),
    ],
)
def test_an_event_log_needs_a_place_on_the_disk_and_somebody_who_takes_it(given: dict[str, str], missing: str) -> None:
    with pytest.raises(BadSettings, match=missing):
        read_settings({**BENCH, **given})
