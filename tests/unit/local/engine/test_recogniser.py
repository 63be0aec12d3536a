"""Recognition of real synthetic speech: a small part of what `python -m bench.recognition` measures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.recognition import FOREIGN, Listener, Phrase, Tally, confusions, meaning
from local.caller import cough
from local.carrier.resample import Resampler, through_g711
from local.engine.decoder import Finding
from local.engine.expectation import Expectation
from local.engine.grammar import HOURS, WEEKDAYS
from local.engine.names import NAMES
from local.engine.recogniser import HEARD_DIR, Pool, Recogniser
from local.engine.subject import Terms
from local.speech.voice import Voice


@pytest.fixture(scope="module")
def voice() -> Iterator[Voice]:
    with Voice("caller") as caller:
        yield caller


@pytest.fixture(scope="module")
def listener(voice: Voice) -> Listener:
    return Listener(voice)


@pytest.mark.parametrize("number", range(7))
def test_no_weekday_is_taken_for_another(listener: Listener, number: int) -> None:
    """ "Next Thursday" heard as "next Tuesday" would be a wrong booking."""
    phrase = Phrase(f"next {WEEKDAYS[number]} at {HOURS[number + 2]} thirty", Expectation.WHEN)
    assert meaning(listener.understand(phrase) or "") == meaning(phrase.text)


@pytest.mark.parametrize(
    "phrase",
    [
        Phrase("I would like to book a cleaning next Thursday at two thirty", Expectation.OPEN),
        Phrase("I want to move my appointment to Friday afternoon", Expectation.OPEN),
        Phrase("no that is all thank you goodbye", Expectation.OPEN),
        Phrase("yes that is right", Expectation.YES_NO),
        Phrase("the first one", Expectation.CHOICE),
        Phrase("the third one", Expectation.CHOICE),
        Phrase("tomorrow at nine", Expectation.WHEN),
        Phrase(f"my name is {NAMES[0]}", Expectation.NAME),
        Phrase(f"my name is {NAMES[1]}", Expectation.NAME),
        Phrase("nataka kuweka miadi ya kusafisha meno kesho saa tatu asubuhi", Expectation.OPEN, "sw"),
        Phrase("ndio tafadhali", Expectation.YES_NO, "sw"),
        Phrase("is there parking", Expectation.OPEN, "en", "reception"),
        Phrase("please connect me to the front desk", Expectation.OPEN, "en", "reception"),
        Phrase("it is one zero four two", Expectation.DIGITS, "en", "support"),
        Phrase("my internet is slow", Expectation.OPEN, "en", "support"),
        Phrase("twelve", Expectation.NUMBER, "en", "leads"),
        Phrase("this month", Expectation.TEXT, "en", "leads"),
        Phrase("please stop calling me", Expectation.YES_NO, "en", "leads"),
        Phrase("kilo lima four seven zero six", Expectation.TRACKING, "en", "dispatch"),
        Phrase("yes i will be at home", Expectation.YES_NO, "en", "dispatch"),
        Phrase("nataka kubadilisha siku ya kuletewa mzigo", Expectation.OPEN, "sw", "dispatch"),
        Phrase("no thank you", Expectation.YES_NO, "en", "whisper"),
    ],
    ids=lambda phrase: phrase.text.replace(" ", "-"),
)
def test_what_callers_say_is_understood(listener: Listener, phrase: Phrase) -> None:
    assert meaning(listener.understand(phrase) or "") == meaning(phrase.text)


@pytest.mark.parametrize("text", [line.strip() for line in FOREIGN["en"].strip().splitlines()[:4]])
def test_a_sentence_from_elsewhere_is_not_forced_into_the_grammar(listener: Listener, text: str) -> None:
    assert listener.understand(Phrase(text, Expectation.OPEN)) is None


def over_a_narrow_line(pcm: bytes) -> bytes:
    samples = through_g711(Resampler(16_000, 8_000).process(np.frombuffer(pcm, "<i2")))
    return Resampler(8_000, 16_000).process(samples).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("text", "expectation"),
    [
        ("I would like to book a cleaning next Thursday at two thirty", Expectation.OPEN),
        (f"my name is {NAMES[0]}", Expectation.NAME),
        ("yes please", Expectation.YES_NO),
    ],
)
def test_what_callers_say_over_an_8_khz_line_is_understood(
    listener: Listener, voice: Voice, text: str, expectation: Expectation
) -> None:
    wide = voice.say_now(text)
    finding = listener.vocabulary("", "en").find(over_a_narrow_line(wide), expectation)
    assert finding is not None and finding.is_narrow and finding.is_credible
    assert meaning(finding.words) == meaning(text)
    found_wide = listener.vocabulary("", "en").find(wide, expectation)
    assert found_wide is not None and not found_wide.is_narrow


def sine(frequency_hz: float) -> np.ndarray:
    return 4_000 * np.sin(2 * np.pi * frequency_hz * np.arange(16_000) / 16_000)


def hiss(sigma: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, sigma, 16_000)


@pytest.mark.parametrize("expectation", list(Expectation))
@pytest.mark.parametrize(
    "sound",
    [
        hiss(0),
        hiss(30),
        hiss(300),
        hiss(3_000),
        sine(440),
        sine(770) + sine(1_336),
        *(np.frombuffer(bytes(9_600) + cough(seed) + bytes(9_600), "<i2") for seed in (1, 2, 3)),
    ],
    ids=["silence", "faint-hiss", "hiss", "loud-hiss", "tone", "dialling", "cough", "another-cough", "third-cough"],
)
def test_sounds_that_are_not_speech_are_no_words(
    listener: Listener, sound: np.ndarray, expectation: Expectation
) -> None:
    finding = listener.vocabulary("", "en").find(sound.astype("<i2").tobytes(), expectation)
    assert finding is None or not finding.is_credible


def test_a_costly_phrase_among_cheap_ones_is_not_believed() -> None:
    assert Finding("a", cost=5.0, worst=5.5).is_credible
    assert not Finding("a", cost=5.0, worst=9.0).is_credible
    assert not Finding("a", cost=8.0, worst=7.0).is_credible
    assert Finding("a", cost=7.0, worst=8.4, is_narrow=True).is_credible


def test_confused_words_are_found_and_other_mistakes_are_not() -> None:
    wrong = [("next Thursday at two", "next tuesday at two"), ("yes", "no")]
    assert dict(confusions(wrong, WEEKDAYS)) == {("thursday", "tuesday"): 1}


def test_a_tally_tells_asking_again_from_a_wrong_understanding() -> None:
    tally = Tally()
    tally.add(Phrase("on Friday", Expectation.WHEN), "friday")
    tally.add(Phrase("Friday", Expectation.WHEN), None)
    tally.add(Phrase("Friday", Expectation.WHEN), "sunday")
    assert (tally.said, tally.right, tally.asked_again, tally.wrong) == (3, 1, ["Friday"], [("Friday", "sunday")])


def test_the_pool_serves_several_callers_and_replaces_a_dead_worker(voice: Voice) -> None:
    pool = Pool(size=1)
    try:
        recogniser = Recogniser(Terms(services=("check-up", "uchunguzi")), "en", pool)
        pcm = voice.say_now("a check up")
        with ThreadPoolExecutor(3) as threads:
            heard = list(threads.map(lambda _: recogniser.recognise(pcm, Expectation.SERVICE), range(3)))
        assert heard == ["a check up"] * 3
        worker = pool._idle.get()
        assert worker is not None
        worker.end()
        pool._idle.put(worker)
        assert recogniser.recognise(pcm, Expectation.SERVICE) == "a check up"
    finally:
        pool.close()


def test_utterances_are_kept_for_whoever_asks_what_was_heard(
    voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm = voice.say_now("a check up")
    pool = Pool(size=1)
    try:
        recogniser = Recogniser(Terms(services=("check-up",)), "en", pool)
        recogniser.recognise(pcm, Expectation.SERVICE)
        monkeypatch.setenv(HEARD_DIR, str(tmp_path / "heard"))
        recogniser.recognise(pcm, Expectation.SERVICE)
    finally:
        pool.close()
    (kept,) = (tmp_path / "heard").glob("*.wav")
    assert pcm in kept.read_bytes()
