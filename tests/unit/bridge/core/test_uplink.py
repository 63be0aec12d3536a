"""The caller's audio on its way to the model: layouts, what a new model must hear, and turns of our own."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.core.caller_audio import HELD_MS, PRE_ROLL_MS, TURN_MS, UNANSWERED_MS
from bridge.core.frames import Buffer
from bridge.core.pcm import Layout, are_interleaved, left_channel
from bridge.core.uplink import TurnChange, Uplink
from tests.unit.bridge.virtual_call import SILENCE, SPEECH


class Line:
    """A caller who speaks when told to, in virtual time; every frame is numbered in its first sample where the caller is silent."""

    def __init__(self, uplink: Uplink) -> None:
        self.uplink = uplink
        self.now = 0.0
        self.heard: list[bytes] = []
        self.changes: list[tuple[float, TurnChange, int]] = []  # when, what, and how many frames had been sent by then

    def __call__(self, milliseconds: int, frame: bytes) -> None:
        for _ in range(milliseconds // 20):
            self.now += 20
            self.heard += [bytes(item) for item in self.uplink.push(frame, self.now)]
            self.changes += [(self.now, change, len(self.heard)) for change in self.uplink.turn_changes]
            self.uplink.turn_changes.clear()

    def silence(self, milliseconds: int) -> None:
        self(milliseconds, SILENCE)

    def speech(self, milliseconds: int) -> None:
        self(milliseconds, SPEECH)


def line(*, gated: bool | None = False, **options: object) -> Line:
    made = Line(Uplink(16_000, **options))  # type: ignore[arg-type]
    if gated is not None:
        made.uplink.connect(16_000, gated=gated)
    return made


def loud(frames: list[bytes] | tuple[bytes, ...]) -> int:
    return sum(frame == SPEECH for frame in frames)


def test_what_the_switch_held_back_tells_who_answered_and_is_heard_by_nobody_else() -> None:
    """The hello of whoever was rung is said before the stream is open."""
    uplink, told = line().uplink, list[tuple[int, float]]()

    def hears(frames: Buffer, at_ms: float, rate_hz: int) -> bool:
        told.append((len(frames), at_ms))
        return True

    uplink.answer_ear = hears
    assert len(uplink.push(SPEECH * 61, 2_000.0)) == 1  # 39,040 bytes
    assert told == [(60 * len(SPEECH), 2_000.0 - 61 * 20)]
    assert uplink.news and not uplink.detector.is_speaking


# --- what a new model must hear --------------------------------------------------------------------------------------------


def test_a_whole_frame_of_the_usual_kind_passes_as_it_is() -> None:
    uplink = line().uplink
    for index in range(100):
        uplink.push(SILENCE, 20.0 * index)
    frame = bytearray(640)
    assert uplink.push(frame, 2_000.0)[0] is frame


def test_while_the_caller_is_silent_little_more_than_the_pre_roll_is_kept() -> None:
    call = line()
    call.silence(10_000)
    assert call.uplink._recent.kept_bytes <= 640 * (PRE_ROLL_MS + 40) // 20


def test_a_model_that_takes_over_in_mid_sentence_hears_the_sentence_from_before_its_beginning() -> None:
    call = line()
    call.silence(2_000)
    call.speech(1_500)
    call.uplink.hold()
    call.speech(500)
    held = call.uplink.connect(16_000)
    assert loud(held) == 100
    assert len(held) - 100 == pytest.approx(PRE_ROLL_MS // 20, abs=1)


def test_a_sentence_that_nobody_answered_is_heard_by_the_next_model_although_it_is_over() -> None:
    call = line()
    call.silence(1_000)
    call.speech(800)
    call.silence(700)
    call.uplink.hold()
    call.silence(300)
    assert loud(call.uplink.connect(16_000)) == 40


def test_what_was_answered_is_not_heard_again() -> None:
    call = line()
    call.silence(1_000)
    call.speech(800)
    call.silence(400)
    call.uplink.turn_answered()
    call.uplink.hold()
    call.silence(200)
    assert loud(call.uplink.connect(16_000)) == 0


def test_a_turn_is_kept_for_six_seconds_at_most() -> None:
    call = line()
    call.silence(1_000)
    for _ in range(8):
        call.speech(1_200)
        call.silence(300)
    call.uplink.hold()
    assert len(call.uplink.connect(16_000)) == TURN_MS // 20


def test_a_model_that_replaces_a_silent_one_hears_what_nobody_answered_but_not_the_silence_since() -> None:
    call = line()
    call.silence(1_000)
    call.speech(1_000)
    call.silence(5_500)
    assert call.uplink._recent.kept_bytes <= 640 * (300 + 1_000 + 700 + 340) // 20
    call.uplink.hold()
    call.silence(100)
    held = call.uplink.connect(16_000)
    assert loud(held) == 50
    assert len(held) <= (300 + 1_000 + 700 + 100 + 340) // 20


def test_own_turns_replay_what_nobody_answered_as_a_turn() -> None:
    call = line(gated=True)
    call.silence(1_000)
    call.speech(1_000)
    call.silence(5_500)
    call.uplink.hold()
    call.silence(100)
    call.heard.clear()
    call.changes.clear()
    call.uplink.connect(16_000, gated=True)
    assert call.uplink.turn_changes == [TurnChange.BEGAN]
    call.silence(400)
    assert [change for _, change, _ in call.changes] == [TurnChange.BEGAN, TurnChange.ENDED]
    assert loud(call.heard) == 50


def test_what_the_caller_adds_while_they_wait_belongs_to_the_turn() -> None:
    call = line()
    call.silence(1_000)
    call.speech(1_000)
    call.silence(3_000)
    call.speech(600)
    call.silence(1_000)
    call.uplink.hold()
    assert loud(call.uplink.connect(16_000)) == 80


def test_a_turn_that_nobody_ever_answers_is_let_go_in_the_end() -> None:
    call = line()
    call.silence(1_000)
    call.speech(600)
    call.silence(UNANSWERED_MS + 200)
    assert call.uplink._recent.kept_bytes <= 640 * (PRE_ROLL_MS + 40) // 20


def test_a_steady_noise_is_not_kept_as_if_it_were_a_turn() -> None:
    call = line()
    call.speech(4_000)  # the same 20 ms over and over: the detector gets used to it
    assert not call.uplink.detector.is_speaking
    assert call.uplink._recent.kept_bytes <= 640 * (PRE_ROLL_MS + 40) // 20


def test_nothing_that_was_spoken_before_the_given_time_is_heard_again() -> None:
    call = line()
    call.silence(1_000)
    call.speech(1_000)
    call.uplink.hold()
    assert call.uplink.held_from_ms == pytest.approx(2_000, abs=2)
    call.speech(500)
    assert len(call.uplink.connect(16_000, call.uplink.held_from_ms)) == 25


def test_while_no_model_listens_the_last_three_seconds_are_kept() -> None:
    call = line(gated=None)
    call.silence(5_000)
    assert len(call.uplink.connect(16_000)) == HELD_MS // 20


def test_what_was_held_is_converted_for_the_model_that_hears_it() -> None:
    call = line(gated=None)
    call.silence(500)
    assert {len(frame) for frame in call.uplink.connect(24_000)} == {960}
    assert {len(frame) for frame in call.uplink.connect(8_000)} == {320}


# --- turns of our own ------------------------------------------------------------------------------------------------------


def test_outside_a_turn_the_model_is_sent_nothing() -> None:
    call = line(gated=True)
    call.silence(5_000)
    assert call.heard == []
    assert call.changes == []


def test_a_turn_is_sent_whole_with_what_came_before_it_and_ends_after_a_silence() -> None:
    call = line(gated=True)
    call.silence(2_000)
    call.speech(1_000)
    call.silence(2_000)
    (began_at, began, sent_before), (ended_at, ended, sent_after) = call.changes
    assert (began, ended) == (TurnChange.BEGAN, TurnChange.ENDED)
    assert sent_before == 0
    assert began_at - 2_000 <= 180
    assert ended_at == pytest.approx(3_000 + 600, abs=25)
    assert sent_after == len(call.heard)  # the end is announced with its last frame
    assert loud(call.heard) == 50
    assert call.heard.index(SPEECH) == pytest.approx(PRE_ROLL_MS // 20, abs=1)


def test_a_pause_inside_a_turn_does_not_end_it() -> None:
    call = line(gated=True)
    call.silence(1_000)
    for _ in range(3):
        call.speech(600)
        call.silence(500)
    call.silence(1_000)
    assert [change for _, change, _ in call.changes] == [TurnChange.BEGAN, TurnChange.ENDED]
    assert loud(call.heard) == 90


def test_the_second_turn_does_not_repeat_the_first() -> None:
    call = line(gated=True)
    call.silence(1_000)
    for _ in range(2):
        call.speech(600)
        call.silence(900)
    assert [change for _, change, _ in call.changes] == [TurnChange.BEGAN, TurnChange.ENDED] * 2
    assert loud(call.heard) == 60


def test_a_turn_that_arrives_in_one_burst_is_announced_audio_and_ended_in_order() -> None:
    call = line(gated=True)
    call.silence(1_000)
    burst = SPEECH * 40 + SILENCE * 40
    for data in (burst, SILENCE, SILENCE):
        call.now += 20
        call.heard += [bytes(frame) for frame in call.uplink.push(data, call.now + 1_600)]
        call.changes += [(call.now, change, len(call.heard)) for change in call.uplink.turn_changes]
        call.uplink.turn_changes.clear()
    assert [(change, loud(call.heard[:sent])) for _, change, sent in call.changes] == [
        (TurnChange.BEGAN, 0),
        (TurnChange.ENDED, 40),
    ]


def test_a_sound_too_short_for_a_turn_is_no_turn_while_the_agent_speaks() -> None:
    call = line(gated=True)
    call.silence(1_000)
    call.uplink.turn_after_ms = 700
    call.speech(400)
    call.silence(1_500)
    assert call.changes == []
    call.uplink.turn_after_ms = 0
    call.silence(1_000)
    assert call.changes == []


def test_a_short_answer_to_the_agents_last_words_is_a_turn_once_the_agent_is_silent() -> None:
    call = line(gated=True)
    call.silence(1_000)
    call.uplink.turn_after_ms = 700
    call.speech(400)
    call.silence(200)
    call.uplink.turn_after_ms = 0
    call.silence(1_500)
    assert [change for _, change, _ in call.changes] == [TurnChange.BEGAN, TurnChange.ENDED]
    assert loud(call.heard) == 20


def test_speech_that_lasts_over_the_agent_is_a_turn_from_its_beginning() -> None:
    call = line(gated=True)
    call.silence(1_000)
    call.uplink.turn_after_ms = 700
    call.speech(1_500)
    call.silence(1_000)
    assert call.changes[0][0] - 1_000 == pytest.approx(700, abs=120)
    assert loud(call.heard) == 75


def test_a_model_that_connects_in_mid_turn_gets_the_turn() -> None:
    call = line(gated=None)
    call.silence(1_000)
    call.speech(1_000)
    assert call.uplink.connect(16_000, gated=True) == ()
    assert call.uplink.turn_changes == [TurnChange.BEGAN]
    call.speech(500)
    call.silence(1_000)
    assert call.changes[-1][1] is TurnChange.ENDED
    assert loud(call.heard) == 75


# --- both tracks -----------------------------------------------------------------------------------------------------------


def interleaved(left: bytes, right: bytes) -> bytes:
    return np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1).tobytes()


AGENT = (np.sin(np.arange(320) * 2 * np.pi / 32) * 6_000).astype("<i2").tobytes()


def test_of_two_channels_the_left_one_is_the_callers() -> None:
    call = line(track="both_tracks")
    call(800, interleaved(SPEECH, AGENT))
    assert call.heard == []
    call(200, interleaved(SPEECH, AGENT))
    assert call.uplink.layout is Layout.STEREO
    assert set(call.heard) == {SPEECH}
    assert len(call.heard) == 50  # also what came before the layout was known


def test_in_one_channel_with_both_voices_the_guard_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    call = line(track="both_tracks")
    uplink = call.uplink
    assert uplink.wants_playback
    uplink.played(AGENT, 0.0)
    call(900, SILENCE)
    call(100, SILENCE)
    assert uplink.layout is Layout.MIXED
    assert uplink.wants_playback
    assert len(call.heard) == 50


def test_the_guard_is_told_what_was_played_before_the_layout_was_known_in_the_order_of_time() -> None:
    """However late that is: the guard remembers the last second and a half only."""
    agent = np.repeat(speech_8k(16_000 * 2), 2).astype("<i2")
    agent[(np.arange(len(agent)) // 4_000) % 2 == 1] = 0
    uplink = Uplink(16_000, "both_tracks")
    uplink.connect(16_000)
    for index in range(100):
        uplink.played(agent[index * 320 : (index + 1) * 320].tobytes(), 20.0 * index)
    came = np.concatenate((np.zeros(800, "<i2"), agent))
    reached = []
    for index in range(100):  # every second message twice as late: no two windows agree for a while
        frames = uplink.push(
            came[index * 320 : (index + 1) * 320].tobytes(), 20.0 * (index + 1) if index % 2 else 20.0 * index + 39
        )
        reached += [bytes(frame) for frame in frames]
    got = np.frombuffer(b"".join(reached), "<i2").astype(float)
    assert len(got) == 32_000
    assert got @ got < 0.02 * float((agent[:32_000].astype(float) ** 2).sum())


def test_the_guard_can_be_switched_off_and_on() -> None:
    off = line(track="both_tracks", echo_guard="off")
    off(1_000, SPEECH)
    assert (off.uplink.wants_playback, loud(off.heard)) == (False, 50)
    assert line(echo_guard="on").uplink.wants_playback
    assert not line().uplink.wants_playback
    stereo = line(track="both_tracks")
    stereo(1_000, interleaved(SPEECH, AGENT))
    assert not stereo.uplink.wants_playback


def test_a_steady_noise_that_buzzes_is_still_nobody_when_the_guard_begins_to_listen() -> None:
    call = line(echo_guard="on")
    call.speech(4_000)  # the same 20 ms over and over
    turns = len(call.uplink.detector.turns)
    agent = np.repeat(speech_8k(24_000), 2).astype("<i2")
    for index in range(150):
        call.uplink.played(agent[index * 320 : (index + 1) * 320].tobytes(), 4_000 + 20.0 * index)
        call.speech(20)
    assert len(call.uplink.detector.turns) == turns


def test_two_channels_where_one_was_asked_for_are_refused() -> None:
    call = line()
    call(1_000, interleaved(SPEECH, AGENT))
    assert call.uplink.layout is Layout.DOUBLE
    assert call.uplink.is_refused


@pytest.mark.parametrize(("rate_hz", "refused"), [(8_000, True), (16_000, False), (24_000, True)])
def test_half_a_rate_that_is_no_telephone_rate_is_refused(rate_hz: int, refused: bool) -> None:
    uplink = Uplink(rate_hz)
    uplink.connect(16_000)
    for index in range(60):
        uplink.push(bytes(rate_hz // 50), 20.0 * index)
    assert uplink.layout is Layout.HALF_RATE
    assert uplink.is_refused is refused


def speech_8k(samples: int) -> np.ndarray:
    """Noise below 2.5 kHz, as telephone speech is."""
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(samples))
    spectrum[samples * 5 // 16 :] = 0
    signal = np.fft.irfft(spectrum, samples)
    return (signal / np.abs(signal).max() * 9_000).astype("<i2")


def test_two_channels_at_half_the_rate_are_told_from_one_at_the_whole_rate() -> None:
    """Their byte rates are the same; what they sound like is not."""
    caller = speech_8k(8_000)
    agent = np.roll(caller, 3_000) // 2
    stream = interleaved(caller.tobytes(), agent.tobytes())
    call = line(track="both_tracks")
    for at in range(0, len(stream), 640):
        call(20, stream[at : at + 640])
    assert call.uplink.layout is Layout.HALF_RATE_STEREO
    assert {len(frame) for frame in call.heard} == {640}
    assert len(call.heard) == 50  # 8 kHz, converted for the model


def test_what_sounds_like_one_channel_is_taken_for_one() -> None:
    one = np.repeat(speech_8k(8_000), 2).astype("<i2").tobytes()
    assert are_interleaved(one) is False
    assert are_interleaved(interleaved(speech_8k(800).tobytes(), bytes(1_600))) is True
    assert are_interleaved(bytes(640)) is None
    assert left_channel(interleaved(SPEECH, AGENT)) == SPEECH


# --- listening -------------------------------------------------------------------------------------------------------------


def test_listening_closely_brings_news_of_every_frame() -> None:
    call = line()
    call.silence(1_000)
    call.uplink.listen_closely(True)
    news = []
    for _ in range(10):
        call.uplink.news = False
        call.speech(20)
        news.append(call.uplink.news)
    assert news == [True] * 10
    ear = call.uplink.ear
    assert ear is not None
    assert (ear.started_ms, ear.voiced_ms, ear.quiet_ms, ear.is_over) == (1_000, 200, 0, False)


def test_the_ear_counts_speech_without_its_short_pauses() -> None:
    call = line()
    call.silence(1_000)
    call.speech(500)
    call.silence(300)
    call.speech(400)
    call.silence(300)
    ear = call.uplink.ear
    assert ear is not None
    assert ear.started_ms == pytest.approx(1_000, abs=20)
    assert ear.voiced_ms == pytest.approx(900, abs=40)
    assert ear.burst_ms == pytest.approx(400, abs=20)
    assert ear.quiet_ms == pytest.approx(300, abs=20)
    assert ear.is_over
