"""When a waiting caller hears a filler, and what is done about a model that does not answer."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from bridge.core.watchdog import LADDER, SWITCH_SILENT_MS, Alarm, Line, Watchdog


def run(
    watchdog: Watchdog, until_ms: float, *, filler_ms: float = 1_000.0, from_ms: float = 0.0
) -> list[tuple[int, Alarm]]:
    """What becomes due until then, looked at only when the watchdog asks for it; a filler is heard for `filler_ms`."""
    seen: list[tuple[int, Alarm]] = []
    quiet_ms, now = from_ms, from_ms
    for _ in range(200):
        now = watchdog.deadline_ms(line := Line(quiet_ms, last_audio_ms=now))
        if now > until_ms:
            return seen
        while (alarm := watchdog.due(now, Line(quiet_ms, last_audio_ms=now))) is not None:
            seen.append((int(now), alarm))
            if alarm is Alarm.FILLER:
                quiet_ms = now + filler_ms
        assert watchdog.deadline_ms(Line(quiet_ms, last_audio_ms=now)) > now, line
    raise AssertionError("it spins")


def test_the_ladder_rises() -> None:
    assert [after for after, _ in LADDER] == sorted(after for after, _ in LADDER)
    assert LADDER[-1][0] <= 13_000


def test_an_unanswered_caller_hears_fillers_and_the_model_is_reminded_replaced_and_given_up() -> None:
    watchdog = Watchdog()
    watchdog.owes(0.0)
    seen = run(watchdog, 15_000)
    assert [alarm for _, alarm in seen if alarm is not Alarm.FILLER] == [
        Alarm.NUDGE,
        Alarm.RECONNECT,
        Alarm.OTHER_ENGINE,
        Alarm.GIVE_UP,
    ]
    fillers = [at for at, alarm in seen if alarm is Alarm.FILLER]
    assert fillers[0] == 1_700
    assert all(after - before == 2_800 for before, after in pairwise(fillers))


def test_without_a_clip_nothing_spins() -> None:
    watchdog = Watchdog()
    watchdog.owes(0.0)
    assert len(run(watchdog, 20_000, filler_ms=0.0)) < 20


def test_what_the_caller_adds_while_waiting_starts_nothing_over() -> None:
    watchdog = Watchdog()
    watchdog.owes(0.0)
    watchdog.caller_speaks(3_000)
    watchdog.caller_stopped(3_400, 400)
    assert run(watchdog, 3_901, from_ms=3_400.0) == [(3_900, Alarm.NUDGE)]


def test_short_pauses_in_what_the_caller_says_do_not_add_up() -> None:
    watchdog = Watchdog()
    for start in range(0, 20_000, 1_000):
        watchdog.caller_speaks(start)
        watchdog.caller_stopped(start + 300, 300)
    assert run(watchdog, 22_000, from_ms=19_300.0) == [(21_000, Alarm.FILLER)]


def test_a_noise_that_two_connections_leave_unanswered_ends_nothing() -> None:
    watchdog = Watchdog()
    watchdog.caller_speaks(0.0)
    watchdog.caller_stopped(500.0, 500.0)
    seen = [alarm for _, alarm in run(watchdog, 30_000, from_ms=500.0)]
    assert Alarm.GIVE_UP not in seen
    assert not watchdog.is_waiting


def test_a_click_is_no_question() -> None:
    watchdog = Watchdog()
    watchdog.caller_speaks(0.0)
    watchdog.caller_stopped(100.0, 100.0)
    assert run(watchdog, 9_000) == []


def test_a_running_tool_is_covered_by_fillers_and_never_held_against_the_model() -> None:
    watchdog = Watchdog()
    watchdog.tool_runs(0.0)
    seen = run(watchdog, 20_000)
    assert {alarm for _, alarm in seen} == {Alarm.FILLER}
    assert seen[0][0] == 1_700


def test_the_silence_is_one_silence_whoever_it_is_owed_by() -> None:
    watchdog = Watchdog()
    watchdog.owes(0.0)
    watchdog.acted()
    watchdog.tool_runs(1_000.0)
    assert run(watchdog, 1_800)[0] == (1_700, Alarm.FILLER)


def test_a_call_without_a_model_is_given_up_but_not_in_mid_sentence() -> None:
    watchdog = Watchdog()
    watchdog.alone(0.0)
    assert watchdog.due(13_000, Line(None, is_saying=True, last_audio_ms=13_000)) is None
    assert watchdog.due(13_000, Line(12_900, last_audio_ms=13_000)) is Alarm.GIVE_UP
    assert watchdog.due(13_001, Line(12_900, last_audio_ms=13_000)) is None


def test_a_switch_that_sends_nothing_is_noticed() -> None:
    assert Watchdog().due(SWITCH_SILENT_MS, Line(0.0)) is Alarm.SWITCH_SILENT
    assert Watchdog().deadline_ms(Line(None, last_audio_ms=5.0)) == SWITCH_SILENT_MS + 5.0
    assert Watchdog().deadline_ms(Line(None, last_audio_ms=inf)) == inf
