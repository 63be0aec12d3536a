"""Speech that is stopped for a moment: nothing is lost, nothing is counted that was not heard."""

from __future__ import annotations

from bridge.core.frames import HeardItem
from bridge.core.pacer import REWIND_MS
from bridge.core.playout import Utterance
from bridge.core.voice import Voice
from tests.support.lines_played import ClockedSwitch, numbered


def speaking(milliseconds: int, *, kill: bool = True) -> tuple[Voice, Utterance, ClockedSwitch]:
    voice = Voice(24_000, 160, kill_audio=kill)
    utterance = voice.model_audio(numbered(milliseconds * 24), 24_000, "i1")
    assert utterance is not None
    voice.finish()
    return voice, utterance, ClockedSwitch(24_000)


def test_a_hold_stops_at_once_and_a_resume_goes_on_where_the_caller_was_with_a_short_rewind() -> None:
    voice, utterance, switch = speaking(2_000)
    switch.run(voice, 0, 500)
    switch.obey(voice.hold(500.0), 500)
    assert utterance.sent == utterance.heard(500.0) == 12_000
    switch.run(voice, 500, 1_500)
    assert len(switch.heard()) == 12_000
    voice.resume()
    switch.run(voice, 1_500, 5_000)
    heard = switch.heard()
    again = 12_000 - (heard[12_000] - 1)
    assert 0 < again <= REWIND_MS * 24
    assert heard[12_000 : 12_000 + 48_000 - 12_000 + again] == list(range(12_001 - again, 48_001))
    assert utterance.finished_at_ms(5_000.0) is not None


def test_what_was_heard_never_shrinks_while_it_is_said_again() -> None:
    voice, utterance, switch = speaking(2_000)
    switch.run(voice, 0, 500)
    voice.hold(500.0)
    voice.resume()
    seen = []
    for now in range(500, 1_500, 10):
        switch.run(voice, now, now + 10)
        seen.append(utterance.heard(float(now)))
    assert seen == sorted(seen)
    assert seen[0] == 12_000


def test_a_pause_lets_the_caller_hear_what_the_switch_has_and_loses_nothing() -> None:
    voice, utterance, switch = speaking(1_000)
    switch.run(voice, 0, 500)
    assert voice.hold(500.0, recall=False) is None
    switch.run(voice, 500, 900)
    assert utterance.heard(900.0) == utterance.sent == sum(1 for sample in switch.heard() if sample)
    assert utterance.sent <= (500 + 160) * 24
    voice.resume()
    switch.run(voice, 900, 3_000)
    assert [sample for sample in switch.heard() if sample] == list(range(1, 24_001))


def test_a_pause_shorter_than_the_lead_is_not_heard_at_all() -> None:
    voice, _, switch = speaking(1_000)
    switch.run(voice, 0, 500)
    voice.hold(500.0, recall=False)
    switch.run(voice, 500, 620)
    voice.resume()
    switch.run(voice, 620, 2_000)
    assert switch.heard()[:24_000] == list(range(1, 24_001))


def test_a_long_pause_pushes_out_what_the_switch_keeps_back() -> None:
    voice, _, switch = speaking(1_000)
    switch.run(voice, 0, 500)
    voice.hold(500.0, recall=False)
    assert voice.pacer.wake_ms < 1_000
    messages = switch.run(voice, 500, 2_000)
    assert [len(message) for message in messages] == [160 * 48]
    assert not any(messages[0])


def test_without_kill_audio_a_hold_only_stops_sending() -> None:
    voice, utterance, switch = speaking(1_000, kill=False)
    switch.run(voice, 0, 300)
    assert voice.hold(300.0) is None
    assert utterance.sent == (280 + 160) * 24  # two frames leave every 40 ms, the last pair at 280
    switch.run(voice, 300, 1_000)
    cut = voice.cut(1_000.0)
    assert utterance.heard(1_000.0) == utterance.sent
    assert cut.heard == (HeardItem("i1", 440, 1_000),)


def test_a_held_utterance_that_is_cut_stays_cut_where_it_was_held() -> None:
    voice, utterance, switch = speaking(1_000)
    switch.run(voice, 0, 300)
    voice.hold(300.0)
    cut = voice.cut(900.0)
    assert cut.flush is None  # the switch is empty already
    assert not voice.is_held
    assert cut.heard == (HeardItem("i1", 300, 1_000),)
    assert utterance.finished_at_ms(5_000.0) is None


def test_an_utterance_that_was_all_sent_is_taken_back_and_finished_only_after_it_was_heard() -> None:
    voice, utterance, switch = speaking(300)
    switch.run(voice, 0, 250)
    assert utterance.sent == utterance.generated
    switch.obey(voice.hold(250.0), 250)
    assert utterance.sent == 250 * 24
    assert utterance.finished_at_ms(10_000.0) is None
    voice.resume()
    switch.run(voice, 2_000, 4_000)
    assert utterance.finished_at_ms(4_000.0) is not None
    assert [sample for sample in switch.heard() if sample][-50 * 24 :] == list(range(6_001, 7_201))


def test_two_utterances_in_the_switch_are_both_taken_back_in_order() -> None:
    voice, first, switch = speaking(200)
    second = voice.model_audio(numbered(200 * 24, 20_000), 24_000, "i2")
    assert second is not None
    voice.finish()
    switch.run(voice, 0, 150)
    switch.obey(voice.hold(150.0), 150)
    assert (first.sent, second.sent) == (150 * 24, 0)
    voice.resume()
    switch.run(voice, 300, 2_000)
    after = switch.heard()[150 * 24 :]
    after = after[after.index(3_601) :]
    assert [sample for sample in after if sample] == [*range(3_601, 4_801), *range(20_001, 24_801)]
    assert voice.settle(2_000.0) == [first, second]


def test_audio_that_arrives_during_a_hold_follows_the_rest() -> None:
    voice = Voice(24_000, 160, kill_audio=True)
    switch = ClockedSwitch(24_000)
    voice.model_audio(numbered(7_200), 24_000)
    switch.run(voice, 0, 200)
    switch.obey(voice.hold(200.0), 200)
    voice.model_audio(numbered(7_200, 7_200), 24_000)
    voice.finish()
    voice.resume()
    switch.run(voice, 500, 2_000)
    after = switch.heard()[4_800:]
    assert after[after.index(4_801) :][: 14_400 - 4_800] == list(range(4_801, 14_401))


def test_another_item_is_another_utterance() -> None:
    voice = Voice(24_000, 160, kill_audio=True)
    first = voice.model_audio(bytes(480), 24_000, "a")
    assert voice.model_audio(bytes(480), 24_000, "a") is None
    second = voice.model_audio(bytes(480), 24_000, "b")
    assert first is not None and second is not None
    assert (first.complete, second.complete) == (True, False)
    assert voice.item == "b"


def test_words_of_the_next_turn_survive_the_cut_that_makes_room_for_it() -> None:
    voice, _, _ = speaking(1_000)
    voice.end_turn()
    voice.words("Yes, of course.")
    voice.cut(100.0, new_turn=True)
    begun = voice.model_audio(bytes(480), 24_000, "i2")
    assert begun is not None
    assert begun.text == "Yes, of course."


def test_what_is_overdue_after_a_congestion_is_dropped_and_never_counts_as_heard() -> None:
    voice, utterance, switch = speaking(3_000)
    switch.run(voice, 0, 500)
    assert voice.pacer.skip(2_000.0) == 2_000 - 640
    assert utterance.skipped > 0
    switch.run(voice, 2_000, 6_000)
    assert utterance.finished_at_ms(6_000.0) is None
    assert voice.settle(6_000.0) == [utterance]


def test_an_utterance_that_has_not_begun_is_not_late() -> None:
    voice, utterance, switch = speaking(300)
    assert voice.pacer.skip(5_000.0) == 0
    switch.run(voice, 5_000, 6_000)
    assert utterance.finished_at_ms(6_000.0) is not None
