"""Who answered, decided on made sounds: a buzz for a voice, sines for beeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.first_sounds import FirstSounds
from bridge.core.line_tones import Tone
from bridge.core.machine import (
    MAY_BECOME,
    RULES,
    THRESHOLDS,
    AnswerDetector,
    Answerer,
    Beep,
    Cue,
    Heard,
    judged,
)
from bridge.core.machine_words import Witness
from tests.support.answered_lines import HZ, information_tones, still, tone
from tests.support.lines import Audio, as_pcm, noise

FRAME = HZ // 50


def buzz(milliseconds: int, level: float = 3_000.0) -> Audio:
    """A voice of 140 Hz with syllables."""
    time = np.arange(milliseconds * HZ // 1000) / HZ
    pitch = 140 + 12 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / HZ
    sound = sum(np.sin(h * phase + h) for h in range(2, 20)) * (0.65 + 0.35 * np.sin(2 * np.pi * 4 * time))
    return (sound * level / 3).astype(np.float32)


def told(*parts: Audio, frames: int = 1, words: str = "", hiss_dbfs: float = -65) -> AnswerDetector:
    """A detector that has heard all of it."""
    detector = AnswerDetector(HZ)
    sound = np.concatenate(parts)
    pcm = as_pcm(sound + noise(len(sound), hiss_dbfs, 9))
    if words:
        detector.words(words, 0.0)
    for at in range(0, len(pcm), FRAME * frames):
        piece = pcm[at : at + FRAME * frames]
        detector.hear(piece[: len(piece) // FRAME * FRAME].tobytes(), at * 1000 / HZ)
    return detector


def test_a_hello_and_a_pause_is_a_person_within_a_second() -> None:
    finding = told(still(600), buzz(500), still(1_200)).finding
    assert (finding.answerer, finding.cue) == (Answerer.PERSON, Cue.WAITS)
    assert 1_100 + 700 <= finding.at_ms <= 1_100 + 1_040


def test_a_longer_sentence_is_waited_for_longer() -> None:
    assert told(still(600), buzz(3_000), still(1_100)).finding.answerer is Answerer.UNDECIDED
    assert told(still(600), buzz(3_000), still(1_700)).finding.answerer is Answerer.PERSON


def test_long_sentences_with_turns_pauses_are_a_person() -> None:
    """Six seconds, and the speaker waits: nobody who waits is a machine."""
    assert told(still(400), buzz(6_000), still(2_000)).finding.answerer is Answerer.PERSON
    long = (buzz(4_000), still(400), buzz(3_000))
    assert told(still(400), *long, still(2_000)).finding.answerer is Answerer.PERSON


def test_who_talks_on_and_on_is_a_machine() -> None:
    detector = told(still(400), *(part for _ in range(4) for part in (buzz(2_500), still(450))), still(200))
    assert (detector.finding.answerer, detector.finding.cue) == (Answerer.MACHINE, Cue.GOES_ON)
    assert detector.beep is Beep.AWAITED
    assert not detector.is_done


def test_a_short_greeting_and_a_beep_is_a_machine_that_records() -> None:
    detector = told(still(400), buzz(2_400), still(600), tone((1_000,), 400), still(1_000))
    assert (detector.finding.answerer, detector.finding.cue) == (Answerer.MACHINE, Cue.BEEP)
    assert detector.finding.tone_hz == pytest.approx(1_000, abs=5)
    assert detector.beep is Beep.HEARD
    assert detector.message_from_ms == pytest.approx(3_800, abs=40)
    assert detector.is_done


def test_the_message_waits_for_the_second_of_two_beeps() -> None:
    two = (tone((950,), 220), still(140), tone((950,), 220))
    assert told(still(400), buzz(2_400), still(500), *two, still(1_000)).message_from_ms == pytest.approx(3_880, abs=40)


def test_what_seemed_a_person_and_beeps_was_none() -> None:
    early = told(still(400), buzz(1_700), still(1_300))
    assert early.finding.answerer is Answerer.PERSON
    detector = told(still(400), buzz(1_700), still(1_300), tone((1_400,), 300), still(1_000))
    assert (detector.finding.answerer, detector.finding.cue) == (Answerer.MACHINE, Cue.BEEP)
    assert detector.beep is Beep.HEARD


def test_a_beep_into_a_hello_is_no_machine() -> None:
    """Some telephones beep when they are picked up, and some while they record."""
    detector = told(still(300), tone((1_400,), 250), still(100), buzz(500), still(1_500))
    assert detector.finding.answerer is Answerer.PERSON
    detector = told(still(300), buzz(500), still(300), tone((1_400,), 250), still(1_500))
    assert detector.finding.answerer is Answerer.PERSON


def test_a_greeting_without_a_beep_says_so_once_it_is_over() -> None:
    detector = told(still(400), buzz(9_000), still(3_600))
    assert (detector.finding.answerer, detector.beep, detector.message_from_ms) == (Answerer.MACHINE, Beep.NONE, None)
    assert detector.is_done


def test_information_tones_are_a_machine_that_takes_no_message() -> None:
    detector = told(still(400), information_tones(), still(400))
    assert (detector.finding.cue, detector.beep, detector.is_done) == (Cue.INFORMATION_TONE, Beep.NONE, True)


def test_a_fax_is_known_before_anybody_could_greet_it() -> None:
    detector = told(still(1_500), tone((2_100,), 1_200))
    assert (detector.finding.answerer, detector.is_done) == (Answerer.FAX, True)
    assert detector.finding.at_ms <= 2_500
    calling = told(still(1_500), tone((1_100,), 500), still(3_000), tone((1_100,), 500), still(200))
    assert calling.finding.answerer is Answerer.FAX


def test_silence_is_said_after_four_seconds_and_taken_back_when_somebody_speaks() -> None:
    silence = told(still(4_400))
    assert (silence.finding.answerer, silence.is_done) == (Answerer.SILENCE, False)
    late = told(still(6_000), buzz(500), still(1_200))
    assert late.finding.answerer is Answerer.PERSON
    assert told(still(20_500)).is_done


def test_a_line_that_sends_nothing_is_silent_too() -> None:
    detector = AnswerDetector(HZ, began_ms=5_000)
    assert not detector.settle(8_900)
    assert detector.settle(9_000)
    assert (detector.finding.answerer, detector.finding.at_ms) == (Answerer.SILENCE, 9_000)


def test_a_hole_in_the_stream_is_a_pause() -> None:
    detector = AnswerDetector(HZ)
    pcm = as_pcm(np.concatenate((still(400), buzz(560))))
    for at in range(0, len(pcm), FRAME):
        detector.hear(pcm[at : at + FRAME].tobytes(), at * 1000 / HZ)
    assert detector.finding.answerer is Answerer.UNDECIDED
    for at_ms in range(2_400, 2_600, 20):
        detector.hear(bytes(2 * FRAME), float(at_ms))
    assert detector.finding.answerer is Answerer.PERSON


def test_words_decide_at_once_and_overrule_a_person() -> None:
    detector = told(still(400), buzz(600), still(1_200))
    assert detector.finding.answerer is Answerer.PERSON
    assert detector.words("You can leave a message ", 2_300) is False
    assert detector.words("after the tone", 2_400)
    assert (detector.finding.cue, detector.finding.witness) == (Cue.WORDS, Witness.MAILBOX)
    assert "tone" not in str(detector.finding.evidence().values())


def test_a_hint_in_the_words_only_makes_it_wait() -> None:
    hinted = "I'm not available right now"
    assert told(still(400), buzz(2_000), still(1_900), words=hinted).finding.answerer is Answerer.UNDECIDED
    assert told(still(400), buzz(2_000), still(2_700), words=hinted).finding.answerer is Answerer.PERSON


def test_a_television_behind_somebody_who_waits_is_no_machine_that_talks_on() -> None:
    """It is ten decibels softer than they were, and never pauses."""
    finding = told(still(400), buzz(600), buzz(9_000, level=950)).finding
    assert (finding.answerer, finding.cue) == (Answerer.PERSON, Cue.FURTHER_AWAY)
    assert finding.at_ms <= 3_600


def test_bits_and_pieces_are_a_person() -> None:
    pieces = [part for _ in range(6) for part in (buzz(200), still(1_000))]
    finding = told(still(400), buzz(1_800), still(800), *pieces).finding
    assert (finding.answerer, finding.cue) == (Answerer.PERSON, Cue.IN_PIECES)


def test_a_caller_who_asks_back_may_talk_longer() -> None:
    assert told(still(200), buzz(10_000), words="who is this").finding.answerer is Answerer.UNDECIDED


def test_frames_at_once_or_one_by_one_give_the_same_finding() -> None:
    parts = (still(400), buzz(2_400), still(500), tone((700,), 300), still(1_000))
    assert told(*parts).finding == told(*parts, frames=5).finding


def test_a_done_detector_hears_nothing_any_more() -> None:
    detector = told(still(1_000), tone((2_100,), 1_200))
    assert detector.is_done
    assert not detector.hear(bytes(2 * FRAME), 9_000.0)
    assert not detector.words("leave a message after the tone", 9_000.0)
    assert not detector.settle(60_000)


def test_every_kind_of_answerer_has_a_rule_and_a_row() -> None:
    assert {rule.says for rule in RULES} == set(Answerer) - {Answerer.UNDECIDED}
    assert set(MAY_BECOME) == set(Answerer)
    assert all(before not in after for before, after in MAY_BECOME.items())


def heard_of(run_ms: float, quiet_ms: float, witness: Witness = Witness.NOTHING) -> Heard:
    from bridge.core.first_sounds import Phrase

    phrases = (Phrase(0.0, run_ms),) if run_ms else ()
    return Heard(run_ms, run_ms, quiet_ms, quiet_ms, quiet_ms, run_ms + quiet_ms, (), None, phrases, witness)


@given(st.floats(40, 7_999), st.floats(0, 20_000), st.sampled_from([Witness.NOTHING, Witness.HINT, Witness.PERSON]))
def test_no_length_below_the_longest_sentence_makes_a_machine(run_ms: float, quiet_ms: float, witness: Witness) -> None:
    """One stretch of speech, then quiet: a person however the two are drawn."""
    rule = judged(heard_of(run_ms, quiet_ms, witness), THRESHOLDS, Answerer.UNDECIDED)
    assert rule is None or rule.says is Answerer.PERSON
    assert rule is not None or quiet_ms < THRESHOLDS.hinted_wait


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["still", "voice", "beep", "fax", "hiss", "sit", "busy"]), min_size=1, max_size=12),
    st.integers(0, 99),
)
def test_a_verdict_only_changes_as_the_table_allows(parts: list[str], seed: int) -> None:
    dice = np.random.default_rng(seed)
    lasts = int(dice.integers(1, 40)) * 40
    sounds = {
        "still": still(lasts),
        "voice": buzz(lasts),
        "beep": tone((float(dice.uniform(300, 3_000)),), lasts),
        "fax": tone((2_100,), lasts),
        "hiss": noise(lasts * 8, -25, seed),
        "sit": information_tones(),
        "busy": tone((425,), 240),
    }
    pcm = as_pcm(np.concatenate([sounds[part] for part in parts]))
    detector, before = AnswerDetector(HZ), Answerer.UNDECIDED
    for at in range(0, len(pcm) // FRAME * FRAME, FRAME):
        changed = detector.hear(pcm[at : at + FRAME].tobytes(), at * 1000 / HZ)
        after = detector.finding.answerer
        assert after is before or (changed and after in MAY_BECOME[before])
        before = after


def test_a_path_that_stalls_for_a_second_is_no_pause_of_whoever_speaks() -> None:
    detector = AnswerDetector(HZ)
    pcm = as_pcm(np.concatenate((still(400), buzz(800))))
    for at in range(0, len(pcm), FRAME):
        detector.hear(pcm[at : at + FRAME].tobytes(), at * 1000 / HZ)
    for now_ms in range(1_200, 3_000, 200):
        assert not detector.settle(float(now_ms))
    assert detector.settle(3_400.0), "what is so late was never sent"
    assert detector.finding.answerer is Answerer.PERSON


@pytest.mark.parametrize(("hz", "is_voice"), [(228.0, True), (425.0, False)])
def test_a_voice_as_pure_as_a_tone_is_a_voice_where_no_telephone_signals(hz: float, is_voice: bool) -> None:
    """On a wide-band line the "ee" of "please" is little but the voice's pitch. Taken for a tone it made a pause, and so a person."""
    sounds = FirstSounds(HZ)
    pcm = as_pcm(np.concatenate((still(320), buzz(640))))
    sounds.hear(pcm.tobytes(), 0.0)
    sounds.tones.append(Tone(hz, 320.0, 960.0, True))
    assert bool(sounds.phrases()) is is_voice
