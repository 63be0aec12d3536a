"""Turn-taking in whole calls in virtual time: what the caller hears of the agent when they make a sound, and what the model is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bridge.core.caller import SAID_NOTHING
from bridge.core.engines import GEMINI
from bridge.core.frames import (
    BeginCallerTurn,
    CallerSpeech,
    CallerTranscribed,
    CallTool,
    DtmfPressed,
    EndCallerTurn,
    GenerationComplete,
    HeardItem,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    Note,
    OpenModel,
    ResumeHandle,
    SayToModel,
    StopModel,
    ToolAsked,
    ToolReturned,
    TurnComplete,
    TurnDetection,
    UseModel,
)
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import ALL_CLIPS, FRAME, SPEECH, VirtualCall, clips, context, voice_ms

OWN = SessionSettings((replace(GEMINI, turn_detection=TurnDetection.OWN),))


def talking(settings: SessionSettings | None = None, call_clips: dict[str, bytes] | None = None) -> VirtualCall:
    """A call whose model is there; the line has been quiet for a second."""
    call = VirtualCall(context(greeting="", phrases={}), call_clips, settings)
    call.model_ready()
    call.advance(1_000)
    return call


def numbered(milliseconds: int) -> bytes:
    """Model speech whose samples at 16 kHz can be told apart: a slow ramp."""
    return np.linspace(1_000, 9_000, milliseconds * 24).astype("<i2").tobytes()


def says(call: VirtualCall, milliseconds: int, item: str = "", *, complete: bool = True, text: str = "") -> float:
    """The model speaks a ramp; returns when it began."""
    begun, pcm = call.now - 0.5, numbered(milliseconds)
    for at in range(0, len(pcm), 4_800):
        call.feed(ModelAudio(pcm[at : at + 4_800], item=item))
    if complete:
        call.feed(GenerationComplete())
    return begun


def ramp(call: VirtualCall, since_ms: float, until_ms: float = 1e9) -> list[int]:
    """The samples of sound sent in that time, in order, one of each frame."""
    firsts = [
        int(sample)
        for at, message in call.sent
        if since_ms < at <= until_ms and message != b"kill"
        for sample in np.frombuffer(message, "<i2")[:: FRAME // 2]
    ]
    return [sample for sample in firsts if sample > 500]


def kills(call: VirtualCall) -> list[float]:
    return [at for at, message in call.sent if message == b"kill"]


def makes_a_sound(call: VirtualCall, length_ms: int, *, after_ms: int = 0) -> float:
    """The caller makes a sound of that length; returns when it begins."""
    begin = (call.now + after_ms) // 20 * 20 + 20
    call.speech = [*call.speech, (begin, begin + length_ms)]
    return begin


# --- back-channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_ms", [100, 200, 260, 300, 340])
def test_a_back_channel_that_only_our_own_ear_hears_is_not_noticed_by_the_caller(length_ms: int) -> None:
    call = talking()
    begun = says(call, 3_000)
    call.advance(1_000)
    makes_a_sound(call, length_ms)
    call.advance(4_000)
    assert kills(call) == []
    sent = ramp(call, begun)
    assert len(sent) == pytest.approx(150, abs=1)
    assert sent == sorted(sent)  # in order, nothing twice
    frames = [at for at, message in call.sent if at >= begun for _ in range(len(message) // FRAME)][8:148]
    late = max(at - (begun + 20 * (index + 1)) for index, at in enumerate(frames))
    assert late <= 161  # no more than the lead: the caller hears no gap


@pytest.mark.parametrize("length_ms", [400, 500, 660])
def test_a_long_back_channel_makes_the_agent_wait_and_loses_nothing(length_ms: int) -> None:
    call = talking()
    begun = says(call, 3_000)
    call.advance(1_000)
    makes_a_sound(call, length_ms)
    call.advance(4_000)
    assert kills(call) == []
    assert ramp(call, begun) == sorted(ramp(call, begun))
    assert len(ramp(call, begun)) == pytest.approx(150, abs=1)
    sends = [at for at, _ in call.sent if at >= begun]
    assert max(after - before for before, after in pairwise(sends)) <= length_ms - 280 + 140


def test_a_transcribed_back_channel_stops_nobody_and_asks_for_no_answer() -> None:
    call = talking()
    begun = says(call, 3_000)
    call.advance(1_000)
    makes_a_sound(call, 300)
    call.advance(500)
    call.feed(CallerTranscribed("Mm-hmm."), CallerTranscribed("", finished=True))
    call.advance(12_000)
    assert kills(call) == []
    assert len(ramp(call, begun)) == pytest.approx(150, abs=1)
    assert call.notes("alarm") == []
    assert call.all(StopModel) == []


def test_a_back_channel_for_which_the_model_stopped_is_resumed_and_heard_to_the_last_sample() -> None:
    call = talking()
    call.feed(ToolAsked("p1", "proposeBooking", {}), ToolReturned("p1", {"status": "proposed"}, nonce="n1"))
    begun = says(call, 2_000)
    call.advance(900)
    makes_a_sound(call, 240)
    call.advance(300)
    stopped = call.now
    call.feed(ModelInterrupted(), TurnComplete())
    assert kills(call) == [stopped]
    call.advance(400)
    assert ramp(call, stopped) == []
    call.feed(ToolAsked("c1", "findTimes", {}))
    assert call.evidence()["read_back"]["finished_at_ms"] is None  # it is not over
    call.feed(CallerTranscribed("ndio"))
    resumed = call.now - 0.5
    call.advance(3_000)
    before, after = ramp(call, begun, stopped), ramp(call, resumed)
    assert before[-1] > after[0]  # a little is said again
    heard_ms = (stopped - begun) - 200
    assert after[0] >= 1_000 + heard_ms * 4 - 100  # but no more than 200 ms
    assert after == sorted(after)
    call.feed(ToolAsked("c2", "commitProposal", {"nonce": "n1"}))
    read_back = call.evidence()["read_back"]
    assert read_back["finished_at_ms"] is not None
    assert read_back["finished_at_ms"] > resumed
    assert read_back["heard_ms"] == read_back["generated_ms"]


def test_a_cough_for_which_the_model_stopped_is_resumed_after_a_moment() -> None:
    call = talking()
    says(call, 3_000)
    call.advance(900)
    makes_a_sound(call, 200)
    call.advance(320)
    call.feed(ModelInterrupted(), TurnComplete())
    stopped = call.now
    call.advance(1_100)
    assert ramp(call, stopped) == []
    call.advance(500)
    assert ramp(call, stopped)[0] > 3_000
    assert call.notes("interrupted") == []


@pytest.mark.parametrize("noisy", [False, True])
def test_a_model_that_stopped_for_nothing_we_know_of_is_reminded_once_and_may_ignore_it(noisy: bool) -> None:
    call = VirtualCall(context(greeting=""), clips(one_moment=1_000))
    call.model_ready()
    if noisy:  # steady, so that our ear has got used to it
        call.speech = [(0.0, 1e9)]
        call.advance(1_500)
        call.feed(ModelAudio(numbered(100)), GenerationComplete(), TurnComplete())
        call.advance(3_000)
    call.advance(1_000)
    says(call, 3_000, complete=False)
    call.advance(900)
    told_before, stopped = len(call.all(SayToModel)), call.now
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(1_400)
    assert len(call.all(SayToModel)) == told_before
    call.advance(5_600)
    assert [told.text for told in call.all(SayToModel)[told_before:]] == [SAID_NOTHING]
    assert call.notes("alarm") == []
    assert call.notes("idle_prompt") == []
    assert len(call.all(OpenModel)) == 1
    assert not [at for at in call.sounds() if at > stopped]


def test_a_caller_who_speaks_after_stopping_the_model_is_not_said_to_be_silent() -> None:
    call = talking()
    says(call, 3_000, complete=False)
    call.advance(900)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(800)
    call.feed(CallerTranscribed("Friday"))
    call.advance(2_000)
    assert call.all(SayToModel) == []


def test_a_model_that_broke_off_for_a_cough_is_reminded_as_soon_as_the_rest_was_heard() -> None:
    call = talking()
    says(call, 3_000, complete=False)
    call.advance(900)
    makes_a_sound(call, 200)
    call.advance(320)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(3_000)
    assert call.all(SayToModel) == []
    call.advance(1_000)
    heard_until = list(call.sounds())[-1]
    assert [told.text for told in call.all(SayToModel)] == [SAID_NOTHING]
    assert heard_until < call.now
    assert call.notes("alarm") == []


@pytest.mark.parametrize("length_ms", [200, 400, 540, 640])
def test_a_murmur_for_which_the_model_does_not_stop_costs_half_a_second_at_most(length_ms: int) -> None:
    call = talking()
    begun = says(call, 5_000, "i1")
    call.advance(1_000)
    began = makes_a_sound(call, length_ms)
    call.advance(began + 120 - call.now)
    call.feed(CallerSpeech(True))
    call.advance(began + length_ms + 500 - call.now)
    call.feed(CallerSpeech(False))
    call.advance(6_000)
    assert kills(call) == []
    assert len(ramp(call, begun)) == pytest.approx(250, abs=1)
    sends = [at for at, _ in call.sent if at >= begun]
    assert max(after - before for before, after in pairwise(sends)) <= 500
    assert call.all(StopModel) == []


def test_a_murmur_over_the_end_of_a_sentence_starts_no_waiting() -> None:
    call = talking()
    says(call, 2_000)
    call.feed(TurnComplete())
    call.advance(1_600)
    makes_a_sound(call, 540)
    call.advance(7_000)
    assert call.notes("alarm") == []
    assert call.all(SayToModel) == []


def test_an_answer_that_begins_in_the_last_moment_of_a_question_is_an_answer() -> None:
    call = talking()
    says(call, 2_000)
    call.feed(TurnComplete())
    call.advance(1_900)
    makes_a_sound(call, 600)
    call.advance(5_000)
    assert call.notes("alarm")[0] == {"alarm": "nudge"}


def test_nothing_is_owed_while_the_rest_of_what_was_held_is_being_said() -> None:
    call = talking()
    says(call, 8_000, complete=False)
    call.advance(900)
    makes_a_sound(call, 200)
    call.advance(320)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(7_500)
    assert call.notes("alarm") == []
    call.advance(6_500)
    assert call.notes("alarm")[0] == {"alarm": "nudge"}  # it broke off in mid-sentence


def test_a_read_back_that_the_model_broke_off_never_counts_although_the_rest_was_played() -> None:
    call = talking()
    call.feed(ToolAsked("p1", "proposeBooking", {}), ToolReturned("p1", {"status": "proposed"}, nonce="n1"))
    says(call, 1_500, complete=False)
    call.advance(700)
    makes_a_sound(call, 200)
    call.advance(320)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(4_000)
    call.feed(ToolAsked("c1", "commitProposal", {"nonce": "n1"}))
    assert call.evidence()["read_back"]["finished_at_ms"] is None


# --- real interruptions ----------------------------------------------------------------------------------------------------


def test_our_own_ear_stops_the_agent_before_the_model_says_anything() -> None:
    call = talking()
    says(call, 5_000)
    call.advance(1_000)
    began = makes_a_sound(call, 1_500)
    call.advance(2_000)
    last = max(at for at in call.sounds())
    assert last - began <= 280 + 22


def test_real_speech_that_the_model_heard_too_cuts_and_the_model_is_told_what_was_heard() -> None:
    call = talking()
    begun = says(call, 5_000, "i1")
    call.advance(1_000)
    began = makes_a_sound(call, 1_500)
    call.advance(500)
    call.feed(CallerSpeech(True))
    call.advance(1_500)
    (stop,) = call.all(StopModel)
    (item,) = stop.heard
    assert (item.item, item.generated_ms) == ("i1", 5_001)
    assert item.heard_ms == pytest.approx(began + 280 + 160 - begun, abs=25)  # the lead was heard
    assert len(call.notes("interrupted")) == 1
    assert not [at for at in call.sounds() if at > began + 310]


def test_the_models_interruption_for_real_speech_stops_within_its_own_event() -> None:
    call = talking()
    says(call, 5_000)
    call.advance(1_000)
    makes_a_sound(call, 1_500)
    call.advance(260)
    stopped = call.now
    call.feed(ModelInterrupted(), TurnComplete())
    assert kills(call) == [stopped]
    call.advance(3_000)
    assert not [at for at in call.sounds() if at > stopped]
    assert len(call.notes("interrupted")) == 1


def test_words_spoken_over_the_agent_cut_it() -> None:
    call = talking()
    says(call, 5_000, "i1")
    call.advance(1_000)
    makes_a_sound(call, 250)
    call.advance(700)
    call.feed(CallerTranscribed("no, wait"))
    stopped = call.now
    call.advance(2_000)
    assert not [at for at in call.sounds() if at > stopped]
    assert [item.item for item in call.last(StopModel).heard] == ["i1"]


def test_a_late_transcription_does_not_stop_the_answer_to_it() -> None:
    call = talking()
    begin = makes_a_sound(call, 800)
    call.advance(begin + 800 + 400 - call.now)
    begun = says(call, 2_000)
    call.advance(300)
    call.feed(CallerTranscribed("I need an appointment", finished=True))
    call.advance(3_000)
    assert kills(call) == []
    assert len(ramp(call, begun)) == pytest.approx(100, abs=1)


def test_the_models_next_turn_replaces_what_is_held() -> None:
    call = talking()
    says(call, 3_000)
    call.advance(900)
    makes_a_sound(call, 240)
    call.advance(300)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(500)
    answered = call.now
    call.feed(ModelAudio(voice_ms(500, 300)), GenerationComplete())
    call.advance(4_000)
    assert ramp(call, answered) == []
    assert list(call.sounds(300))
    assert call.all(StopModel) == []  # it would stop the answer


def test_late_audio_of_what_was_cut_is_not_heard() -> None:
    call = talking()
    says(call, 3_000, complete=False)
    call.advance(1_000)
    makes_a_sound(call, 250)
    call.advance(700)
    call.feed(CallerTranscribed("no, wait"))
    cut = call.now
    call.advance(200)
    call.feed(ModelAudio(numbered(500)))
    call.advance(300)
    assert ramp(call, cut) == []
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(200)
    call.feed(ModelAudio(numbered(500)))
    call.advance(300)
    assert ramp(call, cut) != []


def test_the_own_stop_can_be_switched_off() -> None:
    call = talking(SessionSettings(own_barge_in=False))
    begun = says(call, 3_000)
    call.advance(1_000)
    makes_a_sound(call, 1_500)
    call.advance(4_000)
    assert len(ramp(call, begun)) == pytest.approx(150, abs=1)


def test_a_back_channel_over_the_greeting_does_not_stop_it() -> None:
    call = VirtualCall(call_clips=ALL_CLIPS)
    call.model_ready()
    call.advance(800)
    call.feed(CallerTranscribed("mm"))
    call.advance(1_500)
    assert kills(call) == []


# --- turns of our own ------------------------------------------------------------------------------------------------------


def told(call: VirtualCall) -> list[object]:
    """What the model is told, in order, with the number of speech frames it had heard by then."""
    return [type(order) for order in call.orders if isinstance(order, BeginCallerTurn | EndCallerTurn | StopModel)]


def test_with_own_turn_detection_the_model_hears_turns_and_nothing_else() -> None:
    call = talking(OWN)
    assert call.model_heard == []
    begin = makes_a_sound(call, 1_000)
    call.advance(2_500)
    assert told(call) == [BeginCallerTurn, EndCallerTurn]
    assert sum(frame == SPEECH for _, frame in call.model_heard) == 50
    ends = [at for at, _ in call.model_heard][-1]
    assert ends == pytest.approx(begin + 1_000 + 600, abs=30)


def test_with_own_turn_detection_a_short_sound_over_the_agent_is_no_turn() -> None:
    call = talking(OWN)
    begun = says(call, 3_000)
    call.advance(1_000)
    makes_a_sound(call, 400)
    call.advance(4_000)
    assert told(call) == []
    assert call.model_heard == []
    assert len(ramp(call, begun)) == pytest.approx(150, abs=1)


def test_with_own_turn_detection_real_speech_over_the_agent_stops_the_model_before_the_turn_begins() -> None:
    call = talking(OWN)
    says(call, 6_000, "s1")
    call.advance(1_000)
    makes_a_sound(call, 1_400)
    call.advance(3_000)
    assert told(call) == [StopModel, BeginCallerTurn, EndCallerTurn]
    assert isinstance(call.last(StopModel).heard[0], HeardItem)
    assert sum(frame == SPEECH for _, frame in call.model_heard) == 70


def test_with_own_turn_detection_a_model_that_takes_over_in_mid_turn_gets_the_turn_in_order() -> None:
    call = talking(OWN)
    begin = makes_a_sound(call, 1_400)
    call.advance(900)
    call.feed(ModelLost(1, 1006))
    before = len(call.model_heard)
    call.advance(200)
    call.model_ready()
    order = [type(item) for item in call.orders if isinstance(item, UseModel | BeginCallerTurn | EndCallerTurn)]
    assert order == [UseModel, BeginCallerTurn, UseModel, BeginCallerTurn]
    call.advance(begin + 2_400 - call.now)
    assert sum(frame == SPEECH for _, frame in call.model_heard[before:]) == 70
    assert call.all(EndCallerTurn) == [EndCallerTurn()]


# --- keys ------------------------------------------------------------------------------------------------------------------


def test_keys_reach_the_model_as_words_and_the_record_as_a_number() -> None:
    call = talking()
    for digit in "4711#":
        call.feed(DtmfPressed(digit, 200))
        call.advance(100)
    assert call.last(SayToModel).text == "[The caller pressed: 4 7 1 1]"
    assert call.notes("keys_pressed") == [{"count": 4}]
    assert "4711" not in "".join(str(note) for note in call.all(Note)).replace(" ", "")


def test_a_pause_ends_a_run_of_keys() -> None:
    call = talking()
    call.feed(DtmfPressed("1", 200))
    call.advance(1_900)
    assert call.all(SayToModel) == []
    call.advance(200)
    assert call.last(SayToModel).text == "[The caller pressed: 1]"


def test_a_key_stops_the_agent() -> None:
    call = talking()
    says(call, 3_000, "i1")
    call.advance(500)
    call.feed(DtmfPressed("1", 200))
    assert kills(call) == [call.now]
    assert call.last(StopModel).heard[0].item == "i1"


def test_keys_that_a_tool_called_a_secret_are_masked_to_the_model_too() -> None:
    call = talking()
    call.feed(ToolAsked("t1", "findTimes", {}), ToolReturned("t1", {"status": "ok", "expects_digits": "secret"}))
    for digit in "4711#":
        call.feed(DtmfPressed(digit, 200))
    assert call.last(SayToModel).text.startswith("[The caller pressed 4 keys; they are kept from you")
    assert not any("7" in str(order) and "4" in str(order) for order in call.all(SayToModel)[:-1])
    call.feed(ToolAsked("t2", "findTimes", {}))
    assert call.last(CallTool).evidence["keys"] == "4711"
    call.feed(ToolReturned("t2", {"status": "ok"}), ToolAsked("t3", "findTimes", {"service": "x"}))
    assert "keys" not in call.last(CallTool).evidence


def test_keys_pressed_while_no_model_is_there_are_told_when_there_is_one() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    for digit in "12#":
        call.feed(DtmfPressed(digit, 200))
    assert call.all(SayToModel) == []
    call.model_ready()
    assert call.last(SayToModel).text == "[The caller pressed: 1 2]"


# --- takeover --------------------------------------------------------------------------------------------------------------


def test_a_model_that_takes_over_in_mid_sentence_hears_all_of_it() -> None:
    call = talking()
    makes_a_sound(call, 1_500)
    call.advance(1_000)
    call.feed(ModelLost(1, 1006))
    call.advance(400)
    before = len(call.model_heard)
    call.model_ready()
    call.advance(1_000)
    assert call.last(OpenModel).link == call.last(UseModel).link
    assert sum(frame == SPEECH for _, frame in call.model_heard[before:]) == 75


@pytest.mark.parametrize("lost_after_ms", [-1_000, -400, -100, 40, 100, 150, 240, 400, 900])
@pytest.mark.parametrize("resumes", [True, False])
def test_a_caller_whose_model_dies_around_the_end_of_their_words_hears_a_filler_within_two_seconds(
    lost_after_ms: int, resumes: bool
) -> None:
    call = VirtualCall(context(greeting=""), clips(one_moment=1_000))
    call.model_ready()
    call.advance(1_000)
    if resumes:
        call.feed(ResumeHandle("h1"))
    ended = makes_a_sound(call, 1_500) + 1_500
    call.advance(ended + lost_after_ms - call.now)
    call.feed(ModelLost(call.last(OpenModel).link, 1006))
    call.advance(30)
    call.model_ready()
    call.advance(3_000)
    filler = next(call.sounds(3_000))
    assert ended + 1_600 < filler <= ended + 1_800


# --- both tracks -----------------------------------------------------------------------------------------------------------


def spoken(milliseconds: int, seed: int) -> np.ndarray:
    """Noise below 2.5 kHz in syllables of 200 ms with pauses as long, at 16 kHz."""
    samples = milliseconds * 16
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    spectrum[int(samples * 2_500 / 16_000) :] = 0
    signal = np.fft.irfft(spectrum, samples)
    syllables = np.clip(np.sin(np.arange(samples) * np.pi / 3_200), 0, 1)
    return np.asarray(signal / np.abs(signal).max() * 12_000 * syllables).astype("<i2")


def test_our_own_voice_in_the_callers_channel_neither_interrupts_us_nor_reaches_the_model() -> None:
    """Both voices in one channel: what the switch plays comes back 60 ms later, as it was."""
    call = VirtualCall(context(greeting="", phrases={}, track="both_tracks"), clips())
    call.streaming = False
    call.model_ready()
    voice = np.repeat(spoken(4_000, 5), 3)[::2]  # 24 kHz, roughly
    played, end, taken = np.zeros(16 * 8_000, "<i2"), 0, 0
    for tick in range(300):
        if tick == 55:
            pcm = voice.astype("<i2").tobytes()
            call.feed(*(ModelAudio(pcm[at : at + 4_800]) for at in range(0, len(pcm), 4_800)), GenerationComplete())
        call.advance(20)
        for at, message in call.sent[taken:]:
            samples, start = np.frombuffer(message, "<i2"), max(end, int(at * 16))
            end = start + len(samples)
            played[start:end] = samples
        taken = len(call.sent)
        came = max(0, int((call.now - 20 - 60) * 16))
        call.hear(played[came : came + 320].tobytes())
    assert call.notes("stream_layout") == [{"layout": "mixed"}]
    assert kills(call) == []
    assert len(played.nonzero()[0]) > 16 * 1_800
    reached = np.frombuffer(b"".join(frame for _, frame in call.model_heard), "<i2").astype(float)
    sent = played.astype(float)
    assert (reached @ reached) < 0.02 * (sent @ sent)  # 17 dB down; the guard's own figures are in bench


def test_of_two_channels_the_model_hears_the_callers_only() -> None:
    call = VirtualCall(context(greeting="", phrases={}, track="both_tracks"), clips())
    call.streaming = False
    call.model_ready()
    agent = np.full(320, 7_000, "<i2").tobytes()
    stereo = np.stack([np.frombuffer(SPEECH, "<i2"), np.frombuffer(agent, "<i2")], axis=1).tobytes()
    for _ in range(75):
        call.advance(20)
        call.hear(stereo)
    assert call.notes("stream_layout") == [{"layout": "stereo"}]
    assert {frame for _, frame in call.model_heard} == {SPEECH}
    assert len(call.model_heard) == 75
