"""The echo guard: our own voice never comes back as the caller's, and the caller's is never lost in it. The full grid is in bench/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bridge.core import echo as echo_module
from bridge.core.echo import EchoGuard
from bridge.core.echo_path import Played
from local.speech.voice import Voice
from tests.support.lines import (
    AGENT_LINES,
    CALLER_LINES,
    Audio,
    Guard,
    Line,
    Outcome,
    as_pcm,
    at_level,
    delayed,
    left_over_db,
    listen,
    spoken,
)

STARTS_MS = 200
SPEAKS_MS = 2_400
SECONDS = 6


class Voices:
    """4 s of the agent and one sentence of the caller, at each rate."""

    def __init__(self, agent: Voice, caller: Voice) -> None:
        self.agent = {rate: spoken(agent, AGENT_LINES[:1], rate) for rate in (8_000, 16_000)}
        self.caller = {rate: spoken(caller, CALLER_LINES[:1], rate) for rate in (8_000, 16_000)}

    def on(self, line: Line, *, caller_db: float | None, guard: Guard | None, at_ms: int = SPEAKS_MS) -> Outcome:
        return listen(
            line, self.agent[line.rate_hz], self.said(line.rate_hz, caller_db, at_ms), guard, starts_ms=STARTS_MS
        )

    def said(self, rate_hz: int, decibels: float | None, at_ms: int) -> Audio:
        words = delayed(self.caller[rate_hz], at_ms * rate_hz // 1000, SECONDS * rate_hz)
        return words * np.float32(0) if decibels is None else at_level(words, decibels)


@pytest.fixture(scope="module")
def voices() -> Iterator[Voices]:
    with Voice("agent") as agent, Voice("caller") as caller:
        yield Voices(agent, caller)


LINES = [
    Line(8_000, "sum", 0, 0),
    Line(8_000, "sum", 60, -12, -50),
    Line(8_000, "hybrid", 300, -20, -58),
    Line(8_000, "hybrid", 800, -30),
    Line(16_000, "sum", 20, 0, -38),
    Line(16_000, "sum", 500, -5),
    Line(16_000, "resampled", 150, 0),
    Line(16_000, "resampled", 800, -20, -58),
    Line(16_000, "hybrid", 60, -5, -43),
    Line(16_000, "hybrid", 300, -12),
]


def named(line: Line) -> str:
    return f"{line.rate_hz // 1000}k-{line.path}-{line.delay_ms:g}ms{line.gain_db:g}dB" + (
        "-noise" if line.noise_dbfs else ""
    )


@pytest.mark.parametrize("line", LINES, ids=named)
def test_our_own_voice_is_nobody_and_does_not_reach_the_model(line: Line, voices: Voices) -> None:
    outcome = voices.on(line, caller_db=None, guard=EchoGuard(line.rate_hz))
    assert outcome.false_turns() == []
    agent = voices.agent[line.rate_hz]
    played = delayed(agent, STARTS_MS * line.rate_hz // 1000, len(outcome.cleaned))
    assert left_over_db(outcome.cleaned, line.echo(played, len(played))) < -20


@pytest.mark.parametrize("line", [line for line in LINES if (line.gain_db or 0) >= -20], ids=named)
def test_without_the_guard_our_own_voice_is_taken_for_the_caller(line: Line, voices: Voices) -> None:
    """The broken build of the row above."""
    assert voices.on(line, caller_db=None, guard=None).false_turns()


@pytest.mark.parametrize("line", LINES, ids=named)
@pytest.mark.parametrize("relative_db", [0, 6])
def test_a_caller_who_speaks_over_us_is_heard_within_400_ms(line: Line, relative_db: int, voices: Voices) -> None:
    level = max((line.gain_db or 0) + relative_db, -20)
    outcome = voices.on(line, caller_db=level, guard=EchoGuard(line.rate_hz))
    assert outcome.noticed_after_ms(SPEAKS_MS) <= 400


def test_a_guard_that_trusts_nobody_misses_the_caller(voices: Voices, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken build of the row above: everything is silenced while we speak."""
    monkeypatch.setattr(EchoGuard, "_is_explained", lambda guard, position: True)
    outcome = voices.on(LINES[0], caller_db=0, guard=EchoGuard(8_000), at_ms=1_200)
    assert outcome.noticed_after_ms(1_200, within_ms=1_000) > 400


@pytest.mark.parametrize("jump_ms", [20, 40, 60, -40])
@pytest.mark.parametrize("line", [LINES[2], LINES[6]], ids=named)
def test_a_delay_that_jumps_in_mid_sentence_is_followed(line: Line, jump_ms: float, voices: Voices) -> None:
    jumping = replace(line, jump_ms=jump_ms, change_at_ms=1_500)
    outcome = voices.on(jumping, caller_db=None, guard=EchoGuard(line.rate_hz))
    assert outcome.false_turns() == []


def test_a_guard_that_looks_for_the_delay_once_takes_a_jump_for_the_caller(
    voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken build of the row above."""
    monkeypatch.setattr(EchoGuard, "_is_echo", lambda guard, position, *, sure: False)
    jumping = replace(LINES[6], jump_ms=60, change_at_ms=1_500)
    assert voices.on(jumping, caller_db=None, guard=EchoGuard(16_000)).false_turns()


@pytest.mark.parametrize("step_db", [6, -6])
def test_a_gain_that_changes_in_mid_sentence_is_followed(step_db: float, voices: Voices) -> None:
    line = replace(LINES[9], gain_step_db=step_db, change_at_ms=1_500)
    assert voices.on(line, caller_db=None, guard=EchoGuard(16_000)).false_turns() == []


@pytest.mark.parametrize("line", [LINES[1], LINES[6]], ids=named)
def test_what_a_flush_wiped_is_not_looked_for_and_its_rest_is_nobody(line: Line, voices: Voices) -> None:
    guard = EchoGuard(line.rate_hz)
    agent, silent = voices.agent[line.rate_hz], voices.said(line.rate_hz, None, 0)
    outcome = listen(line, agent, silent, guard, starts_ms=STARTS_MS, flushed_ms=1_700)
    assert outcome.false_turns() == []
    assert not guard.is_listening


def test_of_the_first_words_over_our_first_utterance_at_most_400_ms_are_lost(voices: Voices) -> None:
    for line in LINES[::3]:
        level = max(line.gain_db or 0, -20)
        for begin in (STARTS_MS, STARTS_MS + 300):
            outcome = voices.on(line, caller_db=level, guard=EchoGuard(line.rate_hz), at_ms=begin)
            said = voices.said(line.rate_hz, level, begin).reshape(-1, line.rate_hz // 50)
            kept = outcome.cleaned.astype(np.float64).reshape(said.shape)
            power = (said**2).mean(axis=1)
            lost = (power > 0.1 * power.max()) & ((kept**2).mean(axis=1) < 0.1 * power)
            assert 20 * lost[begin // 20 : begin // 20 + 50].sum() <= 400, named(line)
            assert outcome.noticed_after_ms(begin) <= 700, named(line)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_a_caller_alone_passes_bit_by_bit(rate_hz: int, voices: Voices) -> None:
    line = Line(rate_hz, "hybrid", 0, None, -58)
    silent = listen(line, voices.agent[rate_hz][:0], voices.said(rate_hz, -6, 500), EchoGuard(rate_hz))
    assert np.array_equal(silent.cleaned, silent.line)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_on_a_line_without_echo_a_caller_over_us_loses_300_ms_once(rate_hz: int, voices: Voices) -> None:
    line = Line(rate_hz, "hybrid", 0, None, -58)
    outcome = voices.on(line, caller_db=-6, guard=EchoGuard(rate_hz))
    changed = (outcome.cleaned != outcome.line).reshape(-1, rate_hz // 50).any(axis=1)
    assert changed.sum() * 20 <= 300


def test_nothing_happens_until_something_was_played_and_a_second_after_it() -> None:
    guard, frame = EchoGuard(8_000), b"\x11\x22" * 160
    assert not guard.is_listening
    assert guard.clean(frame, 0.0) is frame
    guard.played(bytes(320), 20.0)
    assert not guard.is_listening  # silence pushes the switch's rest out; nobody hears it
    guard.played(b"\x00\x10" * 160, 40.0)
    assert guard.is_listening
    guard.clean(bytes(320), 1_040.0)
    assert guard.is_listening
    assert guard.clean(frame, 1_200.0) is frame
    assert not guard.is_listening


def test_frames_come_back_as_long_as_they_went_in_however_many_come_at_once(voices: Voices) -> None:
    line = LINES[5]
    agent = voices.agent[16_000]
    heard = line.heard(agent, voices.said(16_000, None, 0)[: len(agent)])
    one, many = EchoGuard(16_000), EchoGuard(16_000)
    pcm = as_pcm(agent)
    for guard in (one, many):
        guard.played(pcm[:16_000].tobytes(), 0.0)
    data = heard[:16_000].tobytes()
    single = b"".join(bytes(one.clean(data[at : at + 640], at / 32)) for at in range(0, len(data), 640))
    bursts = b"".join(bytes(many.clean(data[at : at + 3_200], at / 32)) for at in range(0, len(data), 3_200))
    assert len(single) == len(data)
    assert single == bursts


def test_what_is_known_is_bounded_however_long_the_call() -> None:
    played = Played(16_000)
    for position in range(0, 16_000 * 60, 320):
        played.put(np.full(320, position // 320 % 30_000, np.int16).tobytes(), position)
        assert played.read(position, 1)[0] == position // 320 % 30_000
    assert len(played._samples) <= 16_000 * 3
    assert played.read(played.end - 16_000, 1)[0] > 0


def test_gaps_in_what_was_played_are_silence_and_what_was_sent_again_replaces_it() -> None:
    played = Played(8_000)
    played.put(np.full(160, 5, np.int16).tobytes(), 1_000)
    played.put(np.full(160, 6, np.int16).tobytes(), 1_400)
    assert played.read(1_158, 4).tolist() == [5, 5, 0, 0]
    assert played.read(1_398, 4).tolist() == [0, 0, 6, 6]
    played.wipe(1_500)
    assert played.read(1_498, 4).tolist() == [6, 6, 0, 0]
    played.put(np.full(160, 7, np.int16).tobytes(), 1_300)
    assert played.read(1_458, 4).tolist() == [7, 7, 0, 0]
    played.put(np.full(160, 8, np.int16).tobytes(), 800_000)  # far ahead: a clock that jumped
    assert played.read(800_000, 1).tolist() == [8]
    assert not played.read(1_000, 400).any()


def test_the_thresholds_leave_room_between_echo_and_chance() -> None:
    assert echo_module._alike(3) > 0.75
    assert echo_module._alike(15) == 0.5


def test_until_the_lines_noise_is_known_what_replaces_our_voice_is_fainter_than_any_sound(voices: Voices) -> None:
    """Hiss in the rhythm of our first words was a caller to a model that listens for energy."""
    guard, pcm = EchoGuard(16_000), as_pcm(voices.agent[16_000])[16_000 // 5 :]
    guard.played(pcm[:16_000].tobytes(), 0.0)
    for index in range(10):
        cleaned = guard.clean(pcm[index * 320 : (index + 1) * 320].tobytes(), index * 20.0)
        assert np.abs(np.frombuffer(cleaned, np.int16).astype(float)).mean() < 60


def test_a_noise_that_was_known_before_we_spoke_passes_as_it_is() -> None:
    guard = EchoGuard(16_000)
    guard.noise_is(1_000.0**2)
    guard.played(b"\x00\x20" * 16_000, 0.0)
    for index in range(40):
        hiss = as_pcm(np.random.default_rng(index).standard_normal(320).astype(np.float32) * 1_000).tobytes()
        assert bytes(guard.clean(hiss, index * 20.0)) == hiss


def test_the_rest_that_the_switch_kept_through_a_stall_is_ours_when_it_comes_late(voices: Voices) -> None:
    """A sentence stops in its middle; its last frame is heard 200 ms later, when silence pushes it out."""
    pcm = as_pcm(voices.agent[16_000])
    frames = [pcm[at : at + 320].tobytes() for at in range(6_400, 38_400, 320)]
    last = max(range(60, 80), key=lambda index: float(np.abs(np.frombuffer(frames[index], np.int16)).mean()))
    guard, reached = EchoGuard(16_000), []
    for index in range(last + 25):
        if index <= last:
            guard.played(frames[index], index * 20.0)
        if index == last + 10:
            guard.played(bytes(5_120), index * 20.0)
        heard = index < last or index == last + 10
        line = frames[min(index, last)] if heard else bytes(640)
        reached.append(np.abs(np.frombuffer(guard.clean(line, index * 20.0), np.int16).astype(float)).mean())
    assert max(reached[20:]) < 60
