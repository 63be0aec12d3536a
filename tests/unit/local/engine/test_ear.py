"""The engine's ear: utterances by energy, counted in received audio."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from local.engine.ear import END_FRAMES, FRAME_BYTES, FRAME_MS, MAX_FRAMES, UNDER_WAY_BYTES, Ear, Heard, Listener


def noise(ms: int, rms: float) -> bytes:
    samples = np.random.default_rng(ms).normal(0.0, rms, 16 * ms)
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


QUIET, SPEECH = 3.0, 2_000.0


def test_speech_between_silences_is_one_utterance_with_its_beginning() -> None:
    ear = Ear()
    found = ear.feed(noise(1_000, QUIET) + noise(800, SPEECH) + noise(1_000, QUIET))
    assert [(heard.began, heard.utterance is not None) for heard in found] == [(True, False), (False, True)]
    utterance = found[1].utterance
    assert utterance is not None
    length_ms = len(utterance) // FRAME_BYTES * FRAME_MS
    assert 800 + END_FRAMES * FRAME_MS <= length_ms <= 800 + END_FRAMES * FRAME_MS + 320


def test_line_noise_and_clicks_are_not_speech() -> None:
    ear = Ear()
    assert ear.feed(noise(5_000, 20.0)) == []
    for _ in range(10):
        assert ear.feed(noise(40, SPEECH) + noise(400, QUIET)) == []


def test_a_pause_inside_a_sentence_does_not_end_it() -> None:
    found = Ear().feed(
        noise(500, QUIET) + noise(600, SPEECH) + noise(400, QUIET) + noise(600, SPEECH) + noise(900, QUIET)
    )
    assert sum(heard.utterance is not None for heard in found) == 1


def test_audio_that_stops_coming_does_not_end_a_turn() -> None:
    ear = Ear()
    ear.feed(noise(500, QUIET) + noise(500, SPEECH))
    assert ear.is_hearing
    assert ear.feed(b"") == []
    assert ear.is_hearing


def test_a_caller_who_never_stops_is_cut_into_bounded_utterances() -> None:
    found = Ear().feed(noise(500, QUIET) + noise(40_000, SPEECH))
    lengths = [len(heard.utterance) // FRAME_BYTES for heard in found if heard.utterance]
    assert lengths
    assert max(lengths) <= MAX_FRAMES


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=60))
def test_what_is_heard_does_not_depend_on_how_the_audio_is_cut(sizes: list[int]) -> None:
    audio = noise(400, QUIET) + noise(500, SPEECH) + noise(800, QUIET)
    whole = Ear().feed(audio)
    ear, found, start = Ear(), [], 0
    while start < len(audio):
        size = sizes[start % len(sizes)]
        found += ear.feed(audio[start : start + size])
        start += size
    assert found == whole


def test_audio_that_is_said_to_be_over_ends_a_turn() -> None:
    listener = Listener()
    listener.feed(noise(500, QUIET) + noise(500, SPEECH))
    (last,) = listener.end()
    assert last.utterance is not None and len(last.utterance) >= 500 // FRAME_MS * FRAME_BYTES
    assert listener.end() == []


def test_an_utterance_is_under_way_once_after_300_ms() -> None:
    listener = Listener()
    audio = noise(500, QUIET) + noise(900, SPEECH) + noise(900, QUIET)
    news = [
        (start, heard)
        for start in range(0, len(audio), FRAME_BYTES)
        for heard in listener.feed(audio[start : start + FRAME_BYTES])
    ]
    (began, _), (middle, heard), (_, last) = news
    assert heard == Heard(is_under_way=True)
    assert middle - began == UNDER_WAY_BYTES
    assert last.utterance is not None


def test_a_listener_that_is_told_takes_its_clients_word() -> None:
    listener = Listener(is_told=True)
    assert listener.feed(noise(500, SPEECH)) == []
    assert listener.begin() == [Heard(began=True)]
    speech = noise(400, QUIET)
    assert listener.feed(speech) == [Heard(is_under_way=True)]
    assert listener.end() == [Heard(utterance=speech)]
    listener.feed(speech)
    listener.clear()
    assert listener.end() == []
