"""Answering machines, faxes and silent lines: what they say when, what stands on them, and what a listener takes them for."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.core.machine import AnswerDetector, Answerer, Beep
from local.carrier.machines import GREETINGS, AnsweringMachine, Fax, Mute, apparatus, noise, quiet, tone
from local.carrier.party import FRAME_MS, FRAME_SAMPLES, RATE_HZ, Party
from local.speech.voice import Voice


@pytest.fixture(scope="module")
def greeting() -> bytes:
    with Voice() as voice:
        return voice.say_now(GREETINGS["en"])


def played(party: Party, for_ms: int, to_it: bytes = b"") -> bytes:
    """What it says, while it hears `to_it` and then nothing, until it hangs up or the time is up."""
    party.answered()
    said = b""
    for at_ms in range(0, for_ms, FRAME_MS):
        if party.hung_up:
            break
        said += party.speak(FRAME_SAMPLES)
        start = 2 * RATE_HZ * at_ms // 1000
        party.hear(to_it[start : start + 2 * FRAME_SAMPLES].ljust(2 * FRAME_SAMPLES, b"\0"))
    return said


def listened(sound: bytes) -> AnswerDetector:
    """The bridge's own ear, which shares nothing with what is played to it."""
    detector = AnswerDetector(RATE_HZ)
    size = 2 * FRAME_SAMPLES
    for start in range(0, len(sound) - size + 1, size):
        at_ms = 1000 * start / 2 / RATE_HZ
        detector.hear(sound[start : start + size], at_ms)
        detector.settle(at_ms)
    return detector


def level(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    return float(np.sqrt((samples**2).mean()))


def pitch_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def test_a_machine_greets_pauses_beeps_and_then_keeps_what_it_hears() -> None:
    machine = AnsweringMachine(tone(300, 1_000), waits_ms=200, pause_ms=400, beep_hz=950, beep_ms=300, records_s=2)
    message = noise(5_000, 4_000)
    said = played(machine, 10_000, message)
    at = 2 * RATE_HZ // 1000
    assert (machine.greeting_from_ms, machine.records_from_ms) == (200, 1_900)
    assert level(said[: 190 * at]) < 10 < level(said[300 * at : 1_100 * at]), "it waits, then greets"
    assert level(said[1_210 * at : 1_590 * at]) < 10, "it pauses"
    assert pitch_hz(said[1_620 * at : 1_880 * at]) == pytest.approx(950, abs=10)
    assert level(said[1_910 * at :]) < 10
    assert machine.hung_up and len(said) == pytest.approx(3_900 * at, abs=2 * 20 * at)
    assert machine.recorded == message[1_900 * at : 1_900 * at + len(machine.recorded)]
    assert len(machine.recorded) == pytest.approx(2_000 * at, abs=2 * 20 * at)


def test_whoever_hangs_up_before_the_beep_leaves_nothing_on_it() -> None:
    machine = AnsweringMachine(tone(300, 2_000))
    played(machine, 1_000, noise(1_000, 4_000))
    machine.ended()
    assert machine.hung_up and machine.recorded == b""


def test_a_machine_is_found_out_and_its_beep_heard_where_it_ends(greeting: bytes) -> None:
    machine = apparatus("machine", greeting)
    assert isinstance(machine, AnsweringMachine)
    detector = listened(played(machine, machine.records_from_ms + 3_000))
    assert (detector.finding.answerer, detector.beep) == (Answerer.MACHINE, Beep.HEARD)
    assert detector.message_from_ms == pytest.approx(machine.records_from_ms, abs=60)


@pytest.mark.parametrize("calls", [False, True])
def test_a_fax_is_a_fax_whether_it_answers_or_calls(calls: bool) -> None:
    fax = Fax(calls=calls)
    said = played(fax, 6_000)
    assert pitch_hz(said[2 * RATE_HZ * 250 // 1000 : 2 * RATE_HZ * 450 // 1000]) == pytest.approx(
        1_100 if calls else 2_100, abs=10
    )
    assert listened(said).finding.answerer is Answerer.FAX


def test_a_fax_that_answers_sends_data_behind_its_tone() -> None:
    said = played(Fax(), 4_500)
    at = 2 * RATE_HZ // 1000
    assert 1_600 <= pitch_hz(said[3_400 * at : 4_200 * at]) <= 1_900


def test_a_calling_fax_goes_on_until_it_gives_up() -> None:
    fax = Fax(calls=True, stays_s=8)
    said = played(fax, 20_000)
    at = 2 * RATE_HZ // 1000
    beeps = [level(said[ms * at : (ms + 400) * at]) > 1_000 for ms in (50, 3_550, 7_050)]
    assert fax.hung_up and beeps == [True, True, True] and level(said[600 * at : 3_400 * at]) < 10


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_a_silent_line_is_silence_with_and_without_noise(kind: str) -> None:
    mute = apparatus(kind)  # type: ignore[arg-type]
    assert isinstance(mute, Mute)
    said = played(mute, 6_000)
    assert (level(said) == 0) == (kind == "silence")
    assert listened(said).finding.answerer is Answerer.SILENCE


def test_a_silent_line_is_put_down_in_the_end() -> None:
    mute = Mute(stays_s=1)
    assert len(played(mute, 5_000)) == pytest.approx(2 * RATE_HZ, abs=4 * FRAME_SAMPLES)
    assert mute.hung_up


def test_sounds_have_the_length_that_was_asked_for() -> None:
    assert [len(sound) for sound in (tone(440, 250), quiet(250), noise(250))] == [2 * RATE_HZ // 4] * 3
