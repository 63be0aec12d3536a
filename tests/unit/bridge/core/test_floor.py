"""Who has the floor: back-channels, coughs and real interruptions, as our own ear, the model and the transcription report them."""

from __future__ import annotations

import pytest

from bridge.core.backchannels import Said, judge
from bridge.core.caller_audio import Ear
from bridge.core.floor import OWN_STOP_MS, Floor, Verdict

START = 10_000.0  # the agent is heard from here on


def speaking_agent(own_stop_ms: int | None = OWN_STOP_MS, *, own_turns: bool = False) -> Floor:
    floor = Floor(own_stop_ms, own_turns=own_turns)
    floor.turn_complete()
    assert floor.utterance_begins() is Verdict.NOTHING
    floor.agent_heard_from(START)
    return floor


def sound(floor: Floor, from_ms: float, length_ms: float, *, after_ms: float = 300) -> list[tuple[float, Verdict]]:
    """What the floor makes of a sound, frame by frame, until `after_ms` behind it."""
    told = []
    at = from_ms
    while at < from_ms + length_ms + after_ms:
        at += 20
        voiced = min(at - from_ms, length_ms)
        quiet = at - from_ms - voiced
        verdict = floor.heard(Ear(from_ms, voiced, voiced, quiet, quiet >= 180), at)
        if verdict is not Verdict.NOTHING:
            told.append((at - from_ms, verdict))
    return told


def ear(from_ms: float, voiced_ms: float, quiet_ms: float = 0.0) -> Ear:
    return Ear(from_ms, voiced_ms, voiced_ms, quiet_ms, quiet_ms >= 180)


# --- our own ear alone -----------------------------------------------------------------------------------------------------


def test_a_sound_shorter_than_the_own_stop_changes_nothing() -> None:
    assert sound(speaking_agent(), START + 1_000, 260) == []


def test_a_back_channel_only_pauses_and_the_speech_goes_on_at_its_end() -> None:
    floor = speaking_agent()
    assert sound(floor, START + 1_000, 400) == [(280, Verdict.PAUSE), (500, Verdict.RESUME)]
    assert not floor.is_waiting


def test_speech_that_goes_on_is_held_until_somebody_else_hears_it_too() -> None:
    floor = speaking_agent()
    assert sound(floor, START + 1_000, 900, after_ms=0) == [(280, Verdict.PAUSE), (700, Verdict.HOLD)]
    assert floor.model_interrupted(ear(START + 1_000, 900), START + 1_900) is Verdict.CUT


def test_with_own_turn_detection_long_speech_cuts_by_itself() -> None:
    told = sound(speaking_agent(own_turns=True), START + 1_000, 720, after_ms=0)
    assert told[:2] == [(280, Verdict.PAUSE), (700, Verdict.CUT)]


def test_long_speech_that_nobody_else_heard_was_noise_and_the_agent_goes_on() -> None:
    floor = speaking_agent()
    sound(floor, START + 1_000, 900)
    deadline = floor.deadline_ms
    assert deadline == START + 1_900 + 80 + 1_200  # a quiet of 100 ms is an end
    assert floor.time(deadline - 1) is Verdict.NOTHING
    assert floor.time(deadline) is Verdict.RESUME


def test_endless_noise_does_not_silence_the_agent_for_ever() -> None:
    floor = speaking_agent()
    sound(floor, START + 1_000, 6_000, after_ms=0)
    assert floor.deadline_ms == START + 1_700 + 1_800


def test_the_own_stop_can_be_switched_off() -> None:
    assert sound(speaking_agent(own_stop_ms=None), START + 1_000, 2_000) == []


def test_an_echo_that_stops_the_agent_again_and_again_stops_it_no_more() -> None:
    floor = speaking_agent()
    told = [sound(floor, START + 1_000 * (index + 1), 400) for index in range(5)]
    assert [len(verdicts) for verdicts in told] == [2, 2, 2, 0, 0]


def test_a_real_interruption_restores_the_trust_in_our_own_ear() -> None:
    floor = speaking_agent()
    for index in range(3):
        sound(floor, START + 1_000 * (index + 1), 400)
    assert floor.model_interrupted(None, START + 6_000) is Verdict.CUT
    floor.was_cut(START + 6_000, mid_generation=False)
    floor.agent_heard_from(START + 8_000)
    assert sound(floor, START + 9_000, 400) != []


def test_speech_from_before_the_agent_began_interrupts_nobody() -> None:
    floor = speaking_agent()
    assert floor.heard(Ear(START - 2_000, 1_900, 1_900, 100, False), START) is Verdict.NOTHING
    assert floor.heard(Ear(START - 2_000, 2_100, 2_100, 0, False), START + 100) is Verdict.NOTHING
    assert floor.heard(Ear(START - 2_000, 2_300, 2_300, 0, False), START + 300) is Verdict.PAUSE


def test_while_the_agent_is_silent_nothing_can_be_stopped() -> None:
    floor = Floor()
    assert sound(floor, 1_000, 2_000) == []
    assert floor.model_interrupted(ear(1_000, 2_000), 3_000) is Verdict.NOTHING
    assert floor.words("hello", True, 3_000) is Verdict.NOTHING
    assert floor.key_pressed() is Verdict.NOTHING
    assert floor.deadline_ms is None


# --- the model's interrupted -----------------------------------------------------------------------------------------------


def test_where_our_own_ear_heard_nothing_the_model_is_believed_at_once() -> None:
    assert speaking_agent().model_interrupted(None, START + 1_000) is Verdict.CUT
    long_ago = ear(START - 5_000, 900, quiet_ms=5_100)
    assert speaking_agent().model_interrupted(long_ago, START + 1_000) is Verdict.CUT


def test_a_sound_without_a_voice_is_a_reason_to_doubt_the_interruption() -> None:
    floor = speaking_agent()
    assert floor.model_interrupted(None, START + 1_000, has_burst=True) is Verdict.HOLD
    assert floor.time(START + 2_200) is Verdict.RESUME


def test_a_sound_that_does_not_end_was_no_false_alarm() -> None:
    floor = speaking_agent()
    floor.model_interrupted(None, START + 1_000, has_burst=True)
    assert floor.time(START + 2_200, has_burst=True) is Verdict.CUT


def test_an_interruption_for_a_short_sound_is_held_and_taken_back_when_no_words_come() -> None:
    floor = speaking_agent()
    assert floor.model_interrupted(ear(START + 800, 200), START + 1_000) is Verdict.HOLD
    assert floor.deadline_ms == START + 1_000 + 1_200
    assert floor.time(START + 2_200) is Verdict.RESUME


@pytest.mark.parametrize("words", ["Mm-hmm.", "ndio", "Sawa, sawa", "OK", "yeah yeah", "uh-huh", "<noise> mhm"])
def test_an_interruption_that_was_a_back_channel_is_resumed_as_soon_as_that_is_known(words: str) -> None:
    floor = speaking_agent()
    floor.model_interrupted(ear(START + 800, 200), START + 1_000)
    floor.heard(ear(START + 800, 300, quiet_ms=200), START + 1_300)
    assert floor.words(words, True, START + 1_400) is Verdict.RESUME


@pytest.mark.parametrize("words", ["no", "Wait, stop", "hapana", "OK but not on Friday", "sawa lakini ngoja"])
def test_an_interruption_with_words_is_final(words: str) -> None:
    floor = speaking_agent()
    floor.model_interrupted(ear(START + 800, 200), START + 1_000)
    assert floor.words(words, False, START + 1_400) is Verdict.CUT


def test_the_beginning_of_a_word_waits_for_its_end() -> None:
    floor = speaking_agent()
    floor.model_interrupted(ear(START + 800, 200), START + 1_000)
    floor.heard(ear(START + 800, 300, quiet_ms=200), START + 1_300)
    assert floor.words("nd", False, START + 1_300) is Verdict.NOTHING
    assert floor.words("io", False, START + 1_350) is Verdict.RESUME


def test_the_beginning_of_a_word_that_never_ends_was_a_word() -> None:
    floor = speaking_agent()
    floor.model_interrupted(ear(START + 800, 200), START + 1_000)
    floor.words("nd", False, START + 1_300)
    assert floor.time(START + 2_200) is Verdict.CUT


def test_a_caller_who_speaks_on_after_the_models_interruption_has_the_floor() -> None:
    floor = speaking_agent()
    assert floor.model_interrupted(ear(START + 700, 300), START + 1_000) is Verdict.HOLD
    assert floor.heard(ear(START + 700, 680), START + 1_380) is Verdict.NOTHING
    assert floor.heard(ear(START + 700, 700), START + 1_400) is Verdict.CUT


def test_words_that_came_before_the_interruption_count() -> None:
    floor = speaking_agent()
    floor.words("stop please", False, START + 900)
    assert floor.model_interrupted(ear(START + 700, 300), START + 1_000) is Verdict.CUT


# --- words alone -----------------------------------------------------------------------------------------------------------


def test_a_late_transcription_of_what_the_agent_is_answering_stops_nothing() -> None:
    assert speaking_agent().words("I want a cleaning", True, START + 200) is Verdict.NOTHING


def test_words_spoken_over_the_agent_stop_it_even_if_they_were_short() -> None:
    floor = speaking_agent()
    sound(floor, START + 1_000, 250)
    assert floor.words("mm", False, START + 1_400) is Verdict.NOTHING
    assert floor.words(" no wait", False, START + 1_500) is Verdict.CUT


# --- the model's detector without a decision of its own --------------------------------------------------------------------


def test_with_the_models_detector_as_a_witness_long_speech_cuts() -> None:
    floor = speaking_agent()
    assert floor.model_hears(True, ear(START + 900, 200), START + 1_100) is Verdict.NOTHING
    assert [verdict for _, verdict in sound(floor, START + 900, 720, after_ms=0)][:2] == [Verdict.PAUSE, Verdict.CUT]


def test_a_caller_whom_only_the_model_hears_stops_the_agent_too() -> None:
    floor = speaking_agent()
    floor.model_hears(True, None, START + 1_000)
    assert floor.time(START + 1_700) is Verdict.HOLD
    assert floor.time(START + 2_900) is Verdict.CUT  # it still hears them


def test_a_sound_that_the_models_detector_gave_up_on_is_forgotten() -> None:
    floor = speaking_agent()
    floor.model_hears(True, None, START + 1_000)
    floor.model_hears(False, None, START + 1_300)
    assert floor.deadline_ms is None


# --- the model goes on -----------------------------------------------------------------------------------------------------


def test_the_next_turn_of_the_model_replaces_what_is_held() -> None:
    floor = speaking_agent()
    floor.model_interrupted(ear(START + 800, 200), START + 1_000)
    assert floor.utterance_begins() is Verdict.REPLACE


def test_the_same_turn_goes_on_behind_what_is_held() -> None:
    floor = speaking_agent()
    sound(floor, START + 1_000, 300, after_ms=0)
    assert floor.is_waiting
    assert floor.utterance_begins() is Verdict.NOTHING


def test_an_answer_to_words_spoken_over_the_agent_replaces_the_rest() -> None:
    floor = speaking_agent()
    sound(floor, START + 1_000, 250)
    floor.turn_complete()
    assert floor.utterance_begins() is Verdict.REPLACE


def test_a_second_turn_that_nobody_interrupted_waits_for_the_first() -> None:
    floor = speaking_agent()
    floor.turn_complete()
    assert floor.utterance_begins() is Verdict.NOTHING


def test_late_audio_of_what_was_cut_is_dropped_until_the_model_has_noticed() -> None:
    floor = speaking_agent()
    floor.was_cut(START + 1_000, mid_generation=True)
    assert not floor.admits("", START + 1_100)
    floor.model_interrupted(None, START + 1_200)
    assert floor.admits("", START + 1_250)


def test_another_item_is_not_late_audio() -> None:
    floor = speaking_agent()
    floor.was_cut(START + 1_000, mid_generation=True, item="i1")
    assert not floor.admits("i1", START + 1_100)
    assert floor.admits("i2", START + 1_200)


def test_a_model_that_never_says_that_it_stopped_is_heard_again_after_five_seconds() -> None:
    floor = speaking_agent()
    floor.was_cut(START, mid_generation=True)
    assert not floor.admits("", START + 4_999)
    assert floor.admits("", START + 5_000)


def test_after_a_generation_that_was_complete_nothing_is_dropped() -> None:
    floor = speaking_agent()
    floor.was_cut(START, mid_generation=False)
    assert floor.admits("", START + 10)


def test_a_key_is_no_back_channel() -> None:
    assert speaking_agent().key_pressed() is Verdict.CUT


# --- what is a back-channel ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", Said.NOTHING),
        (" <noise> [cough] (laughs) ... ", Said.NOTHING),
        ("mmmmm", Said.BACKCHANNEL),
        ("Yeaaaah.", Said.BACKCHANNEL),
        ("Okay, sure, got it", Said.BACKCHANNEL),
        ("ndiyo", Said.BACKCHANNEL),
        ("sawa sawa!", Said.BACKCHANNEL),
        ("mm-hm", Said.BACKCHANNEL),
        ("go", Said.UNSURE),
        ("got", Said.UNSURE),
        ("okay sa", Said.UNSURE),
        ("hapana", Said.WORDS),
        ("no", Said.WORDS),
        ("subiri", Said.WORDS),
        ("okay Friday", Said.WORDS),
        ("rightly", Said.WORDS),
    ],
)
def test_what_a_transcription_amounts_to(text: str, said: Said) -> None:
    assert judge(text) is said
