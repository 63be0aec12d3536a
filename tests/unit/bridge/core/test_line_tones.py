"""Tones on a line: what is one, what it means, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.line_tones import WINDOW, Signal, Tone, ToneEar, is_calling_tone, signal_in
from tests.support.answered_lines import HZ, data_of_fax, information_tones, still, tone
from tests.support.lines import Audio, noise
from tests.support.sounds import NOBODY, busy, keys, ring_back


def heard(sound: Audio, together: int = 4) -> ToneEar:
    ear = ToneEar()
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32)
    for at in range(0, len(windows), together):
        ear.hear(windows[at : at + together], at * 40.0)
    return ear


def meaning(sound: Audio) -> Signal | None:
    ear = heard(sound + noise(len(sound), -60, 4))
    return signal_in(ear.tones, ear.data_ms)


@pytest.mark.parametrize("hertz", [425, 700, 1_000, 1_400, 2_100, 3_000])
@pytest.mark.parametrize("dbfs", [-8, -30])
def test_a_tone_is_found_with_its_pitch_and_length(hertz: int, dbfs: int) -> None:
    sound = np.concatenate((still(317), tone((hertz,), 400, dbfs), still(300)))
    (found,) = heard(sound + noise(len(sound), -60, 1)).tones
    assert found.hz == pytest.approx(hertz, abs=6)
    assert found.began_ms == pytest.approx(317, abs=40)
    assert found.until_ms == pytest.approx(717, abs=40)
    assert found.is_over


def test_a_tone_twelve_decibels_over_noise_is_found_and_noise_alone_is_none() -> None:
    hiss = noise(4 * HZ, -30, 2)
    assert heard(hiss).tones == []
    loud = np.concatenate((still(1_000), tone((1_000,), 500, -18), still(2_500)))
    assert sum(found.lasts_ms for found in heard(hiss + loud).tones) >= 200


@pytest.mark.parametrize("name", ["key tones", "steady noise", "noise bursts", "clicks", "doors"])
def test_what_else_is_on_a_line_is_no_tone_that_lasts(name: str) -> None:
    found = heard(NOBODY[name](20 * HZ, HZ, 5)).tones
    assert all(one.lasts_ms < 160 for one in found if one.hz > 400)


def test_keys_are_two_tones_and_so_none() -> None:
    assert [one for one in heard(keys(20 * HZ, HZ, 3)).tones if one.lasts_ms >= 160] == []


def test_windows_heard_one_by_one_give_the_same_tones() -> None:
    sound = np.concatenate((still(200), information_tones(), still(200), tone((620,), 330)))
    for one, other in zip(heard(sound, 1).tones, heard(sound, 4).tones, strict=True):
        assert one.hz == pytest.approx(other.hz, abs=1)
        assert one.began_ms == pytest.approx(other.began_ms, abs=40)  # a first window is only known by its second
        assert one.until_ms == other.until_ms


@pytest.mark.parametrize(
    ("sound", "means"),
    [
        (tone((2_100,), 900), Signal.FAX_ANSWERS),
        (np.concatenate((tone((2_100,), 440), still(10), -tone((2_100,), 440))), Signal.FAX_ANSWERS),
        (tone((2_100,), 400), None),
        (np.concatenate((tone((1_100,), 500), still(3_000), tone((1_100,), 500), still(200))), Signal.FAX_CALLS),
        (np.concatenate((tone((1_100,), 500), still(1_000), tone((1_100,), 500), still(200))), None),
        (np.concatenate((tone((1_100,), 500), still(4_000))), None),
        (data_of_fax(900, 1), Signal.FAX_SENDS),
        (tone((1_650,), 900), None),
        (np.concatenate((information_tones(), still(200))), Signal.INFORMATION),
        (np.concatenate((information_tones(long=False), still(200))), Signal.INFORMATION),
        (np.concatenate((information_tones()[::-1], still(200))), None),
        (busy(5 * HZ, HZ, 1), Signal.BUSY),
        (ring_back(14 * HZ, HZ, 1), None),
        (ring_back(14 * HZ, HZ, 2), None),
    ],
    ids=lambda value: str(value) if isinstance(value, Signal) else None,
)
def test_what_a_machine_says_without_words(sound: Audio, means: Signal | None) -> None:
    assert meaning(sound) is means


def test_only_half_a_second_may_be_a_fax_that_calls() -> None:
    assert is_calling_tone(Tone(1_100, 0, 500))
    assert not is_calling_tone(Tone(1_100, 0, 240))
    assert not is_calling_tone(Tone(1_000, 0, 500))


@given(
    st.lists(st.tuples(st.floats(200, 3_900), st.integers(40, 4_000), st.integers(0, 4_000)), max_size=30),
    st.floats(0, 5_000),
)
def test_any_tones_mean_something_or_nothing(parts: list[tuple[float, int, int]], data_ms: float) -> None:
    tones, at_ms = [], 0.0
    for hertz, lasts_ms, gap_ms in parts:
        tones.append(Tone(hertz, at_ms, at_ms + lasts_ms, True))
        at_ms += lasts_ms + gap_ms
    assert signal_in(tones, data_ms) in (None, *Signal)
